"""The Go client calls as kube-scheduler does, and notices a server that answers otherwise than it must."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tools
from benchmarks.client import Before, Job, Target, run
from benchmarks.programs import BenchmarkFailed
from benchmarks.workload import nodes, pods

NAMES = [f"node-{number:03d}" for number in range(40)]
SIZE = 8
Answer = Callable[[str, dict[str, Any]], Any]


@pytest.fixture(scope="module")
def binary() -> Path:
    built = tools.build()
    if built.go is None:
        pytest.skip(f"the client is written in Go: {built.why['go']}")
    return built.go


class Server:
    """Answers as it is told, and keeps every request in order: (path, connection, body)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[tuple[str, Any, dict[str, Any]]] = []
        self.url = ""

    def only(self, verb: str) -> list[dict[str, Any]]:
        return [body for path, _peer, body in self.seen if path == f"/{verb}"]


def keep_second(verb: str, body: dict[str, Any]) -> Any:
    """Filter keeps every second node, in the order sent; prioritize scores all; whatever else is done."""
    if verb not in ("filter", "prioritize"):
        return {}
    sent = body["NodeNames"]
    if verb == "filter":
        return {"NodeNames": sent[::2], "FailedNodes": dict.fromkeys(sent[1::2], "odd"), "Error": ""}
    return [{"Host": name, "Score": 1} for name in sent]


@contextmanager
def served(answer: Answer = keep_second) -> Iterator[Server]:
    told = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.seen.append((self.path, self.client_address, body))
            said = json.dumps(told.answer(self.path[1:], body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_told: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def job(folder: Path, *targets: Target, **other: Any) -> Job:
    names, of = folder / "names.json", folder / "pods.json"
    names.write_text(json.dumps(NAMES))
    of.write_text(json.dumps(pods(4)))
    usual = {"size": SIZE, "mode": "bytes", "rounds": 2, "block": 3, "limit_s": 0.0, "pairs": 4}
    return Job(targets=targets, pids=[], names=names, pods=of, **{**usual, **other})


@pytest.mark.parametrize("mode", ["bytes", "spaced", "full"])
def test_prioritize_is_asked_about_the_nodes_that_filter_kept_in_its_order_with_the_same_pod(
    binary: Path, tmp_path: Path, mode: str
) -> None:
    with served() as server:
        run(binary, job(tmp_path, Target("it", server.url), mode=mode))
    filters, scores = server.only("filter"), server.only("prioritize")
    assert [path for path, _peer, _body in server.seen] == ["/filter", "/prioritize"] * len(filters)
    assert [body["NodeNames"] for body in scores] == [body["NodeNames"][::2] for body in filters]
    assert [body["Pod"] for body in scores] == [body["Pod"] for body in filters]
    assert len({tuple(body["NodeNames"]) for body in filters}) > 1


@pytest.mark.parametrize("mode", ["bytes", "full"])
def test_apart_means_the_same_pod_and_other_nodes(binary: Path, tmp_path: Path, mode: str) -> None:
    with served() as server:
        run(binary, job(tmp_path, Target("it", server.url), mode=mode, apart=True))
    measured = slice(4, None)  # every request is asked once before, as kube-scheduler would
    filters, scores = server.only("filter")[measured], server.only("prioritize")[measured]
    assert [body["Pod"] for body in scores] == [body["Pod"] for body in filters]
    assert all(b["NodeNames"] != a["NodeNames"][::2] for a, b in zip(filters, scores, strict=True))


def test_times_come_back_by_round_and_cycle_over_one_connection(binary: Path, tmp_path: Path) -> None:
    with served() as server:
        found = run(binary, job(tmp_path, Target("a", server.url), Target("b", server.url)))
    assert found.rounds.kept == 2
    for name in ("a", "b"):
        told = found.by_target[name]
        assert told.samples.filter.shape == told.samples.prioritize.shape == (2, 3)
        assert (told.samples.filter > 0).all()
        assert (told.kept, told.scored, told.connections, told.renewed) == ((4, 4), (4, 4), 1, 0)
    assert len({peer for _path, peer, _body in server.seen}) == 2


def test_an_answer_that_changes_is_followed(binary: Path, tmp_path: Path) -> None:
    calls: list[str] = []

    def turning(verb: str, body: dict[str, Any]) -> Any:
        calls.append(verb)
        if verb == "filter" and len(calls) > 8:
            body = {"NodeNames": [*body["NodeNames"][1:], body["NodeNames"][0]]}
        return keep_second(verb, body)

    with served(turning) as server:
        found = run(binary, job(tmp_path, Target("it", server.url)))
    assert found.by_target["it"].renewed >= 1
    filters, scores = server.only("filter")[4:], server.only("prioritize")[4:]
    assert [set(body["NodeNames"]) for body in scores] == [set(body["NodeNames"][1::2]) for body in filters]


def test_node_objects_go_there_and_come_back_whole(binary: Path, tmp_path: Path) -> None:
    made = nodes(NAMES)
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps(made))

    def keep(verb: str, body: dict[str, Any]) -> Any:
        assert body["NodeNames"] is None
        items = body["Nodes"]["items"]
        if verb == "filter":
            return {"Nodes": {"metadata": {}, "items": items[1:]}, "FailedNodes": {items[0]["metadata"]["name"]: "x"}}
        return [{"Host": item["metadata"]["name"], "Score": 1} for item in items]

    with served(keep) as server:
        found = run(binary, job(tmp_path, Target("it", server.url), nodes=path))
    assert found.by_target["it"].kept == (SIZE - 1, SIZE - 1)
    by_name = {node["metadata"]["name"]: node for node in made}
    for first, second in zip(server.only("filter"), server.only("prioritize"), strict=True):
        assert second["Nodes"]["items"] == first["Nodes"]["items"][1:]
        sent = first["Nodes"]["items"][0]
        assert sent["status"]["images"] == by_name[sent["metadata"]["name"]]["status"]["images"]


def test_what_comes_before_a_block_is_posted_before_each_block(binary: Path, tmp_path: Path) -> None:
    with served() as server:
        before = Before(f"{server.url}/order", b'{"events": 3}')
        run(binary, job(tmp_path, Target("it", server.url, before=before)))
    assert server.only("order") == [{"events": 3}] * 2


def _error(verb: str, body: dict[str, Any]) -> Any:
    return {**keep_second(verb, body), "Error": "not today"} if verb == "filter" else []


def _forgetful(verb: str, body: dict[str, Any]) -> Any:
    return {"NodeNames": body["NodeNames"][:3], "FailedNodes": {}} if verb == "filter" else []


def _nobody(verb: str, body: dict[str, Any]) -> Any:
    return {"NodeNames": [], "FailedNodes": dict.fromkeys(body["NodeNames"], "x")} if verb == "filter" else []


def _stranger(verb: str, body: dict[str, Any]) -> Any:
    return keep_second(verb, body) if verb == "filter" else [{"Host": "elsewhere", "Score": 1}]


def _silent(verb: str, body: dict[str, Any]) -> Any:
    return keep_second(verb, body) if verb == "filter" else []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_error, "not today"),
        (_forgetful, "asked about 8 nodes and told of 3"),
        (_nobody, "kept no node"),
        (_stranger, "elsewhere"),
        (_silent, "scored nobody"),
    ],
)
def test_a_server_that_does_not_do_the_work_is_not_measured(
    binary: Path, tmp_path: Path, answer: Answer, why: str
) -> None:
    with served(answer) as server, pytest.raises(BenchmarkFailed, match=why):
        run(binary, job(tmp_path, Target("it", server.url)))


def test_more_nodes_than_there_are_cannot_be_asked_about(binary: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match="only 40 nodes"):
        run(binary, job(tmp_path, Target("it", "http://127.0.0.1:1"), size=41))
