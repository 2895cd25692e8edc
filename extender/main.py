"""The composition root: the only place that builds things. Reads as the story of a boot.

    journal -> admin port -> kernels -> engine -> scheduler port -> cluster and policy -> ready

The admin port answers from the first moment to the last. The scheduler port opens once there is an engine to ask, and
decides once the cluster is in sync and it is known which policy is in effect (possibly none).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from extender import __version__
from extender.cluster.binder import Binder, FileBinder, KubernetesBinder
from extender.cluster.feed import KubernetesFeed
from extender.cluster.file import ClusterFileError, load_cluster_file
from extender.cluster.load import LoadMetrics
from extender.cluster.load_feeds import LoadFeeds
from extender.cluster.secrets import Secrets
from extender.cluster.state import ClusterState
from extender.controllers.controller import Controller, Surroundings, kept_alive
from extender.controllers.releasing import Releasing
from extender.controllers.table import controllers
from extender.election import Election
from extender.election.badge import Badge
from extender.election.lease import KubernetesLease
from extender.election.notices import Notices
from extender.engine.engine import Engine
from extender.engine.load_choice import load_source
from extender.engine.natives import FUNCTIONS
from extender.engine.profile import NEUTRAL
from extender.eviction import Evictions, EvictionSettings, PodEvents
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.journal.changes import event_frame, snapshot_of
from extender.journal.journal import Journal
from extender.kube import KubeApi, KubeError
from extender.model.events import Event
from extender.model.load_source import LoadSource, Provider
from extender.native.function import NotLoaded
from extender.plugins import installed
from extender.record.frames import Frame
from extender.server.admin import admin_app
from extender.server.app import SchedulerApp, scheduler_app
from extender.server.serve import SHUTDOWN_S, CannotListen, Tls, serve
from extender.server.verbs import Verbs, VerbSettings
from extender.server.webhook import webhook_app
from extender.settings import UNREACHABLE, ExtenderSettings, StartRefused
from extender.steering import Steering
from extender.telemetry import logs, metrics
from extender.view import View
from extender.wire.codec import warm

log = logging.getLogger(__name__)

TICK_S = 1.0
READY_POLL_S = 0.02
SNAPSHOT_EVERY_S = 600.0
# Between readiness going off and the end of listening: Endpoints need that long to hear of it.
DRAIN_S = 2.0
# Garbage is collected by hand, never the whole heap: when no call came for so long, and, where calls never pause, when
# so many objects have come since the last time (well under a millisecond's work).
COLLECT_AFTER_IDLE_S = 5.0
YOUNG_OBJECTS_MOST = 3000
# How long a thread that is busy in Python may keep the loop's thread waiting (5 ms by default).
SWITCH_S = 0.00005


async def run(settings: ExtenderSettings) -> None:
    """Run until SIGTERM or SIGINT, then drain. Raises StartRefused."""
    logs.set_up(settings.log_level)
    sys.setswitchinterval(SWITCH_S)
    metrics.BUILD_INFO.labels(__version__).set(1)
    journal = Journal(settings.journal, budget_bytes=settings.journal_budget_bytes, sync=settings.journal_sync)
    try:
        await _Program(settings, journal).run()
    # Not `except*`: what is raised there comes out in a group of its own until Python 3.11.4.
    except BaseExceptionGroup as group:
        refused = group.subgroup((StartRefused, CannotListen))
        if refused is None:
            raise
        why = _first(refused)
        raise (why if isinstance(why, StartRefused) else StartRefused(str(why))) from None
    finally:
        journal.close()


class _Program:
    def __init__(self, settings: ExtenderSettings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._stop = asyncio.Event()
        self._drained = asyncio.Event()
        self._serves = False
        self._state = ClusterState()
        self._view = View(self._state, journal)
        self._last_call_s = time.monotonic()
        self._app: SchedulerApp | None = None
        self._election: Election | None = None
        """Where one is elected: who may decide and act. None: this process, always."""

    async def run(self) -> None:
        """The admin port first and last: it tells how boot and drain go. The first part that fails ends the program."""
        self._listen_to_signals()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._serve_admin())
            boot = parts.create_task(self._boot())
            stop = parts.create_task(self._stop.wait())
            await asyncio.wait({boot, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not self._serves:
                boot.cancel()
            # Once there are callers nothing may be cancelled: their answers, binds above all, end by themselves.
            await asyncio.wait({boot})
            self._stop.set()
            self._drained.set()

    async def _boot(self) -> None:
        kernels = await asyncio.to_thread(_compile, self._settings)
        self._view.kernels = kernels
        # What is read from now on stays as well: no collection until it has all come, and then none of the whole heap.
        gc.freeze()
        gc.disable()
        api = await self._connect()
        acting = api.restrained(self._elsewhere) if api else None
        binder: Binder = KubernetesBinder(acting) if acting else FileBinder(self._state)
        plugins = [compiled.plugin for compiled in kernels.values()]
        engine = Engine(
            self._state,
            plugins,
            binder,
            offer=self._journal.offer,
            clock=time.time,
            lease_ttl_s=self._settings.lease_ttl_s,
            hold_limit_s=self._settings.hold_timeout_s,
        )
        steering = Steering(self._settings, kernels, engine, api, self._journal.offer)
        self._view.engine, self._view.steering = engine, steering
        try:
            await self._work(engine, steering, api, acting)
        finally:
            if api is not None:
                await api.close()

    async def _work(self, engine: Engine, steering: Steering, api: KubeApi | None, acting: KubeApi | None) -> None:
        """Everything that runs side by side until the end. `acting`: the API for what only the active replica does."""
        self._election = self._view.election = self._elect(engine, steering, api)
        async with asyncio.TaskGroup() as parts:
            elections = [parts.create_task(self._election.run(self._stop))] if self._election else []
            background = [
                parts.create_task(steering.run()),
                parts.create_task(self._follow_cluster(api)),
                parts.create_task(self._tick(engine)),
                parts.create_task(self._follow_load(engine, api)),
                *(parts.create_task(work) for work in self._control(engine, acting)),
            ]
            await self._serve_verbs(engine)
            await asyncio.gather(*elections)
            for task in background:
                task.cancel()

    # The ports.

    async def _serve_admin(self) -> None:
        host, port = self._settings.admin
        await serve(admin_app(self._view.sources()), host, port, stop=self._drained, listening=_told("admin port"))

    async def _serve_verbs(self, engine: Engine) -> None:
        settings = self._settings

        def offer(frame: Frame) -> None:
            engine.guards.heard(frame)
            self._offer(frame)

        verbs = Verbs(
            engine,
            self._state.nodes,
            # Who leads has been ready.
            active=self._view.inactive if self._election is None else self._election.closed,
            elsewhere=self._elsewhere,
            offer=offer,
            settings=VerbSettings(bind_timeout_s=settings.bind_timeout_s),
            known_pod=self._state.pods.get,
        )
        self._app = app = scheduler_app(verbs, settings.max_body_bytes)
        host, port = settings.listen
        self._serves = True

        def drain() -> None:
            app.drain()
            engine.drain()

        await serve(
            app,
            host,
            port,
            stop=self._stop,
            tls=Tls(*settings.tls) if settings.tls else None,
            listening=_told("scheduler port"),
            drain=drain,
            drain_s=DRAIN_S,
            # A bind that began with the last call must have its time.
            shutdown_s=max(SHUTDOWN_S, math.ceil(settings.bind_timeout_s) + 1),
        )
        app.records.make_all()
        engine.finish()

    async def _serve_webhook(self, releasing: Releasing) -> None:
        """Whoever takes gates off says which are put on."""
        settings = self._settings
        if settings.webhook is None or settings.webhook_cert is None or settings.webhook_key is None:
            return
        app = webhook_app(releasing.gates_for, releasing.gave_out)
        host, port = settings.webhook
        tls = Tls(settings.webhook_cert, settings.webhook_key)
        await serve(app, host, port, stop=self._stop, tls=tls, listening=_told("webhook"), drain_s=DRAIN_S)

    # Who is active.

    def _elect(self, engine: Engine, steering: Steering, api: KubeApi | None) -> Election | None:
        """One active replica at a time, because leases and holds are state."""
        settings = self._settings
        if not settings.leader_elect or api is None:
            metrics.LEADER.set(1)
            return None
        namespace, name = settings.lease
        pod_namespace, pod = settings.pod if all(settings.pod) else ("", "")

        async def prepare() -> None:
            engine.take_over()
            await steering.lead()

        def ended() -> None:
            engine.stand_down()
            steering.follow()
            if self._view.evictions is not None:
                self._view.evictions.forget()
            if self._app is not None:
                self._app.send_away()

        steering.follow()
        return Election(
            KubernetesLease(api, namespace, name),
            pod or settings.replica,
            settings.durations,
            ready=lambda: self._view.is_ready,
            badge=Badge(api, pod_namespace, pod),
            notices=Notices(api, namespace, name, settings.replica),
            prepare=prepare,
            ended=ended,
            quiet=lambda: not engine.binding,
        )

    def _elsewhere(self) -> str | None:
        """Why another replica is to decide and act, or nothing."""
        election = self._election
        return None if election is None else election.closed()

    def _offer(self, frame: Frame) -> None:
        self._last_call_s = time.monotonic()
        self._journal.offer(frame)

    # The cluster.

    async def _connect(self) -> KubeApi | None:
        settings = self._settings
        if settings.cluster_file is not None:
            return None
        try:
            return await KubeApi.connect(str(settings.kubeconfig) if settings.kubeconfig else None)
        except KubeError as wrong:
            raise StartRefused(f"{wrong}; or give a cluster in a file with --cluster-file", UNREACHABLE) from wrong

    async def _follow_cluster(self, api: KubeApi | None) -> None:
        if api is None:
            await self._load_file()
            return
        kinds = [kind for compiled in self._view.kernels.values() for kind in compiled.plugin.watches]
        feed = KubernetesFeed(api, self._state, kinds)
        self._view.feed = feed
        await feed.run()

    async def _load_file(self) -> None:
        path = self._settings.cluster_file
        if path is None:
            return
        try:
            # On the loop, because that is where the state has its one writer; nothing else runs yet that could wait.
            for warning in load_cluster_file(path, self._state, time.time()):
                log.warning("%s: %s", path, warning)
        except ClusterFileError as wrong:
            raise StartRefused(str(wrong)) from wrong
        self._view.file_loaded = True

    def _follow_load(self, engine: Engine, api: KubeApi | None) -> Coroutine[Any, Any, None]:
        """One collector for every plugin; the options choose its source, and where they do not, the policy."""
        settings = self._settings
        secrets = Secrets(api, settings.policy_namespace)
        feeds = LoadFeeds(self._state, api=api, prometheus=settings.prometheus_options, secrets=secrets)
        chosen = settings.load_source
        if chosen is not None:
            try:
                feeds.open(chosen)
            except ValueError as wrong:
                raise StartRefused(str(wrong)) from wrong

        def wanted() -> LoadSource | None:
            source = chosen or load_source(engine.modes.whole, has_metrics_api=api is not None)
            # Its numbers are made shares by the capacity of nodes, which must be known.
            early = source is not None and source.provider is Provider.KUBERNETES and not self._view.is_ready
            return None if early else source

        load = LoadMetrics(self._state, wanted, feeds.open, static=settings.cluster_file is not None)
        self._view.load = load
        return load.run()

    def _control(self, engine: Engine, api: KubeApi | None) -> Sequence[Coroutine[Any, Any, None]]:
        """The loops that act on the cluster by themselves, in the active replica only; a cluster in a file has nobody
        to act on."""
        if api is None:
            return ()
        events = PodEvents(api, self._settings.replica, time.time)
        evictions = Evictions(
            api,
            self._state,
            tell=events.tell,
            ours=lambda scheduler: engine.policy.profile_for(scheduler) is not NEUTRAL,
            offer=self._journal.offer,
            clock=time.time,
            settings=EvictionSettings(
                per_minute=self._settings.evictions_per_minute,
                per_node=self._settings.evictions_per_node,
                per_namespace=self._settings.evictions_per_namespace,
                dry_run=self._settings.eviction_dry_run,
                other_schedulers=self._settings.evict_other_schedulers,
            ),
        )
        self._view.evictions = evictions
        around = Surroundings(engine, self._state, api, evictions, self._journal.offer, time.time)
        self._view.controllers = acting = controllers(around)

        def loops() -> list[Coroutine[Any, Any, None]]:
            return [evictions.run(), events.run(), *(self._once_ready(controller) for controller in acting)]

        return [
            *(loops() if self._election is None else [self._election.while_leading(loops)]),
            *(self._serve_webhook(each) for each in acting if isinstance(each, Releasing)),
        ]

    async def _once_ready(self, controller: Controller) -> None:
        await self._ready()
        await kept_alive(controller)

    # Time.

    async def _tick(self, engine: Engine) -> None:
        """Once everything is there: rehearse, and be ready. Then once a second: what has outlived its time ends."""
        while not self._view.can_rehearse:  # noqa: ASYNC110 - three parts come up, and nothing hurries here
            await asyncio.sleep(READY_POLL_S)
        engine.rehearse()
        await self._settle()
        self._view.rehearsed = True
        if self._election is not None:
            self._election.nudge()
        next_snapshot_s = time.monotonic()
        while True:
            engine.tick()
            self._view.count_inputs()
            if time.monotonic() >= next_snapshot_s:
                next_snapshot_s += SNAPSHOT_EVERY_S
                await self._snapshot()
            self._collect_garbage()
            await asyncio.sleep(TICK_S)

    def _collect_garbage(self) -> None:
        if time.monotonic() - self._last_call_s > COLLECT_AFTER_IDLE_S:
            gc.collect(1)
        elif gc.get_count()[0] > YOUNG_OBJECTS_MOST:
            gc.collect(0)

    async def _ready(self) -> None:
        while not self._view.is_ready:  # noqa: ASYNC110 - as above
            await asyncio.sleep(READY_POLL_S)

    async def _settle(self) -> None:
        """About to be ready: what stands now stays, and a full collection would only walk over it, for up to 400 ms."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._state.listeners.append(self._journal_change)
        log.info("ready: %d nodes, %d pods", len(self._state.nodes), len(self._state.pods))

    def _journal_change(self, event: Event) -> None:
        self._journal.offer(event_frame(event, self._state.generation, time.time()))

    async def _snapshot(self) -> None:
        state = self._state
        make = snapshot_of(state.nodes, state.generation, len(state.pods), time.time())
        await asyncio.to_thread(lambda: self._journal.offer(make()))

    # Signals.

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._view.poke)

    def _told_to_stop(self) -> None:
        self._view.stopping = True
        self._stop.set()


def _compile(settings: ExtenderSettings) -> dict[str, CompiledPlugin]:
    """Every loop of every installed plugin, and the kernels of wire and engine: one library, found or made."""
    started = time.monotonic()
    plugins, refused = installed()
    try:
        kernels = compile_all(
            plugins, settings.kernel_cache, refused, prebuilt=settings.prebuilt_kernels, beside=FUNCTIONS
        )
    except NotLoaded as wrong:
        raise StartRefused(str(wrong)) from wrong
    warm()
    for name, why in refused.items():
        log.error("plugin %s is left out: %s", name, why)
    log.info("%d plugins with their kernels in %.2f s", len(kernels), time.monotonic() - started)
    return kernels


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first exception in a group of groups: what ended the program; the others followed."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _told(what: str) -> Any:
    return lambda host, port: log.info("%s: listening on %s:%d", what, host, port)
