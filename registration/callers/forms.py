"""External forms: what holds a key to its limits beside its categories and delegations."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from registration.callers.form_keys import CACHED_SECONDS, FormKey, origins_of_forms
from registration.pages.posts import HourlyLimit
from shared.database import Database
from shared.http import DirectRoute, answer_to
from shared.problems import Problem
from shared.said import say

ASKED_HEADERS = (
    *("authorization", "content-type", "idempotency-key", "traceparent", "accept-language"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
    *("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-dataschema"),
)
"""What a page of another origin may send."""
TOLD_HEADERS = ("traceparent", "retry-after", "content-language")


class FormLimits:
    """Counts how often each form's key is used, and knows from which pages any may be."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: dict[tuple[str, int], HourlyLimit] = {}
        self._origins: frozenset[str] = frozenset()
        self._read_at = -CACHED_SECONDS
        self._reading = asyncio.Lock()

    def admit(self, scope: str, form: FormKey, origin: str | None) -> None:
        """Count a use of the key; raises 429 where it is too often, 403 where its page is none of the key's."""
        if origin is not None and origin not in form.origins:
            detail = say("Its pages are others. Ask the conference’s operations staff for a key of {origin}.", origin=origin)
            raise Problem(403, "origin-not-allowed", say("This key may not be used by that page."), detail)
        if form.rate is not None:
            limit = self._counted.setdefault((scope, form.rate), HourlyLimit(form.rate))
            detail = say("It may be used {rate} times an hour. Wait, or ask the conference’s operations staff.", rate=form.rate)
            limit.count(scope, say("This key was used too often."), detail)

    async def origins(self) -> frozenset[str]:
        """Of all pages that some key is for: a browser asks before it shows the key."""
        async with self._reading:
            if time.monotonic() - self._read_at >= CACHED_SECONDS:
                self._origins = await self._database.read(origins_of_forms)
                self._read_at = time.monotonic()
        return self._origins


def only_registers() -> Problem:
    detail = say("Keys of pages and test keys read and change nobody. Use another.")
    return Problem(403, "key-registers-only", say("This key registers, and may do nothing else."), detail)


def cross_origin_route(limits: FormLimits) -> type[DirectRoute]:
    """The class of routes whose answers, faults too, a page of another origin may read where some key is for it."""

    class CrossOriginRoute(DirectRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answered(request: Request) -> Response:
                origin = request.headers.get("origin")
                if origin is None or origin not in await limits.origins():
                    return await handle(request)
                try:
                    answer = await handle(request)
                except Exception as error:
                    answer = await answer_to(request, error)
                answer.headers["Access-Control-Allow-Origin"] = origin
                answer.headers["Access-Control-Expose-Headers"] = ", ".join(TOLD_HEADERS)
                answer.headers.add_vary_header("Origin")
                return answer

            return answered

    return CrossOriginRoute


def preflight_routes(limits: FormLimits, *paths: str) -> APIRouter:
    """Answers what a browser asks before it posts from a page of another origin (https://fetch.spec.whatwg.org/#cors-protocol)."""
    routes = APIRouter(route_class=cross_origin_route(limits), include_in_schema=False)

    async def preflight() -> Response:
        headers = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": ", ".join(ASKED_HEADERS),
            "Access-Control-Max-Age": "600",
        }
        return Response(status_code=204, headers=headers)

    for path in paths:
        routes.add_api_route(path, preflight, methods=["OPTIONS"])
    return routes
