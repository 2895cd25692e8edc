"""What there is to look at: asked for once, before any check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from extender.cli.target import Target
from extender.kube import KubeApi, KubeError

KIND = "KubeSchedulerConfiguration"
_OK, _ABSENT = 200, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What the options say."""

    target: Target
    scheduler_config: Path | None = None
    scheduler_configmap: tuple[str, str] | None = None
    """(namespace, name)"""
    scheduler_url: str | None = None
    """The extender's scheduler port; none: as the scheduler's configuration says."""
    console: str = "http://127.0.0.1:8080"
    account: tuple[str, str] = ("trimtab-system", "trimtab")
    """(namespace, name) of the extender's ServiceAccount."""
    hold_timeout_s: float = 75.0
    bind_timeout_s: float = 10.0


@dataclass(slots=True, kw_only=True)
class Scene:
    """`..._trouble`: why the thing beside it is None; both are empty where nobody said where it is."""

    where: Where
    http: httpx.AsyncClient
    api: KubeApi | None = None
    api_trouble: str = ""
    configuration: Mapping[str, Any] | None = None
    configuration_trouble: str = ""
    configz: Mapping[str, Any] | None = None
    """What the extender says of itself."""
    extender_trouble: str = ""
    configmap: Mapping[str, Any] | None = None
    configmap_trouble: str = ""
    seats: list[Mapping[str, Any]] = field(default_factory=list)
    """Enabled plugins: {profile, name, phases, ...}."""

    async def look(self) -> None:
        await self._connect()
        await self._read_configuration()
        await self._ask_extender()
        await self._read_configmap()

    async def object(self, path: str) -> Mapping[str, Any] | None:
        """An object of the API server; None: absent. Raises KubeError."""
        assert self.api is not None  # noqa: S101 - asked only where there is one
        answer = await self.api.request("GET", path)
        if answer.status == _ABSENT:
            return None
        if answer.status != _OK:
            raise KubeError(f"GET {path}: HTTP {answer.status} {answer.message}", status=answer.status)
        found: Mapping[str, Any] = json.loads(answer.body)
        return found

    async def _connect(self) -> None:
        target = self.where.target
        try:
            self.api = await target.connect()
            answer = await self.api.request("GET", "/version", timeout_s=5)
            if answer.status != _OK:
                self.api_trouble = f"{self.api.server} answers {answer.status} {answer.message}"
        except KubeError as trouble:
            self.api_trouble = str(trouble)
        if self.api_trouble and self.api is not None:
            await self.api.close()
            self.api = None

    async def _read_configuration(self) -> None:
        try:
            text = await self._configuration_text()
            if text is not None:
                self.configuration = configuration_in(text)
        except (OSError, ValueError, KubeError) as trouble:
            self.configuration_trouble = str(trouble)

    async def _configuration_text(self) -> str | None:
        where = self.where
        if where.scheduler_config is not None:
            return where.scheduler_config.read_text()
        if where.scheduler_configmap is None:
            return None
        namespace, name = where.scheduler_configmap
        if self.api is None:
            raise KubeError(f"cannot read configmap {namespace}/{name}: no API server")
        found = await self.object(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        texts = [text for text in ((found or {}).get("data") or {}).values() if KIND in text]
        if len(texts) != 1:
            raise ValueError(f"configmap {namespace}/{name} holds {len(texts)} texts of kind {KIND}, want one")
        return str(texts[0])

    async def _ask_extender(self) -> None:
        url = f"{self.where.target.admin}/configz"
        try:
            answer = await self.http.get(url)
            answer.raise_for_status()
            told = answer.json()
            self.seats = list(told["plugins"])
            self.configz = told
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as trouble:
            self.extender_trouble = f"{url}: {trouble or type(trouble).__name__}"

    async def _read_configmap(self) -> None:
        target = self.where.target
        if self.api is None or target.policy_file is not None:
            return
        try:
            self.configmap = await self.object(f"/api/v1/namespaces/{target.namespace}/configmaps/{target.configmap}")
            if self.configmap is None:
                self.configmap_trouble = "it does not exist"
        except KubeError as trouble:
            self.configmap_trouble = str(trouble)


def configuration_in(text: str) -> Mapping[str, Any]:
    """The KubeSchedulerConfiguration in a text. Raises ValueError saying what else it is."""
    import yaml

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        raise ValueError(f"it is not YAML: {wrong}") from wrong
    if not isinstance(tree, Mapping) or tree.get("kind") != KIND:
        raise ValueError(f"it is no {KIND}")
    return tree
