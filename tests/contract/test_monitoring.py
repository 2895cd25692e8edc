"""R-205 to R-218: what Prometheus and Grafana are given, judged by promtool and by our metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from analytics.cluster import Cluster
from analytics.config import metrics as config_metrics
from analytics.control import metrics as control_metrics
from analytics.ingest import metrics as ingest_metrics
from analytics.views import VIEWS
from analytics.web import metrics as web_metrics
from analytics.web.pending import PendingPods
from extender.telemetry import metrics as extender_metrics

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "deploy" / "monitoring"
RULES_TEST = Path(__file__).parent / "monitoring" / "rules_test.yaml"
PODS_SECONDS = "scheduler_performance_latency_seconds_histogram"
TOOL_OF_PREFIX = {
    "scheduler_performance_": "performance-analyzer",
    "scheduler_heatmap_": "heatmap-generator",
    "scheduler_visualizer_": "scheduler-visualizer",
    "scheduler_audit_": "scheduler-audit-analyzer",
    "scheduler_tenant_": "tenant-resource-manager",
    "scheduler_analyzer_": "scheduler-analyzer",
}


@pytest.fixture(scope="module")
def promtool() -> str:
    """Part of the Debian package prometheus; .ci/run installs it."""
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing: install the package prometheus")
    return found


def judged(promtool: str, *args: str | Path) -> str:
    """What it says. Fails when it finds a fault."""
    done = subprocess.run([promtool, *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def groups() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Group -> alert -> its rules."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            found.setdefault(group["name"], {}).setdefault(rule["alert"], []).append(rule)
    return found


def dashboard() -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    return told


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def objectives() -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "objectives.yaml").read_text())["slis"]
    return told


def expressions() -> Iterator[str]:
    for alerts in groups().values():
        for rules in alerts.values():
            yield from (rule["expr"] for rule in rules)
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (objective["query"] for objective in objectives().values())


def test_r206_to_r213_prometheus_accepts_the_rules(promtool: str) -> None:
    assert "11 rules found" in judged(promtool, "check", "rules", FOLDER / "rules.yaml")


def test_r206_to_r213_every_alert_fires_when_it_should_and_only_then(promtool: str) -> None:
    judged(promtool, "test", "rules", RULES_TEST)
    tried = {
        case["alertname"]: case["exp_alerts"]
        for test in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert set(tried) == {alert for alerts in groups().values() for alert in alerts}, (
        "an alert that was never seen to fire"
    )


def test_the_fixtures_find_a_rule_that_is_wrong(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text((FOLDER / "rules.yaml").read_text().replace("> 0.5", "> 5"))
    cases = RULES_TEST.read_text().replace("../../../deploy/monitoring/rules.yaml", "rules.yaml")
    (tmp_path / "cases.yaml").write_text(cases)
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "cases.yaml"], capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("group", "alert", "severity", "signal", "wait"),
    [
        ("scheduler-tools", "SchedulerHighLatency", "warning", "scheduling", "5m"),
        ("scheduler-tools", "SchedulerLowThroughput", "warning", "scheduling", "5m"),
        ("scheduler-tools", "SchedulerSecurityViolation", "critical", "security", None),
        ("scheduler-tools", "TenantQuotaViolation", "warning", "tenants", None),
        ("scheduler-tools", "SchedulerPerformanceAnomaly", "warning", "scheduling", None),
        ("scheduler-tools-critical", "SchedulerToolsDown", "critical", "service", "1m"),
        ("scheduler-tools-warning", "SchedulerHighLatency", "warning", "service", "5m"),
    ],
)
def test_r206_to_r213_groups_names_grades_and_waits_are_those_of_the_paper(
    group: str, alert: str, severity: str, signal: str, wait: str | None
) -> None:
    (rule,) = groups()[group][alert]
    assert rule["labels"] == {"severity": severity, "signal": signal}
    assert rule.get("for") == wait
    assert rule["annotations"]["summary"]


@pytest.mark.parametrize(
    ("alert", "expression"),
    [
        ("SchedulerSecurityViolation", "increase(scheduler_audit_violations_total[5m]) > 0"),
        ("TenantQuotaViolation", "increase(scheduler_tenant_violations_total[5m]) > 0"),
        ("SchedulerPerformanceAnomaly", "increase(scheduler_performance_anomalies_total[5m]) > 0"),
        (
            "SchedulerHighLatency",
            f"histogram_quantile(0.95, sum by (le) (rate({PODS_SECONDS}_bucket[5m]))) > 0.5",
        ),
    ],
)
def test_r206_r208_r209_r213_expressions_are_those_of_the_paper(alert: str, expression: str) -> None:
    assert groups()["scheduler-tools"][alert][0]["expr"] == expression


def test_r210_r211_expressions_are_those_of_the_paper() -> None:
    assert groups()["scheduler-tools-critical"]["SchedulerToolsDown"][0]["expr"] == 'up{job="scheduler-tools"} == 0'
    assert groups()["scheduler-tools-warning"]["SchedulerHighLatency"][0]["expr"] == (
        "histogram_quantile(0.95, sum by (le) (rate(scheduler_latency_seconds_bucket[5m]))) > 1"
    )


def test_r205_the_scrape_example_names_every_service_under_the_job_of_the_alerts(promtool: str) -> None:
    judged(promtool, "check", "config", FOLDER / "prometheus.yml")
    (scrape,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert (scrape["job_name"], scrape["metrics_path"], scrape["scrape_interval"]) == (
        "scheduler-tools", "/metrics", "30s",
    )  # fmt: skip
    targets = scrape["static_configs"][0]["targets"]
    for tool in ("scheduler-visualizer", "heatmap-generator", "performance-analyzer"):
        assert f"{tool}.kube-system.svc.cluster.local:80" in targets
    assert set(TOOL_OF_PREFIX.values()) <= {target.split(".")[0] for target in targets}
    assert len(targets) == 8


def test_r205_the_variant_by_pod_is_accepted_too(promtool: str, tmp_path: Path) -> None:
    """Debian's Prometheus knows no Kubernetes: what it cannot know is taken out first."""
    config = yaml.safe_load((FOLDER / "prometheus-discovery.yml").read_text())
    found = config["scrape_configs"][0].pop("kubernetes_sd_configs")
    assert found[0]["role"] == "pod"
    shutil.copy(FOLDER / "rules.yaml", tmp_path)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    judged(promtool, "check", "config", tmp_path / "prometheus.yml")
    assert config["scrape_configs"][0]["job_name"] == "scheduler-tools"


def test_r214_to_r217_the_objectives_have_the_keys_and_targets_of_the_paper() -> None:
    told = objectives()
    assert {name: objective["target"] for name, objective in told.items()} == {
        "availability": 99.9, "latency": 500, "throughput": 100,
    }  # fmt: skip
    assert all(set(objective) == {"description", "query", "target"} for objective in told.values())
    assert told["availability"]["query"] == "up{job='scheduler-tools'}"


def test_r218_every_expression_of_dashboard_and_objectives_is_one_that_prometheus_reads(
    promtool: str, tmp_path: Path
) -> None:
    filled = [text.replace("$scheduler", "default-scheduler") for text in expressions()]
    rules = [{"record": f"checked:e{at}", "expr": text} for at, text in enumerate(filled)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(filled)} rules found" in judged(promtool, "check", "rules", tmp_path / "rules.yaml")


def test_r218_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def series_of(collectors: Iterable[Collector]) -> set[str]:
    """Names under which samples may appear, also of metrics that have none yet."""
    names: set[str] = set()
    for collector in collectors:
        described = collector.describe() if hasattr(collector, "describe") else []
        for family in described or collector.collect():
            match family.type:
                case "counter":
                    names.add(f"{family.name}_total")
                case "histogram":
                    names |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
                case _:
                    names.add(family.name)
    return names


def made_by_the_product() -> set[str]:
    registries = (web_metrics.REGISTRY, extender_metrics.REGISTRY)
    families: list[Collector] = [_Whole(registry) for registry in registries]
    families += [each for view in VIEWS for each in view.collectors]
    for module in (ingest_metrics, control_metrics, config_metrics):
        families += module.COLLECTORS
    return series_of([*families, PendingPods(Cluster.nowhere())])


class _Whole(Collector):
    """All of a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Any]:
        yield from self._registry.collect()


def named(expression: str) -> set[str]:
    """Names of metrics in an expression; without texts, labels to group by and what follows a brace."""
    bare = re.sub(r'"[^"]*"|\'[^\']*\'|\{[^}]*\}|\[[^\]]*\]', " ", expression)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    return {word for word in re.findall(r"[a-z_:][a-z0-9_:]*", bare) if word.startswith(("scheduler_", "trimtab_"))}


def test_every_metric_of_rules_dashboard_and_objectives_is_made_by_the_product() -> None:
    """A tool that is not in this tree yet is believed; one that is must have what is asked of it."""
    there, tools = made_by_the_product(), {view.tool for view in VIEWS}
    asked = {name for expression in expressions() for name in named(expression)}
    assert len(asked) > 25
    missing = asked - there
    believed = {name for name in missing for prefix, tool in TOOL_OF_PREFIX.items()
                if name.startswith(prefix) and tool not in tools}  # fmt: skip
    assert missing - believed == set()


def test_r197_r198_the_services_metrics_have_their_labels_and_buckets() -> None:
    labels = {family._name: tuple(family._labelnames) for family in (web_metrics.LATENCY, web_metrics.REQUESTS)}
    assert labels == {"scheduler_latency_seconds": ("tool", "path"), "scheduler_requests": ("tool", "path", "code")}
    assert {0.5, 1.0} <= set(web_metrics.LATENCY._kwargs["buckets"])


@pytest.mark.parametrize("name", ["scheduler_audit_violations_totl", "trimtab_breaker"])
def test_a_name_that_nobody_makes_is_found(name: str) -> None:
    assert named(f'increase({name}{{a="scheduler_x"}}[5m]) > 0 and on (scheduler) (up)') == {name}
    assert name not in made_by_the_product()
