"""The desk: the order of a change, what is answered, and that a refusal changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.control import (
    Actor,
    Changed,
    Conflict,
    Desk,
    Forbidden,
    Invalid,
    NoSuchRevision,
    NotFound,
    Refused,
    Replica,
    TooLarge,
    Unreachable,
    Unreadable,
)
from extender.kube import KubeError, Response
from extender.policy import parse
from extender.policy import writer as writer_module
from tests.extender.control.desks import ANNA, FLAT, FLAT_KEYS, NAME, an_api, extenders_follow, on_cluster, on_files
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE, HEAD, a_policy
from tests.extender.policy.fake_api import CONFIGMAPS, REVISIONS, FakeApi

BEN = Actor("ben", via="cli")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", 0.0)


def enabled(desk: Desk, plugin: str = "Rescheduler", phases: list[str] | None = None, **more: Any) -> Changed:
    return asyncio.run(desk.enable(plugin, phases, actor=ANNA, **more))


def data(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = asyncio.run(desk.plugins())["data"]
    return found


def refusal(call: Awaitable[Any]) -> Refused:
    async def made() -> Any:
        return await call

    with pytest.raises(Refused) as caught:
        asyncio.run(made())
    return caught.value


# What is answered.


def test_r026_the_answer_has_exactly_the_shape_of_the_requirement(tmp_path: Path) -> None:
    answer = asyncio.run(on_files(tmp_path, FLAT).plugins())
    assert list(answer) == ["status", "data", "supported_plugins", "supported_phases"]
    assert answer["status"] == "success"
    assert answer["data"] == {
        "enabled_plugins": {"filter": ["Rescheduler"], "score": ["Rescheduler"]},
        "disabled_plugins": {"filter": ["Coscheduling"]},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 80.0}},
    }
    assert answer["supported_plugins"][:2] == ["Rescheduler", "Coscheduling"]
    assert answer["supported_phases"][:4] == ["filter", "score", "reserve", "preBind"]


def test_r027_r035_enabling_answers_with_message_phases_config_revision_and_backup(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    changed = enabled(desk, phases=["score", "filter"])
    assert changed.message == "Rescheduler enabled in filter, score"
    assert (changed.plugin, changed.phases, changed.config) == ("Rescheduler", ["filter", "score"], {})
    assert changed.backup_id == 1
    stored = asyncio.run(desk.policy())
    assert (changed.revision, changed.hash) == (stored.revision, stored.hash)
    assert "Rescheduler" in data(desk)["enabled_plugins"]["filter"]


def test_r028_disabling_lists_the_plugin_and_repeating_it_changes_and_saves_nothing(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    first = asyncio.run(desk.disable("TargetLoadPacking", ["score"], actor=ANNA))
    assert first.message == "TargetLoadPacking disabled in score"
    again = asyncio.run(desk.disable("TargetLoadPacking", ["score"], actor=ANNA))
    assert (first.changed, again.changed, again.revision, again.message) == (True, False, first.revision, first.message)
    assert data(desk)["disabled_plugins"] == {"score": ["TargetLoadPacking"]}
    assert asyncio.run(desk.revisions())[1] == 1


def test_r030_configuring_merges_and_answers_with_the_whole_config(tmp_path: Path) -> None:
    desk = on_files(tmp_path, FLAT)
    changed = asyncio.run(desk.configure("Rescheduler", {"cpuThreshold": 85.0}, actor=ANNA))
    assert changed.config == {"cpuThreshold": 85.0, "memoryThreshold": 80.0}
    assert data(desk)["plugin_configs"]["Rescheduler"] == changed.config


@pytest.mark.parametrize(
    ("args", "path"),
    [({"cpuThreshold": 101.0}, "cpuThreshold"),
     ({"cpuTreshold": 5.0}, "cpuTreshold"), ({"cpuThreshold": "a"}, "cpuThreshold")],
)  # fmt: skip
def test_r030_a_bad_argument_is_told_by_its_path_in_the_body_and_nothing_is_changed(
    tmp_path: Path, args: dict[str, Any], path: str
) -> None:
    desk = on_files(tmp_path)
    refused = refusal(desk.configure("Rescheduler", args, actor=ANNA))
    assert (refused.code, refused.reason, [d.path for d in refused.details]) == (422, "Invalid", [path])
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY
    assert asyncio.run(desk.revisions())[1] == 0


def test_r074_a_phase_without_effect_is_stored_with_a_warning(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    changed = enabled(desk, "PodState", ["permit", "score"])
    assert "PodState does no work in permit; it works in score" in changed.warnings
    assert data(desk)["enabled_plugins"]["permit"] == ["Coscheduling", "PodState"]


def test_r074_one_check_behind_two_switches_that_stays_off_is_told(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    asyncio.run(desk.disable("Coscheduling", ["preFilter"], actor=ANNA))
    changed = enabled(desk, "Coscheduling", ["filter"])
    assert any("stays off while preFilter is disabled" in warning for warning in changed.warnings)
    assert not any(
        "stays off" in warning for warning in enabled(desk, "Coscheduling", ["preFilter", "filter"]).warnings
    )


def test_a_limited_plugin_stays_limited_when_it_is_enabled_and_that_is_told(tmp_path: Path) -> None:
    entry = "{name: PodState, canary: {percent: 10}, until: '2027-01-01T00:00:00Z'}"
    text = f"{HEAD}profiles: [{{plugins: {{multiPoint: {{enabled: [{entry}]}}}}}}]\n"
    desk = on_files(tmp_path, text)
    changed = enabled(desk, "PodState", ["score"])
    assert "PodState stays limited by its canary and until in score" in changed.warnings
    assert not changed.changed
    assert (tmp_path / "policy.yaml").read_text() == text


def test_what_a_disabled_entry_cannot_hold_is_told_when_it_is_lost(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    changed = asyncio.run(desk.disable("TargetLoadPacking", ["score"], actor=ANNA))
    assert any("the weight of TargetLoadPacking in score" in warning for warning in changed.warnings)
    changed = asyncio.run(desk.disable("NodeResourceTopologyMatch", ["filter"], actor=ANNA))
    assert not any("are lost" in warning for warning in changed.warnings)


def test_r022_the_flat_form_stays_flat_and_says_the_rest_as_before(tmp_path: Path) -> None:
    desk = on_files(tmp_path, FLAT)
    asyncio.run(desk.enable("Coscheduling", ["filter"], actor=ANNA))
    policy = parse((tmp_path / "policy.yaml").read_bytes(), CATALOGUE)
    assert policy.form == "flat"
    assert data(desk) == {
        "enabled_plugins": {"filter": ["Rescheduler", "Coscheduling"], "score": ["Rescheduler"]},
        "disabled_plugins": {},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 80.0}},
    }


def test_r022_three_keys_of_data_stay_three_keys_and_the_untouched_ones_stay_as_they_are(tmp_path: Path) -> None:
    api = an_api(FLAT_KEYS)
    desk = on_cluster(api, tmp_path)
    asyncio.run(desk.enable("PodState", ["score"], actor=ANNA))
    held = api.named(NAME)["data"]
    assert held.keys() == FLAT_KEYS.keys()
    assert {key: held[key] for key in ("disabled_plugins", "plugin_configs")} == {
        key: FLAT_KEYS[key] for key in ("disabled_plugins", "plugin_configs")
    }
    assert data(desk)["enabled_plugins"]["score"] == ["Rescheduler", "PodState"]
    asyncio.run(desk.rollback(1, actor=ANNA))
    assert api.named(NAME)["data"] == FLAT_KEYS


def test_an_empty_policy_becomes_one_with_the_first_switch(tmp_path: Path) -> None:
    desk = on_files(tmp_path, "")
    assert data(desk) == {"enabled_plugins": {}, "disabled_plugins": {}, "plugin_configs": {}}
    enabled(desk, "PodState", ["score"])
    assert data(desk)["enabled_plugins"] == {"score": ["PodState"]}


def test_the_diff_of_a_change_names_places_and_layout_is_no_difference(tmp_path: Path) -> None:
    changed = enabled(on_files(tmp_path), "PodState", ["score"])
    (change,) = changed.diff.changes
    assert change.path == "profiles[default-scheduler].plugins.score.enabled[PodState]"
    assert (change.before, change.after) == (None, {"name": "PodState"})
    plus_and_minus = [line for line in changed.diff.unified.splitlines()[2:] if line[0] in "+-"]
    assert plus_and_minus == ["+      - name: PodState"]


# What is saved, and taken back.


def test_r018_every_change_saves_the_text_before_it_first(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    enabled(desk, phases=["filter"], reason="try it")
    (saved,), total = asyncio.run(desk.revisions())
    assert (saved.text.decode(), saved.kind, saved.actor, saved.reason, total) == (
        A_POLICY,
        "auto",
        "anna",
        "try it",
        1,
    )


def test_r018_a_failed_backup_refuses_the_change(tmp_path: Path) -> None:
    api = an_api()
    before = api.named(NAME)
    api.hook = lambda method, path, _: (
        Response(403, b'{"message":"no"}', {}) if method == "POST" and path == REVISIONS else None
    )
    assert isinstance(refusal(on_cluster(api, tmp_path).enable("PodState", None, actor=ANNA)), Forbidden)
    assert api.named(NAME) == before


def test_r019_r034_a_rollback_brings_back_the_very_text_and_is_saved_and_audited_too(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    enabled(desk, phases=["filter"])
    changed = asyncio.run(desk.rollback(1, actor=BEN))
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY
    assert (changed.message, changed.backup_id) == ("rolled back to revision 1", 2)
    assert (changed.plugin, changed.phases, changed.config) == (None, [], None)
    assert "Rescheduler" in asyncio.run(desk.revision(2)).text.decode()
    assert asyncio.run(desk.audit.newest(1))[0].action == "rollback"


def test_r034_an_unknown_revision_is_404(tmp_path: Path) -> None:
    assert isinstance(refusal(on_files(tmp_path).rollback(9, actor=ANNA)), NoSuchRevision)


def test_a_rollback_to_what_is_not_valid_any_more_is_refused(tmp_path: Path) -> None:
    desk = on_files(tmp_path, a_policy(plugin="Gone").decode())
    asyncio.run(desk.backup(actor=ANNA))
    (tmp_path / "policy.yaml").write_text(A_POLICY)
    assert isinstance(refusal(desk.rollback(1, actor=ANNA)), Invalid)
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY


def test_r033_a_backup_by_hand_is_manual(tmp_path: Path) -> None:
    saved = asyncio.run(on_files(tmp_path).backup(actor=ANNA, reason="before the holidays"))
    assert (saved.number, saved.kind, saved.created_at) == (1, "manual", "2026-01-02T03:04:05Z")


def test_a_broken_stored_policy_can_be_rolled_back_and_mended_by_an_edit_of_the_bad_part(tmp_path: Path) -> None:
    desk = on_files(tmp_path, FLAT)
    asyncio.run(desk.backup(actor=ANNA))
    (tmp_path / "policy.yaml").write_text(FLAT.replace("cpuThreshold: 80.0", "cpuThreshold: 800.0"))
    assert isinstance(refusal(desk.enable("PodState", None, actor=ANNA)), Invalid)
    assert asyncio.run(desk.configure("Rescheduler", {"cpuThreshold": 80.0}, actor=ANNA)).config == {
        "cpuThreshold": 80.0,
        "memoryThreshold": 80.0,
    }
    (tmp_path / "policy.yaml").write_text("profiles: [")
    assert isinstance(refusal(desk.enable("PodState", None, actor=ANNA)), Unreadable)
    asyncio.run(desk.rollback(1, actor=ANNA))
    assert (tmp_path / "policy.yaml").read_text() == FLAT


# Bad input: each is refused by its kind, and nothing has changed.

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(12)
)
MANY = HEAD + "profiles:\n- plugins:\n    score:\n      enabled:\n" + "      - {name: PodState}\n" * 10_000
BAD: list[tuple[bytes, type[Refused]]] = [
    (b"x" * (2**20 + 1), TooLarge),
    (b"\x00", Unreadable),
    (HEAD.encode() + b'metadata: {name: "a\x00"}\n', Unreadable),
    (b"\xff\xfe", Unreadable),
    (BOMB.encode(), Unreadable),
    (b"[" * 100_000, Unreadable),
    (b"profiles: [", Unreadable),
    (b"- a\n", Unreadable),
    (b"", Invalid),
    (b"kind: ConfigMap\n", Invalid),
    (a_policy(plugin="Nobody"), Invalid),
    (a_policy().replace(b"score", b"scor"), Invalid),
    (a_policy(weight=-1), Invalid),
    (a_policy(weight=2**70), Invalid),
    (HEAD.encode() + b"metadata: {1: 2}\n", Invalid),
    (MANY.encode(), Invalid),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), BAD, ids=range(len(BAD)))
def test_bad_policies_are_refused_by_kind_audited_and_change_nothing(
    tmp_path: Path, text: bytes, kind: type[Refused]
) -> None:
    desk = on_files(tmp_path)
    refused = refusal(desk.put(text, if_match=None, actor=ANNA))
    assert type(refused) is kind
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY
    assert asyncio.run(desk.revisions())[1] == 0
    (record,) = asyncio.run(desk.audit.newest(5))
    assert (record.result, record.code, record.action, record.actor) == ("refused", refused.code, "put", "anna")


def test_a_long_reason_is_refused(tmp_path: Path) -> None:
    refused = refusal(on_files(tmp_path).enable("PodState", None, actor=ANNA, reason="x" * 1001))
    assert [d.path for d in refused.details] == ["reason"]


def test_r022_nothing_that_an_edit_does_not_touch_changes_its_meaning(tmp_path: Path) -> None:
    other = "- schedulerName: other\n  plugins: {score: {enabled: [{name: SySched, weight: 0o17}]}} # octal\n"
    desk = on_files(tmp_path, A_POLICY.replace("0o17", "15") + other.replace("0o17", "15"))
    before = parse((tmp_path / "policy.yaml").read_bytes(), CATALOGUE)
    enabled(desk, "PodState", ["score"])
    after = parse((tmp_path / "policy.yaml").read_bytes(), CATALOGUE)
    assert after.document.profiles[1] == before.document.profiles[1]
    assert after.document.profiles[0].plugin_config == before.document.profiles[0].plugin_config


# Dry runs.


@pytest.mark.parametrize("form", [A_POLICY, FLAT])
def test_a_dry_run_answers_with_the_diff_and_changes_saves_and_writes_nothing(tmp_path: Path, form: str) -> None:
    api = an_api({"policy.yaml": form})
    before = api.named(NAME)
    changed = enabled(on_cluster(api, tmp_path), "PodState", ["score"], dry_run=True)
    assert changed.message == "dry run: PodState enabled in score"
    assert (changed.backup_id, changed.revision) == (0, before["metadata"]["resourceVersion"])
    assert "PodState" in changed.diff.unified
    assert api.named(NAME) == before
    assert not [path for path in api.objects if path.startswith(REVISIONS)]


# Two writers.


def test_r036_put_with_a_stale_hash_is_a_conflict_and_with_the_right_one_is_stored(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    stale = asyncio.run(desk.policy()).hash
    enabled(desk, "PodState", ["score"])
    assert isinstance(refusal(desk.put(a_policy(), if_match=stale, actor=ANNA)), Conflict)
    now = asyncio.run(desk.policy()).hash
    assert asyncio.run(desk.put(a_policy(), if_match=now, actor=ANNA)).message == "policy stored"
    assert (tmp_path / "policy.yaml").read_bytes() == a_policy()


def test_put_makes_a_policy_where_there_is_none_unless_one_was_expected(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    (tmp_path / "policy.yaml").unlink()
    assert isinstance(refusal(desk.enable("PodState", None, actor=ANNA)), NotFound)
    assert isinstance(refusal(desk.put(a_policy(), if_match="something", actor=ANNA)), Conflict)
    assert asyncio.run(desk.put(a_policy(), if_match="", actor=ANNA)).backup_id == 0
    assert isinstance(refusal(desk.put(a_policy(2), if_match="", actor=ANNA)), Conflict)


def _meanwhile(api: FakeApi, what: Callable[[], None]) -> None:
    """Somebody acts between our read and our write, once."""
    left = [what]

    def hook(method: str, path: str, _body: dict[str, Any]) -> None:
        if method == "PATCH" and path.startswith(CONFIGMAPS) and left:
            left.pop()()

    api.hook = hook


def test_r036_an_edit_is_made_again_on_what_somebody_else_wrote_meanwhile(tmp_path: Path) -> None:
    api = an_api()
    _meanwhile(api, lambda: api.put(NAME, {"policy.yaml": FLAT}))
    enabled(on_cluster(api, tmp_path), "PodState", ["score"])
    policy = parse(api.named(NAME)["data"]["policy.yaml"], CATALOGUE)
    assert policy.form == "flat"
    assert {p.name for p in policy.profiles[0].plugins} == {"Rescheduler", "PodState"}


def test_r036_put_is_never_made_again_on_what_somebody_else_wrote(tmp_path: Path) -> None:
    api = an_api()
    desk = on_cluster(api, tmp_path)
    _meanwhile(api, lambda: api.put(NAME, {"policy.yaml": FLAT}))
    assert isinstance(refusal(desk.put(a_policy(), if_match=None, actor=ANNA)), Conflict)
    assert api.named(NAME)["data"] == {"policy.yaml": FLAT}


def test_r035_a_policy_that_never_stops_changing_is_409_and_saved_once_per_text(tmp_path: Path) -> None:
    api = an_api()
    desk = on_cluster(api, tmp_path)
    numbers = iter(range(100))

    def hook(method: str, path: str, _body: dict[str, Any]) -> None:
        if method == "PATCH" and path.startswith(CONFIGMAPS):
            api.put(NAME, {"policy.yaml": a_policy(next(numbers) + 1).decode()})

    api.hook = hook
    assert refusal(desk.enable("QoS", ["filter"], actor=ANNA)).code == 409
    assert "QoS" not in api.named(NAME)["data"]["policy.yaml"]


switch = st.tuples(st.integers(0, 1), st.sampled_from(["PodState", "QoS", "SySched", "Rescheduler"]), st.booleans())


@given(st.lists(switch, min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_r036_any_interleaving_of_two_desks_loses_no_update(
    tmp_path: Path, row: list[tuple[int, str, bool]], random: Any
) -> None:
    """Each plugin is switched by one desk only, in order; whatever the desks do to each other, the last word counts."""

    async def run() -> None:
        api = FakeApi()
        await asyncio.to_thread(lambda: None)
        api.put(NAME, {"policy.yaml": FLAT})
        desks = [on_cluster(api, tmp_path), on_cluster(api, tmp_path)]
        ask = api.request

        async def delayed(*given: Any, **more: Any) -> Any:
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)
            return await ask(*given, **more)

        api.request = delayed  # type: ignore[method-assign]
        owner = {plugin: random.randrange(2) for plugin in ("PodState", "QoS", "SySched", "Rescheduler")}
        wanted: dict[str, bool] = {}

        async def work(which: int) -> None:
            for _, plugin, on in row:
                if owner[plugin] == which:
                    change = desks[which].enable if on else desks[which].disable
                    try:
                        await change(plugin, ["permit"], actor=Actor(f"desk {which}"))
                        wanted[plugin] = on
                    except Conflict:
                        pass

        await asyncio.gather(work(0), work(1))
        found = (await desks[0].plugins())["data"]
        on = set(found["enabled_plugins"].get("permit", []))
        off = set(found["disabled_plugins"].get("permit", []))
        assert on == {plugin for plugin, is_on in wanted.items() if is_on}
        assert off == {plugin for plugin, is_on in wanted.items() if not is_on}
        assert await desks[0].history.verify(None) == []
        assert await desks[0].audit.verify() == []

    asyncio.run(run())


# In effect, or not yet.


def test_r013_a_change_that_every_replica_has_is_effective(tmp_path: Path) -> None:
    api = an_api()
    extenders_follow(api, "a", "b")
    api.put(NAME, {"policy.yaml": a_policy().decode()})
    changed = enabled(on_cluster(api, tmp_path), "QoS", ["filter"])
    assert changed.effective
    assert changed.warnings == []


def test_a_change_is_not_called_effective_before_a_replica_says_so(tmp_path: Path) -> None:
    api = an_api()
    assert not enabled(on_cluster(api, tmp_path), "QoS", ["filter"]).effective
    extenders_follow(api, "a", "b")
    api.put(NAME, {"policy.yaml": a_policy().decode()})
    del api._store  # the replicas stop following
    changed = enabled(on_cluster(api, tmp_path, effect_s=0.05), "QoS", ["filter"])
    assert not changed.effective
    assert [warning.split(",")[0] for warning in changed.warnings] == [
        "not yet in effect in a",
        "not yet in effect in b",
    ]


class Told:
    """Replicas that say what the test wants."""

    def __init__(self, *replicas: Replica, document: dict[str, Any] | None = None) -> None:
        self.told = list(replicas)
        self.given = document

    async def replicas(self) -> list[Replica]:
        return self.told

    async def document(self) -> dict[str, Any] | None:
        return self.given


def test_a_replica_that_is_gone_is_named_and_holds_nothing_up(tmp_path: Path) -> None:
    after = parse(a_policy(2), CATALOGUE).hash
    told = Told(Replica("old", "1", "x", "1", "True"), Replica("now", "2", after, "2", "True"))
    changed = asyncio.run(on_files(tmp_path, effective=told).put(a_policy(2), if_match=None, actor=ANNA))
    assert changed.effective
    assert any("old has not been heard of since revision 1" in warning for warning in changed.warnings)


def test_a_replica_that_refuses_is_named(tmp_path: Path) -> None:
    from extender.policy.text import content_hash

    told = Told(Replica("a", "1", "x", content_hash(a_policy(2)), "False"))
    changed = asyncio.run(on_files(tmp_path, effective=told).put(a_policy(2), if_match=None, actor=ANNA))
    assert not changed.effective
    assert any("a refuses it, and stays at revision 1" in warning for warning in changed.warnings)


def test_r023_while_the_stored_policy_is_refused_the_state_is_that_in_effect_and_says_so(tmp_path: Path) -> None:
    effective = msgspec.json.decode(msgspec.json.encode(parse(a_policy(), CATALOGUE).document))
    desk = on_files(tmp_path, a_policy(plugin="Nobody").decode(), effective=Told(document=effective))
    answer = asyncio.run(desk.plugins())
    assert answer["data"]["enabled_plugins"] == {"score": ["PodState"]}
    assert "Nobody" in answer["warnings"][0]
    assert isinstance(refusal(on_files(tmp_path, a_policy(plugin="Nobody").decode()).plugins()), Invalid)


# Differences.


def test_diff_of_revisions_texts_stored_and_effective(tmp_path: Path) -> None:
    effective = msgspec.json.decode(msgspec.json.encode(parse(A_POLICY, CATALOGUE).document))
    desk = on_files(tmp_path, effective=Told(document=effective))
    assert asyncio.run(desk.diff("effective", "desired")).unified == ""
    enabled(desk, "PodState", ["score"])
    (change,) = asyncio.run(desk.diff("effective", "desired")).changes
    assert change.path.endswith("score.enabled[PodState]")
    found = asyncio.run(desk.diff(1, "desired"))
    assert found.unified.startswith("--- revision 1\n+++ desired\n")
    assert asyncio.run(desk.diff(b"profiles: [", "desired")).unified
    assert asyncio.run(desk.diff(1, A_POLICY.encode())).changes == []
    assert isinstance(refusal(desk.diff(9, 1)), NoSuchRevision)
    assert isinstance(refusal(on_files(tmp_path).diff("effective", 1)), Unreachable)


# The extender's own word.


class Judge:
    def __init__(self, trouble: Refused | None) -> None:
        self.trouble = trouble

    async def validate(self, text: bytes) -> list[str]:
        if self.trouble is not None:
            raise self.trouble
        return []


def test_what_the_extender_refuses_is_refused_and_its_silence_is_told(tmp_path: Path) -> None:
    desk = on_files(tmp_path, judge=Judge(Invalid("the extender refuses the policy")))
    assert isinstance(refusal(desk.enable("PodState", ["score"], actor=ANNA)), Invalid)
    assert (tmp_path / "policy.yaml").read_text() == A_POLICY
    changed = enabled(on_files(tmp_path, judge=Judge(Unreachable("no route"))), "PodState", ["score"])
    assert any("was not asked" in warning for warning in changed.warnings)


# Who did what.


def test_r282_changes_and_refusals_are_audited_with_who_what_before_after_and_result(tmp_path: Path) -> None:
    desk = on_files(tmp_path)
    before = asyncio.run(desk.policy()).hash
    changed = enabled(desk, "PodState", ["score"], reason="try")
    refusal(desk.enable("PodStat", None, actor=BEN))
    enabled(desk, "QoS", dry_run=True)
    dry, refused, done = asyncio.run(desk.audit.newest(10))
    assert (done.actor, done.groups, done.via, done.request_id, done.address) == (
        "anna",
        ("admins",),
        "web",
        "r1",
        "127.0.0.1",
    )
    assert (done.action, done.target, done.reason, done.result) == ("enable", "PodState", "try", "done")
    assert (done.before, done.after) == (before, changed.hash)
    assert (refused.actor, refused.via, refused.result, refused.code) == ("ben", "cli", "refused", 404)
    assert (dry.result, dry.before) == ("dry run", dry.after)
    assert asyncio.run(desk.audit.verify()) == []


def test_r282_a_caller_that_goes_away_after_the_write_leaves_a_record_of_what_is_stored(tmp_path: Path) -> None:
    class Silent(Told):
        """Asked once before the write and once after it; no replica has anything to say."""

        def __init__(self) -> None:
            super().__init__()
            self.asked = 0
            self.waits = asyncio.Event()

        async def replicas(self) -> list[Replica]:
            self.asked += 1
            if self.asked > 1:
                self.waits.set()
            return []

    async def gone() -> str:
        task = asyncio.create_task(desk.enable("PodState", ["score"], actor=ANNA))
        await silent.waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await desk.policy()).hash

    silent = Silent()
    desk = on_cluster(an_api(), tmp_path, effective=silent, effect_s=30.0)
    stored = asyncio.run(gone())
    (record,) = asyncio.run(desk.audit.newest(5))
    assert (record.result, record.after, record.action) == ("failed", stored, "enable")


def test_an_audit_trail_that_cannot_be_written_leaves_the_change_and_says_so_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = on_files(tmp_path)
    (tmp_path / "audit.jsonl").mkdir()
    enabled(desk, "PodState", ["score"])
    assert "PodState" in (tmp_path / "policy.yaml").read_text()
    assert "not in the audit trail" in caplog.text


def test_r282_a_direct_edit_is_saved_and_audited_once_with_its_author(tmp_path: Path) -> None:
    api = an_api()
    desk = on_cluster(api, tmp_path)
    enabled(desk, "PodState", ["score"])
    assert asyncio.run(desk.observe()) is None
    managed = [
        {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:data": {"f:policy.yaml": {}}}}
    ]
    api.put(NAME, {"policy.yaml": FLAT}, managedFields=managed)
    saved = asyncio.run(desk.observe())
    assert saved is not None
    assert (saved.kind, saved.actor, saved.via, saved.text.decode()) == ("observed", "kubectl-edit", "direct", FLAT)
    assert asyncio.run(desk.observe()) is None
    record = asyncio.run(desk.audit.newest(1))[0]
    assert (record.action, record.actor, record.via, record.result) == ("edit", "kubectl-edit", "direct", "observed")


def test_r282_an_edit_of_another_desk_on_a_file_is_nobodys_direct_edit(tmp_path: Path) -> None:
    hands, watching = on_files(tmp_path), on_files(tmp_path)
    assert asyncio.run(watching.observe()) is not None, "what stood there before anybody came"
    enabled(hands, "PodState", ["score"])
    for _ in range(3):
        assert asyncio.run(watching.observe()) is None
    (tmp_path / "policy.yaml").write_text(FLAT)
    assert asyncio.run(watching.observe()) is None, "a desk may be about to tell of it"
    saved = asyncio.run(watching.observe())
    assert saved is not None
    assert (saved.kind, saved.actor, saved.via, saved.text.decode()) == ("observed", "unknown", "direct", FLAT)
    assert asyncio.run(watching.observe()) is None


def test_r035_an_unreachable_cluster_is_503(tmp_path: Path) -> None:
    api = an_api()
    api.hook = lambda *_: KubeError("no route")
    assert refusal(on_cluster(api, tmp_path).enable("PodState", None, actor=ANNA)).code == 503
