"""What a series of figures tells: trend, anomalies, change points, forecast, rates, quantiles.

Lives here: arithmetic on arrays, numpy and nothing else. Never here: SQL, HTTP, files, clocks. Every function takes
gaps (NaN), constants, zeros, and values as large as a float can be, and answers with finite numbers or says that it
cannot.
"""

from __future__ import annotations

from analytics.trends.anomalies import Anomaly, anomalies, lasting
from analytics.trends.changes import Change, change_points
from analytics.trends.forecast import Forecast, ForecastPoint, Reach, forecast, reaches
from analytics.trends.rates import rate_change, wilson
from analytics.trends.series import Series
from analytics.trends.trend import Trend, trend

__all__ = [
    "Anomaly",
    "Change",
    "Forecast",
    "ForecastPoint",
    "Reach",
    "Series",
    "Trend",
    "anomalies",
    "change_points",
    "forecast",
    "lasting",
    "rate_change",
    "reaches",
    "trend",
    "wilson",
]
