"""A backup as one file: a gzipped tar of the policy, the tenants, the history, and a manifest with every file's hash.

What comes in is not trusted: its size is bounded before it is unpacked, only plain files of known names count, and
each must be the one that the manifest knows. With a key the whole file is sealed, and opens with that key only.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from extender.control.problems import Detail, Invalid, TooLarge, Unreadable
from extender.control.seals import Seal
from extender.policy.problem import shown

POLICY, TENANTS, MANIFEST = "policy.yaml", "tenants.json", "manifest.json"
VERSION = 1
BYTES_MAX = 64 * 2**20
"""Unpacked."""
FILES_MAX = 2000
_HISTORY = re.compile(r"history/([1-9][0-9]{0,15})\.json", re.ASCII)
_SEALED = b"TRIMTAB-SEALED-1\n"
_ABOUT = "archive"
_GZIP_WINDOW = 31


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    version: int
    created_at: str
    source: str
    """What the policy was read from, for people."""
    files: dict[str, str]
    """name -> SHA-256, hex digits."""


def history_name(number: int) -> str:
    return f"history/{number}.json"


def pack(files: Mapping[str, bytes], *, created_at: str, source: str, seal: Seal | None = None) -> bytes:
    """The archive of `files`, named as above."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = msgspec.json.format(msgspec.json.encode(Manifest(VERSION, created_at, source, hashes)))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {MANIFEST: manifest, **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue() if seal is None else _SEALED + seal.close(packed.getvalue(), _ABOUT)


def unpack(archive: bytes, seal: Seal | None = None) -> dict[str, bytes]:
    """The files, each of them as it was packed. Raises Unreadable, TooLarge, Invalid."""
    if archive.startswith(_SEALED):
        archive = _opened(archive[len(_SEALED) :], seal)
    files = _files(_inflated(archive))
    manifest = _manifest(files.pop(MANIFEST, b""))
    wrong = [name for name in {**manifest.files, **files} if _hash(files.get(name)) != manifest.files.get(name)]
    if wrong or POLICY not in files:
        details = [Detail(name, "is missing, changed, or not in the manifest") for name in wrong]
        raise Invalid("the archive is not whole: its files are not those of its manifest", details)
    return files


def _opened(sealed: bytes, seal: Seal | None) -> bytes:
    if seal is None:
        raise Invalid("the archive is sealed; name the key that it was sealed with")
    try:
        return seal.open(sealed, _ABOUT)
    except ValueError as wrong:
        raise Invalid(f"the archive cannot be opened: {wrong}") from wrong


def _inflated(archive: bytes) -> bytes:
    machine = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = machine.decompress(archive, BYTES_MAX + 1)
    except zlib.error as wrong:
        raise Unreadable(f"the archive is no gzip file: {wrong}") from wrong
    if len(content) > BYTES_MAX:
        raise TooLarge(f"the archive holds more than {BYTES_MAX} bytes")
    if not machine.eof:
        raise Unreadable("the archive is cut short")
    return content


def _files(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for entry in tar:
                if not entry.isreg() or not _known(entry.name) or entry.name in files or len(files) >= FILES_MAX:
                    raise Invalid(f"the archive holds {shown(entry.name)}, which is no part of a backup")
                taken = tar.extractfile(entry)
                files[entry.name] = b"" if taken is None else taken.read()
    except (tarfile.TarError, ValueError, EOFError) as wrong:
        raise Unreadable(f"the archive is no tar file: {wrong}") from wrong
    return files


def _known(name: str) -> bool:
    return name in (POLICY, TENANTS, MANIFEST) or _HISTORY.fullmatch(name) is not None


def _manifest(content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise Invalid(f"the archive's {MANIFEST} is missing or wrong: {wrong}") from wrong
    if manifest.version != VERSION:
        raise Invalid(f"the archive is of version {manifest.version}; this program reads {VERSION}")
    return manifest


def _hash(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def records_of(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The history's records, oldest first. Raises Invalid."""
    numbered = sorted((int(match[1]), name) for name in files if (match := _HISTORY.fullmatch(name)))
    return [_json(files[name], name, dict[str, Any]) for _, name in numbered]


def tenants_of(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The Tenant objects. Raises Invalid."""
    found: list[dict[str, Any]] = _json(files.get(TENANTS, b"[]"), TENANTS, list[dict[str, Any]])
    return found


def _json(content: bytes, name: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise Invalid(f"the archive's {name} cannot be read: {wrong}") from wrong
