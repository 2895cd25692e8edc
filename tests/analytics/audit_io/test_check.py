"""R-131: --validate-config says what is wrong with a log, or nothing."""

from __future__ import annotations

from analytics.ingest.audit import check, validate_config
from tests.analytics.audit_io.events import bound, line, lines


def test_r131_a_log_that_can_be_read_and_understood_is_well(tmp_path):
    log = tmp_path / "audit.log"
    log.write_bytes(lines(bound("web-0", "n"), bound("web-1", "n")) + line(bound("torn", "n"))[:50])
    assert validate_config([log]) == []
    (tmp_path / "empty.log").touch()
    assert validate_config([tmp_path / "empty.log"]) == []


def test_r131_every_log_that_is_not_well_is_told(tmp_path):
    (tmp_path / "words.log").write_text("hello\n" * 10)
    (problem, *_more) = validate_config([tmp_path / "none.log"])
    assert problem.startswith(f"{tmp_path / 'none.log'}: there is no such file")
    assert "is no regular file" in validate_config([tmp_path])[0]
    words = validate_config([tmp_path / "words.log"])
    assert words[0].startswith(f"{tmp_path / 'words.log'}, line 1: no audit event")
    assert words[-1].endswith("10 of the first 10 lines are no audit events")
    assert len(words) == 4


def test_r131_a_log_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    """Root, which CI may be, may read every file: the refusal is the system's, put in its place."""

    def refused(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(check, "Log", refused)
    log = tmp_path / "audit.log"
    log.touch()
    assert validate_config([log]) == [f"{log}: permission denied: let this program read it"]
