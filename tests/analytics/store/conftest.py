"""Stores to test against: DuckDB always, and a PostgreSQL of our own where the server is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from analytics.store import Store


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
    run = {"user": user, "cwd": home, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
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


@pytest.fixture
def postgres_url(postgres_socket, request):
    """An empty database."""
    import psycopg

    host = quote(str(postgres_socket), safe="")
    name = f"t{time.monotonic_ns()}"
    for _ in range(100):
        try:
            admin = psycopg.connect(f"postgresql://trimtab@{host}/postgres", autocommit=True)
            break
        except psycopg.OperationalError:
            time.sleep(0.1)
    else:
        pytest.fail("PostgreSQL does not take connections")
    admin.execute(f"CREATE DATABASE {name}")
    admin.close()
    return f"postgresql://trimtab@{host}/{name}"


@pytest.fixture(params=["duckdb", "postgres"])
def target(request, tmp_path):
    """Where a store can be opened, again and again."""
    if request.param == "duckdb":
        return str(tmp_path / "store.duckdb")
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(target):
    opened = Store.open(target)
    yield opened
    opened.close()
