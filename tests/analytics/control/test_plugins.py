"""R-025 to R-030, R-035 to R-037: plugins over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics.control.call import Asked, Call, Reply, data
from analytics.control.caller import Right
from analytics.views.declaration import Parameter
from extender.control.edits import PLUGINS as TWELVE
from tests.analytics.control.a_desk import POLICY, Bench, as_json, refused_and_recorded, shape

NINE = ["filter", "score", "reserve", "preBind", "preFilter", "postFilter", "permit", "bind", "postBind"]
CHANGED = {
    "status": "str",
    "message": "str",
    "data": {
        "plugin": "str",
        "phases": ["str"],
        "config": {"cpuThreshold": "float", "memoryThreshold": "float"},
        "revision": "str",
        "backup_id": "int",
        "warnings": ["str"],
    },
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def state(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.ask("GET", "/api/v1/plugins").json()["data"]
    return found


def test_r026_the_state_of_all_plugins_has_exactly_the_given_shape(bench: Bench) -> None:
    answer = bench.ask("GET", "/api/v1/plugins")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"status", "data", "supported_plugins", "supported_phases"}
    assert body["status"] == "success"
    assert body["data"] == {
        "enabled_plugins": {"filter": ["Rescheduler"], "score": ["Rescheduler"]},
        "disabled_plugins": {"filter": ["Coscheduling"]},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 80.0}},
    }
    assert body["supported_plugins"][:12] == list(TWELVE)
    assert body["supported_phases"][:9] == NINE


def test_r015_r027_enable_switches_on_in_the_named_phases_and_leaves_the_others(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/Coscheduling/enable", **as_json({"phases": ["filter", "permit"]}))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["message"] == "Coscheduling enabled in filter, permit"
    assert (body["data"]["plugin"], body["data"]["phases"]) == ("Coscheduling", ["filter", "permit"])
    found = state(bench)
    assert found["enabled_plugins"] == {
        "filter": ["Rescheduler", "Coscheduling"],
        "score": ["Rescheduler"],
        "permit": ["Coscheduling"],
    }
    assert found["disabled_plugins"] == {}


def test_r028_disable_switches_off_and_lists_the_plugin_as_disabled(bench: Bench) -> None:
    bench.ask("POST", "/api/v1/plugins/Rescheduler/disable", **as_json({"phases": ["score"]}))
    found = state(bench)
    assert found["enabled_plugins"] == {"filter": ["Rescheduler"]}
    assert found["disabled_plugins"] == {"filter": ["Coscheduling"], "score": ["Rescheduler"]}


@pytest.mark.parametrize("action", ["enable", "disable"])
def test_r027_r028_repeating_a_call_succeeds_and_changes_nothing(bench: Bench, action: str) -> None:
    path, body = f"/api/v1/plugins/QoS/{action}", as_json({"phases": ["filter"]})
    bench.ask("POST", path, **body)
    text = bench.text()
    again = bench.ask("POST", path, **body)
    assert again.status_code == 200
    assert again.json()["data"]["backup_id"] == 0
    assert bench.text() == text


@pytest.mark.parametrize("body", [{}, {"content": b""}, as_json({})])
def test_r029_without_phases_every_phase_of_the_plugin_is_meant(bench: Bench, body: dict[str, Any]) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/PodState/enable", **body)
    assert answer.json()["data"]["phases"] == ["score"]
    assert answer.json()["data"]["warnings"] == ["whether it is in effect is not known: there is no extender to ask"]


def test_r029_an_empty_list_of_phases_is_an_error(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/PodState/enable", **as_json({"phases": []}))
    body = refused_and_recorded(bench, POLICY, answer, 422)
    assert body["details"][0]["path"] == "phases"


def test_r030_config_is_merged_into_what_is_stored(bench: Bench) -> None:
    answer = bench.ask("PUT", "/api/v1/plugins/Rescheduler/config", **as_json({"cpuThreshold": 85.0}))
    assert answer.json()["data"]["config"] == {"cpuThreshold": 85.0, "memoryThreshold": 80.0}
    assert state(bench)["plugin_configs"]["Rescheduler"] == {"cpuThreshold": 85.0, "memoryThreshold": 80.0}


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"cpuThreshold": 101.0}, "cpuThreshold"),
        ({"cpuThreshold": "much"}, "cpuThreshold"),
        ({"cpuTreshold": 85.0}, "cpuTreshold"),
        ({"cpuThreshold": [1, 2]}, "cpuThreshold"),
    ],
)
def test_r030_a_bad_value_or_key_is_refused_with_its_place(bench: Bench, args: dict[str, Any], path: str) -> None:
    answer = bench.ask("PUT", "/api/v1/plugins/Rescheduler/config", **as_json(args))
    body = refused_and_recorded(bench, POLICY, answer, 422)
    assert body["details"][0]["path"] == path


def test_r035_a_change_answers_in_exactly_the_given_shape(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/Rescheduler/enable", **as_json({"phases": ["reserve"]}))
    assert shape(answer.json()) == CHANGED
    assert answer.json()["data"]["backup_id"] == 1


def test_r035_an_unknown_plugin_is_404_and_an_unknown_phase_422_with_a_suggestion(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/Reshceduler/enable")
    refused_and_recorded(bench, POLICY, answer, 404)
    answer = bench.ask("POST", "/api/v1/plugins/Rescheduler/enable", **as_json({"phases": ["filtr"]}))
    body = refused_and_recorded(bench, POLICY, answer, 422)
    assert body["message"] == "unknown phase: filtr"
    assert body["details"] == [{"path": "phases[0]", "message": "did you mean filter?"}]


def test_r036_two_writers_at_once_lose_nothing(bench: Bench) -> None:
    names = ["PodState", "QoS", "SySched", "Trimaran", "CapacityScheduling", "TargetLoadPacking"]

    async def all_at_once(client: httpx.AsyncClient) -> list[int]:
        calls = [client.post(f"/api/v1/plugins/{name}/enable", **as_json({"phases": ["score"]})) for name in names]
        return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert set(bench.run(all_at_once)) == {200}
    assert set(state(bench)["enabled_plugins"]["score"]) == {"Rescheduler", *names}


def test_r037_the_calls_work_as_written(bench: Bench) -> None:
    """As curl sends them: no Origin, no credentials; -d needs its Content-Type."""
    assert bench.ask("GET", "/api/v1/health").status_code == 200
    assert bench.ask("GET", "/api/v1/plugins").status_code == 200
    answer = bench.ask(
        "POST",
        "/api/v1/plugins/Rescheduler/enable",
        content='{"phases": ["filter", "score"]}',
        headers={"content-type": "application/json", "user-agent": "curl/8.5.0", "accept": "*/*"},
    )
    assert answer.status_code == 200


FLAT = """\
enabled_plugins: {filter: [Rescheduler]}
disabled_plugins: {filter: [Coscheduling]}
plugin_configs: {Rescheduler: {cpuThreshold: 80.0}}
"""


def test_r022_the_flat_form_is_read_changed_and_stays_flat(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=FLAT)
    assert (
        bench.ask("POST", "/api/v1/plugins/Coscheduling/enable", **as_json({"phases": ["filter"]})).status_code == 200
    )
    assert (
        bench.ask("PUT", "/api/v1/plugins/Rescheduler/config", **as_json({"memoryThreshold": 90.0})).status_code == 200
    )
    assert state(bench) == {
        "enabled_plugins": {"filter": ["Rescheduler", "Coscheduling"]},
        "disabled_plugins": {},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 90.0}},
    }
    assert bench.ask("GET", "/api/v1/policy").json()["data"]["form"] == "flat"
    assert "profiles" not in bench.text()


def test_r020_health_and_metrics_are_on_the_same_port_as_the_api(bench: Bench) -> None:
    assert bench.ask("GET", "/api/v1/health").status_code == 200
    assert "trimtab_api_request_duration_seconds" in bench.ask("GET", "/metrics").text


def test_r077_a_developer_adds_a_call_by_declaring_it(tmp_path: Path) -> None:
    """Rights, methods, parameters and openapi.json follow from the declaration."""

    async def answer(asked: Asked) -> Reply:
        return data({"for": asked.given["who"], "by": asked.caller.actor.name})

    own = Call("POST", "/api/v1/greetings/{who}", "Greet.", Right.CHANGE, answer, (Parameter("who", "Whom."),))
    bench = Bench(tmp_path, more=(own,))
    assert bench.ask("POST", "/api/v1/greetings/you").json()["data"] == {"for": "you", "by": "local"}
    assert bench.ask("GET", "/api/v1/greetings/you").status_code == 405
    assert bench.ask("POST", "/api/v1/greetings/you", headers={"origin": "http://evil.test"}).status_code == 403
    assert "post" in bench.ask("GET", "/api/v1/openapi.json").json()["paths"]["/api/v1/greetings/{who}"]


def test_r074_a_phase_without_effect_is_stored_with_a_warning(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/PodState/enable", **as_json({"phases": ["permit"]}))
    assert answer.status_code == 200
    assert "PodState does no work in permit; it works in score" in answer.json()["data"]["warnings"]
    assert state(bench)["enabled_plugins"]["permit"] == ["PodState"]


def test_a_dry_run_tells_the_difference_and_writes_nothing(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/plugins/QoS/enable?dryRun=All", **as_json({"phases": ["filter"]}))
    found = answer.json()["data"]
    assert found["dry_run"] is True
    assert "+      - name: QoS" in found["diff"]["unified"] or "QoS" in found["diff"]["unified"]
    assert bench.text() == POLICY
    assert bench.audit()[-1].result == "dry run"


def test_who_why_and_by_which_way_is_recorded(bench: Bench) -> None:
    path = "/api/v1/plugins/QoS/enable"
    bench.ask("POST", path, headers={"x-trimtab-reason": "Störung 7".encode(), "x-trimtab-via": "cli"})
    bench.ask("POST", path.replace("QoS", "PodState"), headers={"sec-fetch-site": "same-origin"})
    bench.ask("POST", path.replace("QoS", "SySched"), params={"reason": "asked for"})
    found = [(entry.via, entry.reason, entry.actor, entry.action) for entry in bench.audit()]
    assert found == [
        ("cli", "Störung 7", "local", "enable"),
        ("web", "", "local", "enable"),
        ("api", "asked for", "local", "enable"),
    ]
