"""What was stored, in order: every version of the policy and every record of its history, as watches tell it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.policy_edits import NAME, NAMESPACE
from benchmarks.programs import BenchmarkFailed, get
from extender.control.revision import Record, decoded, unkept
from extender.framework.info import catalogue_of
from extender.plugins import PLUGINS
from extender.policy.parse import parse
from extender.policy.parsed import ParsedPolicy
from extender.policy.problem import PolicyRefused

KEY = "policy.yaml"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
_LIMIT_S = 20.0
_CATALOGUE = catalogue_of(PLUGINS)


@dataclass(frozen=True, slots=True)
class Version:
    revision: int
    """resourceVersion of the ConfigMap."""
    text: str
    policy: ParsedPolicy | None
    """None: it cannot take effect."""


class Story:
    """Follows from its making on."""

    def __init__(self, url: str) -> None:
        """`url`: of the API server."""
        self.versions: list[Version] = []
        """Oldest first; also those in which only the status changed."""
        self.records: dict[int, Record] = {}
        """Of the history by number, also those that have been pruned since."""
        self._url = url
        self._parsed: dict[str, ParsedPolicy | None] = {}
        now = self._policy()
        self._take_policy(now)
        since = now["metadata"]["resourceVersion"]
        ours = f"{CONFIG_MAPS}?fieldSelector=metadata.name%3D{NAME}&"
        for path, take in ((ours, self._take_policy), (f"{REVISIONS}?", self._take_record)):
            watch = f"{path}watch=true&resourceVersion={since}"
            threading.Thread(target=_follow, args=(url, watch, take), daemon=True).start()

    def complete(self) -> None:
        """Until all that is stored now has been told. Raises BenchmarkFailed."""
        last = int(self._policy()["metadata"]["resourceVersion"])
        kept = [record_of(item) for item in json.loads(get(f"{self._url}{REVISIONS}")[1])["items"]]
        newest = max((record.number for record in kept if record), default=0)
        until = time.monotonic() + _LIMIT_S
        while self.versions[-1].revision < last or max(self.records, default=0) < newest:
            if time.monotonic() > until:
                raise BenchmarkFailed(f"the watch has not told version {last} within {_LIMIT_S:.0f} s")
            time.sleep(0.01)

    def edits(self) -> list[Version]:
        """The versions whose text is another one than that before."""
        before = [None, *(version.text for version in self.versions)]
        return [version for version, text in zip(self.versions, before, strict=False) if version.text != text]

    def _policy(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(get(f"{self._url}{CONFIG_MAPS}/{NAME}")[1])
        return found

    def _take_policy(self, item: dict[str, Any]) -> None:
        text = item["data"][KEY]
        if text not in self._parsed:
            self._parsed[text] = judged(text)
        self.versions.append(Version(int(item["metadata"]["resourceVersion"]), text, self._parsed[text]))

    def _take_record(self, item: dict[str, Any]) -> None:
        if (found := record_of(item)) is not None:
            self.records[found.number] = found


def text_in(record: Record) -> str:
    return unkept(record.encoding, record.text).decode()


def judged(text: str) -> ParsedPolicy | None:
    """None: an extender refuses it."""
    try:
        return parse(text, _CATALOGUE)
    except PolicyRefused:
        return None


def _follow(url: str, path: str, take: Callable[[dict[str, Any]], None]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        while line := response.readline():
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED"):
                take(event["object"])
    except (OSError, http.client.HTTPException):
        return  # the cluster is gone
    finally:
        connection.close()


def record_of(item: dict[str, Any]) -> Record | None:
    """None: it is the head of the chain."""
    return decoded(item["data"]) if item["data"] else None
