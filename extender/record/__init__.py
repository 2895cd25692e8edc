"""The published language between extender and sidecar: journal frames and segments.

Light enough for any reader: no numpy, no numba, nothing else of the extender.
"""
