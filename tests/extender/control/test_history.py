"""The history: a chain in which nothing changes, vanishes or moves unseen, on both shelves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.control import Actor, Forbidden, Invalid, NoSuchRevision, Unreachable
from extender.control.history import ChainedHistory, ControllerRevisionHistory, FileHistory
from extender.control.revision import kept, unkept
from extender.control.seals import BadKey, Seal, signer_of
from extender.control.store import Stored
from extender.kube import KubeError, Response
from tests.extender.control.desks import ANNA, NAME, NOW
from tests.extender.policy.fake_api import NAMESPACE, REVISIONS, FakeApi

KEY = b"0123456789abcdef-a-key"
Make = Callable[..., ChainedHistory]


@pytest.fixture(params=["files", "cluster"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A history on a shelf that all histories of one test share."""
    api = FakeApi()

    def made(**options: Any) -> ChainedHistory:
        if request.param == "files":
            return FileHistory(tmp_path / "history", clock=lambda: NOW, **options)
        return ControllerRevisionHistory(api, NAMESPACE, NAME, clock=lambda: NOW, **options)

    return made


def a_state(number: int, text: bytes | None = None) -> Stored:
    return Stored(text or f"policy {number}".encode(), f"hash-{number}", str(100 + number))


def saved(history: ChainedHistory, count: int, first: int = 1) -> None:
    async def save() -> None:
        for number in range(first, first + count):
            await history.append(a_state(number), kind="auto", actor=ANNA, reason=f"why {number}")

    asyncio.run(save())


def problems(history: ChainedHistory, key: bytes | None = None) -> list[str]:
    return asyncio.run(history.verify(key))


def test_r018_r034_what_was_saved_is_listed_newest_first_with_who_when_and_why(make: Make) -> None:
    saved(make(), 5)
    found, total = asyncio.run(make().list(3))
    assert ([r.number for r in found], total) == ([5, 4, 3], 5)
    further, _ = asyncio.run(make().list(3, before=3))
    assert [r.number for r in further] == [2, 1]
    newest = found[0]
    assert (newest.actor, newest.via, newest.reason, newest.kind) == ("anna", "web", "why 5", "auto")
    assert (newest.created_at, newest.hash, newest.revision) == ("2026-01-02T03:04:05Z", "hash-5", "105")
    assert asyncio.run(make().get(5)) == newest == asyncio.run(make().newest())
    assert newest.text == b"policy 5"
    assert problems(make()) == []


def test_r035_an_unknown_revision_is_told(make: Make) -> None:
    with pytest.raises(NoSuchRevision, match="no revision 7"):
        asyncio.run(make().get(7))
    assert asyncio.run(make().list(10)) == ([], 0)
    assert asyncio.run(make().newest()) is None
    assert problems(make()) == []


def test_the_oldest_are_forgotten_and_the_chain_still_holds(make: Make) -> None:
    saved(make(keep=3, sign=signer_of(KEY)), 8)
    found, total = asyncio.run(make().list(10))
    assert ([r.number for r in found], total) == ([8, 7, 6], 3)
    assert problems(make(), KEY) == []


def test_many_at_once_lose_nothing_and_share_no_number(make: Make) -> None:
    async def crowd() -> list[int]:
        writers = [make(keep=1000) for _ in range(4)]
        done = await asyncio.gather(
            *(w.append(a_state(n), kind="auto", actor=ANNA, reason="") for n in range(6) for w in writers)
        )
        return sorted(r.number for r in done)

    assert asyncio.run(crowd()) == list(range(1, 25))
    assert asyncio.run(make().list(100))[1] == 24
    assert problems(make()) == []


def test_a_writer_that_died_before_it_moved_the_head_breaks_nothing(make: Make) -> None:
    saved(make(), 2)

    class Dead(Exception):
        pass

    history = make()
    with pytest.MonkeyPatch.context() as patch:

        async def dies(*_: Any) -> bool:
            raise Dead

        patch.setattr(history._shelf, "set_head", dies)
        with pytest.raises(Dead):
            saved(history, 1, first=3)
    assert problems(make()) == []
    saved(make(), 1, first=4)
    assert [r.number for r in asyncio.run(make().list(10))[0]] == [4, 3, 2, 1]
    assert problems(make()) == []


# What a tamperer does to a folder of files.


def a_folder(tmp_path: Path, count: int = 5, **options: Any) -> Path:
    folder = tmp_path / "history"
    if not folder.exists():
        saved(FileHistory(folder, clock=lambda: NOW, **options), count)
    return folder


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_any_revision_is_detected(tmp_path: Path, data: st.DataObject) -> None:
    folder = a_folder(tmp_path)
    path = folder / f"{data.draw(st.integers(1, 5))}.json"
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    changed = whole[:at] + bytes([other]) + whole[at + 1 :]
    path.write_bytes(changed)
    try:
        found = problems(FileHistory(folder))
        # Only layout that JSON does not care about may differ without a word.
        assert found or _same_json(changed, whole)
    finally:
        path.write_bytes(whole)


def _same_json(a: bytes, b: bytes) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return False


@given(st.permutations([1, 2, 3, 4, 5]), st.sets(st.integers(1, 5), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_reordered_or_removed_revision_is_detected(tmp_path: Path, order: list[int], gone: set[int]) -> None:
    folder = a_folder(tmp_path)
    whole = {number: (folder / f"{number}.json").read_bytes() for number in range(1, 6)}
    try:
        for number, source in zip(range(1, 6), order, strict=True):
            (folder / f"{number}.json").write_bytes(whole[source])
        for number in gone:
            (folder / f"{number}.json").unlink()
        assert bool(problems(FileHistory(folder))) is (bool(gone) or order != [1, 2, 3, 4, 5])
    finally:
        for number, content in whole.items():
            (folder / f"{number}.json").write_bytes(content)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_revision_forged_with_a_chain_of_its_own_is_detected(tmp_path: Path, number: int) -> None:
    from extender.control.revision import decoded

    folder = a_folder(tmp_path)
    record = json.loads((folder / f"{number}.json").read_bytes()) | {"text": "mine"}
    record["chain"] = decoded(record).chained()
    (folder / f"{number}.json").write_text(json.dumps(record))
    assert problems(FileHistory(folder))


def test_a_removed_head_is_detected(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "head.json").unlink()
    assert "head" in problems(FileHistory(folder))[0]


def _rewritten(folder: Path, number: int) -> None:
    """A tamperer who knows the format chains everything anew."""
    from extender.control.revision import decoded

    previous = None
    for at in range(1, 6):
        path = folder / f"{at}.json"
        record = json.loads(path.read_bytes())
        if at == number:
            record["text"] = "mine"
        if previous is not None:
            record["previous"] = previous
        record["chain"] = decoded(record).chained()
        previous = record["chain"]
        path.write_text(json.dumps(record))
    head = json.loads((folder / "head.json").read_bytes())
    (folder / "head.json").write_text(json.dumps(head | {"last_chain": previous}))


def test_a_rewrite_of_the_whole_chain_is_detected_by_its_signatures_only(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, sign=signer_of(KEY))
    assert problems(FileHistory(folder), KEY) == []
    _rewritten(folder, 2)
    assert problems(FileHistory(folder)) == []
    found = problems(FileHistory(folder), KEY)
    assert any("revision 2 is signed with another key" in problem for problem in found)
    assert any("head" in problem for problem in found)


def test_an_unsigned_history_does_not_pass_with_a_key_nor_one_of_another_key(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert len(problems(FileHistory(folder), KEY)) == 6
    signed = a_folder(tmp_path / "2", sign=signer_of(KEY))
    assert len(problems(FileHistory(signed), KEY + b"x")) == 6


def test_ed25519_signs_with_the_private_key_and_verifies_with_the_public_one(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    folder = a_folder(tmp_path, sign=signer_of(private))
    assert problems(FileHistory(folder), public) == []
    other = Ed25519PrivateKey.generate().public_key()
    assert problems(FileHistory(folder), other.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BadKey, match="private"):
        signer_of(public).sign(b"x")
    with pytest.raises(BadKey, match="cannot be read"):
        signer_of(b"-----BEGIN PUBLIC KEY-----\nno\n-----END PUBLIC KEY-----\n")


def test_a_key_too_short_is_refused_and_a_line_end_is_no_part_of_it() -> None:
    with pytest.raises(BadKey, match="at least 16"):
        signer_of(b"short\n")
    with pytest.raises(BadKey, match="at least 16"):
        Seal(b"short\n")
    assert signer_of(KEY + b"\n").verify(b"m", signer_of(KEY).sign(b"m"))


def test_r283_a_sealed_history_shows_no_text_and_opens_with_its_key_only(make: Make, tmp_path: Path) -> None:
    history = make(seal=Seal(KEY))
    asyncio.run(history.append(a_state(1, b"address: http://secret-place"), kind="auto", actor=ANNA, reason=""))
    (record,) = asyncio.run(make().records())
    assert "secret-place" not in json.dumps(record)
    assert asyncio.run(history.get(1)).text == b"address: http://secret-place"
    with pytest.raises(Invalid, match="sealed"):
        asyncio.run(make().get(1))
    with pytest.raises(Invalid, match="another key"):
        asyncio.run(make(seal=Seal(KEY + b"x")).get(1))
    assert asyncio.run(make().list(5))[0][0].text == b""
    assert problems(make()) == []


@given(st.binary(max_size=200))
def test_any_text_is_kept_as_it_was(text: bytes) -> None:
    assert unkept(*kept(text)) == text


def test_a_long_text_is_packed_and_a_bomb_is_not_unpacked(make: Make) -> None:
    text = b"# a comment\n" * 80_000
    asyncio.run(make().append(a_state(1, text), kind="auto", actor=ANNA, reason=""))
    assert asyncio.run(make().get(1)).text == text
    (record,) = asyncio.run(make().records())
    assert len(json.dumps(record)) < 20_000
    with pytest.raises(ValueError, match="longer"):
        unkept(*kept(b"x" * (2**20 + 1)))


def test_a_revision_that_was_changed_is_not_given_out(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    record = json.loads((folder / "2.json").read_bytes())
    (folder / "2.json").write_text(json.dumps(record | {"text": "mine"}))
    with pytest.raises(Invalid, match="verify"):
        asyncio.run(FileHistory(folder).get(2))


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_the_controller_revisions_are_labelled_and_numbered(tmp_path: Path) -> None:
    api = FakeApi()
    saved(ControllerRevisionHistory(api, NAMESPACE, NAME), 2)
    found = api.objects[f"{REVISIONS}/{NAME}-2"]
    assert found["metadata"]["labels"]["policy.trimtab.dev/policy"] == NAME
    assert (found["kind"], found["apiVersion"], found["revision"]) == ("ControllerRevision", "apps/v1", 2)


def test_two_policies_with_one_beginning_keep_their_histories_apart() -> None:
    api = FakeApi()
    saved(ControllerRevisionHistory(api, NAMESPACE, "policy"), 2)
    saved(ControllerRevisionHistory(api, NAMESPACE, "policy-2"), 3)
    saved(ControllerRevisionHistory(api, NAMESPACE, "p" * 200), 1)
    for name, count in (("policy", 2), ("policy-2", 3), ("p" * 200, 1)):
        history = ControllerRevisionHistory(api, NAMESPACE, name)
        assert asyncio.run(history.list(10))[1] == count
        assert problems(history) == []


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(KubeError("no route"), Unreachable), (Response(403, b'{"message":"no"}', {}), Forbidden)],
)
def test_a_cluster_that_does_not_answer_or_forbids_is_told(trouble: Any, kind: type[Exception]) -> None:
    api = FakeApi()
    saved(ControllerRevisionHistory(api, NAMESPACE, NAME), 1)
    api.hook = lambda *_: trouble
    history = ControllerRevisionHistory(api, NAMESPACE, NAME)
    for call in (history.get(1), history.list(1), history.verify(None), history.newest()):
        with pytest.raises(kind):
            asyncio.run(call)
    with pytest.raises(kind):
        asyncio.run(history.append(a_state(2), kind="auto", actor=Actor("x"), reason=""))
