from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from extender.kube import KubeError, Response
from extender.policy.last_good import REVISION_ANNOTATION, ConfigMapLastGood, FileLastGood, Kept, NotKept
from extender.policy.text import content_hash
from tests.extender.policy.fake_api import NAMESPACE, FakeApi

NAME = "trimtab-policy"
STATE = "trimtab-policy-state"
KEPT = Kept(b"text", "101")


def test_a_file_beside_the_policy_keeps_the_text_across_restarts(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    assert asyncio.run(FileLastGood.beside(policy).load()) is None
    asyncio.run(FileLastGood.beside(policy).save(KEPT))
    assert asyncio.run(FileLastGood.beside(policy).load()) == Kept(b"text", content_hash(b"text"))
    assert [path.name for path in tmp_path.iterdir()] == ["policy.yaml.last-good"]


def test_a_file_that_cannot_be_replaced_keeps_what_it_had_and_leaves_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.mkdir()
    with pytest.raises(NotKept, match="make its folder writable"):
        asyncio.run(FileLastGood(target).save(KEPT))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(NotKept):
        asyncio.run(FileLastGood(target).load())


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotKept):
        asyncio.run(FileLastGood(tmp_path / "no" / "kept").save(KEPT))


def store(api: FakeApi) -> ConfigMapLastGood:
    return ConfigMapLastGood(api, NAMESPACE, NAME)


def test_the_state_configmap_keeps_text_and_revision_across_restarts() -> None:
    api = FakeApi()
    api.put(STATE, None)
    assert asyncio.run(store(api).load()) is None
    asyncio.run(store(api).save(KEPT))
    assert api.named(STATE)["data"] == {"policy.yaml": "text"}
    assert api.named(STATE)["metadata"]["annotations"] == {REVISION_ANNOTATION: "101"}
    assert asyncio.run(store(api).load()) == KEPT


def test_a_missing_state_configmap_is_made() -> None:
    api = FakeApi()
    assert asyncio.run(store(api).load()) is None
    asyncio.run(store(api).save(KEPT))
    assert asyncio.run(store(api).load()) == KEPT


def test_what_is_kept_already_is_not_written_again() -> None:
    api = FakeApi()
    one = store(api)

    async def twice() -> None:
        await one.save(KEPT)
        await one.save(KEPT)

    asyncio.run(twice())
    assert [method for method, _ in api.calls] == ["PATCH", "POST"]


@pytest.mark.parametrize(
    "trouble", [Response(403, b'{"message": "no"}', {}), KubeError("down"), Response(200, b"?", {})]
)
def test_trouble_with_the_state_configmap_is_said(trouble: Any) -> None:
    api = FakeApi()
    api.hook = lambda _method, _path, _body: trouble
    with pytest.raises(NotKept, match=STATE):
        asyncio.run(store(api).load())
    with pytest.raises(NotKept, match=STATE):
        asyncio.run(store(api).save(KEPT))
