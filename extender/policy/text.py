"""A policy's text as a source saw it, and the marks that tell one text from another."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from extender.policy.flat import DOCUMENT_KEY, FLAT_KEYS
from extender.policy.parsed import HASH_CHARS


@dataclass(frozen=True, slots=True)
class PolicyText:
    text: bytes | None
    """None: it was deleted, or (`error`) could not be had."""
    revision: str
    """resourceVersion at which this data was first seen; of a file: the hash of its content."""
    source: str
    """Where it comes from, for people: `configmap/NAMESPACE/NAME` or a file's path."""
    seen_at: float
    """Unix seconds."""
    error: str = ""
    """Why the source could not be read; then `text` is None."""


def content_hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:HASH_CHARS]


def data_hash(configmap: Mapping[str, Any]) -> str:
    """Of everything a ConfigMap holds, and of nothing about it; what If-Match carries. Hex digits."""
    held = {"data": configmap.get("data") or {}, "binaryData": configmap.get("binaryData") or {}}
    return hashlib.sha256(msgspec.json.encode(held, order="sorted")).hexdigest()


def text_of(configmap: Mapping[str, Any]) -> bytes:
    """The policy in a ConfigMap: `policy.yaml`, or the keys of the flat form as one JSON object.

    Both at once also become one object, which `parse` refuses; neither is the empty text, refused as well.
    """
    data: Mapping[str, str] = configmap.get("data") or {}
    if DOCUMENT_KEY not in data and not any(key in data for key in FLAT_KEYS):
        return _binary(configmap.get("binaryData") or {})
    if not any(key in data for key in FLAT_KEYS):
        return data[DOCUMENT_KEY].encode("utf-8", "surrogatepass")
    return msgspec.json.encode({key: data[key] for key in (DOCUMENT_KEY, *FLAT_KEYS) if key in data})


def _binary(data: Mapping[str, str]) -> bytes:
    # kubectl puts a file here that is not UTF-8; parse will say so.
    try:
        return base64.b64decode(data.get(DOCUMENT_KEY, ""))
    except (binascii.Error, ValueError):
        return b""
