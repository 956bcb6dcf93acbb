"""A small GraphQL client, as a partner's own program would have one: a token, a query, and refusals that are told from failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_REFUSAL = "... on Refusal { message code remedy } ... on InvalidInput { problems { path message value remedy } }"

# Most mutations have an input named like themselves; those that only name one object share that object's.
_INPUTS = {
    **dict.fromkeys(("pauseEnrolment", "resumeEnrolment", "withdrawEnrolment"), "CohortInput"),
    **dict.fromkeys(("acceptPair", "holdPair", "resumePair"), "PairInput"),
    **dict.fromkeys(("cancelMatching", "publishProposals"), "RunInput"),
    **dict.fromkeys(("confirmSession", "cancelSession", "reportNoShow", "appealNoShow"), "SessionInput"),
    "makeIntroduction": "IntroductionInput",
}


class StepFailed(Exception):
    """A step of the demonstration did not do what it should; the message says which, and what came back."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform understood and said no: what a client shows to a person."""

    kind: str
    message: str
    code: str
    remedy: str
    problems: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who talks to the gateway."""

    http: httpx.AsyncClient
    url: str
    token: str
    name: str = ""

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a query; StepFailed with its errors otherwise."""
        try:
            answer = await self.http.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                headers={"authorization": f"Bearer {self.token}"},
            )
            document = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StepFailed(f"{self.name or 'a client'} got no answer from the gateway: {error!r}") from error
        if document.get("errors") or not document.get("data"):
            raise StepFailed(
                f"{self.name or 'a client'} asked and was answered: {document.get('errors', document)}\n{query}"
            )
        data: dict[str, Any] = document["data"]
        return data

    async def try_to(
        self, mutation: str, given: Mapping[str, Any], *, want: str = "__typename"
    ) -> dict[str, Any] | Refused:
        """Carry out a mutation: what it answers (``want``: type and fields), or the refusal."""
        kind = _INPUTS.get(mutation, mutation[0].upper() + mutation[1:] + "Input")
        query = f"mutation ($input: {kind}!) {{ answer: {mutation}(input: $input) {{ __typename {want} {_REFUSAL} }} }}"
        answer: dict[str, Any] = (await self.ask(query, input=dict(given)))["answer"]
        if "remedy" in answer:
            return Refused(
                answer["__typename"],
                answer["message"],
                answer["code"],
                answer["remedy"],
                tuple(answer.get("problems") or ()),
            )
        return answer

    async def do(self, mutation: str, given: Mapping[str, Any], *, want: str = "__typename") -> dict[str, Any]:
        """Carry out a mutation that must succeed; StepFailed with the refusal otherwise."""
        answer = await self.try_to(mutation, given, want=want)
        if isinstance(answer, Refused):
            raise StepFailed(
                f"{self.name or 'a client'} could not {mutation}: {answer.code}: {answer.message} {answer.remedy} {list(answer.problems)}"
            )
        return answer


async def all_at_once(work: list[Callable[[], Awaitable[Any]]], *, width: int = 6) -> list[Any]:
    """Run many small pieces of work, some at a time; their results in order."""
    gate = asyncio.Semaphore(width)

    async def one(piece: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await piece()

    return list(await asyncio.gather(*(one(piece) for piece in work)))


async def until(check: Callable[[], Awaitable[Any]], *, what: str, within: float = 30.0, every: float = 0.1) -> Any:
    """What ``check`` returns as soon as it is true; StepFailed saying what did not come true, and the last value."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        found = await check()
        if found:
            return found
        if loop.time() > deadline:
            raise StepFailed(f"after {within:.0f} s it is still not true that {what}")
        await asyncio.sleep(every)
