"""What a view is: a page, and the endpoints that feed it, declared so that routes, checks and openapi.json agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from threading import Event
from typing import Any

from prometheus_client.registry import Collector

from analytics.views.sources import Sources


class NotHere(Exception):
    """What was asked for does not exist (any more). The text says what to do."""


class NotValid(Exception):
    """One parameter cannot be understood."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Kind(Enum):
    """How the text of a parameter is read."""

    TEXT = "text"
    INTEGER = "integer"
    TIME = "time"
    """RFC 3339, or a span back from now such as 15m, 6h, 7d; handed over as microseconds since 1970."""
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    doc: str
    kind: Kind = Kind.TEXT
    default: int | str | None = None
    minimum: int = 0
    maximum: int = 2**31 - 1
    length_max: int = 512
    choices: tuple[str, ...] = ()
    required: bool = False
    """Of a query parameter: nothing stands for it."""


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is a file. Its parts are made while they are sent, in a thread."""

    name: str
    media_type: str
    parts: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One GET. `answer` runs in a thread ; it raises NotHere or NotValid."""

    path: str
    summary: str
    answer: Callable[[Sources, Mapping[str, Any]], Any]
    parameters: tuple[Parameter, ...] = ()
    text: bool = False
    """The answer is plain text; else it becomes `data` of the JSON envelope."""
    files: tuple[str, ...] = ()
    """Media types, where the answer is a Download."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a tool does without being asked, in a thread of its own. What it raises is told, and it is run again."""

    name: str
    run: Callable[[Sources, Event], None]
    """Until the event is set; it waits with `event.wait(seconds)`."""


@dataclass(frozen=True, slots=True)
class View:
    slug: str
    """First part of the page's path, and the name of its folder."""
    title: str
    endpoints: tuple[Endpoint, ...]
    tool: str
    """Name that the metrics carry (R-087); empty: of the console as a whole, with neither worker nor metric."""
    workers: tuple[Worker, ...] = ()
    collectors: tuple[Collector, ...] = ()
    """Its metrics."""
    asks: tuple[str, ...] = ()
    """Paths that its page asks first, whatever it shows: a browser may ask them before the page's code has come."""
    answers_page: str = ""
    """Path of the endpoint that answers `?format=json` at the page's own address (R-147)."""
