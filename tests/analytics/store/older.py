"""A store as an earlier version left it."""

from __future__ import annotations

import re
from pathlib import Path

from analytics import store as store_package
from analytics.store import Store
from analytics.store.store import SCHEMA_VERSION

_FOLDER = Path(store_package.__file__).parent


def back_to(store: Store, version: int) -> None:
    """Without the tables that came later, and with the number of then."""
    later = [
        name
        for step in range(version + 1, SCHEMA_VERSION + 1)
        for name in re.findall(r"CREATE TABLE (\w+)", (_FOLDER / f"to_{step}.sql").read_text())
    ]
    store.execute([(f"DROP TABLE {name}", ()) for name in later])
    store.execute([("DELETE FROM schema_version", ())])
    store.execute([("INSERT INTO schema_version VALUES (?, ?)", (version, 1))])
