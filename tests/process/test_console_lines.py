"""R-025 to R-037: the lines of the manual, run as they are written, against a real sidecar and a real extender."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.process.a_pair import Pair, running
from tests.process.an_extender import NODES
from tests.process.test_twelve_plugins import a_node

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
POLICY = """\
enabled_plugins: {filter: [Rescheduler], score: [Rescheduler]}
disabled_plugins: {filter: [Coscheduling]}
plugin_configs: {Rescheduler: {cpuThreshold: 80.0, memoryThreshold: 80.0}}
"""
THREE_LINES = r"""
curl http://localhost:8080/api/v1/health
curl http://localhost:8080/api/v1/plugins
curl -X POST http://localhost:8080/api/v1/plugins/Rescheduler/enable \
  -H "Content-Type: application/json" -d '{"phases": ["filter", "score"]}'
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if shutil.which("curl") is None:
        pytest.skip("the lines are curl's, and there is no curl here")
    with running(tmp_path_factory.mktemp("lines"), [a_node(name) for name in NODES], policy=POLICY) as pair:
        yield pair


@pytest.fixture(autouse=True)
def as_at_first(pair: Pair) -> None:
    headers = {"if-match": "*", "content-type": "application/yaml"}
    assert pair.client.put("/api/v1/policy", content=POLICY, headers=headers).status_code == 200


class Said:
    def __init__(self, head: str, body: str) -> None:
        status, *lines = head.splitlines()
        self.code = int(status.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def curl(pair: Pair, line: str) -> Said:
    """A line of the manual, with the port that was free; nothing is added but that the head is shown, too."""
    port = urlsplit(pair.console).port
    args = shlex.split(line.replace("localhost:8080", f"localhost:{port}"))
    shown = [*args, "--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]
    done = subprocess.run(
        [*shown, *([] if "-I" in args else ["-i"])], capture_output=True, text=True, check=True, timeout=30
    )
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return Said(head, body)


def post(pair: Pair, path: str, body: str = "") -> Said:
    sent = f" -H 'Content-Type: application/json' -d '{body}'" if body else ""
    return curl(pair, f"curl -X POST http://localhost:8080/api/v1/{path}{sent}")


def get(pair: Pair, path: str) -> Said:
    return curl(pair, f"curl http://localhost:8080/api/v1/{path}")


def test_r037_the_three_lines_work_as_written(pair: Pair) -> None:
    lines = [line for line in THREE_LINES.replace("\\\n", " ").splitlines() if line.strip()]
    health, plugins, enabled = (curl(pair, line) for line in lines)
    assert [said.code for said in (health, plugins, enabled)] == [200, 200, 200]
    assert health.json["status"] == "healthy"
    assert plugins.json["data"]["enabled_plugins"] == {"filter": ["Rescheduler"], "score": ["Rescheduler"]}
    assert enabled.json["message"] == "Rescheduler enabled in filter, score"


def test_r025_answers_are_json_under_the_base_path_and_bodies_must_say_that_they_are(pair: Pair) -> None:
    assert get(pair, "plugins").headers["content-type"] == "application/json"
    assert post(pair, "plugins/PodState/enable", '{"phases": ["score"]}').headers["content-type"] == "application/json"
    unsaid = curl(pair, 'curl http://localhost:8080/api/v1/plugins/PodState/enable -d \'{"phases": ["score"]}\'')
    assert (unsaid.code, unsaid.json["reason"]) == (415, "UnsupportedMediaType")
    assert "application/json" in unsaid.json["message"]
    elsewhere = curl(pair, "curl http://localhost:8080/api/v2/plugins")
    assert (elsewhere.code, elsewhere.json["status"]) == (404, "error")


def test_r025_a_wrong_method_says_which_are_right_and_head_answers_as_get_does(pair: Pair) -> None:
    wrong = curl(pair, "curl -X DELETE http://localhost:8080/api/v1/plugins")
    assert (wrong.code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert curl(pair, "curl http://localhost:8080/api/v1/plugins/QoS/enable").headers["allow"] == "POST"
    head, whole = curl(pair, "curl -I http://localhost:8080/api/v1/plugins"), get(pair, "plugins")
    assert (head.code, head.body) == (200, "")
    assert head.headers["content-length"] == str(len(whole.body))


def test_r026_the_example_comes_back_key_by_key_and_in_its_order(pair: Pair) -> None:
    told = get(pair, "plugins").json
    assert list(told) == ["status", "data", "supported_plugins", "supported_phases"]
    assert told["status"] == "success"
    assert list(told["data"]) == ["enabled_plugins", "disabled_plugins", "plugin_configs"]
    assert told["data"] == {
        "enabled_plugins": {"filter": ["Rescheduler"], "score": ["Rescheduler"]},
        "disabled_plugins": {"filter": ["Coscheduling"]},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 80.0}},
    }
    assert '"cpuThreshold":80.0' in get(pair, "plugins").body, "a number with a point stays one"


def test_r027_r028_r035_switching_answers_as_given(pair: Pair) -> None:
    told = post(pair, "plugins/Rescheduler/enable", '{"phases": ["reserve", "filter"]}').json
    assert list(told) == ["status", "message", "data"]
    assert list(told["data"]) == ["plugin", "phases", "config", "revision", "backup_id", "warnings"]
    assert told["message"] == f"Rescheduler enabled in {', '.join(told['data']['phases'])}"
    assert set(told["data"]["phases"]) == {"filter", "reserve"}
    assert told["data"]["revision"] == pair.extender.configz()["revision"], "what is stored, and in effect"
    told = post(pair, "plugins/Rescheduler/disable", '{"phases": ["score"]}').json
    assert told["message"] == "Rescheduler disabled in score"
    assert told["data"]["backup_id"] > 0
    assert get(pair, "plugins").json["data"]["disabled_plugins"] == {
        "filter": ["Coscheduling"],
        "score": ["Rescheduler"],
    }


@pytest.mark.parametrize("body", ["", "{}"])
def test_r029_no_phases_are_all_in_which_it_works(pair: Pair, body: str) -> None:
    assert post(pair, "plugins/QoS/enable", body).json["data"]["phases"] == ["filter", "preFilter", "queueSort"]


def test_r030_r060_the_update_of_the_manual_is_in_effect(pair: Pair) -> None:
    told = curl(
        pair,
        "curl -X PUT http://localhost:8080/api/v1/plugins/Rescheduler/config -H 'Content-Type: application/json' "
        '-d \'{"cpuThreshold": 85.0, "memoryThreshold": 90.0}\'',
    ).json
    assert told["data"]["config"] == {"cpuThreshold": 85.0, "memoryThreshold": 90.0}
    (profile,) = pair.extender.configz()["effective"]["profiles"]
    (args,) = [one["args"] for one in profile["pluginConfig"] if one["name"] == "Rescheduler"]
    assert (args["cpuThreshold"], args["memoryThreshold"]) == (85.0, 90.0)


def test_r031_r032_without_a_cluster_restart_says_so_and_health_needs_none(pair: Pair) -> None:
    told = post(pair, "scheduler/restart")
    assert (told.code, told.json["reason"]) == (404, "NotFound")
    health = get(pair, "health").json
    assert list(health) == ["status", "checks", "version"]
    assert set(health["checks"].values()) == {"ok"}


def test_r033_r034_a_backup_is_listed_and_rolled_back_to(pair: Pair) -> None:
    told = post(pair, "config/backup").json
    assert list(told) == ["status", "data"]
    assert list(told["data"]) == ["backup_id", "created_at", "reason"]
    assert told["data"]["reason"] == "manual"
    assert TIME.fullmatch(told["data"]["created_at"])
    number = told["data"]["backup_id"]
    post(pair, "plugins/PodState/enable")
    listed = get(pair, "policy/revisions").json
    assert {"revisions", "total"} <= set(listed["data"])
    first, second = listed["data"]["revisions"][:2]
    assert list(first) == ["backup_id", "created_at", "reason", "actor"]
    assert (first["backup_id"], first["reason"]) == (number + 1, "auto")
    assert (second["backup_id"], second["reason"]) == (number, "manual")
    back = post(pair, f"policy/revisions/{number}/rollback").json
    assert list(back["data"]) == ["revision", "backup_id", "warnings"]
    assert pair.policy.read_text() == POLICY
    assert post(pair, "policy/revisions/99999/rollback").code == 404


def test_r035_the_error_of_the_example_is_told_word_by_word(pair: Pair) -> None:
    before = pair.policy.read_bytes()
    said = post(pair, "plugins/Rescheduler/enable", '{"phases": ["filtr"]}')
    told = said.json
    assert list(told) == ["status", "code", "reason", "message", "details", "requestId"]
    assert told["requestId"] == said.headers["x-request-id"]
    assert told | {"requestId": ""} == {
        "status": "error",
        "code": 422,
        "reason": "Invalid",
        "message": "unknown phase: filtr",
        "details": [{"path": "phases[0]", "message": "did you mean filter?"}],
        "requestId": "",
    }
    assert said.code == 422
    assert post(pair, "plugins/Rescheduler/enable", '{"phases": [').code == 400
    assert post(pair, "plugins/Nobody/enable").code == 404
    assert pair.policy.read_bytes() == before, "after an error nothing has changed"
