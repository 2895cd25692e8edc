"""A small extender for tests of the lab: answers the four verbs as told, and binds through the lab's API server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class FakeExtender:
    """Passes every node, scores none, lets preemption be, binds. Tests replace `answers[verb]`."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api
        self.seen: list[tuple[str, dict[str, Any], bytes, dict[str, str]]] = []
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "filter": lambda args: {
                "NodeNames": args["NodeNames"],
                "FailedNodes": {},
                "FailedAndUnresolvableNodes": {},
                "Error": "",
            },
            "prioritize": lambda args: [{"Host": name, "Score": 0} for name in args["NodeNames"]],
            "preempt": lambda args: {"NodeNameToMetaVictims": args["NodeNameToMetaVictims"]},
        }
        self.bind: Callable[[dict[str, str]], Awaitable[str]] = self._bind
        """Does the binding; "" or its error."""
        self.app = Starlette(routes=[Route("/{verb}", self._answer, methods=["POST"])])

    def verbs(self) -> list[str]:
        return [verb for verb, *_rest in self.seen]

    async def _answer(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        body = await request.body()
        args = orjson.loads(body)
        self.seen.append((verb, args, body, dict(request.headers)))
        if verb in self.answers:
            found = self.answers[verb](args)
            return found if isinstance(found, Response) else Response(orjson.dumps(found))
        return Response(orjson.dumps({"Error": await self.bind(args)}))

    async def _bind(self, args: dict[str, str]) -> str:
        meta = {"name": args["PodName"], "namespace": args["PodNamespace"], "uid": args["PodUID"]}
        binding = {"metadata": meta, "target": {"kind": "Node", "name": args["Node"]}}
        path = f"/api/v1/namespaces/{args['PodNamespace']}/pods/{args['PodName']}/binding"
        answer = await self._api.post(path, json=binding)
        return "" if answer.status_code == 201 else str(answer.json()["message"])
