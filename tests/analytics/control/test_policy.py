"""interfaces.md §6: the policy as a whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.control.masks import MASK
from tests.analytics.control.a_desk import POLICY, Bench, as_json, refusal, refused_and_recorded

YAML = {"content-type": "application/yaml"}
NEW = POLICY.replace("name: first", "name: second").replace("cpuThreshold: 80.0", "cpuThreshold: 70.0")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def tag(bench: Bench) -> str:
    return bench.ask("GET", "/api/v1/policy").headers["etag"]


def put(bench: Bench, text: str | bytes, if_match: str, query: str = "") -> Any:
    return bench.ask("PUT", f"/api/v1/policy{query}", content=text, headers=YAML | {"if-match": if_match})


def test_the_policy_is_shown_as_it_is_stored(bench: Bench) -> None:
    answer = bench.ask("GET", "/api/v1/policy")
    found = answer.json()["data"]
    assert set(found) == {"text", "hash", "revision", "form", "desired", "effective", "warnings"}
    assert found["text"] == POLICY
    assert answer.headers["etag"] == f'"{found["hash"]}"'
    assert (found["form"], found["effective"]) == ("document", [])
    assert set(found["desired"]) == {"revision", "hash", "problems"}
    assert found["desired"]["problems"] == []


def test_the_text_alone_is_yaml_and_not_sent_twice(bench: Bench) -> None:
    answer = bench.ask("GET", "/api/v1/policy?format=yaml")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.text == POLICY
    again = bench.ask("GET", "/api/v1/policy?format=yaml", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_stored_policy_that_cannot_take_effect_is_shown_with_what_is_wrong(bench: Bench) -> None:
    bench.path.write_text(POLICY.replace("name: Rescheduler}]", "name: Reschedule}]"))
    found = bench.ask("GET", "/api/v1/policy").json()["data"]
    assert found["desired"]["hash"] == ""
    assert found["desired"]["problems"][0]["path"] == "profiles[0].plugins.filter.enabled[0].name"
    bench.path.write_text("a: [unclosed")
    assert bench.ask("GET", "/api/v1/policy").json()["data"]["form"] == "unreadable"


def test_put_replaces_what_was_read_and_answers_the_new_tag(bench: Bench) -> None:
    answer = put(bench, NEW, tag(bench), "?reason=try")
    assert answer.status_code == 200, answer.text
    assert bench.text() == NEW
    found = answer.json()["data"]
    assert answer.headers["etag"] == f'"{found["hash"]}"' == tag(bench)
    assert found["backup_id"] == 1
    assert {change["path"] for change in found["diff"]["changes"]} == {
        "metadata.name",
        "profiles[default-scheduler].pluginConfig[Rescheduler].args.cpuThreshold",
    }
    newest = bench.audit()[-1]
    assert (newest.action, newest.reason, newest.after) == ("put", "try", found["hash"])


def test_json_is_yaml_too(bench: Bench) -> None:
    document = yaml.safe_load(NEW)
    answer = bench.ask(
        "PUT",
        "/api/v1/policy",
        **{**as_json(document), "headers": {"content-type": "application/json", "if-match": "*"}},
    )
    assert answer.status_code == 200, answer.text


def test_a_dry_run_judges_and_writes_nothing(bench: Bench) -> None:
    answer = put(bench, NEW, "*", "?dryRun=All")
    assert answer.json()["data"]["dry_run"] is True
    assert bench.text() == POLICY


def test_a_lost_update_is_409_whoever_came_second(bench: Bench) -> None:
    seen = tag(bench)
    assert put(bench, NEW, seen).status_code == 200
    refused_and_recorded(bench, NEW, put(bench, POLICY, seen), 409)


def test_put_without_if_match_is_428(bench: Bench) -> None:
    answer = bench.ask("PUT", "/api/v1/policy", content=NEW, headers=YAML)
    refused_and_recorded(bench, POLICY, answer, 428)


def test_validate_tells_every_place_and_writes_nothing(bench: Bench) -> None:
    wrong = POLICY.replace("cpuThreshold: 80.0", "cpuThreshold: 800").replace("Coscheduling", "Coschedulin")
    answer = bench.ask("POST", "/api/v1/policy/validate", content=wrong, headers=YAML)
    body = refused_and_recorded(bench, POLICY, answer, 422)
    assert {detail["path"] for detail in body["details"]} == {
        "profiles[0].plugins.filter.disabled[0].name",
        "profiles[0].pluginConfig[0].args.cpuThreshold",
    }
    fine = bench.ask("POST", "/api/v1/policy/validate", content=NEW, headers=YAML).json()["data"]
    assert fine["valid"] is True
    assert "cpuThreshold: 70.0" in fine["diff"]["unified"]


def test_the_difference_between_revisions_and_what_is_stored(bench: Bench) -> None:
    put(bench, NEW, "*")
    found = bench.ask("GET", "/api/v1/policy/diff?from=1&to=desired").json()["data"]
    assert any(change["before"] == 80.0 and change["after"] == 70.0 for change in found["changes"])
    refusal(bench.ask("GET", "/api/v1/policy/diff?from=9&to=desired"), 404)
    refusal(bench.ask("GET", "/api/v1/policy/diff?from=nowhere&to=desired"), 422)


def test_without_an_extender_catalogue_and_preview_are_503(bench: Bench) -> None:
    refusal(bench.ask("GET", "/api/v1/policy/catalogue"), 503)
    refused_and_recorded(bench, POLICY, bench.ask("POST", "/api/v1/policy/preview", content=NEW, headers=YAML), 503)


GUARDED = """\
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
profiles:
- schedulerName: default-scheduler
  plugins:
    score: {enabled: [{name: TargetLoadPacking}]}
  pluginConfig:
  - name: TargetLoadPacking
    args:
      metricProvider: {type: Prometheus, address: "http://prometheus:9090", token: sesame-7 }   # kept
"""


def test_secret_values_are_masked_everywhere_they_are_shown(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=GUARDED)
    put(bench, GUARDED.replace("sesame-7", "sesame-8"), "*")
    shown = [
        bench.ask("GET", path).text
        for path in (
            "/api/v1/plugins",
            "/api/v1/policy",
            "/api/v1/policy?format=yaml",
            "/api/v1/policy/revisions/1",
            "/api/v1/policy/diff?from=1&to=desired",
            "/api/v1/policy/audit",
        )
    ]
    assert all("sesame" not in text for text in shown), shown
    assert sum(MASK in text for text in shown) == 5
    assert "# kept" in shown[2]


def test_a_mask_that_is_sent_back_means_the_stored_value(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=GUARDED)
    shown = bench.ask("GET", "/api/v1/policy").json()["data"]["text"]
    assert put(bench, shown.replace("Prometheus,", "SignalFx,"), "*").status_code == 200
    stored = yaml.safe_load(bench.text())["profiles"][0]["pluginConfig"][0]["args"]["metricProvider"]
    assert stored == {"type": "SignalFx", "address": "http://prometheus:9090", "token": "sesame-7"}
    provider = {"metricProvider": {"type": "Prometheus", "token": MASK}}
    assert bench.ask("PUT", "/api/v1/plugins/TargetLoadPacking/config", **as_json(provider)).status_code == 200
    stored = yaml.safe_load(bench.text())["profiles"][0]["pluginConfig"][0]["args"]["metricProvider"]
    assert list(stored.values())[-1] == "sesame-7"


def test_a_mask_with_nothing_behind_it_is_refused(bench: Bench) -> None:
    text = GUARDED.replace("sesame-7", f'"{MASK}"')
    body = refused_and_recorded(bench, POLICY, put(bench, text, "*"), 422)
    assert body["details"][0]["path"].endswith("metricProvider.token")


def test_writers_and_readers_at_once_never_see_a_mixture(bench: Bench) -> None:
    """Each text that is read is one that somebody wrote whole."""
    texts = [POLICY.replace("name: first", f"name: n{i}") for i in range(12)]

    async def everybody(client: Any) -> set[str]:
        async def write(text: str) -> None:
            answer = await client.put("/api/v1/policy", content=text, headers=YAML | {"if-match": "*"})
            assert answer.status_code in (200, 409)

        async def read() -> str:
            found: str = (await client.get("/api/v1/policy?format=yaml")).text
            return found

        work = [write(text) for text in texts]
        seen = await asyncio.gather(*(read() for _ in range(20)), *work)
        return {text for text in seen if isinstance(text, str)}

    assert bench.run(everybody) <= {POLICY, *texts}
