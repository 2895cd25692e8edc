"""R-021, R-037, R-273, R-278, R-280: who may, under each kind of --auth; CSRF; limits. Each refusal changes nothing and
is recorded."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import pytest

from analytics.control.access import ApiKey, NoKey
from analytics.control.limits import Limits
from analytics.control.reviews import KEEP_S, KEPT_MAX, Kept, Reviews, targets
from tests.analytics.control.a_cluster import DEPLOYMENT, Cluster
from tests.analytics.control.a_cluster import POLICY as POLICY_NAME
from tests.analytics.control.a_desk import HOST, POLICY, Bench, refusal, refused_and_recorded

ENABLE = "/api/v1/plugins/PodState/enable"
KEY = "a-key-of-sixteen"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(tmp_path: Path, cluster: Cluster, clock: Clock) -> Bench:
    reviews = Reviews(cluster, targets(POLICY_NAME, DEPLOYMENT), clock=clock)  # type: ignore[arg-type]
    return Bench(tmp_path, access=reviews)


# --auth kubernetes

CALLS = {
    "viewer": [
        ("GET", "/api/v1/plugins"),
        ("GET", "/api/v1/policy"),
        ("GET", "/api/decisions"),
        ("GET", "/api/v1/policy/audit"),
    ],
    "operator": [("POST", ENABLE), ("POST", "/api/v1/config/backup"), ("GET", "/api/v1/policy/archive")],
    "admin": [("POST", "/api/v1/scheduler/restart")],
}
LACKING = {
    "viewer": ("nobody", "get configmaps/trimtab-policy in namespace trimtab-system"),
    "operator": ("viewer", "update configmaps/trimtab-policy in namespace trimtab-system"),
    "admin": ("operator", "patch deployments.apps/scheduler in namespace kube-system"),
}


@pytest.mark.parametrize(("role", "method", "path"), [(role, *call) for role, calls in CALLS.items() for call in calls])
def test_r021_each_call_asks_for_the_right_of_its_role_and_names_it(
    guarded: Bench, role: str, method: str, path: str
) -> None:
    lacking, permission = LACKING[role]
    body = refused_and_recorded(guarded, POLICY, guarded.ask(method, path, headers=bearer(f"token-of-{lacking}")), 403)
    assert body["message"] == f"{lacking} has no permission to {permission}."
    assert guarded.audit()[-1].actor == lacking
    allowed = guarded.ask(method, path, headers=bearer(f"token-of-{role}"))
    assert allowed.status_code in (200, 404), "404: this bench has no scheduler to restart"


@pytest.mark.parametrize("token", ["forged", "", "token-of-admin ", "ä", "x" * 20_000, "a.b.c", "\x7f"])
def test_a_forged_token_is_401(guarded: Bench, token: str) -> None:
    headers = {"authorization": f"Bearer {token}x".encode()}
    answer = guarded.ask("POST", ENABLE, headers=headers)
    refused_and_recorded(guarded, POLICY, answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    refusal(guarded.ask("GET", "/api/v1/plugins", headers=headers), 401)


@pytest.mark.parametrize("header", ["Basic YWRtaW46YWRtaW4=", "Bearer", "token-of-admin", "Negotiate x"])
def test_other_credentials_are_401(guarded: Bench, header: str) -> None:
    refused_and_recorded(guarded, POLICY, guarded.ask("POST", ENABLE, headers={"authorization": header}), 401)


def test_without_credentials_nothing_but_health_and_session(guarded: Bench) -> None:
    refused_and_recorded(guarded, POLICY, guarded.ask("POST", ENABLE), 401)
    for path in ("/api/v1/plugins", "/api/v1/policy", "/api/decisions", "/api/v1/events", "/api/v1/extender"):
        refusal(guarded.ask("GET", path), 401)
    for path in ("/api/v1/health", "/api/v1/openapi.json", "/health", "/metrics"):
        assert guarded.ask("GET", path).status_code == 200
    found = guarded.ask("GET", "/api/v1/session").json()["data"]
    assert (found["actor"], found["role"], found["auth"]) == ("anonymous", "none", "kubernetes")
    assert found["can"] == {"view": False, "change": False, "restart": False, "restore": False, "tenants": False}


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_the_session_tells_the_role(guarded: Bench, role: str) -> None:
    found = guarded.ask("GET", "/api/v1/session", headers=bearer(f"token-of-{role}")).json()["data"]
    assert set(found) == {"actor", "groups", "role", "can", "auth"}
    assert (found["actor"], found["role"], found["groups"]) == (role, role, ["system:authenticated"])
    assert found["can"]["change"] is (role != "viewer")
    assert found["can"]["restore"] is (role == "admin")


def test_the_name_of_the_token_stands_in_trail_and_history(guarded: Bench) -> None:
    guarded.ask("POST", ENABLE, headers=bearer("token-of-operator"))
    assert (guarded.audit()[-1].actor, guarded.audit()[-1].groups) == ("operator", ("system:authenticated",))
    found = guarded.ask("GET", "/api/v1/policy/revisions", headers=bearer("token-of-viewer")).json()["data"]
    assert found["revisions"][0]["actor"] == "operator"


def test_an_api_server_that_does_not_answer_is_503_and_nobody_comes_in(guarded: Bench, cluster: Cluster) -> None:
    cluster.reachable = False
    refused_and_recorded(guarded, POLICY, guarded.ask("POST", ENABLE, headers=bearer("token-of-admin")), 503)


def test_what_is_revoked_is_noticed_within_seconds(guarded: Bench, cluster: Cluster, clock: Clock) -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        codes: list[int] = []

        async def backup() -> None:
            answer = await client.post("/api/v1/config/backup", headers=bearer("token-of-operator"))
            codes.append(answer.status_code)

        await backup()
        asked = cluster.asked
        await backup()
        assert cluster.asked == asked, "the answer is kept for a moment"
        cluster.rights["operator"] = set()
        clock.now += KEEP_S + 1
        await backup()
        cluster.rights["operator"] = {("update", "configmaps", "trimtab-policy")}
        clock.now += KEEP_S + 1
        await backup()
        del cluster.tokens["token-of-operator"]
        clock.now += KEEP_S + 1
        await backup()
        return codes

    assert guarded.run(talk) == [200, 200, 403, 200, 401]


def test_a_token_is_never_taken_longer_than_it_lives(guarded: Bench, cluster: Cluster, clock: Clock) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": clock.now + 1}).encode()).decode().rstrip("=")
    token = f"h.{claims}.s"
    cluster.tokens[token] = "operator"

    async def talk(client: httpx.AsyncClient) -> list[int]:
        first = await client.post("/api/v1/config/backup", headers=bearer(token))
        del cluster.tokens[token]  # as the API server does at its end
        clock.now += 1.5
        second = await client.post("/api/v1/config/backup", headers=bearer(token))
        return [first.status_code, second.status_code]

    assert guarded.run(talk) == [200, 401]


def test_what_is_kept_is_bounded(clock: Clock) -> None:
    kept: Kept[int] = Kept(clock)
    for i in range(3 * KEPT_MAX):
        kept.put(i, i, 10.0)
    assert len(kept) == KEPT_MAX
    assert kept.get(3 * KEPT_MAX - 1) is not None
    assert kept.get(0) is None


def test_no_answer_and_no_record_ever_holds_the_token(guarded: Bench) -> None:
    token = "forged-and-not-to-be-told"  # noqa: S105
    answer = guarded.ask("POST", ENABLE, headers=bearer(token))
    assert token not in answer.text
    assert token not in guarded.trail._path.read_text()


# --auth token


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "api-key"
    path.write_text(KEY + "\n")
    return path


@pytest.fixture
def keyed(tmp_path: Path, key_file: Path) -> Bench:
    return Bench(tmp_path, access=ApiKey(key_file))


def test_r278_the_api_key_opens_changes_and_looking_needs_none(keyed: Bench) -> None:
    assert keyed.ask("GET", "/api/v1/plugins").status_code == 200
    refused_and_recorded(keyed, POLICY, keyed.ask("POST", ENABLE), 401)
    refused_and_recorded(keyed, POLICY, keyed.ask("POST", ENABLE, headers=bearer(KEY[:-1])), 401)
    refusal(keyed.ask("GET", "/api/v1/policy/archive"), 401)
    assert keyed.ask("POST", ENABLE, headers=bearer(KEY)).status_code == 200
    assert keyed.audit()[-1].actor == "api-key"
    session = keyed.ask("GET", "/api/v1/session").json()["data"]
    assert (session["role"], session["can"]["view"], session["can"]["change"]) == ("viewer", True, False)


def test_r280_a_rotated_key_counts_at_once_and_a_broken_file_does_not(keyed: Bench, key_file: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        codes = []
        for text, key in [
            (None, KEY),
            ("another-key-that-is-long", "another-key-that-is-long"),
            (None, KEY),
            ("", "another-key-that-is-long"),
        ]:
            if text is not None:
                fresh = key_file.with_name("fresh")
                fresh.write_text(text)
                fresh.replace(key_file)
            codes.append((await client.post("/api/v1/config/backup", headers=bearer(key))).status_code)
        return codes

    assert keyed.run(talk) == [200, 200, 401, 200]


@pytest.mark.parametrize("text", [None, "", "short", "x" * 5000])
def test_without_a_usable_key_there_is_no_start(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NoKey) as refused:
        ApiKey(path)
    assert str(path) in str(refused.value)


# CSRF


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, hosts=("trimtab.example.com",))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": f"http://{HOST}:81"},
        {"origin": f"http://{HOST}.evil.test"},
        {"origin": "nonsense"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("call", [("POST", ENABLE), ("POST", "/api/v1/scheduler/restart"), ("PUT", "/api/v1/policy")])
def test_a_page_of_another_origin_changes_nothing(bench: Bench, headers: dict[str, str], call: tuple[str, str]) -> None:
    body = refused_and_recorded(bench, POLICY, bench.ask(*call, headers=headers), 403)
    assert "another web origin" in body["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"},
        {"origin": f"http://{HOST}:80"},
        {"origin": "https://trimtab.example.com"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
def test_our_own_pages_and_programs_do(bench: Bench, headers: dict[str, str]) -> None:
    assert bench.ask("POST", ENABLE, headers=headers).status_code == 200


def test_another_host_name_is_not_served(bench: Bench) -> None:
    answer = bench.ask("POST", ENABLE, headers={"host": "rebound.test"})
    refusal(answer, 421)
    assert bench.text() == POLICY


def test_a_form_of_another_site_could_not_send_json(bench: Bench) -> None:
    for media in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        answer = bench.ask("POST", ENABLE, content=b'{"phases": ["score"]}', headers={"content-type": media})
        refused_and_recorded(bench, POLICY, answer, 415)


# Limits


def test_too_many_changes_are_429_and_say_when_to_come_again(tmp_path: Path) -> None:
    now = [0.0]
    bench = Bench(tmp_path, limits=Limits(per_s=0.5, burst=3, clock=lambda: now[0]))

    def backup() -> httpx.Response:
        return bench.ask("POST", "/api/v1/config/backup")

    assert [backup().status_code for _ in range(3)] == [200, 200, 200]
    answer = backup()
    refused_and_recorded(bench, POLICY, answer, 429)
    assert answer.headers["retry-after"] == "2"
    recorded = len(bench.audit())
    assert backup().status_code == 429
    assert len(bench.audit()) == recorded, "who hammers on does not fill the disk"
    assert bench.ask("GET", "/api/v1/plugins").status_code == 200, "looking is not limited"
    now[0] += 2.1
    assert backup().status_code == 200


def test_one_caller_does_not_use_up_what_others_have(tmp_path: Path, cluster: Cluster) -> None:
    reviews = Reviews(cluster, targets(POLICY_NAME, DEPLOYMENT))  # type: ignore[arg-type]
    bench = Bench(tmp_path, access=reviews, limits=Limits(per_s=0.001, burst=1))
    codes = [
        bench.ask("POST", "/api/v1/config/backup", headers=bearer(f"token-of-{user}")).status_code
        for user in ("operator", "operator", "admin")
    ]
    assert codes == [200, 429, 200]


def test_wrong_credentials_from_one_place_are_slowed_down(tmp_path: Path, cluster: Cluster) -> None:
    reviews = Reviews(cluster, targets(POLICY_NAME, DEPLOYMENT))  # type: ignore[arg-type]
    bench = Bench(tmp_path, access=reviews, strangers=Limits(per_s=0.001, burst=2))
    codes = [bench.ask("POST", ENABLE, headers=bearer(f"forged-{i}")).status_code for i in range(4)]
    assert codes == [401, 401, 429, 429]
    assert [entry.code for entry in bench.audit()] == [401, 401, 429]
    assert bench.ask("POST", ENABLE, headers=bearer("token-of-admin")).status_code == 200
