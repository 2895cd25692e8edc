from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from extender.policy import ParsedPolicy, PolicyRefused, parse
from extender.policy import worker as worker_module
from extender.policy.reading import TEXT_BYTES_MAX
from extender.policy.worker import INLINE_BYTES_MAX, Parser
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE, HEAD, a_policy

PADDING = "# " + "x" * 100 + "\n"


def padded(text: str) -> str:
    return text + PADDING * (INLINE_BYTES_MAX // len(PADDING) + 1)


def parsed(text: str | bytes) -> ParsedPolicy:
    async def ask() -> ParsedPolicy:
        return await Parser(CATALOGUE).parse(text)

    return asyncio.run(ask())


def test_a_long_text_gives_the_same_policy_as_a_short_one() -> None:
    long = padded(A_POLICY)
    assert len(long) > INLINE_BYTES_MAX
    assert parsed(long) == parsed(A_POLICY) == parse(A_POLICY, CATALOGUE)


def test_a_long_text_gives_the_same_problems_as_a_short_one() -> None:
    bad = HEAD + (
        "profile: []\nprofiles:\n- pluginConfig:\n"
        "  - {name: TargetLoadPacking, args: {targetUtilization: 400}}\n"
        "  - {name: NodeResourcesAllocatable, args: {resources: [{name: cpu, weight: -1}]}}\n"
    )
    found = []
    for text in (bad, padded(bad)):
        with pytest.raises(PolicyRefused) as caught:
            parsed(text)
        found.append(caught.value.problems)
    assert found[0] == found[1]
    assert len(found[0]) == 3


@pytest.mark.parametrize("text", ["", "[" * 100_000, "a: [\n" * 20_000, b"\xff" * 100_000, "x" * (TEXT_BYTES_MAX + 1)])
def test_text_that_cannot_be_read_is_refused_and_nothing_worse(text: str | bytes) -> None:
    with pytest.raises(PolicyRefused):
        parsed(text)


def test_a_child_that_takes_too_long_is_ended_and_the_policy_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "CHILD_S", 0.0)
    with pytest.raises(PolicyRefused, match="takes too long"):
        parsed(padded(A_POLICY))


def test_several_long_texts_at_once_are_all_answered() -> None:
    async def ask() -> list[ParsedPolicy]:
        parser = Parser(CATALOGUE)
        texts = [padded(a_policy(weight).decode()) for weight in (1, 2, 3)]
        return await asyncio.gather(*(parser.parse(text) for text in texts))

    assert [policy.profiles[0].plugins[0].weight for policy in asyncio.run(ask())] == [1, 2, 3]


def test_importing_the_policy_stays_light() -> None:
    heavy = ("numpy", "numba", "jsonschema", "kubernetes", "aiohttp", "prometheus_client")
    code = f"import extender.policy, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
