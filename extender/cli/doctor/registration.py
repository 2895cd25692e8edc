"""How kube-scheduler is told about us: its KubeSchedulerConfiguration, field by field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import KIND, Scene

CHECK = "scheduler"
SAY = Findings(CHECK)
_VERSIONS = (
    "kubescheduler.config.k8s.io/v1",
    "kubescheduler.config.k8s.io/v1beta3",
    "kubescheduler.config.k8s.io/v1beta2",
)
# Field -> the path that the extender answers.
VERBS = {"filterVerb": "filter", "prioritizeVerb": "prioritize", "preemptVerb": "preempt", "bindVerb": "bind"}
# Phase -> the field whose verb carries it (docs/phases.md).
CARRIED_BY = {
    "preFilter": "filterVerb",
    "filter": "filterVerb",
    "postFilter": "preemptVerb",
    "preScore": "prioritizeVerb",
    "score": "prioritizeVerb",
    "permit": "bindVerb",
    "preBind": "bindVerb",
    "bind": "bindVerb",
    "postBind": "bindVerb",
}
DEFAULT_TIMEOUT_S = 5.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_IN_TREE_WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}
_MULTIPLIED = 10
"""What kube-scheduler multiplies an extender's scores by."""
_HOLDS = "reserve"


@dataclass(frozen=True, slots=True)
class Known:
    """What of our side the configuration is compared with."""

    seats: Sequence[Mapping[str, Any]] = ()
    """Enabled plugins."""
    scale: str = "wide"
    schedulers: Sequence[str] = ()
    """schedulerName of the policy's profiles."""
    deadline_s: float = 0.0
    """The longest time that a plugin may take."""
    held_s: float = 85.0
    """The longest time that a bind may take: held, then bound."""
    bind_s: float = 10.0


async def registration(scene: Scene) -> list[Finding]:
    if scene.configuration_trouble:
        return [SAY.fail(f"cannot read the scheduler's configuration: {scene.configuration_trouble}", "name another")]
    if scene.configuration is None:
        return [
            SAY.skip(
                f"nobody said where the {KIND} is",
                "name it with --scheduler-config FILE or --scheduler-configmap NAMESPACE/NAME",
            )
        ]
    return examined(scene.configuration, scene.where.scheduler_url, known_of(scene))


def known_of(scene: Scene) -> Known:
    told = scene.configz or {}
    effective = told.get("effective") or {}
    return Known(
        seats=scene.seats,
        scale=str((effective.get("scoring") or {}).get("scale", "wide")),
        schedulers=[str(profile.get("schedulerName", "")) for profile in effective.get("profiles") or ()],
        deadline_s=max((seconds(seat.get("deadline")) or 0.0 for seat in scene.seats), default=0.0),
        held_s=scene.where.hold_timeout_s + scene.where.bind_timeout_s,
        bind_s=scene.where.bind_timeout_s,
    )


def examined(configuration: Mapping[str, Any], scheduler_url: str | None, known: Known) -> list[Finding]:
    """Every field that matters; the configuration is never judged beyond them."""
    entries = [entry for entry in configuration.get("extenders") or () if isinstance(entry, Mapping)]
    mine = ours(entries, scheduler_url)
    if not mine:
        return [*_version(configuration), _not_registered(entries, scheduler_url)]
    found = [*_version(configuration)]
    for entry in mine:
        found += [*_verbs(entry), *_cache(entry), *_weight(entry), *_timeout(entry, known)]
        found += [*_ignorable(entry, known), *_managed(entry), *_transport(entry)]
    found += [*_binder(entries, mine), *_carried(mine, known), *_in_tree(configuration, known)]
    found += _profiles(configuration, known)
    return found


def ours(entries: Sequence[Mapping[str, Any]], scheduler_url: str | None) -> list[Mapping[str, Any]]:
    """The entries that call the extender: those of the URL, or, where none is given, of the only one there is."""
    urls = {_url(entry) for entry in entries}
    wanted = _plain(scheduler_url) if scheduler_url else next(iter(urls)) if len(urls) == 1 else None
    return [entry for entry in entries if _url(entry) == wanted]


def seconds(told: Any) -> float | None:
    """A duration as Go writes it; None: none is given, or it is none."""
    if isinstance(told, (int, float)) and not isinstance(told, bool):
        return float(told) * 1e-9  # a bare number is nanoseconds
    text = str(told or "")
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _url(entry: Mapping[str, Any]) -> str:
    return _plain(str(entry.get("urlPrefix", "")))


def _plain(url: str) -> str:
    return url.rstrip("/").lower()


def _named(entry: Mapping[str, Any]) -> str:
    """How an entry is told from another of the same URL."""
    verbs = [path for field, path in VERBS.items() if entry.get(field)]
    return f"the entry of {'/'.join(verbs) or 'no verb'}"


def _version(configuration: Mapping[str, Any]) -> Iterable[Finding]:
    version = str(configuration.get("apiVersion"))
    if version in _VERSIONS:
        yield SAY.ok(f"{KIND} {version.rpartition('/')[2]}")
    else:
        yield SAY.fail(f"apiVersion {version!r} is none that kube-scheduler reads", f"write {_VERSIONS[0]}")


def _not_registered(entries: Sequence[Mapping[str, Any]], scheduler_url: str | None) -> Finding:
    if not entries:
        return SAY.fail("no extender is registered", "add the extenders of scheduler-config/advisory.yaml")
    urls = ", ".join(sorted({_url(entry) for entry in entries}))
    if scheduler_url is None:
        return SAY.fail(f"several extenders are registered: {urls}", "say which is Trimtab's with --scheduler-url URL")
    return SAY.fail(f"{scheduler_url} is not registered; registered: {urls}", "set urlPrefix to Trimtab's address")


def _verbs(entry: Mapping[str, Any]) -> Iterable[Finding]:
    given = {field: str(entry[field]) for field in VERBS if entry.get(field)}
    if not given:
        yield SAY.fail(f"{_url(entry)}: no verb is registered", "set filterVerb, prioritizeVerb and preemptVerb")
    wrong = {field: verb for field, verb in given.items() if verb.strip("/") != VERBS[field]}
    for field, verb in wrong.items():
        yield SAY.fail(f"{field} is {verb!r}, a path that the extender answers with 404", f"set it to {VERBS[field]}")
    if given and not wrong:
        yield SAY.ok(f"{_url(entry)} is called for {', '.join(given.values())}")


def _cache(entry: Mapping[str, Any]) -> Iterable[Finding]:
    if entry.get("nodeCacheCapable") is True:
        yield SAY.ok(f"nodeCacheCapable is true in {_named(entry)}: names are sent, not whole Nodes")
    else:
        yield SAY.fail(
            f"nodeCacheCapable is not true in {_named(entry)}: whole Node objects are sent, ten times the work",
            "set nodeCacheCapable: true",
        )


def _weight(entry: Mapping[str, Any]) -> Iterable[Finding]:
    if not entry.get("prioritizeVerb"):
        return
    weight = entry.get("weight", 0)
    if not isinstance(weight, int) or weight <= 0:
        yield SAY.fail(f"weight is {weight!r}: kube-scheduler refuses to start with a prioritizeVerb", "set weight: 1")
    elif weight != 1:
        yield SAY.warn(
            f"weight is {weight}: every score counts {weight} times, on top of the weights of the policy",
            "set weight: 1 and weigh plugins in the policy",
        )
    else:
        yield SAY.ok("weight is 1: plugins are weighed in the policy")


def _timeout(entry: Mapping[str, Any], known: Known) -> Iterable[Finding]:
    told = entry.get("httpTimeout")
    limit_s = seconds(told) if told else DEFAULT_TIMEOUT_S
    if limit_s is None:
        yield SAY.fail(f"httpTimeout {told!r} is no duration", "write it like 1s")
        return
    what = f"httpTimeout of {_named(entry)} is {limit_s:g} s"
    if entry.get("bindVerb"):
        yield _bind_timeout(what, limit_s, known)
    elif limit_s <= known.deadline_s:
        yield SAY.fail(
            f"{what}, no more than the longest deadline of a plugin ({known.deadline_s:g} s): a slow plugin fails "
            "the whole call",
            "set it well above, or lower the deadline in the policy",
        )
    elif limit_s >= DEFAULT_TIMEOUT_S:
        yield SAY.warn(f"{what}: a call that hangs stalls every pod for so long", "set httpTimeout: 1s")
    else:
        yield SAY.ok(what)


def _bind_timeout(what: str, limit_s: float, known: Known) -> Finding:
    holds = any("permit" in seat["phases"] for seat in known.seats)
    if limit_s <= known.bind_s:
        return SAY.fail(f"{what}, no more than one binding may take ({known.bind_s:g} s)", "set httpTimeout: 90s")
    if limit_s <= known.held_s:
        advice = f"set it above --hold-timeout and --bind-timeout together ({known.held_s:g} s), such as 90s"
        told = f"{what}: a gang's bind that is held longer counts as given up"
        return SAY.fail(told, advice) if holds else SAY.warn(told, advice)
    return SAY.ok(what)


def _ignorable(entry: Mapping[str, Any], known: Known) -> Iterable[Finding]:
    ignorable = bool(entry.get("ignorable", False))
    holding = sorted({seat["name"] for seat in known.seats if _HOLDS in seat["phases"]})
    if entry.get("bindVerb") and ignorable:
        yield SAY.fail(
            "ignorable is true where the extender binds: a failed bind falls through to the default binder, past every "
            "check",
            "set ignorable: false",
        )
    elif ignorable and holding and entry.get("filterVerb"):
        yield SAY.warn(
            f"ignorable is true: {', '.join(holding)} cannot hold while the extender does not answer",
            "use scheduler-config/enforcing.yaml where the rule must hold",
        )
    else:
        yield SAY.ok(f"ignorable is {str(ignorable).lower()} in {_named(entry)}")


def _managed(entry: Mapping[str, Any]) -> Iterable[Finding]:
    if entry.get("managedResources"):
        yield SAY.warn(
            "managedResources is set: only pods that ask for one of these resources reach the extender",
            "remove it, unless the policy is meant for those pods only",
        )


def _transport(entry: Mapping[str, Any]) -> Iterable[Finding]:
    tls = entry.get("tlsConfig") or {}
    secure = _url(entry).startswith("https:")
    if secure and tls.get("insecure"):
        yield SAY.warn("tlsConfig.insecure is true: anybody can answer in the extender's place", "name the CA instead")
    elif secure and not (tls.get("caFile") or tls.get("caData")):
        yield SAY.warn(
            "no CA is named in tlsConfig: with enableHTTPS and nothing else kube-scheduler checks no certificate",
            "set tlsConfig.caFile or caData",
        )
    elif not secure and (entry.get("enableHTTPS") or tls):
        yield SAY.fail("TLS is configured, and urlPrefix begins with http:", "write https: in urlPrefix")


def _binder(entries: Sequence[Mapping[str, Any]], mine: Sequence[Mapping[str, Any]]) -> Iterable[Finding]:
    binders = [entry for entry in entries if entry.get("bindVerb")]
    if len(binders) > 1:
        yield SAY.fail(
            f"{len(binders)} extenders have a bindVerb: kube-scheduler refuses to start", "leave it to one extender"
        )
    elif binders and binders[0] not in mine:
        yield SAY.ok(f"{_url(binders[0])} binds, another extender")
    elif binders:
        yield SAY.ok("exactly one extender binds: this one")
    else:
        yield SAY.ok("kube-scheduler binds by itself")


def _carried(mine: Sequence[Mapping[str, Any]], known: Known) -> Iterable[Finding]:
    """Enabled phases that nobody would ask for."""
    given = {field for entry in mine for field in VERBS if entry.get(field)}
    idle: dict[str, set[str]] = {}
    for seat in known.seats:
        for phase in seat["phases"]:
            field = CARRIED_BY.get(phase)
            if field and field not in given:
                idle.setdefault(field, set()).add(f"{seat['name']} ({phase})")
    for field, seats in sorted(idle.items()):
        yield SAY.warn(
            f"{field} is not registered: {', '.join(sorted(seats))} will not be asked", f"set {field}: {VERBS[field]}"
        )


def _in_tree(configuration: Mapping[str, Any], known: Known) -> Iterable[Finding]:
    """An extender's scores arrive multiplied; in-tree weights should keep up where ours are wide."""
    wanted = _MULTIPLIED if known.scale == "wide" else 1
    if not any("score" in seat["phases"] for seat in known.seats):
        return
    for profile in _profiles_in(configuration):
        plugins = profile.get("plugins") or {}
        enabled = (plugins.get("score") or {}).get("enabled") or ()
        weights = {str(entry.get("name")): entry.get("weight") or 0 for entry in enabled}
        off = [
            name
            for name, usual in _IN_TREE_WEIGHTS.items()
            if ((weights.get(name) or usual) >= usual * _MULTIPLIED) != (wanted == _MULTIPLIED)
        ]
        who = f"profile {profile.get('schedulerName', 'default-scheduler')}"
        if off:
            yield SAY.warn(
                f"{who}: in-tree weights of {', '.join(off)} do not go with scoring.scale {known.scale}",
                f"multiply their defaults by {wanted}, as in scheduler-config/",
            )
        else:
            yield SAY.ok(f"{who}: in-tree weights go with scoring.scale {known.scale}")


def _profiles(configuration: Mapping[str, Any], known: Known) -> Iterable[Finding]:
    """Profiles of the policy that no pod can reach by this scheduler."""
    here = [str(p.get("schedulerName", "default-scheduler")) for p in _profiles_in(configuration)]
    if not known.schedulers:
        return
    unknown = [name for name in here if name not in known.schedulers and "*" not in known.schedulers]
    for name in unknown:
        yield SAY.warn(
            f"no profile of the policy governs schedulerName {name}: no plugin is on for its pods",
            "add such a profile, or one for '*'",
        )
    if not unknown:
        yield SAY.ok(f"the policy governs the pods of {', '.join(here)}")


def _profiles_in(configuration: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Without any, kube-scheduler has one of its own."""
    profiles: Sequence[Mapping[str, Any]] = configuration.get("profiles") or [{}]
    return profiles
