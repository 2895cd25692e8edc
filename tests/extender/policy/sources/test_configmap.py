from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from extender.kube import KubeError, Response
from extender.policy.sources import ConfigMapSource, configmap
from tests.extender.policy.fake_api import CONFIGMAPS, NAMESPACE, FakeApi
from tests.extender.policy.waiting import Offers, running, until

NAME = "trimtab-policy"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configmap, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(configmap, "BACKOFF_MAX_S", 0.01)


def tell(story: Callable[[FakeApi, Offers, ConfigMapSource], Awaitable[None]], api: FakeApi) -> None:
    async def told() -> None:
        source = ConfigMapSource(api, NAMESPACE, NAME)
        async with running(source) as offers:
            await story(api, offers, source)

    asyncio.run(told())


def an_api(text: str | None = "one") -> FakeApi:
    api = FakeApi()
    api.put("other", {"policy.yaml": "not ours"})
    if text is not None:
        api.put(NAME, {"policy.yaml": text})
    return api


def lists(api: FakeApi) -> int:
    return api.calls.count(("GET", CONFIGMAPS))


def test_the_configmap_is_offered_and_then_each_change_of_its_data() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        first = await offers.next()
        assert (first.text, first.source) == (b"one", f"configmap/{NAMESPACE}/{NAME}")
        assert first.revision == api.named(NAME)["metadata"]["resourceVersion"]
        api.put(NAME, {"policy.yaml": "two"})
        second = await offers.next()
        assert (second.text, second.revision) == (b"two", api.named(NAME)["metadata"]["resourceVersion"])

    tell(story, an_api())


def test_a_change_outside_the_data_is_no_revision() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        api.put(NAME, {"policy.yaml": "one"}, annotations={"policy.trimtab.dev/status": "{}"})
        api.put("other", {"policy.yaml": "changed"})
        api.put(NAME, {"policy.yaml": "two"})
        assert (await offers.next()).text == b"two"
        assert len(offers.all) == 2

    tell(story, an_api())


def test_deletion_is_offered_and_so_is_the_same_data_when_it_comes_back() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        api.delete(NAME)
        gone = await offers.next()
        assert (gone.text, gone.error) == (None, "")
        api.put(NAME, {"policy.yaml": "one"})
        assert (await offers.next()).text == b"one"

    tell(story, an_api())


def test_an_absent_configmap_is_said_at_once_and_its_coming_is_noticed() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        assert (await offers.next()).text is None
        api.put(NAME, {"policy.yaml": "one"})
        assert (await offers.next()).text == b"one"

    tell(story, an_api(None))


def test_a_watch_that_ends_is_resumed_without_a_list_and_nothing_is_lost() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        api.bookmark()
        for round_ in range(3):
            api.hang_up()
            api.put(NAME, {"policy.yaml": f"text {round_}"})
            assert (await offers.next()).text == f"text {round_}".encode()
        assert lists(api) == 1

    tell(story, an_api())


def test_a_history_that_is_gone_is_answered_by_a_list() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        api.put(NAME, {"policy.yaml": "two"})
        await offers.next()
        api.hang_up()
        api.compact()
        await until(lambda: lists(api) == 2)
        api.put(NAME, {"policy.yaml": "three"})
        assert (await offers.next()).text == b"three"
        assert [offer.text for offer in offers.all] == [b"one", b"two", b"three"]

    tell(story, an_api())


def test_an_edit_during_a_lost_history_is_found_by_the_list() -> None:
    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        await until(lambda: api.watches == 1)
        api.hook = lambda method, _path, _body: KubeError("down") if method == "WATCH" else None
        api.hang_up()
        api.put(NAME, {"policy.yaml": "two"})
        api.compact()
        api.hook = lambda _method, _path, _body: None
        assert (await offers.next()).text == b"two"

    tell(story, an_api())


def test_a_version_that_the_server_refuses_again_and_again_is_given_up_for_a_list() -> None:
    """A server restored from a backup knows no version as young as ours, and need not say 410."""

    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        await offers.next()
        await until(lambda: api.watches == 1)

        def hook(method: str, _path: str, _body: object) -> KubeError | None:
            refused = method == "WATCH" and lists(api) == 1
            return KubeError("504 too large resource version", status=504) if refused else None

        api.hook = hook
        api.put(NAME, {"policy.yaml": "two"})
        api._history.clear()
        api.hang_up()
        assert (await offers.next()).text == b"two"

    tell(story, an_api())


def test_an_unreachable_api_server_is_said_once_at_the_start_and_then_waited_for() -> None:
    api = an_api()
    api.hook = lambda _method, _path, _body: KubeError("connection refused")

    async def story(api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        first = await offers.next()
        assert first.text is None
        assert "connection refused" in first.error
        api.hook = lambda _method, _path, _body: None
        while (await offers.next()).text != b"one":
            pass

    tell(story, api)


def test_missing_rights_are_said_with_what_to_grant_also_later_and_recovery_offers_the_text_again() -> None:
    forbidden = Response(403, json.dumps({"message": "cannot list configmaps"}).encode(), {})

    async def story(api: FakeApi, offers: Offers, source: ConfigMapSource) -> None:
        assert (await offers.next()).text == b"one"
        api.hook = lambda method, _path, _body: forbidden if method == "GET" else None
        source.poke()
        error = (await offers.next()).error
        assert "cannot list configmaps" in error
        assert "grant get, list and watch" in error
        api.hook = lambda _method, _path, _body: None
        while (await offers.next()).text != b"one":
            pass

    tell(story, an_api())


def test_a_poke_lists_and_offers_again_though_nothing_changed() -> None:
    async def story(api: FakeApi, offers: Offers, source: ConfigMapSource) -> None:
        first = await offers.next()
        await until(lambda: api.watches == 1)
        api.put(NAME, {"policy.yaml": "one"}, annotations={"policy.trimtab.dev/status": "{}"})
        source.poke()
        again = await offers.next()
        assert (again.text, again.revision) == (b"one", first.revision)
        assert lists(api) == 2
        api.put(NAME, {"policy.yaml": "two"})
        assert (await offers.next()).text == b"two"

    tell(story, an_api())


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"items": null}'])
def test_a_senseless_answer_to_a_list_is_survived(body: bytes) -> None:
    api = an_api()
    api.hook = lambda method, _path, _body: Response(200, body, {}) if method == "GET" else None

    async def story(api: FakeApi, offers: Offers, source: ConfigMapSource) -> None:
        assert (await offers.next()).text is None
        api.hook = lambda _method, _path, _body: None
        source.poke()
        while (await offers.next()).text != b"one":
            pass

    tell(story, api)


def test_the_three_flat_keys_of_the_data_are_offered_as_one_text() -> None:
    api = an_api(None)
    api.put(NAME, {"enabled_plugins": "filter: [QoS]"})

    async def story(_api: FakeApi, offers: Offers, _source: ConfigMapSource) -> None:
        text = (await offers.next()).text
        assert text is not None
        assert json.loads(text) == {"enabled_plugins": "filter: [QoS]"}

    tell(story, api)
