"""What the admin port shows of the running parts. Reads them; changes nothing but by `poke`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from extender.cluster.feed import KubernetesFeed
from extender.cluster.load import LoadMetrics
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.controllers.controller import Controller
from extender.election import Election
from extender.engine.engine import Engine
from extender.engine.profile import build
from extender.eviction import Evictions
from extender.framework.compiled import CompiledPlugin
from extender.framework.declaration import Plugin
from extender.framework.info import plugin_info
from extender.framework.inputs import Known, State, inputs_of
from extender.journal.journal import Journal
from extender.model.pod import Pod
from extender.policy import ParsedPolicy, PolicyRefused, Problem
from extender.server.admin import AdminSources
from extender.server.health import Check
from extender.steering import Steering
from extender.telemetry import metrics

_REHEARSING = "the first cycle is being rehearsed"
_BOOTING = "the extender is starting: its kernels are being compiled"


class View:
    """Filled by main as the parts come up."""

    def __init__(self, state: ClusterState, journal: Journal) -> None:
        self._state = state
        self._journal = journal
        self.kernels: Mapping[str, CompiledPlugin] = {}
        self.engine: Engine | None = None
        self.steering: Steering | None = None
        self.feed: KubernetesFeed | None = None
        self.load: LoadMetrics | None = None
        self.controllers: Sequence[Controller] = ()
        self.evictions: Evictions | None = None
        self.election: Election | None = None
        self.file_loaded = False
        self.rehearsed = False
        """A cycle over the whole cluster has been run once, for nobody."""
        self.stopping = False
        """No longer to be asked; whoever asks all the same is answered."""
        # Counted when somebody asks: pods come a thousand times as often.
        metrics.NODES.set_function(lambda: len(state.nodes))
        metrics.PODS.set_function(lambda: len(state.pods))

    def sources(self) -> AdminSources:
        return AdminSources(
            live=lambda: [Check("ping", ok=True)],
            ready=self.checks,
            configz=self.configz,
            catalogue=self.catalogue,
            leases=lambda: self.engine.leases() if self.engine else [],
            holds=lambda: self.engine.holds() if self.engine else [],
            parse_policy=self.parse_policy,
            explain=self.explain,
            preview=self.preview,
            find_pod=self._state.find_pod,
        )

    # Readiness.

    @property
    def is_ready(self) -> bool:
        return self.waiting_for is None

    def inactive(self) -> str | None:
        """`waiting_for`, for every call."""
        return None if self.rehearsed else self.waiting_for

    @property
    def waiting_for(self) -> str | None:
        """Why no decision can be made yet. What was reached once stays reached."""
        if self.rehearsed:
            return None
        if self.engine is None or self.steering is None:
            return _BOOTING
        if not self.file_loaded and (self.feed is None or not self.feed.synced):
            return "the cluster cache is not in sync yet"
        if not self.steering.settled:
            return "the policy is not known yet"
        return _REHEARSING

    @property
    def can_rehearse(self) -> bool:
        """Everything is there but the rehearsal."""
        return self.waiting_for in (None, _REHEARSING)

    def checks(self) -> list[Check]:
        synced = self.file_loaded or (self.feed is not None and self.feed.synced)
        settled = self.steering is not None and self.steering.settled
        return [
            Check("kernels", bool(self.kernels), _BOOTING),
            Check("cluster", synced, self._sync_trouble()),
            Check("policy", settled, "no source of the policy has answered yet"),
            Check("rehearsal", self.rehearsed, "the first cycle over the whole cluster has not been run yet"),
            Check("shutdown", not self.stopping, "the extender is shutting down"),
        ]

    def _sync_trouble(self) -> str:
        waiting = [row for row in (self.feed.status() if self.feed else []) if not row["synced"]]
        told = [f"{row['resource']} ({row['error']})" if row["error"] else row["resource"] for row in waiting]
        return f"waiting for the first full list of {', '.join(told) or 'nodes and pods'}"

    # What is in effect.

    def configz(self) -> Mapping[str, Any]:
        told = dict(self.steering.configz()) if self.steering else {"revision": "", "hash": "", "source": ""}
        return told | {
            "breakers": self.engine.modes.breakers() if self.engine else [],
            "guards": self.engine.guards.rows() if self.engine else [],
            "rules": self.engine.modes.rules.rows() if self.engine else [],
            "plugins": self._seats(),
            "controllers": {controller.name: controller.status() for controller in self.controllers},
            "evictions": self.evictions.status() if self.evictions else {},
            "cluster": self._cluster(),
            "leader": self.election.status() if self.election else {"elected": False, "leads": True},
            "journal": self._journal.status(),
            "objectProblems": self._object_problems(),
        }

    def _seats(self) -> list[dict[str, Any]]:
        if self.engine is None:
            return []
        return self.engine.modes.rows()

    def _object_problems(self) -> list[dict[str, str]]:
        """Custom objects that some plugin cannot use, and why."""
        books = self.engine.books.all() if self.engine else {}
        return [
            {"plugin": plugin, "object": key, "problem": why}
            for plugin, book in books.items()
            for key, why in getattr(book, "problems", {}).items()
        ]

    def _cluster(self) -> dict[str, Any]:
        state = self._state
        told: dict[str, Any] = {"generation": state.generation, "nodes": len(state.nodes), "pods": len(state.pods)}
        if self.feed:
            told["resources"] = self.feed.status()
        if self.load:
            told["load"] = self.load.status()
        return told

    def catalogue(self) -> list[dict[str, Any]]:
        return [self._entry(compiled.plugin) for compiled in self.kernels.values()]

    def _entry(self, plugin: Plugin) -> dict[str, Any]:
        info = plugin_info(plugin, [compiled.plugin for compiled in self.kernels.values()])
        return {
            "name": info.name,
            "phases": list(info.phases),
            "maturity": info.maturity,
            "doc": info.doc,
            "argsSchema": info.args_schema,
            "defaults": info.defaults,
            "aliases": list(info.aliases),
            "members": list(plugin.members),
            "inputs": [found.told() for found in inputs_of(plugin, self._known())],
        }

    def _known(self) -> Known:
        load: Mapping[str, Any] = {"age_s": None, "error": "no source is configured"}
        if self.load:
            load = self.load.status()
        return Known(
            watches={row["resource"]: row for row in (self.feed.status() if self.feed else [])},
            objects=self._state.objects,
            load_age_s=load["age_s"],
            load_error=load["error"],
            load_stale_s=math.inf if self.file_loaded else METRICS_STALE_S,
        )

    def count_inputs(self) -> None:
        """Bring the metric of inputs up to date. Called about once a second."""
        known = self._known()
        for compiled in self.kernels.values():
            for found in inputs_of(compiled.plugin, known):
                present = found.state is State.PRESENT
                metrics.INPUT_PRESENT.labels(compiled.plugin.name, found.name).set(present)

    # Questions.

    async def parse_policy(self, text: bytes) -> ParsedPolicy:
        if self.steering is None:
            raise PolicyRefused((Problem("", _BOOTING, "ask again in a second"),))
        return await self.steering.parse(text)

    async def explain(self, pod: Pod, names: Sequence[str] | None, policy: ParsedPolicy | None) -> dict[str, Any]:
        if self.engine is None:
            raise PolicyRefused((Problem("", _BOOTING, "ask again in a second"),))
        chosen = build(policy, "", self.kernels) if policy is not None else None
        return await self.engine.explain(pod, names, chosen)

    async def preview(self, policy: ParsedPolicy, pods: Sequence[Pod] | None, last: int) -> dict[str, Any]:
        if self.engine is None or not self.is_ready:
            raise PolicyRefused((Problem("", self.waiting_for or _BOOTING, "ask again in a second"),))
        found = await self.engine.preview(build(policy, "", self.kernels), pods, last)
        return found | {"hash": policy.hash, "warnings": list(policy.warnings)}

    def poke(self) -> None:
        """SIGHUP: read the policy file again."""
        if self.steering is not None:
            self.steering.poke()
