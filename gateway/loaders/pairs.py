"""Pairs, what they agreed upon, their agendas and meetings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from contracts.base import Role
from contracts.feedback import Agenda, Agreement, Reciprocity, Session
from contracts.matching import Pair, PairStatus
from gateway import policy
from gateway.loaders.cohorts import Cohorts
from gateway.loaders.people import People
from gateway.loaders.reading import EMPTY, aligned
from gateway.policy import CohortSight, PairSight
from gateway.store import pairs as pairs_store
from gateway.store.paging import Asked, Page
from gateway.views import CohortSeen, PairSeen

OursT = TypeVar("OursT", bound=Agreement | Agenda | Reciprocity | Session)


class Pairs(People, Cohorts):
    """Pairs and their way."""

    def forget(self) -> None:
        super().forget()
        self.pairs = DataLoader(load_fn=self._pairs)
        self.agreements = DataLoader(load_fn=self._agreements)
        self.agreements_of = DataLoader(load_fn=self._agreements_of)
        self.agendas = DataLoader(load_fn=self._agendas)
        self.agendas_of = DataLoader(load_fn=self._agendas_of)
        self.reciprocity_of = DataLoader(load_fn=self._reciprocity_of)
        self.sessions = DataLoader(load_fn=self._sessions)

    async def _pairs(self, keys: list[UUID]) -> list[PairSeen | None]:
        async with self._reading() as tx:
            found = await pairs_store.pairs_by_id(tx, keys)
        seen = {each.pair.pair_id: each for each in await self._seen_pairs(list(found.values())) if each}
        return [seen.get(key) for key in keys]

    async def _seen_pairs(self, found: Sequence[Pair]) -> list[PairSeen | None]:
        """Pairs through the viewer's eyes: one statement for the cohorts, one for the other people."""
        organized: frozenset[UUID] = frozenset()
        if self.viewer.is_a(Role.ADMIN):
            organized = await self._organized({pair.cohort_id for pair in found}, also_operators=False)
        sights = [policy.pair_sight(self.viewer, pair, organizes=pair.cohort_id in organized) for pair in found]
        others = {
            member.person_id
            for pair, sight in zip(found, sights, strict=True)
            if sight is PairSight.ASKED
            for member in pair.members
            if member.person_id != self.viewer.person_id
        }
        people = {
            each.profile.person_id: each for each in await self.people.load_many(list(others)) if each is not None
        }
        seen: list[PairSeen | None] = []
        for pair, sight in zip(found, sights, strict=True):
            if sight is None:
                seen.append(None)
                continue
            other = next((people[m.person_id] for m in pair.members if m.person_id in people), None)
            opted = other.opted if other is not None and sight is PairSight.ASKED else frozenset()
            seen.append(PairSeen(pair=pair, sight=sight, viewer=self.viewer, opted=opted))
        return seen

    async def _pair_page(self, found: Page[Pair]) -> Page[PairSeen]:
        seen = await self._seen_pairs(found.rows)
        kept = [(each, key) for each, key in zip(seen, found.keys, strict=True) if each is not None]
        return Page(
            rows=[each for each, _ in kept],
            keys=[key for _, key in kept],
            more=found.more,
            total=found.total if len(kept) == len(seen) else None,
        )

    async def pairs_of(self, person_id: UUID, *, page: Asked) -> Page[PairSeen]:
        """A person's pairs, for that person and the admins of their organization."""
        drafts = person_id != self.viewer.person_id
        async with self._reading() as tx:
            found = await pairs_store.pairs_of_person(tx, person_id, drafts=drafts, asked=page)
        return await self._pair_page(found)

    async def my_pairs(self, *, page: Asked, open_only: bool) -> Page[PairSeen]:
        """The viewer's own pairs."""
        if self.viewer.person_id is None:
            return EMPTY
        statuses = policy.ASKED_STATUSES if open_only else None
        async with self._reading() as tx:
            found = await pairs_store.pairs_of_person(tx, self.viewer.person_id, statuses=statuses, asked=page)
        return await self._pair_page(found)

    async def pairs_in(
        self, cohort: CohortSeen, *, statuses: Sequence[PairStatus] | None, page: Asked
    ) -> Page[PairSeen]:
        """A cohort's pairs: all for its organizers, their own for people."""
        cohort_id = cohort.cohort.cohort_id
        async with self._reading() as tx:
            if cohort.sight is CohortSight.ORGANIZER:
                found = await pairs_store.pairs_in_cohort(tx, cohort_id, statuses=statuses, asked=page)
            elif self.viewer.person_id is not None:
                found = await pairs_store.pairs_of_person(
                    tx, self.viewer.person_id, statuses=statuses, cohort_id=cohort_id, asked=page
                )
            else:
                return EMPTY
        return await self._pair_page(found)

    async def _agreements(self, keys: list[UUID]) -> list[Agreement | None]:
        async with self._reading() as tx:
            found = await pairs_store.agreements_by(tx, ids=keys)
        return aligned(keys, self._ours(found), lambda each: each.agreement_id)

    async def _agreements_of(self, keys: list[UUID]) -> list[Agreement | None]:
        async with self._reading() as tx:
            found = await pairs_store.agreements_by(tx, pair_ids=keys)
        return aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _agendas(self, keys: list[UUID]) -> list[Agenda | None]:
        async with self._reading() as tx:
            found = await pairs_store.agendas_by(tx, ids=keys)
        return aligned(keys, self._ours(found), lambda each: each.agenda_id)

    async def _agendas_of(self, keys: list[UUID]) -> list[Agenda | None]:
        async with self._reading() as tx:
            found = await pairs_store.agendas_by(tx, pair_ids=keys)
        return aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _reciprocity_of(self, keys: list[UUID]) -> list[Reciprocity | None]:
        async with self._reading() as tx:
            found = await pairs_store.reciprocity_by(tx, pair_ids=keys)
        return aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _sessions(self, keys: list[UUID]) -> list[Session | None]:
        async with self._reading() as tx:
            found = await pairs_store.sessions_by_id(tx, keys)
        return aligned(keys, self._ours(found), lambda each: each.session_id)

    def _ours(self, found: Iterable[OursT]) -> list[OursT]:
        return [each for each in found if policy.is_one_of(self.viewer, each.people)]

    async def sessions_of(self, pair_id: UUID, *, page: Asked) -> Page[Session]:
        """A pair's meetings, for the two."""
        async with self._reading() as tx:
            return await pairs_store.sessions_of_pair(tx, pair_id, asked=page)

    async def my_sessions(self, *, page: Asked, upcoming: bool) -> Page[Session]:
        """The viewer's meetings."""
        if self.viewer.person_id is None:
            return EMPTY
        async with self._reading() as tx:
            return await pairs_store.sessions_of_person(tx, self.viewer.person_id, upcoming=upcoming, asked=page)
