"""The audit trail: appended by anybody, changed by nobody unseen."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.control import Actor, FileAudit, LogAudit, Unreachable
from extender.control.audit import Recorded, entry_of
from tests.extender.control.desks import ANNA, NOW


def appended(path: Path, count: int, **options: int) -> FileAudit:
    audit = FileAudit(path, clock=lambda: NOW, **options)

    async def append() -> None:
        for number in range(count):
            await audit.append(entry_of(ANNA, "enable", f"plugin {number}", "why", before="b", after="a"))

    asyncio.run(append())
    return audit


def newest(audit: FileAudit, limit: int = 1000, before: int | None = None) -> list[Recorded]:
    return asyncio.run(audit.newest(limit, before))


def test_r282_a_record_says_who_when_what_before_after_by_which_way_and_with_what_result(tmp_path: Path) -> None:
    appended(tmp_path / "audit.jsonl", 1)
    (line,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told | {"hash": ""} == {
        "action": "enable", "target": "plugin 0", "actor": "anna", "groups": ["admins"], "via": "web", "reason": "why",
        "before": "b", "after": "a", "result": "done", "code": 200, "message": "", "requestId": "r1",
        "address": "127.0.0.1", "seq": 1, "at": "2026-01-02T03:04:05Z", "previous": "0" * 64, "hash": "",
    }  # fmt: skip
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_records_are_listed_newest_first_below_a_number(tmp_path: Path) -> None:
    audit = appended(tmp_path / "audit.jsonl", 5)
    assert [r.seq for r in newest(audit, 2)] == [5, 4]
    assert [r.seq for r in newest(audit, 2, before=4)] == [3, 2]
    assert asyncio.run(audit.verify()) == []


def test_full_files_are_put_aside_and_the_chain_goes_on_and_the_oldest_are_removed(tmp_path: Path) -> None:
    audit = appended(tmp_path / "audit.jsonl", 20, bytes_max=1500, files_max=3)
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert len(names) == 4
    found = [record.seq for record in newest(audit)]
    assert found == list(range(20, found[-1] - 1, -1))
    assert 1 not in found
    assert asyncio.run(audit.verify()) == []
    assert all(path.stat().st_size <= 1500 for path in tmp_path.iterdir())


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_r282_any_changed_byte_and_any_removed_or_moved_line_but_the_last_is_detected(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "audit.jsonl"
    audit = FileAudit(path) if path.exists() else appended(path, 4)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    how = data.draw(st.sampled_from(["byte", "gone", "moved"]))
    if how == "byte":
        at = data.draw(st.integers(0, len(whole) - 1))
        other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
        changed = whole[:at] + bytes([other]) + whole[at + 1 :]
    elif how == "gone":
        gone = data.draw(st.integers(1, len(lines) - 2))
        changed = b"".join(line for number, line in enumerate(lines) if number != gone)
    else:
        order = data.draw(st.permutations(lines).filter(lambda found: list(found) != lines))
        changed = b"".join(order)
    path.write_bytes(changed)
    try:
        # The byte may be the line end of the last record, which another one leaves as it is.
        assert asyncio.run(audit.verify()) or changed.splitlines() == whole.splitlines() or changed[:-1] == whole[:-1]
    finally:
        path.write_bytes(whole)


def test_half_a_line_after_a_crash_spoils_no_other_record(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    appended(path, 2)
    with path.open("ab") as file:
        file.write(b'{"action": "ena')
    audit = appended(path, 1)
    assert [record.seq for record in newest(audit)] == [3, 2, 1]
    assert asyncio.run(audit.verify()) == ["audit.jsonl:3: not a record"]


def _work(path: Path, name: str) -> None:
    audit = FileAudit(path)
    for number in range(10):
        asyncio.run(audit.append(entry_of(Actor(name), "put", str(number), "")))


def test_programs_that_append_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_work, args=(path, name)) for name in ("a", "b")]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    audit = FileAudit(path)
    assert [record.seq for record in newest(audit)] == list(range(20, 0, -1))
    assert asyncio.run(audit.verify()) == []


def test_a_trail_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="audit trail"):
        appended(tmp_path / "file" / "audit.jsonl", 1)


def test_without_a_file_the_trail_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    asyncio.run(LogAudit().append(entry_of(ANNA, "enable", "QoS", "why")))
    assert '"actor":"anna"' in caplog.text
