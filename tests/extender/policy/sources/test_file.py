from __future__ import annotations

import asyncio
import os
from pathlib import Path

from extender.policy.reading import TEXT_BYTES_MAX
from extender.policy.sources import FileSource
from extender.policy.text import content_hash
from tests.extender.policy.waiting import running


def _source(path: Path) -> FileSource:
    return FileSource(path, poll_s=0.02)


def test_what_the_file_holds_is_offered_with_its_hash_as_revision(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")

    async def story() -> None:
        async with running(_source(path)) as offers:
            first = await offers.next()
            assert (first.text, first.revision, first.source, first.error) == (
                b"one",
                content_hash(b"one"),
                str(path),
                "",
            )
            path.write_bytes(b"two")
            assert (await offers.next()).text == b"two"

    asyncio.run(story())


def test_an_editor_that_replaces_the_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")

    async def story() -> None:
        async with running(_source(path)) as offers:
            await offers.next()
            (tmp_path / "new").write_bytes(b"two")
            (tmp_path / "new").replace(path)
            assert (await offers.next()).text == b"two"

    asyncio.run(story())


def test_an_edit_that_keeps_size_and_time_is_noticed_while_the_file_is_young(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")
    times = path.stat()

    async def story() -> None:
        async with running(_source(path)) as offers:
            await offers.next()
            path.write_bytes(b"two")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            assert (await offers.next()).text == b"two"

    asyncio.run(story())


def test_the_swapped_symlink_of_a_projected_volume_is_noticed(tmp_path: Path) -> None:
    """As the kubelet does it: data in a dated folder, `..data` points at it, the file's link goes through `..data`."""

    def publish(name: str, text: bytes) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_bytes(text)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    publish("..2026_01_01", b"one")
    path = tmp_path / "policy.yaml"
    path.symlink_to("..data/policy.yaml")

    async def story() -> None:
        async with running(_source(path)) as offers:
            assert (await offers.next()).text == b"one"
            publish("..2026_01_02", b"two")
            assert (await offers.next()).text == b"two"

    asyncio.run(story())


def test_a_deleted_file_is_offered_as_deleted_and_again_when_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")

    async def story() -> None:
        async with running(_source(path)) as offers:
            await offers.next()
            path.unlink()
            gone = await offers.next()
            assert (gone.text, gone.error) == (None, "")
            path.write_bytes(b"one")
            assert (await offers.next()).text == b"one"

    asyncio.run(story())


def test_a_file_that_vanishes_only_for_a_moment_was_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")

    async def story() -> None:
        async with running(_source(path)) as offers:
            await offers.next()
            path.unlink()
            await asyncio.sleep(0.1)
            path.write_bytes(b"two")
            assert (await offers.next()).text == b"two"
            assert [offer.text for offer in offers.all] == [b"one", b"two"]

    asyncio.run(story())


def test_a_missing_file_is_said_at_once_and_its_coming_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "later" / "policy.yaml"

    async def story() -> None:
        async with running(_source(path)) as offers:
            assert (await offers.next()).text is None
            path.parent.mkdir()
            path.write_bytes(b"one")
            assert (await offers.next()).text == b"one"

    asyncio.run(story())


def test_a_file_written_in_pieces_is_offered_whole(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"old")

    async def story() -> None:
        async with running(_source(path)) as offers:
            await offers.next()
            with path.open("wb") as file:
                for piece in range(30):
                    file.write(b"%02d " % piece)
                    file.flush()
                    await asyncio.sleep(0.005)
            while (await offers.next()).text != path.read_bytes():
                pass
            assert offers.none_waits()

    asyncio.run(story())


def test_a_directory_in_its_place_is_trouble_and_no_deletion(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(_source(tmp_path)) as offers:
            offer = await offers.next()
            assert offer.text is None
            assert "cannot read" in offer.error

    asyncio.run(story())


def test_a_huge_file_is_read_no_further_than_needed_to_refuse_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    with path.open("wb") as file:
        file.truncate(50 * TEXT_BYTES_MAX)

    async def story() -> None:
        async with running(_source(path)) as offers:
            text = (await offers.next()).text
            assert text is not None
            assert len(text) == TEXT_BYTES_MAX + 1

    asyncio.run(story())


def test_a_poke_offers_the_file_again_though_it_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")

    async def story() -> None:
        source = FileSource(path, poll_s=3600)
        async with running(source) as offers:
            await offers.next()
            source.poke()
            assert (await offers.next()).text == b"one"

    asyncio.run(story())
