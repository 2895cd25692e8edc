"""What a judge found, in the words of one language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from analytics.why.answer import Advice, Evidence, Found, Group, Lasting, Line, NodeGroup, Values
from analytics.why.causes import BY_KEY

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
_FOLDER: Final = Path(__file__).parent / "locales"


@cache
def catalogue(language: Language) -> Mapping[str, Any]:
    """The parts `causes` (title, sentence, advice), `outcomes`, `lines`, `groups` and `fit`."""
    found: dict[str, Any] = json.loads((_FOLDER / f"{language}.json").read_text("utf-8"))
    return found


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "-"


class _Number(int):
    """`{count:node has|nodes have}`: the number, and the words that go with one or with several."""

    def __format__(self, words: str) -> str:
        one, both, several = words.partition("|")
        return f"{int(self)} {one if self == 1 else several}" if both else format(int(self), words)


def _put(text: str, values: Values) -> str:
    told = {key: _Number(value) if isinstance(value, int) else value for key, value in values.items()}
    return text.format_map(_Known(told))


def title(cause: str, language: Language) -> str:
    return str(catalogue(language)["causes"][cause]["title"])


def label(lasting: Lasting, language: Language) -> str:
    return str(catalogue(language)["lasting"][lasting])


def sentence(found: Found, language: Language) -> str:
    said = _put(catalogue(language)["causes"][found.cause]["sentence"], found.values)
    # A reason often ends with a full stop of its own.
    for double, single in (("..", "."), (".。", "。"), ("。。", "。")):
        said = said.removesuffix(double) + (single if said.endswith(double) else "")
    return said


def line(one: Evidence, language: Language) -> Line:
    values = dict(one.values)
    if "outcome" in values:
        values["outcome"] = catalogue(language)["outcomes"].get(values["outcome"], values["outcome"])
    return Line(_put(catalogue(language)["lines"][one.key], values), one.basis, one.source)


def group(one: Group, language: Language) -> NodeGroup:
    words = catalogue(language)
    fit = _put(words["fit"][one.fit], one.fit_values) if one.fit else ""
    return NodeGroup(_put(words["groups"][one.key], one.values), one.plugin, one.nodes, one.count, fit, one.basis)


def advice(found: Found, more: Values, language: Language) -> tuple[Advice, ...]:
    """`more`: what commands name beside the values of the sentence, such as the namespace."""
    values = {**more, **found.values}
    texts = catalogue(language)["causes"][found.cause]["advice"]
    return tuple(
        Advice(_put(text, values), _put(command, values))
        for text, command in zip(texts, BY_KEY[found.cause].commands, strict=True)
    )
