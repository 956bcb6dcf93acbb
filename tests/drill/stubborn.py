"""Clients that do what a good client does when there is no answer: ask again, a command under the same id."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from deploy.demonstrate.client import Client, Refused, StepFailed
from deploy.demonstrate.stage import Somebody, Stage

_PATIENCE = 120.0
_PAUSE = 0.15
_DONE_UNSEEN = "DoneUnseen"
_AWAY = "ServiceUnavailable"


class NeverAnswered(Exception):
    """Somebody asked again and again, and there was never an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A command and what the platform said in the end. ``tries``: how often it was sent."""

    command_id: UUID
    mutation: str
    done: bool
    code: str
    at: float  # seconds since the epoch
    tries: int


@dataclass
class Journal:
    """What clients asked for and were told."""

    answers: list[Answered] = field(default_factory=list)
    unfinished: dict[UUID, str] = field(default_factory=dict)
    asked: int = 0
    asked_again: int = 0
    guests: dict[str, str] = field(default_factory=dict)  # everybody who came to be erased: person id → their own word
    erased: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class StubbornClient(Client):
    """Asks until there is an answer."""

    journal: Journal = field(default_factory=Journal)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a query."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            self.journal.asked += 1
            try:
                return await Client.ask(self, query, **variables)
            except StepFailed as failed:
                if time.monotonic() > deadline:
                    raise NeverAnswered(f"no answer in {_PATIENCE:.0f} s: {failed}") from failed
            self.journal.asked_again += 1
            await asyncio.sleep(_PAUSE)

    async def try_to(
        self, mutation: str, given: Mapping[str, Any], *, want: str = "__typename"
    ) -> dict[str, Any] | Refused:
        """Carry out a mutation, once, however often it has to be asked for."""
        command_id = uuid4()
        self.journal.unfinished[command_id] = mutation
        deadline = time.monotonic() + _PATIENCE
        tries = 0
        while True:
            tries += 1
            answer = await Client.try_to(self, mutation, {**given, "commandId": str(command_id)}, want=want)
            if not (isinstance(answer, Refused) and answer.code == _AWAY):
                break
            if time.monotonic() > deadline:
                raise NeverAnswered(f"{mutation} {command_id} was answered with {answer.code} for {_PATIENCE:.0f} s")
            self.journal.asked_again += 1
            await asyncio.sleep(_PAUSE)
        refused = isinstance(answer, Refused) and answer.code != _DONE_UNSEEN
        code = answer.code if isinstance(answer, Refused) else ""
        self.journal.answers.append(Answered(command_id, mutation, not refused, code, time.time(), tries))
        del self.journal.unfinished[command_id]
        # Done, and not to be seen: by this viewer, or not yet, because somebody else's same wish is still on its way to the read model.
        return {} if code == _DONE_UNSEEN else answer


@dataclass
class StubbornStage(Stage):
    """The demonstration's stage with such clients. ``real_time``: the platform's clock is everybody's, and cannot be moved."""

    journal: Journal = field(default_factory=Journal)
    real_time: bool = False
    guests: dict[str, Somebody] = field(default_factory=dict)  # who are still here; nobody meddles with them

    def anybody(self, person_id: str) -> Somebody:
        """A person of the platform, guest or not."""
        return self.guests.get(person_id) or self.people[person_id]

    def client(self, organization: str, subject: str) -> Client:
        """Somebody's client, with a token of their organization's issuer."""
        token = self.door.token(organization, subject)
        return StubbornClient(self.http, self.door.gateway_url, token, subject, self.journal)
