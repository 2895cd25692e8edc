"""A sidecar that was not told where the policy is: everything else works, and this says what to do."""

from __future__ import annotations

from typing import NoReturn

from extender.control.actor import Actor
from extender.control.problems import NotFound
from extender.control.store import Stored


class Nowhere:
    what = "no policy"

    async def read(self) -> Stored:
        self._refuse()

    async def write(self, text: bytes, *, expect: str, actor: Actor, reason: str, dry_run: bool = False) -> Stored:
        del text, expect, actor, reason, dry_run
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotFound(
            "This console was not told where the policy is: start it with --policy-file FILE or "
            "--policy-configmap NAMESPACE/NAME."
        )
