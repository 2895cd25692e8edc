"""One question of the API, put to a console, or answered here from a store by the same view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.programs.program import CannotAnswer
from analytics.programs.source import Console, Missing
from analytics.store.joined import rfc3339
from analytics.views import VIEWS
from analytics.views.declaration import Endpoint, NotHere, NotValid
from analytics.views.sources import Sources

TIMES: Final = ("start", "end")


def ask(source: Console | Sources, template: str, **given: str | int | None) -> Any:
    """`data` of GET `template`, whose {names} and parameters are `given`; times are microseconds since 1970.

    Raises CannotAnswer, Missing (there is no such thing), UsageError.
    """
    if isinstance(source, Console):
        return source.get(template.format_map(given), **_query(template, given))
    endpoint = _endpoint(template)
    values = {parameter.name: parameter.default for parameter in endpoint.parameters}
    try:
        return endpoint.answer(source, values | given)
    except NotHere as why:
        raise Missing(str(why)) from why
    except NotValid as why:
        raise CannotAnswer(f"{why.path}: {why.message}") from why


def _endpoint(template: str) -> Endpoint:
    found = next((each for view in VIEWS for each in view.endpoints if each.path == template), None)
    if found is None:
        raise CannotAnswer(f"this installation lacks the tool that answers {template}")
    return found


def _query(template: str, given: Mapping[str, str | int | None]) -> dict[str, str | None]:
    return {
        name: rfc3339(value) if name in TIMES and isinstance(value, int) else str(value)
        for name, value in given.items()
        if f"{{{name}}}" not in template and value is not None
    }
