"""Policy: which plugins run where and how, what an edit would do, who changed what, and taking it back.

Lives here: the page itself (page.tsx and its parts). Never here: the API behind it (analytics/control), SQL, HTTP.
"""
