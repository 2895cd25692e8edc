"""Certificates for one run: an authority, the servers' pair and the client's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks.client import Certificates


@dataclass(frozen=True, slots=True)
class Issued:
    """PEM files. Server and client were signed by the same authority."""

    server_cert: Path
    server_key: Path
    client: Certificates


def issue(folder: Path) -> Issued:
    """For servers on 127.0.0.1; keys are ECDSA P-256."""
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("kube-scheduler.example.test")
    paths = {name: folder / f"{name}.pem" for name in ("authority", "server", "server-key", "client", "client-key")}
    authority.cert_pem.write_to_path(str(paths["authority"]))
    for name, pair in (("server", server), ("client", client)):
        paths[name].write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
        pair.private_key_pem.write_to_path(str(paths[f"{name}-key"]))
    return Issued(
        paths["server"], paths["server-key"], Certificates(paths["authority"], paths["client"], paths["client-key"])
    )
