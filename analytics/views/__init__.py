"""The views: one folder for each page, with its questions, their SQL or reading, their answers and the page itself.

Lives here: what a view is (declaration.py), the list of views (VIEWS, by hand), one folder per view.
Never here: HTTP. A view takes a reader of the store and checked parameters, and answers values.
"""

from __future__ import annotations

from typing import Final

from analytics.views.analyzer.view import VIEW as ANALYZER
from analytics.views.audit.view import VIEW as AUDIT
from analytics.views.decisions.view import VIEW as DECISIONS
from analytics.views.declaration import View
from analytics.views.evictions.view import VIEW as EVICTIONS
from analytics.views.heatmap.view import VIEW as HEATMAP
from analytics.views.overview.view import VIEW as OVERVIEW
from analytics.views.pending.view import VIEW as PENDING
from analytics.views.performance.view import VIEW as PERFORMANCE
from analytics.views.policy.view import VIEW as POLICY
from analytics.views.shadow.view import VIEW as SHADOW
from analytics.views.tenants.view import VIEW as TENANTS

VIEWS: Final[tuple[View, ...]] = (
    OVERVIEW,
    DECISIONS,
    PENDING,
    EVICTIONS,
    HEATMAP,
    TENANTS,
    AUDIT,
    POLICY,
    SHADOW,
    PERFORMANCE,
    ANALYZER,
)
