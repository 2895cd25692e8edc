"""Get and list, with pages that all show the moment of the first one."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping

import orjson

from extender.lab.kinds import Served
from extender.lab.paths import Target
from extender.lab.refusal import bad_request, invalid_options, page_gone, version_ahead
from extender.lab.selectors import everything, selector
from extender.lab.store import Store, Stored

SNAPSHOTS_MAX = 16
"""Lists that can still be continued; the continue token of an older one is answered with 410."""

_TOKEN_VERSION = "meta.k8s.io/v1"  # noqa: S105 - a version, not a secret


class Reader:
    """Answers GET."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: OrderedDict[tuple[Served, str, int], list[Stored]] = OrderedDict()

    def get(self, target: Target) -> bytes:
        return self._store.get(target.kind, target.namespace, target.name).whole + b"\n"

    def page(self, target: Target, query: Mapping[str, str]) -> bytes:
        """One page of a list, or all of it. Raises Refusal."""
        limit = _number(query, "limit")
        chosen = selector(target.kind, query.get("fieldSelector", ""), query.get("labelSelector", ""))
        self._check_version(query)
        revision, start = self._store.revision, ""
        if token := query.get("continue", ""):
            revision, start = _decoded(token)
        objects = self._snapshot(target, revision)
        at = bisect_left(objects, start, key=lambda o: o.key) if start else 0
        items: list[Stored] = []
        while at < len(objects) and not (limit and len(items) == limit):
            if chosen(objects[at].tree):
                items.append(objects[at])
            at += 1
        if chosen is not everything:
            left = sum(1 for o in objects[at:] if chosen(o.tree))
            more = bool(left)
            left = 0
        else:
            left = len(objects) - at
            more = bool(left)
        following = _encoded(revision, items[-1].key) if more else ""
        return _page(target.kind, revision, following, left, items)

    def _check_version(self, query: Mapping[str, str]) -> None:
        wanted = query.get("resourceVersion", "")
        if query.get("resourceVersionMatch") and not wanted:
            raise invalid_options(
                "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        if wanted and (asked := version_of(wanted)) > self._store.revision:
            raise version_ahead(asked, self._store.revision)

    def _snapshot(self, target: Target, revision: int) -> list[Stored]:
        key = (target.kind, target.namespace, revision)
        if (found := self._snapshots.get(key)) is not None:
            self._snapshots.move_to_end(key)
            return found
        if revision != self._store.revision:
            raise page_gone()
        taken = self._store.listed(target.kind, target.namespace)
        self._snapshots[key] = taken
        if len(self._snapshots) > SNAPSHOTS_MAX:
            self._snapshots.popitem(last=False)
        return taken


def version_of(text: str) -> int:
    """A resourceVersion as a number. Raises Refusal."""
    if not text.isdecimal():
        raise bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "") or "0"
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _encoded(revision: int, last: str) -> str:
    start = f"/{last}\x00"
    token = orjson.dumps({"v": _TOKEN_VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _decoded(token: str) -> tuple[int, str]:
    try:
        tree = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if tree["v"] != _TOKEN_VERSION:
            raise bad_request(
                'invalid continue token: continue key is not valid: server does not recognize this encoded version "'
                f'{tree["v"]}"'
            )
        return int(tree["rv"]), str(tree["start"]).removeprefix("/")
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_request("invalid continue token: continue key is not valid") from None


def _page(kind: Served, revision: int, following: str, left: int, items: list[Stored]) -> bytes:
    listed = b",".join(o.raw for o in items)
    if kind.custom:
        meta = {"continue": following, **({"remainingItemCount": left} if following and left else {})}
        return b'{"apiVersion":"%s","items":[%s],"kind":"%s","metadata":%s}\n' % (
            kind.api_version.encode(),
            listed,
            kind.list_kind.encode(),
            orjson.dumps({**meta, "resourceVersion": str(revision)}),
        )
    head: dict[str, object] = {"resourceVersion": str(revision)}
    if following:
        head |= {"continue": following} | ({"remainingItemCount": left} if left else {})
    return b'{"kind":"%s","apiVersion":"%s","metadata":%s,"items":[%s]}\n' % (
        kind.list_kind.encode(),
        kind.api_version.encode(),
        orjson.dumps(head),
        listed,
    )
