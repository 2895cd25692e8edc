from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extender.kube import KubeError, Response
from extender.policy import writer as writer_module
from extender.policy.text import data_hash
from extender.policy.writer import TRIES_MAX, ConfigMapWriter, LostUpdate, PolicyNotWritten, StoredPolicy
from tests.extender.policy.fake_api import NAMESPACE, FakeApi

NAME = "trimtab-policy"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", 0.0)


def an_api(**data: str) -> FakeApi:
    api = FakeApi()
    if data:
        api.put(NAME, {key.replace("_yaml", ".yaml"): value for key, value in data.items()})
    return api


def writer(api: FakeApi) -> ConfigMapWriter:
    return ConfigMapWriter(api, NAMESPACE, NAME)


def read(api: FakeApi) -> StoredPolicy:
    return asyncio.run(writer(api).read())


def write(api: FakeApi, if_match: str, annotations: dict[str, str] | None = None, **data: str) -> StoredPolicy:
    content = {key.replace("_yaml", ".yaml"): value for key, value in data.items()}
    return asyncio.run(writer(api).write(content, if_match=if_match, annotations=annotations))


def test_what_is_read_carries_the_hash_of_the_data_alone() -> None:
    api = an_api(policy_yaml="one")
    stored = read(api)
    assert (stored.text, stored.exists) == (b"one", True)
    api.put(NAME, {"policy.yaml": "one"}, labels={"a": "b"})
    assert read(api).data_hash == stored.data_hash
    api.put(NAME, {"policy.yaml": "two"})
    assert read(api).data_hash != stored.data_hash


def test_a_write_replaces_the_whole_data_and_merges_annotations() -> None:
    api = an_api(policy_yaml="one", extra="x")
    api.put(NAME, {"policy.yaml": "one", "extra": "x"}, annotations={"keep": "me"})
    stored = write(api, read(api).data_hash, {"by": "page"}, policy_yaml="two")
    found = api.named(NAME)
    assert found["data"] == {"policy.yaml": "two"}
    assert found["metadata"]["annotations"] == {"keep": "me", "by": "page"}
    assert stored.text == b"two"
    assert stored.data_hash == data_hash(found)
    assert stored.resource_version == found["metadata"]["resourceVersion"]


def test_a_write_from_stale_data_is_a_lost_update_and_changes_nothing() -> None:
    api = an_api(policy_yaml="one")
    stale = read(api).data_hash
    api.put(NAME, {"policy.yaml": "theirs"})
    with pytest.raises(LostUpdate) as caught:
        write(api, stale, policy_yaml="mine")
    assert caught.value.current.text == b"theirs"
    assert api.named(NAME)["data"] == {"policy.yaml": "theirs"}


def _meanwhile(api: FakeApi, times: int, data: dict[str, str]) -> None:
    """Somebody changes the ConfigMap between our read and our write, so many times."""
    left = iter(range(times))

    def hook(method: str, _path: str, _body: dict[str, Any]) -> None:
        number = next(left, None) if method in ("PATCH", "POST") else None
        if number is not None:
            api.put(NAME, data, annotations={"status": str(number)})

    api.hook = hook


def test_a_conflict_that_touches_only_metadata_is_retried() -> None:
    api = an_api(policy_yaml="one")
    if_match = read(api).data_hash
    _meanwhile(api, 3, {"policy.yaml": "one"})
    write(api, if_match, policy_yaml="mine")
    assert api.named(NAME)["data"] == {"policy.yaml": "mine"}
    assert api.named(NAME)["metadata"]["annotations"] == {"status": "2"}


def test_a_conflict_that_touches_the_data_is_a_lost_update() -> None:
    api = an_api(policy_yaml="one")
    if_match = read(api).data_hash
    _meanwhile(api, 1, {"policy.yaml": "theirs"})
    with pytest.raises(LostUpdate):
        write(api, if_match, policy_yaml="mine")
    assert api.named(NAME)["data"] == {"policy.yaml": "theirs"}


def test_a_configmap_that_never_stops_changing_is_given_up() -> None:
    api = an_api(policy_yaml="one")
    if_match = read(api).data_hash
    _meanwhile(api, TRIES_MAX, {"policy.yaml": "one"})
    with pytest.raises(PolicyNotWritten) as caught:
        write(api, if_match, policy_yaml="mine")
    assert caught.value.status == 409


def test_an_absent_configmap_is_made_by_an_empty_if_match_only() -> None:
    api = an_api()
    assert not read(api).exists
    with pytest.raises(LostUpdate):
        write(api, "something", policy_yaml="mine")
    assert write(api, "", {"by": "page"}, policy_yaml="mine").text == b"mine"
    with pytest.raises(LostUpdate):
        write(api, "", policy_yaml="again")


def test_two_who_create_it_at_once_do_not_overwrite_each_other() -> None:
    api = an_api()
    _meanwhile(api, 1, {"policy.yaml": "theirs"})
    with pytest.raises(LostUpdate):
        write(api, "", policy_yaml="mine")
    assert api.named(NAME)["data"] == {"policy.yaml": "theirs"}


def test_missing_rights_are_said_with_what_to_grant() -> None:
    api = an_api(policy_yaml="one")
    if_match = read(api).data_hash
    api.hook = lambda method, _path, _body: Response(403, b'{"message": "no"}', {}) if method == "PATCH" else None
    with pytest.raises(PolicyNotWritten, match=f"grant patch on configmaps in {NAMESPACE}") as caught:
        write(api, if_match, policy_yaml="mine")
    assert caught.value.status == 403


def test_an_unreachable_api_server_is_said() -> None:
    api = an_api(policy_yaml="one")
    api.hook = lambda _method, _path, _body: KubeError("down")
    with pytest.raises(PolicyNotWritten, match="down"):
        read(api)
