"""Where the policy lives: forms of a ConfigMap, locking, limits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from extender.control import (
    Actor,
    ConfigMapStore,
    Conflict,
    FileStore,
    Forbidden,
    Invalid,
    NotFound,
    Stored,
    TooLarge,
    Unreachable,
)
from extender.control.store import LAST_CHANGE, data_of
from extender.kube import KubeError, Response
from extender.policy import writer as writer_module
from extender.policy.text import text_of
from tests.extender.control.desks import ANNA, FLAT_KEYS, NAME, NOW, an_api
from tests.extender.policy.fake_api import NAMESPACE, FakeApi


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", 0.0)


def store(api: FakeApi) -> ConfigMapStore:
    return ConfigMapStore(api, NAMESPACE, NAME, clock=lambda: NOW)


def read(api: FakeApi) -> Stored:
    return asyncio.run(store(api).read())


def write(api: FakeApi, text: bytes, expect: str, *, actor: Actor = ANNA, dry_run: bool = False) -> Stored:
    return asyncio.run(store(api).write(text, expect=expect, actor=actor, reason="because", dry_run=dry_run))


def test_r036_a_write_from_what_is_not_there_any_more_is_a_conflict_and_changes_nothing() -> None:
    api = an_api()
    stale = read(api).hash
    api.put(NAME, {"policy.yaml": "theirs"})
    with pytest.raises(Conflict) as caught:
        write(api, b"mine", stale)
    assert caught.value.code == 409
    assert api.named(NAME)["data"] == {"policy.yaml": "theirs"}


def test_r036_a_status_written_meanwhile_is_no_conflict() -> None:
    api = an_api()
    before = read(api)
    api.put(NAME, api.named(NAME)["data"], annotations={"policy.trimtab.dev/status": "{}"})
    assert write(api, b"mine", before.hash).text == b"mine"
    assert api.named(NAME)["metadata"]["annotations"]["policy.trimtab.dev/status"] == "{}"


def test_r282_the_configmap_says_who_changed_it_by_which_way_why_and_when() -> None:
    api = an_api()
    stored = write(api, b"mine", read(api).hash)
    told = json.loads(api.named(NAME)["metadata"]["annotations"][LAST_CHANGE])
    assert (told["who"], told["via"], told["reason"], told["at"]) == ("anna", "web", "because", "2026-01-02T03:04:05Z")
    assert stored.change is not None
    assert read(api).change == stored.change


def test_r282_a_direct_edit_is_its_managers_and_not_ours() -> None:
    api = an_api()
    write(api, b"mine", read(api).hash)
    managed = [
        {"manager": "trimtab", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:data": {".": {}}}},
        {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:data": {"f:policy.yaml": {}}}},
        {"manager": "extender", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:metadata": {}}},
    ]
    api.put(NAME, {"policy.yaml": "theirs"}, managedFields=managed)
    change = read(api).change
    assert change is not None
    assert (change.who, change.via, change.at) == ("kubectl-edit", "direct", "2026-01-02T00:00:00Z")


def test_a_dry_run_stores_nothing() -> None:
    api = an_api()
    before = api.named(NAME)
    assert write(api, b"mine", read(api).hash, dry_run=True).text == b"mine"
    assert api.named(NAME) == before


def test_keys_of_others_stay() -> None:
    api = an_api({"policy.yaml": "one", "notes": "ours"})
    write(api, b"two", read(api).hash)
    assert api.named(NAME)["data"] == {"policy.yaml": "two", "notes": "ours"}


def test_r022_the_flat_form_as_three_keys_stays_three_keys() -> None:
    before = text_of({"data": FLAT_KEYS})
    assert data_of(before, {**FLAT_KEYS, "notes": "ours"}) == {**FLAT_KEYS, "notes": "ours"}


def test_another_form_takes_the_place_of_the_three_keys() -> None:
    assert data_of(b"kind: SchedulingPolicy\n", FLAT_KEYS) == {"policy.yaml": "kind: SchedulingPolicy\n"}
    flat = b"metadata: {name: a}\nenabled_plugins: {}\n"
    assert data_of(flat, FLAT_KEYS) == {"policy.yaml": flat.decode()}


def test_an_absent_configmap_is_told_and_made_by_who_expects_nothing() -> None:
    api = FakeApi()
    with pytest.raises(NotFound, match=f"configmap/{NAMESPACE}/{NAME}"):
        read(api)
    with pytest.raises(Conflict):
        write(api, b"mine", "something")
    write(api, b"mine", "")
    assert read(api).text == b"mine"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (KubeError("no route"), Unreachable),
        (Response(403, b'{"message":"no"}', {}), Forbidden),
        (Response(401, b'{"message":"who?"}', {}), Forbidden),
        (Response(500, b"{}", {}), Unreachable),
        (Response(413, b"{}", {}), TooLarge),
        (Response(422, b'{"message":"Too long"}', {}), Invalid),
    ],
)
def test_what_the_api_server_refuses_is_told_by_kind_and_changes_nothing(trouble: Any, kind: type[Exception]) -> None:
    api = an_api()
    before = read(api)
    api.hook = lambda method, _path, _body: trouble if method == "PATCH" else None
    with pytest.raises(kind):
        write(api, b"mine", before.hash)
    api.hook = lambda *_: None
    assert read(api) == before


def test_a_missing_right_is_named() -> None:
    api = an_api()
    api.hook = lambda *_: Response(403, b'{"message":"forbidden"}', {})
    with pytest.raises(Forbidden, match=f"grant get on configmaps in {NAMESPACE}"):
        read(api)


def test_more_than_a_mebibyte_is_too_large_for_either_store(tmp_path: Path) -> None:
    api = an_api()
    with pytest.raises(TooLarge):
        write(api, b"x" * (2**20 + 1), read(api).hash)
    (tmp_path / "p").write_bytes(b"old")
    file = FileStore(tmp_path / "p")
    with pytest.raises(TooLarge):
        asyncio.run(file.write(b"x" * (2**20 + 1), expect=asyncio.run(file.read()).hash, actor=ANNA, reason=""))
    assert (tmp_path / "p").read_bytes() == b"old"


def test_text_that_is_not_utf8_cannot_be_stored() -> None:
    api = an_api()
    with pytest.raises(Invalid, match="UTF-8"):
        write(api, b"\xff", read(api).hash)


def test_a_file_is_replaced_whole_keeps_its_mode_and_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "real.yaml"
    target.write_bytes(b"one")
    target.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to(target)
    file = FileStore(tmp_path / "link.yaml")

    async def change() -> None:
        before = await file.read()
        after = await file.write(b"two", expect=before.hash, actor=ANNA, reason="")
        assert await file.read() == after
        with pytest.raises(Conflict):
            await file.write(b"three", expect=before.hash, actor=ANNA, reason="")

    asyncio.run(change())
    assert (tmp_path / "link.yaml").is_symlink()
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == [".real.yaml.lock", "link.yaml", "real.yaml"]


def test_an_absent_file_is_told_and_a_missing_folder_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        asyncio.run(FileStore(tmp_path / "none").read())
    with pytest.raises(Unreachable, match="cannot write"):
        asyncio.run(FileStore(tmp_path / "no" / "none").write(b"x", expect="", actor=ANNA, reason=""))
