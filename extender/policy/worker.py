"""Parsing that never holds the event loop for long.

A short text is read in a thread. A long one goes to a process of its own, started for it and gone after it: reading
a megabyte takes a second of pure Python. It is a bare child and no pool, because a pool's workers would import the
whole extender again, and because a child that takes too long can be killed.
Plugins' own checks of their args stay here, one step of the loop each.

    python -m extender.policy.worker        msgpack in, msgpack out; not for people
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from extender.policy.catalogue import Catalogue, PluginInfo
from extender.policy.parse import Draft, conclude, draft, judge
from extender.policy.parsed import ParsedPolicy
from extender.policy.problem import Findings, PolicyRefused, Problem
from extender.policy.reading import TEXT_BYTES_MAX

INLINE_BYTES_MAX = 64 * 1024
"""A longer text is read in a process of its own."""
CHILDREN_MAX = 1
"""Long texts are read one after another."""
CHILD_S = 30.0
_CHILD_CPU_S = 25
_CHILD_BYTES = 1024**3
_ROOT = Path(__file__).parents[2]


class _Known(msgspec.Struct, frozen=True):
    """What the child needs to know of a plugin."""

    name: str
    phases: tuple[str, ...]
    args_schema: dict[str, Any]
    aliases: tuple[str, ...]
    members: tuple[str, ...]


class _Order(msgspec.Struct, frozen=True):
    text: bytes
    catalogue: dict[str, _Known]


class _Answer(msgspec.Struct, frozen=True):
    draft: Draft | None
    problems: tuple[Problem, ...] = ()
    """Why there is no draft."""


class Parser:
    """`parse` for a program with an event loop. Share one: it bounds how many long texts are read at once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._children = asyncio.Semaphore(CHILDREN_MAX)

    async def parse(self, text: str | bytes) -> ParsedPolicy:
        """Raises PolicyRefused with all problems, and nothing else."""
        drafted = await self._draft(text)
        findings = Findings()
        for pending in drafted.pending:
            judge(pending, self._catalogue, findings)
            await asyncio.sleep(0)
        return conclude(drafted, findings)

    async def _draft(self, text: str | bytes) -> Draft:
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if not INLINE_BYTES_MAX < len(raw) <= TEXT_BYTES_MAX:
            return await asyncio.to_thread(draft, raw, self._catalogue)
        async with self._children:
            answer = await _ask_child(raw, self._catalogue)
        if answer.draft is None:
            raise PolicyRefused(answer.problems)
        return answer.draft


async def _ask_child(text: bytes, catalogue: Catalogue) -> _Answer:
    known = {
        name: _Known(info.name, info.phases, info.args_schema, info.aliases, info.members)
        for name, info in catalogue.items()
    }
    order = msgspec.msgpack.encode(_Order(text, known))
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "extender.policy.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
    except OSError as trouble:
        raise PolicyRefused([Problem("", f"cannot start a process to read the policy: {trouble}")]) from trouble
    try:
        written, _ = await asyncio.wait_for(child.communicate(order), CHILD_S)
        return msgspec.msgpack.decode(written, type=_Answer)
    except (TimeoutError, msgspec.MsgspecError) as trouble:
        raise PolicyRefused(
            [
                Problem(
                    "",
                    "the policy takes too long or too much memory to read",
                    f"at most {CHILD_S:g} s; make it smaller",
                )
            ]
        ) from trouble
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def answer(order: bytes) -> bytes:
    """The child's whole work."""
    asked = msgspec.msgpack.decode(order, type=_Order)
    try:
        return msgspec.msgpack.encode(_Answer(draft(asked.text, _catalogue(asked.catalogue))))
    except PolicyRefused as refused:
        return msgspec.msgpack.encode(_Answer(None, refused.problems))


def _catalogue(known: Mapping[str, _Known]) -> dict[str, PluginInfo]:
    return {
        key: PluginInfo(
            plugin.name, "", "", plugin.phases, plugin.args_schema, {}, plugin.aliases, members=plugin.members
        )
        for key, plugin in known.items()
    }


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CHILD_CPU_S, _CHILD_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_BYTES, _CHILD_BYTES))
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
