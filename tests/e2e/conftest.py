"""One control plane, one extender and one enforcing scheduler for the whole run; a pool of its own for every test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import ENFORCED, Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler, find_binaries, new_folder
from tests.e2e.policies import NOTHING
from tests.e2e.programs import DRAIN_S, Extender, PolicyConfigMap, install
from tests.e2e.registration import render

HOW = "build it with `make e2e` (Go and some minutes, once per machine)"
_pools = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and {"plane", "binaries"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))  # the plane's start counts, and waits have limits of their own


@pytest.fixture(scope="session")
def binaries() -> Path:
    """Folder with the control plane's programs. Where it is missing: a failure in CI, else a skip."""
    found = find_binaries()
    if found is None:
        if os.environ.get("CI") or os.environ.get("TRIMTAB_CONTROL_PLANE") == "require":
            pytest.fail(f"no control plane on this machine: {HOW}")
        pytest.skip(f"no control plane on this machine: {HOW}")
    return found


@pytest.fixture(scope="session")
def plane(binaries: Path) -> Iterator[ControlPlane]:
    """etcd and the API server, with deploy/ applied as its README tells operators to."""
    directory = new_folder()
    plane = ControlPlane(binaries, directory)
    try:
        plane.start()
        install(plane)
        yield plane
    finally:
        plane.stop()
        _keep_logs(directory)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def extender(plane: ControlPlane) -> Iterator[Extender]:
    extender = Extender(plane, plane.dir / "journal")
    extender.run()
    yield extender
    extender.terminate(DRAIN_S)


@pytest.fixture(scope="session")
def scheduler(plane: ControlPlane, extender: Extender) -> Iterator[Scheduler]:
    """A kube-scheduler with exactly scheduler-config/enforcing.yaml."""
    identity = plane.kubeconfig("scheduler", plane.client(SCHEDULER))
    config = render("enforcing.yaml", url=extender.url, kubeconfig=identity, scheduler_name=ENFORCED)
    scheduler = Scheduler(plane, "kube-scheduler", config)
    scheduler.run()
    yield scheduler
    scheduler.terminate(1)


@pytest.fixture
def pool(plane: ControlPlane) -> Iterator[Pool]:
    pool = Pool(plane, f"pool-{next(_pools)}")
    yield pool
    pool.close()


@pytest.fixture
def policy(plane: ControlPlane, extender: Extender) -> Iterator[PolicyConfigMap]:
    """The policy to edit; afterwards every plugin is off again."""
    policy = PolicyConfigMap(plane, extender)
    yield policy
    if not extender.alive:
        extender.run()
    policy.apply(NOTHING)


def _keep_logs(directory: Path) -> None:
    """Where TRIMTAB_E2E_LOGS names a folder, the logs of all programs stay there."""
    if target := os.environ.get("TRIMTAB_E2E_LOGS"):
        Path(target).mkdir(parents=True, exist_ok=True)
        for log in [*directory.glob("*.log"), *directory.glob("*.yaml")]:
            shutil.copy(log, target)
