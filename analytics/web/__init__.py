"""HTTP of the sidecar: routes made out of the views, envelopes, limits, live events, packaged pages.

Lives here: everything that knows a request, a header or a status code.
Never here: SQL, what a decision is, or how the journal is read.
"""
