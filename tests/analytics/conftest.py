"""Stores to test against: DuckDB always, and a PostgreSQL of our own where the server is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from analytics.store import Store
from analytics.views.analyzer import metrics as of_the_analyzer
from analytics.views.performance import metrics as of_performance


@pytest.fixture(autouse=True)
def own_labels(monkeypatch):
    """Metrics tell a number of schedulers apart, which those of the tests before have used up."""
    for metrics in (of_the_analyzer, of_performance):
        monkeypatch.setattr(metrics, "_labels", {"default-scheduler"})


def _server_binary(name):
    found = shutil.which(name) or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))), None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed here: the store is tested on DuckDB alone")
    return found


@pytest.fixture(scope="session")
def postgres_socket():
    """Directory of the socket of a server that trusts everyone who can reach it; it has no TCP port."""
    initdb, postgres = _server_binary("initdb"), _server_binary("postgres")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(home, user)
    data = home / "data"
    run: dict[str, Any] = {"user": user, "cwd": home, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
    subprocess.run(
        [initdb, "-D", data, "-U", "trimtab", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, **run,
    )  # fmt: skip
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [postgres, "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"],
            stdout=log, stderr=log, **run,
        )  # fmt: skip
    until = time.monotonic() + 60
    while not (home / ".s.PGSQL.5432").exists():
        if server.poll() is not None or time.monotonic() > until:
            pytest.fail(f"PostgreSQL did not start: {(home / 'log').read_text()}")
        time.sleep(0.05)
    yield home
    server.terminate()
    server.wait()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def new_postgres_database(postgres_socket):
    """A call that makes an empty database and answers its URL."""
    import psycopg

    host = quote(str(postgres_socket), safe="")
    until = time.monotonic() + 60
    while True:
        try:
            admin = psycopg.connect(f"postgresql://trimtab@{host}/postgres", autocommit=True)
            break
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)

    def make():
        name = f"t{time.monotonic_ns()}"
        admin.execute(f"CREATE DATABASE {name}")
        return f"postgresql://trimtab@{host}/{name}"

    yield make
    admin.close()


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def new_target(request, tmp_path_factory):
    """A call that answers where a new store can be opened, again and again; once per engine."""
    if request.param == "duckdb":
        return lambda: str(tmp_path_factory.mktemp("store") / "store.duckdb")
    return request.getfixturevalue("new_postgres_database")


@pytest.fixture
def target(new_target):
    return new_target()


@pytest.fixture
def store(target):
    opened = Store.open(target)
    yield opened
    opened.close()
