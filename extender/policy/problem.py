"""What is wrong with a policy, where, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PROBLEMS_MAX = 100
"""Further problems of one document are counted, not told."""
_SHOWN_CHARS = 60
_HINTED_CHARS = 100
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_/-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    """Such as `profiles[0].plugins.score.enabled[1].name`; empty: the document as a whole."""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text} ({self.hint})" if self.hint else text


class PolicyRefused(Exception):
    """The policy cannot take effect. Nothing of it has been applied."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return summary(self.problems)

    def __reduce__(self) -> tuple[type[PolicyRefused], tuple[tuple[Problem, ...]]]:
        return PolicyRefused, (self.problems,)


def summary(problems: Sequence[Problem], shown: int = 5) -> str:
    """One line for a log, an event or a condition."""
    texts = [str(problem) for problem in problems[:shown]]
    if len(problems) > shown:
        texts.append(f"and {len(problems) - shown} more")
    return "; ".join(texts)


class Findings:
    """Collects the problems and warnings of one document, in the order found."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._warnings: list[str] = []
        self._untold = 0

    def wrong(self, path: str, message: str, hint: str = "") -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(Problem(path, message, hint))
        else:
            self._untold += 1

    def warn(self, path: str, message: str) -> None:
        if len(self._warnings) < PROBLEMS_MAX:
            self._warnings.append(f"{path}: {message}" if path else message)

    def any_at(self, path: str) -> bool:
        """Whether something at this path, or below it, is wrong already."""
        return any(
            problem.path == path or problem.path.startswith((f"{path}.", f"{path}[")) for problem in self._problems
        )

    @property
    def count(self) -> int:
        """Problems found, told or not."""
        return len(self._problems) + self._untold

    @property
    def problems(self) -> tuple[Problem, ...]:
        if not self._untold:
            return tuple(self._problems)
        return (*self._problems, Problem("", f"and {self._untold} more problems"))

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)


def at(path: str, step: str | int) -> str:
    """The path of a child: a list index, or a key (quoted where it is not a plain word)."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _PLAIN_KEY.fullmatch(step) or len(step) > _SHOWN_CHARS:
        return f"{path}[{shown(step)}]"
    return f"{path}.{step}" if path else step


def below(path: str, rest: str) -> str:
    """Joins a path and a path relative to it."""
    if not path or not rest:
        return path or rest
    return f"{path}{rest}" if rest.startswith("[") else f"{path}.{rest}"


def shown(value: object) -> str:
    """A value as a message may quote it: short, and safe to print anywhere."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def nearest(word: str, known: Iterable[str]) -> str:
    """Hint naming the nearest known word, or all of them when they are few; empty when there is nothing to say."""
    choices = list(known)
    if len(word) <= _HINTED_CHARS:
        by_lower = {choice.lower(): choice for choice in choices}
        close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.55)
        if close:
            return f"did you mean {by_lower[close[0]]}?"
    return one_of(choices)


def one_of(choices: Iterable[str]) -> str:
    names = list(choices)
    return f"known: {', '.join(names)}" if names else ""
