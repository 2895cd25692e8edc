"""Where the policy's text lives: one ConfigMap, or one file. Optimistic locking by the hash of what was read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from extender.control.actor import Actor, Change
from extender.control.problems import Conflict, Forbidden, Invalid, NotFound, Refused, TooLarge, Unreachable
from extender.kube import KubeApi
from extender.policy.dump import as_yaml
from extender.policy.flat import DOCUMENT_KEY, FLAT_KEYS
from extender.policy.problem import Findings, PolicyRefused
from extender.policy.reading import TEXT_BYTES_MAX, read
from extender.policy.status import ANNOTATION as STATUS
from extender.policy.text import content_hash, text_of
from extender.policy.writer import ConfigMapWriter, LostUpdate, PolicyNotWritten, StoredPolicy

FIELD_MANAGER = "trimtab"
LAST_CHANGE = "policy.trimtab.dev/last-change"
_OTHERS = "the policy was changed by somebody else meanwhile; read it again and repeat the change"
_ONLY_BY_ROOT = (PermissionError, IsADirectoryError, NotADirectoryError)
_HTTP_FORBIDDEN = (401, 403)
_HTTP_CONFLICT, _HTTP_TOO_LARGE, _HTTP_INVALID = 409, 413, 422


class Stored(msgspec.Struct, frozen=True):
    text: bytes
    hash: str
    """Of all that is held; If-Match carries it. Empty: nothing is stored (only after a dry run that would create)."""
    revision: str
    """resourceVersion; of a file: the hash of its content."""
    status: str = ""
    """What the replicas wrote about it: text of the annotation policy.trimtab.dev/status. Of a file: empty."""
    change: Change | None = None
    """Who made it what it is, as far as it is known."""


class PolicyStore(Protocol):
    @property
    def what(self) -> str:
        """For people: `configmap/NAMESPACE/NAME`, or the path."""
        ...

    async def read(self) -> Stored:
        """Raises NotFound, Forbidden, Unreachable."""
        ...

    async def write(self, text: bytes, *, expect: str, actor: Actor, reason: str, dry_run: bool = False) -> Stored:
        """Replace what has the hash `expect` (empty: there must be nothing yet). What is stored now.

        Raises Conflict when the data is another one, TooLarge, Invalid, Forbidden, Unreachable; then nothing has
        changed.
        """
        ...


class ConfigMapStore:
    """The ConfigMap; either form of the policy, and keys of others beside it are kept."""

    def __init__(self, api: KubeApi, namespace: str, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self.what = f"configmap/{namespace}/{name}"
        self._writer = ConfigMapWriter(api, namespace, name, field_manager=FIELD_MANAGER)
        self._clock = clock

    async def read(self) -> Stored:
        seen = await self._seen()
        if not seen.exists:
            raise NotFound(f"there is no {self.what}; create it, or name another one")
        return _stored(seen)

    async def write(self, text: bytes, *, expect: str, actor: Actor, reason: str, dry_run: bool = False) -> Stored:
        _refuse_too_large(text)
        seen = await self._seen()
        if seen.data_hash != expect:
            raise Conflict(_OTHERS)
        data = data_of(text, seen.data)
        change = Change(actor.name, actor.via, reason, rfc3339(self._clock()), content_hash(text_of({"data": data})))
        note = {LAST_CHANGE: msgspec.json.encode(change).decode()}
        try:
            return _stored(await self._writer.write(data, if_match=expect, annotations=note, dry_run=dry_run))
        except LostUpdate as lost:
            raise Conflict(_OTHERS) from lost
        except PolicyNotWritten as trouble:
            raise _refusal(trouble) from trouble

    async def _seen(self) -> StoredPolicy:
        try:
            return await self._writer.read()
        except PolicyNotWritten as trouble:
            raise _refusal(trouble) from trouble


def data_of(text: bytes, before: Mapping[str, str]) -> dict[str, str]:
    """The data of a ConfigMap that holds `text`, in the form in which `before` held it where that is possible.

    The flat form as three keys stays so while nothing but the three keys is said. Raises Unreadable for no text.
    """
    try:
        readable = text.decode()
    except UnicodeDecodeError as wrong:
        raise Invalid(f"the policy is not UTF-8 text (at byte {wrong.start})") from wrong
    others = {key: value for key, value in before.items() if key != DOCUMENT_KEY and key not in FLAT_KEYS}
    if any(key in before for key in FLAT_KEYS):
        flat = _flat_tree(text)
        if flat is not None:
            return {**others, **{key: _as_text(value) for key, value in flat.items()}}
    return {**others, DOCUMENT_KEY: readable}


def _flat_tree(text: bytes) -> Mapping[str, object] | None:
    """The three keys, if the text says nothing else."""
    try:
        tree = read(text, Findings())
    except PolicyRefused:
        return None
    flat = isinstance(tree, Mapping) and len(tree) > 0 and all(key in FLAT_KEYS for key in tree)
    return tree if flat else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else as_yaml(value)


def _stored(seen: StoredPolicy) -> Stored:
    return Stored(
        text=seen.text,
        hash=seen.data_hash,
        revision=seen.resource_version,
        status=seen.annotations.get(STATUS, ""),
        change=_change(seen),
    )


def _change(seen: StoredPolicy) -> Change | None:
    """Ours, while it is about this text; else what the object's managed fields know about a direct edit."""
    try:
        ours = msgspec.json.decode(seen.annotations.get(LAST_CHANGE, ""), type=Change)
    except msgspec.MsgspecError:
        ours = None
    if ours is not None and ours.hash == content_hash(seen.text):
        return ours
    if not seen.edited_by:
        return None
    return Change(who=seen.edited_by, via="direct", reason="", at=seen.edited_at)


def _refusal(trouble: PolicyNotWritten) -> Refused:
    kinds: dict[int, type[Refused]] = {
        _HTTP_CONFLICT: Conflict, _HTTP_TOO_LARGE: TooLarge, _HTTP_INVALID: Invalid
    }  # fmt: skip
    kind = Forbidden if trouble.status in _HTTP_FORBIDDEN else kinds.get(trouble.status, Unreachable)
    return kind(str(trouble))


def _refuse_too_large(text: bytes) -> None:
    if len(text) > TEXT_BYTES_MAX:
        raise TooLarge(f"the policy has {len(text)} bytes; at most {TEXT_BYTES_MAX}")


class FileStore:
    """One file, replaced whole. A lock file beside it keeps writers of this machine apart."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.what = os.fspath(self._path)

    async def read(self) -> Stored:
        return await asyncio.to_thread(self._read)

    async def write(
        self,
        text: bytes,
        *,
        expect: str,
        actor: Actor,  # noqa: ARG002 - the protocol's
        reason: str,  # noqa: ARG002
        dry_run: bool = False,
    ) -> Stored:
        """A file remembers no author: `actor` and `reason` stand in history and audit trail."""
        _refuse_too_large(text)
        return await asyncio.to_thread(self._write, text, expect, dry_run=dry_run)

    def _read(self) -> Stored:
        try:
            with self._path.open("rb") as file:
                text = file.read(TEXT_BYTES_MAX + 1)
        except FileNotFoundError as absent:
            raise NotFound(f"there is no file {self._path}; create it, or name another one") from absent
        except OSError as trouble:
            raise _file_refusal("read", self._path, trouble) from trouble
        _refuse_too_large(text)
        return _of_file(text)

    def _write(self, text: bytes, expect: str, *, dry_run: bool) -> Stored:
        # A link stays a link: what it points at is replaced.
        target = self._path.resolve()
        try:
            with locked(target.with_name(f".{target.name}.lock")):
                try:
                    found = self._read().hash
                except NotFound:
                    found = ""
                if found != expect:
                    raise Conflict(_OTHERS)
                if not dry_run:
                    replace_file(target, text)
        except OSError as trouble:
            raise _file_refusal("write", self._path, trouble) from trouble
        return _of_file(text)


def _of_file(text: bytes) -> Stored:
    mark = content_hash(text)
    return Stored(text, mark, mark)


def _file_refusal(verb: str, path: Path, trouble: OSError) -> Refused:
    kind = Forbidden if isinstance(trouble, _ONLY_BY_ROOT) else Unreachable
    return kind(f"cannot {verb} {path}: {trouble.strerror or trouble}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among the programs of this machine. The lock ends with the process, however that ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """All or nothing, also across a crash of the machine. `mode`: None keeps the file's own. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _mode_of(path) if mode is None else mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
