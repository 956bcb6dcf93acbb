"""The way from a resolver to everything that is not one viewer's reading: the services, the clock, what changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from chassis import clock
from chassis.calls import Services, ServiceUnavailable
from chassis.database import Transaction
from chassis.failures import is_away
from chassis.service import Running
from contracts.base import SYSTEM, Actor, Command, Event, Query, Recorded
from gateway.changes import Changes
from gateway.handlers import ABOUT_IDENTITIES
from gateway.store import inbox as inbox_store

AnswerT = TypeVar("AnswerT")

_TRIES = 3  # of taking a command's facts into the read model: a consumer may write the same rows just now

log = structlog.get_logger(__name__)


class OwnerAway(Exception):
    """The service that owns this, or the read model, does not answer now; the same command id may be sent again."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What all requests of one process share."""

    running: Running
    services: Services
    changes: Changes

    @property
    def embedded(self) -> bool:
        """Whether this is one machine's platform, to look and to develop."""
        return self.running.environment.embedded

    @property
    def mode(self) -> str:
        """`embedded` or `deployed`."""
        return self.running.environment.mode.value

    def now(self) -> datetime:
        """The platform's one clock."""
        return self.running.now()

    def begin(self, actor: Actor) -> AbstractAsyncContextManager[Transaction]:
        """One transaction in the read model."""
        return self.running.database.begin(actor)

    async def carry_out(self, command: Command, *, actor: Actor) -> Sequence[Event]:
        """Send a command to its owner and take its facts into the read model. A Refusal, or OwnerAway."""
        try:
            recorded = await self.services.send(command, actor=actor)
        except ServiceUnavailable as away:
            raise OwnerAway(str(away)) from away
        await self._apply(recorded)
        return [each.fact for each in recorded]

    async def _apply(self, recorded: Sequence[Recorded]) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                await self.running.apply(recorded)
            except Exception as error:
                if is_away(error):
                    raise OwnerAway("The read model cannot be reached at the moment.") from error
                if attempt == _TRIES:
                    raise
                log.warning("gateway.apply_again", error=str(error))
                await asyncio.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            else:
                if any(isinstance(each.fact, ABOUT_IDENTITIES) for each in recorded):
                    self.changes.identities += 1  # at once for whoever wrote it; the others hear of it
                return

    async def ask(self, query: Query, *, answer: type[AnswerT], actor: Actor) -> AnswerT:
        """A private read from the service that owns the words. A Refusal, or OwnerAway."""
        try:
            return await self.services.ask(query, answer=answer, actor=actor)
        except ServiceUnavailable as away:
            raise OwnerAway(str(away)) from away

    def advance_clock(self, by: timedelta) -> datetime:
        """Move the embedded platform's clock forward; a Refusal anywhere else."""
        return clock.advance(self.running.clock, by=by)

    async def facts_per_topic(self) -> Sequence[tuple[str, int]]:
        """How many facts lie behind the read model, topic by topic."""
        async with self.begin(SYSTEM) as tx:
            return await inbox_store.facts_per_topic(tx)
