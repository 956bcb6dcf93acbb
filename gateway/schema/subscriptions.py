"""What is told as it happens. Each event is read again from the read model, at what the viewer may see at that moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from gateway import policy
from gateway.schema import inbox as inbox_types, pairs as pair_types, runs as run_types, sessions as session_types
from gateway.schema.context import Info, the_id
from gateway.schema.describing import subscription

SeenT = TypeVar("SeenT")

CohortId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="An organizer's cohort: all of its pairs. Left out: the viewer's own pairs."),
]
RunCohortId = Annotated[strawberry.ID, strawberry.argument(description="The cohort whose runs to follow.")]


@strawberry.type(
    description="What is told as it happens, over websocket (graphql-transport-ws) or Server-Sent Events. "
    "A subscription ends with an error when the token ends, when the client reads too slowly, or when changes may have been "
    "missed: query anew, then subscribe again."
)
class Subscription:
    @subscription("A proposal to the viewer came, or changed while it waits for an answer.")
    def proposals(self, info: Info) -> AsyncGenerator[pair_types.Pair, None]:
        async def load(key: UUID) -> pair_types.Pair | None:
            found = await pair_types.the_pair(info, key)
            return found if found is not None and found.status in policy.ASKED_STATUSES else None

        return _follow(info, "pair", info.context.viewer.person_id, load)

    @subscription("One of the viewer's pairs changed, or any pair of an organizer's cohort.")
    def pairs(self, info: Info, cohort_id: CohortId = None) -> AsyncGenerator[pair_types.Pair, None]:
        async def load(key: UUID) -> pair_types.Pair | None:
            return await pair_types.the_pair(info, key)

        about = the_id(cohort_id, path="cohortId") if cohort_id else info.context.viewer.person_id
        return _follow(info, "pair", about, load)

    @subscription("One of the viewer's sessions was planned, moved, cancelled or logged.")
    def sessions(self, info: Info) -> AsyncGenerator[session_types.Session, None]:
        async def load(key: UUID) -> session_types.Session | None:
            found = await info.context.loaders.sessions.load(key)
            return session_types.session(found) if found else None

        return _follow(info, "session", info.context.viewer.person_id, load)

    @subscription("A message came into the viewer's inbox, or changed.")
    def notifications(self, info: Info) -> AsyncGenerator[inbox_types.Notification, None]:
        async def load(key: UUID) -> inbox_types.Notification | None:
            found = await info.context.loaders.notifications.load(key)
            return inbox_types.notification(found) if found else None

        return _follow(info, "notification", info.context.viewer.person_id, load)

    @subscription("A match run of the cohort moved on. For organizers and operators.")
    def match_run_progress(self, info: Info, cohort_id: RunCohortId) -> AsyncGenerator[run_types.MatchRun, None]:
        async def load(key: UUID) -> run_types.MatchRun | None:
            return await run_types.the_run(info, key)

        return _follow(info, "run", the_id(cohort_id, path="cohortId"), load)


async def _follow(
    info: Info, kind: str, about: UUID | None, load: Callable[[UUID], Awaitable[SeenT | None]]
) -> AsyncGenerator[SeenT, None]:
    """The objects of a kind that change and are about a person or a cohort, each as far as the viewer may see it now."""
    if about is None:
        return
    changes = info.context.platform.changes
    async with changes.subscription((kind, about), until=info.context.expires_at) as subscriber:
        while True:
            key = await subscriber.next()
            # With today's rights, not with those of the last event.
            info.context.loaders.forget()
            found = await load(key)
            if found is not None:
                yield found
