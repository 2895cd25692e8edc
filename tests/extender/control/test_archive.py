"""Backups as one file: what went in comes out, and nothing else gets in."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.control import ClusterTenants, Desk, Invalid, Refused, Seal, TooLarge, Unreadable
from extender.control.archive import BYTES_MAX, MANIFEST, POLICY, pack, unpack
from tests.extender.control.desks import ANNA, NAME, an_api, on_cluster, on_files
from tests.extender.policy.a_catalogue import A_POLICY, a_policy
from tests.extender.policy.fake_api import FakeApi

KEY = b"0123456789abcdef-a-key"
TENANTS = "/apis/tenancy.trimtab.dev/v1alpha1/tenants"
FILES = {POLICY: b"policy", "tenants.json": b"[]", "history/1.json": b"{}"}


def packed(**more: Any) -> bytes:
    return pack(FILES, created_at="2026-01-02T03:04:05Z", source="here", **more)


def a_tenant(name: str, cpu: str = "10") -> dict[str, Any]:
    spec = {
        "namespaces": [name],
        "quota": {"cpu": cpu, "memory": "10Gi"},
        "policies": {"preemptionPolicy": "Never", "schedulingPolicy": "BestEffort"},
    }
    return {"apiVersion": "tenancy.trimtab.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec}


def changed(desk: Desk) -> None:
    async def change() -> None:
        await desk.enable("PodState", ["score"], actor=ANNA)
        await desk.disable("PodState", ["score"], actor=ANNA)

    asyncio.run(change())


def test_what_was_packed_comes_out_and_with_a_key_only_with_that_key() -> None:
    assert unpack(packed()) == FILES
    sealed = packed(seal=Seal(KEY))
    assert unpack(sealed, Seal(KEY)) == FILES
    for wrong in (None, Seal(KEY + b"x")):
        with pytest.raises(Invalid, match=r"sealed|key"):
            unpack(sealed, wrong)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_or_cut_archive_never_gives_other_files(data: st.DataObject) -> None:
    whole = packed()
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = whole[:at] if data.draw(st.booleans()) else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    with contextlib.suppress(Refused):
        assert unpack(bad) == FILES


def _tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content, kind in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(content)
            entry.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("archive", "kind"),
    [
        (b"", Unreadable),
        (b"not a gzip", Unreadable),
        (gzip.compress(b"not a tar" * 100), Unreadable),
        (gzip.compress(b"\0" * (BYTES_MAX + 1)), TooLarge),
        (_tar(("../../etc/passwd", b"x", tarfile.REGTYPE)), Invalid),
        (_tar((POLICY, b"", tarfile.SYMTYPE)), Invalid),
        (_tar((POLICY, b"x", tarfile.REGTYPE)), Invalid),
        (_tar((MANIFEST, b"{}", tarfile.REGTYPE), (POLICY, b"x", tarfile.REGTYPE)), Invalid),
        (_tar((POLICY, b"x", tarfile.REGTYPE), (POLICY, b"y", tarfile.REGTYPE)), Invalid),
    ],
    ids=range(9),
)
def test_what_is_no_archive_of_ours_is_refused(tmp_path: Path, archive: bytes, kind: type[Refused]) -> None:
    desk = on_files(tmp_path)
    with pytest.raises(Refused) as caught:
        asyncio.run(desk.restore(archive, actor=ANNA))
    assert type(caught.value) is kind
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY
    assert asyncio.run(desk.audit.newest(1))[0].result == "refused"


def test_r296_policy_and_history_come_back_on_an_empty_machine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    old = on_files(tmp_path / "a")
    changed(old)
    archive = asyncio.run(old.archive())
    new = on_files(tmp_path / "b")
    (tmp_path / "b" / "policy.yaml").unlink()
    restored = asyncio.run(new.restore(archive, actor=ANNA))
    assert restored.message == "policy restored"
    assert (tmp_path / "b" / "policy.yaml").read_bytes() == (tmp_path / "a" / "policy.yaml").read_bytes()
    assert asyncio.run(new.revisions()) == asyncio.run(old.revisions())
    assert asyncio.run(new.history.verify(None)) == []
    asyncio.run(new.rollback(1, actor=ANNA))
    assert (tmp_path / "b" / "policy.yaml").read_text() == A_POLICY


def test_a_restore_saves_what_was_there_and_leaves_a_history_that_is_there(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    changed(desk)
    archive = asyncio.run(desk.archive())
    asyncio.run(desk.put(a_policy(), if_match=None, actor=ANNA))
    restored = asyncio.run(desk.restore(archive, actor=ANNA))
    assert asyncio.run(desk.revision(restored.backup_id)).text == a_policy()
    assert any("history here already" in warning for warning in restored.warnings)
    assert asyncio.run(desk.history.verify(None)) == []


def on_cluster_with_tenants(tmp_path: Path, *found: dict[str, Any]) -> tuple[FakeApi, Desk]:
    api = an_api()
    for tenant in found:
        api.objects[f"{TENANTS}/{tenant['metadata']['name']}"] = tenant | {
            "metadata": tenant["metadata"] | {"uid": "u", "resourceVersion": "1", "managedFields": []}
        }
    get = api._get

    def listed(path: str, query: Any) -> Any:
        from tests.extender.policy.fake_api import _answer

        if path == TENANTS:
            return _answer(200, {"items": [o for p, o in api.objects.items() if p.startswith(f"{TENANTS}/")]})
        return get(path, query)

    api._get = listed  # type: ignore[method-assign]
    return api, on_cluster(api, tmp_path, tenants=ClusterTenants(api))


def test_r296_tenants_come_back_too_and_those_of_now_stay(tmp_path: Path) -> None:
    api, desk = on_cluster_with_tenants(tmp_path, a_tenant("team-a"), a_tenant("team-b"))
    archive = asyncio.run(desk.archive())
    del api.objects[f"{TENANTS}/team-a"]
    api.objects[f"{TENANTS}/team-b"]["spec"] = a_tenant("team-b", "99")["spec"]
    api.objects[f"{TENANTS}/team-c"] = a_tenant("team-c")
    asyncio.run(desk.restore(archive, actor=ANNA))
    specs = {path.rsplit("/", 1)[1]: o["spec"] for path, o in api.objects.items() if path.startswith(TENANTS)}
    assert specs == {name: a_tenant(name)["spec"] for name in ("team-a", "team-b", "team-c")}


def test_faulty_tenants_refuse_the_whole_restore(tmp_path: Path) -> None:
    api, desk = on_cluster_with_tenants(tmp_path, a_tenant("team-a", cpu="many"))
    archive = asyncio.run(desk.archive())
    before = dict(api.objects)
    with pytest.raises(Invalid) as caught:
        asyncio.run(desk.restore(archive, actor=ANNA))
    assert "tenants[0]" in caught.value.details[0].path
    assert api.objects == before
    assert api.named(NAME)["data"] == {"policy.yaml": A_POLICY}


@pytest.mark.parametrize("tenants", [[], [a_tenant("team-a")]])
def test_a_dry_run_of_a_restore_writes_nothing(tmp_path: Path, tenants: list[dict[str, Any]]) -> None:
    api, desk = on_cluster_with_tenants(tmp_path, *tenants)
    archive = asyncio.run(desk.archive())
    api.put(NAME, {"policy.yaml": a_policy().decode()})
    before = dict(api.objects)
    found = asyncio.run(desk.restore(archive, actor=ANNA, dry_run=True))
    assert found.diff.unified
    assert api.objects == before
