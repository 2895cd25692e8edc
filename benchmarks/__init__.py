"""Figures: the hot path beside a Go extender and a C floor; start, memory, policy edits, journal to page.

Lives here: what measures. Never: assertions about time (a busy machine would fail them), or code of the product.
"""
