"""One extender, asked over its admin port."""

from __future__ import annotations

from typing import Any

from extender.control.problems import Detail, Invalid, Unreachable

TIMEOUT_S = 10.0
_OK, _REFUSED = 200, 422


class ExtenderAdmin:
    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    async def get(self, path: str) -> Any:
        """The JSON that stands there. Raises Unreachable."""
        status, told = await self._ask("GET", path, None)
        if status != _OK:
            raise Unreachable(f"{self.url}{path}: HTTP {status}")
        return told

    async def validate(self, text: bytes) -> list[str]:
        """The policy's warnings. Raises Invalid for what this extender refuses, Unreachable."""
        status, told = await self._ask("POST", "/validate", text)
        if status == _REFUSED and isinstance(told, dict):
            errors = [error for error in told.get("errors") or () if isinstance(error, dict)]
            raise Invalid("the extender refuses the policy", [_detail(error) for error in errors])
        if status != _OK or not isinstance(told, dict):
            raise Unreachable(f"{self.url}/validate: HTTP {status}")
        return [str(warning) for warning in told.get("warnings") or ()]

    async def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        import httpx  # noqa: PLC0415 - only where there is an extender to ask

        try:
            # Without TLS nothing is verified, and reading the certificates of the world takes 0.1 s.
            verify = not self.url.startswith("http://")
            async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False, verify=verify) as client:
                answer = await client.request(method, f"{self.url}{path}", content=body)
                return answer.status_code, answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as trouble:
            raise Unreachable(
                f"cannot reach the extender at {self.url}: {trouble or type(trouble).__name__}"
            ) from trouble


def _detail(error: dict[str, Any]) -> Detail:
    message, hint = str(error.get("message", "")), str(error.get("hint") or "")
    return Detail(str(error.get("path", "")), f"{message} ({hint})" if hint else message)
