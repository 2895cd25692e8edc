"""A sealed file is whole or it is nothing."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from extender.native.sealed import opened, read_sealed, sealed, write_whole

CONTENT = st.binary(max_size=200)
NOTE = st.one_of(st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))


@given(CONTENT, NOTE)
def test_what_was_sealed_comes_out(content: bytes, note: object) -> None:
    assert opened(sealed(content, note)) == (content, note)


@given(CONTENT, NOTE, st.data())
def test_a_file_that_breaks_off_or_was_changed_is_nothing(content: bytes, note: object, data: st.DataObject) -> None:
    whole = sealed(content, note)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    assert opened(bytes(flipped)) is None
    assert opened(whole[:at]) is None


def test_a_file_is_replaced_whole_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    for content in (b"first", b"second"):
        write_whole(path, sealed(content, ""))
        assert read_sealed(path) == (content, "")
    assert list(path.parent.iterdir()) == [path]
    assert read_sealed(tmp_path / "absent") is None
