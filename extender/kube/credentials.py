"""How to reach the API server, as the kubernetes package reads it. Imported when somebody connects: it is 25 MB."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

Load = Callable[[Configuration], Awaitable[None]]
# The package is untyped here.
_load_file: Callable[..., Awaitable[object]] = kube_config.load_kube_config
_load_pod: Callable[..., None] = kube_config.load_incluster_config

# What the package raises over missing, unreadable or misshapen credentials.
BAD_CREDENTIALS = (
    kube_config.ConfigException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    yaml.YAMLError,
)


def loader(kubeconfig: str | None, context: str | None = None) -> Load:
    """What reads them: from `kubeconfig`, else the service account of this pod, else the usual kubeconfig.

    `context`: one of a kubeconfig's, in place of its current one.
    """
    path = None if kubeconfig is None else str(Path(kubeconfig).expanduser())

    async def from_file(configuration: Configuration) -> None:
        await _load_file(config_file=path, context=context, client_configuration=configuration, persist_config=False)

    async def from_pod(configuration: Configuration) -> None:
        _load_pod(client_configuration=configuration)

    inside = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ
    return from_pod if inside else from_file


def tls_of(configuration: Configuration) -> Any:
    """The package knows how to make a TLS context out of every kind of kubeconfig."""
    return RESTClientObject(configuration).ssl_context
