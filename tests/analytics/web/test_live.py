"""Live events: order, catching up, slow readers, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from analytics.web import live
from analytics.web.feed import Feed
from analytics.web.live import Broadcaster, TooManyClients
from tests.analytics.web.a_console import T0_US, a_store, found
from tests.browser.frames import Cluster


async def _next(stream: AsyncIterator[bytes]) -> str:
    return (await asyncio.wait_for(anext(stream), 30)).decode()


def test_a_new_reader_learns_where_it_stands_and_then_gets_events_in_order() -> None:
    async def read() -> list[str]:
        broadcaster = Broadcaster("b")
        broadcaster.publish("decisions", b"1")
        stream = broadcaster.open("")
        texts = [await _next(stream)]
        broadcaster.publish("decisions", b"2")
        broadcaster.publish("decisions", b"3")
        return [*texts, await _next(stream), await _next(stream)]

    hello, second, third = asyncio.run(read())
    assert hello == "retry: 2000\n\nid: b-1\nevent: hello\ndata: {}\n\n"
    assert second == "id: b-2\nevent: decisions\ndata: 2\n\n"
    assert third.startswith("id: b-3")


@pytest.mark.parametrize(
    ("last", "expected"),
    [("b-2", ["id: b-3", "id: b-4"]), ("b-4", ["event: hello"]), ("other-3", ["event: resync"]), ("b-x", ["resync"])],
)
def test_a_returning_reader_gets_what_it_missed_or_is_told_to_load_afresh(last: str, expected: list[str]) -> None:
    async def read() -> str:
        broadcaster = Broadcaster("b")
        for at in range(4):
            broadcaster.publish("decisions", str(at).encode())
        return await _next(broadcaster.open(last))

    text = asyncio.run(read())
    assert [part in text for part in expected] == [True] * len(expected)
    assert "id: b-2\n" not in text


def test_a_reader_away_for_too_long_loads_afresh() -> None:
    async def read() -> str:
        broadcaster = Broadcaster("b")
        for at in range(live.HISTORY_MAX + 2):
            broadcaster.publish("decisions", str(at).encode())
        return await _next(broadcaster.open("b-1"))

    assert "resync" in asyncio.run(read())


def test_a_slow_reader_never_holds_more_than_its_queue_and_is_told_to_load_afresh() -> None:
    async def read() -> list[str]:
        broadcaster = Broadcaster("b")
        stream = broadcaster.open("")
        texts = [await _next(stream)]
        for at in range(live.QUEUE_MAX + 1):
            broadcaster.publish("decisions", str(at).encode())
        broadcaster.publish("decisions", b"last")
        return [*texts, await _next(stream), await _next(stream)]

    _, first, second = asyncio.run(read())
    assert "event: resync" in first
    assert "data: last" in second


def test_streams_beyond_the_limit_are_refused_and_a_closed_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read() -> None:
        monkeypatch.setattr(live, "CLIENTS_MAX", 1)
        broadcaster = Broadcaster("b")
        stream = broadcaster.open("")
        await _next(stream)
        with pytest.raises(TooManyClients):
            broadcaster.open("")
        await stream.aclose()  # type: ignore[attr-defined]
        assert broadcaster.clients == 0
        broadcaster.open("")

    asyncio.run(read())


def test_a_silent_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read() -> str:
        monkeypatch.setattr(live, "KEEP_ALIVE_S", 0.01)
        stream = Broadcaster("b").open("")
        await _next(stream)
        return await _next(stream)

    assert asyncio.run(read()) == ": alive\n\n"


def test_closing_ends_every_stream() -> None:
    async def read() -> None:
        broadcaster = Broadcaster("b")
        stream = broadcaster.open("")
        await _next(stream)
        broadcaster.close()
        with pytest.raises(StopAsyncIteration):
            await _next(stream)

    asyncio.run(read())


def test_the_feed_tells_what_the_store_took_in_after_the_reader_came(monkeypatch: pytest.MonkeyPatch) -> None:
    from analytics.ingest.batch import build
    from analytics.ingest.known import KnownDecisions

    async def read() -> str:
        monkeypatch.setattr("analytics.web.feed.POLL_S", 0.01)
        cluster = Cluster()
        store = a_store(cluster.decision(T0_US, end="scheduled"))
        broadcaster = Broadcaster("b")
        stream = broadcaster.open("")
        await _next(stream)
        feed = asyncio.create_task(Feed(store, broadcaster).run())
        assert "event: hello" in await _next(stream)  # the feed has noted where the store stands
        later = build(
            found(cluster.decision(T0_US + 1, end="scheduled")), KnownDecisions([], lambda _: None), T0_US + 9
        )
        store.write(later.rows)
        text = await _next(stream)
        feed.cancel()
        store.close()
        return text

    text = asyncio.run(read())
    assert "event: decisions" in text
    assert '"more":false' in text
    assert text.count('"phases"') == 1


def test_a_stream_that_nobody_ever_read_takes_no_place() -> None:
    """A browser may be gone before the first byte; then nothing ends the stream that was never begun."""

    async def read() -> int:
        broadcaster = Broadcaster("b")
        for _ in range(3):
            await broadcaster.open("").aclose()  # type: ignore[attr-defined]
        return broadcaster.clients

    assert asyncio.run(read()) == 0


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "²"])
def test_an_absurd_last_id_is_told_to_load_afresh(number: str) -> None:
    async def read() -> str:
        return await _next(Broadcaster("b").open(f"b-{number}"))

    assert "resync" in asyncio.run(read())


def test_who_comes_back_after_nobody_listened_loads_afresh() -> None:
    """While nobody listens the store is not asked, so the history does not hold what came then."""

    async def read() -> str:
        broadcaster = Broadcaster("b")
        broadcaster.publish("decisions", b"1")
        broadcaster.pause()
        broadcaster.publish("decisions", b"2")
        return await _next(broadcaster.open("b-1"))

    assert "event: resync" in asyncio.run(read())


def test_what_came_between_the_readers_list_and_the_feeds_first_look_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The feed says `hello` once it knows where the store stands: a list loaded after that misses nothing."""

    async def read() -> str:
        monkeypatch.setattr("analytics.web.feed.POLL_S", 0.01)
        store = a_store(Cluster().decision(T0_US, end="scheduled"))
        broadcaster = Broadcaster("b")
        stream = broadcaster.open("")
        await _next(stream)
        feed = asyncio.create_task(Feed(store, broadcaster).run())
        text = await _next(stream)
        feed.cancel()
        store.close()
        return text

    assert "event: hello" in asyncio.run(read())
