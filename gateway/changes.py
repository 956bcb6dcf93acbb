"""Fan-out of changes to the subscribers of this process; each reads the changed object again under its own rights."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from graphql import GraphQLError

from chassis.database import Database
from gateway.store.changes import IDENTITIES, Change, listen

Channel = tuple[str, UUID]  # what changes, and the person or cohort that it is about

LARGEST_BACKLOG = 256  # changed objects that a subscriber has not read yet
MOST_SUBSCRIPTIONS = 10_000  # of one process
_WAIT_FOR_EARS = 5.0  # seconds that a new subscription waits until changes are heard at all


class SubscriptionEnded(GraphQLError):
    """A subscription ends before its client wanted it to; the code says why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, extensions={"code": code})


class Stoppable(Protocol):
    """What a listener needs of a running service."""

    database: Database
    stopping: asyncio.Event


@dataclass(eq=False)
class Subscriber:
    """One subscription: objects that changed and were not read yet, each once."""

    until: float | None
    waiting: dict[UUID, None] = field(default_factory=dict)
    ended: SubscriptionEnded | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, key: UUID) -> None:
        """An object changed. One that changed twice before it was read is read once: as it is then."""
        if self.ended is None:
            self.waiting[key] = None
            if len(self.waiting) > LARGEST_BACKLOG:
                self.end(
                    SubscriptionEnded(
                        f"More than {LARGEST_BACKLOG} changes wait for this client. Read faster; query anew, then subscribe again.",
                        code="TooSlow",
                    )
                )
            self.woken.set()

    def end(self, reason: SubscriptionEnded) -> None:
        """Nothing more comes."""
        self.ended = reason
        self.waiting.clear()
        self.woken.set()

    async def next(self) -> UUID:
        """The next object that changed; SubscriptionEnded when nothing more comes."""
        while not self.waiting:
            if self.ended is not None:
                raise self.ended
            self.woken.clear()
            left = None if self.until is None else max(0.0, self.until - time.time())
            try:
                await asyncio.wait_for(self.woken.wait(), left)
            except TimeoutError:
                raise SubscriptionEnded(
                    "The token has expired. Connect again with a new one.", code="TokenExpired"
                ) from None
        key = next(iter(self.waiting))
        del self.waiting[key]
        return key


@dataclass
class Changes:
    """All subscribers of this process, and one connection that listens for all of them."""

    subscribers: dict[Channel, set[Subscriber]] = field(default_factory=dict)
    count: int = 0
    identities: int = 0  # grows whenever somebody may have become, or be no longer, who a token says they are
    _hearing: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def subscription(self, channel: Channel, *, until: float | None) -> AsyncIterator[Subscriber]:
        """Ids of objects that change from now on; ``until``: the real time (seconds since 1970) at which the token ends."""
        if self.count >= MOST_SUBSCRIPTIONS:
            raise SubscriptionEnded("This gateway has too many subscribers. Try another one.", code="TooMany")
        try:
            await asyncio.wait_for(self._hearing.wait(), _WAIT_FOR_EARS)
        except TimeoutError:
            raise _missed() from None
        subscriber = Subscriber(until)
        self.subscribers.setdefault(channel, set()).add(subscriber)
        self.count += 1
        try:
            yield subscriber
        finally:
            self.count -= 1
            others = self.subscribers[channel]
            others.discard(subscriber)
            if not others:
                del self.subscribers[channel]

    def heard(self, changes: Sequence[Change]) -> None:
        """Pass changes on to those whom they are about."""
        for change in changes:
            if change.kind == IDENTITIES:
                self.identities += 1
            for about in change.about:
                for subscriber in self.subscribers.get((change.kind, about), ()):
                    subscriber.tell(change.key)

    @property
    def hearing(self) -> bool:
        """Whether changes are heard at the moment."""
        return self._hearing.is_set()

    def hear(self) -> None:
        """From now on nothing is missed."""
        self._hearing.set()

    async def listen(self, running: Stoppable) -> None:
        """Hear changes until the service stops; when the connection is lost, everybody is told that they may have missed some."""
        try:
            await listen(running.database, heard=self.heard, listening=self.hear, stopping=running.stopping)
        finally:
            self._hearing.clear()
            self.identities += 1
            for subscribers in self.subscribers.values():
                for subscriber in subscribers:
                    subscriber.end(_missed())


def _missed() -> SubscriptionEnded:
    return SubscriptionEnded("Changes may have been missed. Query anew, then subscribe again.", code="ChangesMissed")
