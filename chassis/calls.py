"""How the gateway calls services: a command is answered with its facts, a private read with its answer, a refusal with its class."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx

from chassis import telemetry
from chassis.identity import internal_token
from chassis.wire import Problems, decode_recorded, refusal_from
from contracts.base import Actor, Command, Query, Recorded, Undecodable, decode, encode

AnswerT = TypeVar("AnswerT")
_PAUSES = (0.05, 0.25)  # seconds before asking again


class ServiceUnavailable(Exception):
    """The owner of a command or a private read cannot be reached now; the same command id may be sent again."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"The {service} service cannot be reached at the moment.")
        self.service = service
        self.reason = reason
        self.remedy = (
            "Send the same request with the same command id again in a moment: it is carried out at most once."
        )


def owner_of(message: type) -> str:
    """The service that owns a command or query, from its wire name."""
    wire: str = getattr(message, "WIRE")  # noqa: B009 – the class is only known to be a contract's
    return wire.split(".")[1]


@dataclass(frozen=True, slots=True)
class Services:
    """All services that can be called: base URLs by name."""

    urls: Mapping[str, str]
    secret: str
    client: httpx.AsyncClient

    async def send(self, command: Command, *, actor: Actor) -> tuple[Recorded, ...]:
        """Carry out a command; the facts that it recorded. A Refusal or ServiceUnavailable otherwise."""
        content = await self._post("commands", command, actor)
        return decode_recorded(content)

    async def ask(self, query: Query, *, answer: type[AnswerT], actor: Actor) -> AnswerT:
        """A private read. A Refusal or ServiceUnavailable otherwise."""
        return decode(answer, await self._post("queries", query, actor))

    async def _answer(self, service: str, url: str, *, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        # A connection may break under a request, above all while a service restarts. Asking again is safe: the owner knows the
        # command id, and carries it out once.
        # Who takes too long is not asked again: they are still at it.
        pauses = iter(_PAUSES)
        while True:
            try:
                return await self.client.post(url, content=content, headers=headers)
            except httpx.HTTPError as error:
                pause = next(pauses, None)
                if pause is None or not isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
                    raise ServiceUnavailable(service, repr(error)) from error
            await asyncio.sleep(pause)

    async def _post(self, kind: str, message: Command | Query, actor: Actor) -> bytes:
        service = owner_of(type(message))
        headers = {
            "authorization": f"Bearer {internal_token(actor, secret=self.secret, audience=service)}",
            "content-type": "application/json",
        }
        with telemetry.span(f"{kind} {type(message).__name__}"):
            trace = telemetry.traceparent()
            if trace:
                headers["traceparent"] = trace
            url = f"{self.urls[service]}/{kind}/{message.WIRE}"
            response = await self._answer(service, url, content=encode(message), headers=headers)
        if response.status_code == httpx.codes.OK:
            return response.content
        try:
            problem = decode(Problems, response.content)
        except Undecodable as error:
            raise ServiceUnavailable(service, f"status {response.status_code}") from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailable(service, problem.detail)
        raise refusal_from(problem)
