"""Every path of the requirements with bad input: a clear error, nothing changed, recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analytics.control.a_desk import POLICY, Bench, as_json, refusal, refused_and_recorded

ENABLE = "/api/v1/plugins/Rescheduler/enable"
DISABLE = "/api/v1/plugins/Rescheduler/disable"
CONFIG = "/api/v1/plugins/Rescheduler/config"
YAML = {"content-type": "application/yaml", "if-match": "*"}
PATHS = {
    "/api/v1/plugins": "GET, HEAD",
    ENABLE: "POST",
    DISABLE: "POST",
    CONFIG: "PUT",
    "/api/v1/scheduler/restart": "POST",
    "/api/v1/health": "GET, HEAD",
    "/api/v1/config/backup": "POST",
    "/api/v1/policy": "GET, HEAD, PUT",
    "/api/v1/policy/revisions": "GET, HEAD",
    "/api/v1/policy/revisions/1": "GET, HEAD",
    "/api/v1/policy/revisions/1/rollback": "POST",
    "/api/v1/policy/diff": "GET, HEAD",
    "/api/v1/policy/validate": "POST",
    "/api/v1/policy/preview": "POST",
    "/api/v1/policy/catalogue": "GET, HEAD",
    "/api/v1/policy/archive": "GET, HEAD",
    "/api/v1/policy/restore": "POST",
    "/api/v1/policy/audit": "GET, HEAD",
    "/api/v1/session": "GET, HEAD",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_405_and_says_the_right_ones(bench: Bench, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        if method not in PATHS[path]:
            answer = bench.ask(method, path)
            refused_and_recorded(bench, POLICY, answer, 405)
            assert answer.headers["allow"] == PATHS[path]


def test_an_unknown_path_is_404_whatever_the_method(bench: Bench) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        refusal(bench.ask(method, "/api/v1/plugins/Rescheduler/explode"), 404)


@pytest.mark.parametrize("path", [ENABLE, DISABLE])
@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ([], 422, ""),
        ("filter", 422, ""),
        (7, 422, ""),
        ({"phase": ["filter"]}, 422, "phase"),
        ({"phases": "filter"}, 422, "phases"),
        ({"phases": {"filter": True}}, 422, "phases"),
        ({"phases": None}, 422, "phases"),
        ({"phases": []}, 422, "phases"),
        ({"phases": [1]}, 422, "phases[0]"),
        ({"phases": ["filter", ["score"]]}, 422, "phases[1]"),
        ({"phases": ["Filter"]}, 422, "phases[0]"),
        ({"phases": ["filter\u0000"]}, 422, "phases[0]"),
        ({"phases": ["multiPoint"]}, 422, "phases[0]"),
        ({"phases": ["filter"], "more": 1}, 422, "more"),
    ],
)
def test_bodies_of_a_switch_are_refused_with_their_place(
    bench: Bench, path: str, body: Any, code: int, where: str
) -> None:
    found = refused_and_recorded(bench, POLICY, bench.ask("POST", path, **as_json(body)), code)
    assert found["details"][0]["path"] == where


@pytest.mark.parametrize("call", [("POST", ENABLE), ("POST", DISABLE), ("PUT", CONFIG)])
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"phases=filter",
        b'{"phases": ["filter"]} trailing',
        b"\xff\xfe{\x00}\x00",
        b'{"phases": ["fil\xe4ter"]}',
        b'{"phases": ["\\ud800"]}',
        b'{"phases": [NaN]}',
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"phases": ["\x00"]}',
    ],
)
def test_a_body_that_is_no_json_is_400(bench: Bench, call: tuple[str, str], raw: bytes) -> None:
    answer = bench.ask(*call, content=raw, headers={"content-type": "application/json"})
    refused_and_recorded(bench, POLICY, answer, 400)


@pytest.mark.parametrize("body", [[], 1, "cpuThreshold", None])
def test_a_config_that_is_no_object_is_422(bench: Bench, body: Any) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("PUT", CONFIG, **as_json(body)), 422)


def test_a_config_without_body_is_400(bench: Bench) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("PUT", CONFIG), 400)


@pytest.mark.parametrize(
    ("args", "where"),
    [
        ({"cpuThreshold": 1e308}, "cpuThreshold"),
        ({"cpuThreshold": 10**40}, "cpuThreshold"),
        ({"cpuThreshold": True}, "cpuThreshold"),
        ({"cpuThreshold": {}}, "cpuThreshold"),
        ({"": 1}, ""),
        ({"x" * 5000: 1}, None),
        ({"a\u0000b": 1}, None),
        ({f"key{i}": i for i in range(10_000)}, None),
    ],
)
def test_odd_arguments_are_422(bench: Bench, args: dict[str, Any], where: str | None) -> None:
    found = refused_and_recorded(bench, POLICY, bench.ask("PUT", CONFIG, **as_json(args)), 422)
    assert found["details"]
    if where:
        assert found["details"][0]["path"] == where


@pytest.mark.parametrize("media", ["", "text/html", "application/xml", "application/json; charset=utf-16", "json"])
@pytest.mark.parametrize("call", [("POST", ENABLE), ("PUT", CONFIG)])
def test_a_wrong_content_type_is_415(bench: Bench, call: tuple[str, str], media: str) -> None:
    headers = {"content-type": media} if media else {}
    answer = bench.ask(*call, content=b'{"cpuThreshold": 70.0}', headers=headers)
    refused_and_recorded(bench, POLICY, answer, 415)


def test_a_packed_body_is_415(bench: Bench) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused_and_recorded(bench, POLICY, bench.ask("PUT", CONFIG, content=b"\x1f\x8b", headers=headers), 415)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/plugins/%00/enable", "/api/v1/plugins/a%0Ab/enable", f"/api/v1/plugins/{'x' * 500}/enable"],
)
def test_a_name_that_no_plugin_can_have_is_422(bench: Bench, path: str) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("POST", path), 422)


@pytest.mark.parametrize("name", ["rescheduler", "Nobody", "..", "%F0%9F%98%80", "Rescheduler%20"])
def test_an_unknown_plugin_is_404(bench: Bench, name: str) -> None:
    answer = bench.ask("POST", f"/api/v1/plugins/{name}/enable")
    if name == "..":  # clients fold it away before they ask
        refusal(answer, 404)
    else:
        refused_and_recorded(bench, POLICY, answer, 404)


@pytest.mark.parametrize(
    "query", ["profile=a&profile=b", "profile=%00", "unknown=1", "dryRun=Some", f"reason={'x' * 501}", "reason=a%0Ab"]
)
def test_bad_parameters_are_422(bench: Bench, query: str) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("POST", f"{ENABLE}?{query}"), 422)


@pytest.mark.parametrize("reason", [b"\xff\xff", b"x" * 501])
def test_a_bad_reason_header_is_422(bench: Bench, reason: bytes) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("POST", ENABLE, headers={"x-trimtab-reason": reason}), 422)


def test_an_unknown_profile_is_422(bench: Bench) -> None:
    refused_and_recorded(bench, POLICY, bench.ask("POST", f"{ENABLE}?profile=nobody"), 422)


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [
        ("POST", ENABLE, (1 << 20) + 1),
        ("PUT", CONFIG, 5 << 20),
        ("PUT", "/api/v1/policy", (1 << 20) + 1),
        ("POST", "/api/v1/policy/validate", 3 << 20),
        ("POST", "/api/v1/policy/restore", (16 << 20) + 1),
        ("POST", "/api/v1/config/backup", 2 << 20),
    ],
)
def test_a_body_above_the_limit_is_413(bench: Bench, method: str, path: str, size: int) -> None:
    headers = {"content-type": "application/json", "if-match": "*"}
    refused_and_recorded(bench, POLICY, bench.ask(method, path, content=b" " * size, headers=headers), 413)


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(bench: Bench) -> None:
    async def endless() -> Any:
        for _ in range(64):
            yield b" " * (1 << 18)

    answer = bench.ask("PUT", CONFIG, content=endless(), headers={"content-type": "application/json"})
    refused_and_recorded(bench, POLICY, answer, 413)


# Whole policies


def _anchors(levels: int) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * 10)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def _many_entries() -> str:
    entries = [{"name": "Rescheduler"} for _ in range(10_000)]
    document = {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        "profiles": [{"schedulerName": "default-scheduler", "plugins": {"filter": {"enabled": entries}}}],
    }
    return json.dumps(document)


POLICIES = {
    "nothing": ("", 400),
    "blank": ("\n", 422),
    "a mebibyte": ("# " + "x" * ((1 << 20) - 2), 400),
    "a mebibyte of one name": ("metadata: {name: " + "x" * ((1 << 20) - 40) + "}", 422),
    "ten thousand entries": (_many_entries(), 422),
    "anchors in depth": (_anchors(12), 400),
    "an anchor of itself": ("a: &a [*a]", 400),
    "brackets": ("[" * 5000, 400),
    "maps": ("{a: " * 5000, 400),
    "no mapping": ("- 1", 400),
    "a tag": ("a: !!python/object/apply:os.system [id]", 422),
    "two documents": (POLICY + "---\n" + POLICY, 400),
    "a key twice": (POLICY + "kind: SchedulingPolicy\n", 422),
    "both forms": (POLICY + "enabled_plugins: {}\n", 422),
    "an unknown field": (POLICY + "extra: 1\n", 422),
    "an unknown plugin": (POLICY.replace("Coscheduling", "Nobody"), 422),
    "an unknown phase": (POLICY.replace("    score:", "    scor:"), 422),
    "another kind": ("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", 422),
}


@pytest.mark.parametrize(
    "path", [("PUT", "/api/v1/policy"), ("POST", "/api/v1/policy/validate")], ids=["put", "validate"]
)
@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_that_cannot_take_effect_is_refused(bench: Bench, path: tuple[str, str], case: str) -> None:
    text, code = POLICIES[case]
    refused_and_recorded(bench, POLICY, bench.ask(*path, content=text, headers=YAML), code)


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"a: \x00", b"metadata: {name: \xe4}", b"a: \x07"])
def test_a_policy_that_is_no_text_is_refused(bench: Bench, raw: bytes) -> None:
    answer = bench.ask("PUT", "/api/v1/policy", content=raw, headers=YAML)
    assert answer.status_code in (400, 422)
    refused_and_recorded(bench, POLICY, answer, answer.status_code)


@pytest.mark.parametrize("tag", ['"0000"', "0000", 'W/"x"', '""', "x" * 10_000])
def test_a_stale_version_is_409(bench: Bench, tag: str) -> None:
    headers = YAML | {"if-match": tag}
    text = POLICY.replace("name: first", "name: second")
    refused_and_recorded(bench, POLICY, bench.ask("PUT", "/api/v1/policy", content=text, headers=headers), 409)


@pytest.mark.parametrize("raw", [b"", b"\x1f\x8b", b"not an archive", b"\x00" * 1000])
def test_an_archive_that_is_none_is_refused(bench: Bench, raw: bytes) -> None:
    answer = bench.ask("POST", "/api/v1/policy/restore", content=raw, headers={"content-type": "application/gzip"})
    assert answer.status_code in (400, 422)
    refused_and_recorded(bench, POLICY, answer, answer.status_code)


def test_a_policy_that_is_gone_is_404_with_what_to_do(bench: Bench) -> None:
    bench.path.unlink()
    for method, path in (
        ("GET", "/api/v1/policy"),
        ("GET", "/api/v1/plugins"),
        ("POST", ENABLE),
        ("POST", "/api/v1/config/backup"),
    ):
        assert "create it" in refusal(bench.ask(method, path), 404)["message"]
    assert not bench.path.exists()


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(call=st.sampled_from([("POST", ENABLE), ("POST", DISABLE), ("PUT", CONFIG)]), body=_JSON)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_body_the_answer_is_one_of_ours(bench: Bench, call: tuple[str, str], body: Any) -> None:
    """Never a 500; and what is refused changes nothing."""
    before = bench.text()
    answer = bench.ask(*call, **as_json(body))
    if answer.status_code == 200:
        assert answer.json()["status"] == "success"
    else:
        assert answer.status_code in (400, 422)
        refused_and_recorded(bench, before, answer, answer.status_code)
