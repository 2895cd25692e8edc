from __future__ import annotations

from pathlib import Path

import pytest

from extender.framework.cache import KernelCacheError, prepare_cache


def test_the_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    prepare_cache(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_that_takes_no_files_is_refused_with_what_to_set(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file stands here")
    with pytest.raises(KernelCacheError, match=r"taken cannot be written .*--kernel-cache"):
        prepare_cache(taken)
    with pytest.raises(KernelCacheError, match="--kernel-cache"):
        prepare_cache(Path("/proc/nowhere"))
