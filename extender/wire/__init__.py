"""The extender/v1 JSON: bytes to values and back, for the four verbs.

Lives here: what kube-scheduler sends and accepts, spelled as it spells it; a plain reader and writer for
everything, and native functions (extender/native) for the form that kube-scheduler really sends, which give the same
values and the same bytes.
Never here: HTTP, decisions, plugins, the clock.
"""
