"""TLS and mutual TLS on kept-alive connections, beside plain HTTP; the Go server's HTTP/2 for information."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks import comparison
from benchmarks.baseline import go_server
from benchmarks.bench import Bench, feed, usual_policy
from benchmarks.certificates import issue
from benchmarks.client import Job, Target
from benchmarks.scene import Extender, extender


def measure(bench: Bench) -> dict[str, Any]:
    """ratios[tls or mtls or go_tls or go_http2][verb][percentile], each to the same server without TLS."""
    plan, on = bench.plan, bench.shared()
    files, issued = feed(on), issue(bench.folder)
    server = [f"--tls-cert={issued.server_cert}", f"--tls-key={issued.server_key}"]
    ours = {"plain": [], "tls": server, "mtls": [*server, f"--client-ca={issued.client.authority}"]}
    bench.say(f"TLS at {plan.usual} names")
    with ExitStack() as stack:
        started: dict[str, Extender] = {}
        targets, pids = [], [on.program.pid]
        for name, options in ours.items():
            policy = f"--policy={usual_policy(on)}"
            started[name] = stack.enter_context(extender(on, f"extender-{name}", policy, *options))
        for name, each in started.items():
            each.program.until(each.ready, "ready")
            targets.append(Target(name, each.url))
            pids.append(each.program.pid)
        plain = stack.enter_context(go_server(bench.client, files, on.folder))
        secured = stack.enter_context(
            go_server(bench.client, files, on.folder, f"-cert={issued.server_cert}", f"-key={issued.server_key}")
        )
        targets += [
            Target("go_plain", plain.url),
            Target("go_tls", secured.url),
            Target("go_http2", secured.url, http2=True),
        ]
        runs = bench.runs(
            Job(
                targets=targets,
                pids=[*pids, plain.pid, secured.pid],
                names=files.names,
                pods=files.pods,
                size=plan.usual,
                mode="bytes",
                rounds=plan.rounds,
                block=plan.cycles(plan.usual),
                limit_s=plan.limit_s,
                certificates=issued.client,
            )
        )
    comparison.require_alike(runs, *(target.name for target in targets))
    pairs = {"tls": "plain", "mtls": "plain", "go_tls": "go_plain", "go_http2": "go_plain"}
    return {
        "names": plan.usual,
        "rounds": comparison.rounds(runs),
        "rows": comparison.rows(runs, mode="TLS", names=plan.usual),
        "ratios": {name: comparison.ratios(runs, name, base) for name, base in pairs.items()},
    }
