"""Feedback, and introductions to third people."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from strawberry.dataloader import DataLoader

from contracts.feedback import Feedback, Introduction
from gateway import policy
from gateway.loaders.reading import Reading, aligned
from gateway.store import pairs as pairs_store


class Feedbacks(Reading):
    """What people say of each other."""

    def forget(self) -> None:
        super().forget()
        self.feedback = DataLoader(load_fn=self._feedback)
        self.feedback_of = DataLoader(load_fn=self._feedback_of)
        self.introductions = DataLoader(load_fn=self._introductions)
        self.introductions_of = DataLoader(load_fn=self._introductions_of)

    async def _feedback(self, keys: list[UUID]) -> list[Feedback | None]:
        async with self._reading() as tx:
            found = await pairs_store.feedback_by(tx, ids=keys)
        mine = [each for each in found if policy.may_see_feedback(self.viewer, each)]
        return aligned(keys, mine, lambda each: each.feedback_id)

    async def _feedback_of(self, keys: list[UUID]) -> list[list[Feedback]]:
        async with self._reading() as tx:
            found = await pairs_store.feedback_by(tx, pair_ids=keys)
        mine = [each for each in found if policy.may_see_feedback(self.viewer, each)]
        return [[each for each in mine if each.pair_id == key] for key in keys]

    async def my_feedback_due(self) -> list[Feedback]:
        """What the viewer is asked to write."""
        if self.viewer.person_id is None:
            return []
        async with self._reading() as tx:
            return await pairs_store.feedback_due(tx, self.viewer.person_id)

    async def _introductions(self, keys: list[UUID]) -> list[Introduction | None]:
        async with self._reading() as tx:
            found = await pairs_store.introductions_by(tx, ids=keys)
        return aligned(keys, self._introduced(found), lambda each: each.introduction_id)

    async def _introductions_of(self, keys: list[UUID]) -> list[list[Introduction]]:
        async with self._reading() as tx:
            found = await pairs_store.introductions_by(tx, pair_ids=keys)
        seen = self._introduced(found)
        return [[each for each in seen if each.pair_id == key] for key in keys]

    async def introductions_asked(self) -> list[Introduction]:
        """Introductions that wait for the viewer's word as the third person."""
        if self.viewer.person_id is None:
            return []
        async with self._reading() as tx:
            found = await pairs_store.introductions_asking(tx, self.viewer.person_id)
        return self._introduced(found)

    def _introduced(self, found: Iterable[pairs_store.IntroductionRow]) -> list[Introduction]:
        seen = (policy.introduction_for(self.viewer, row.introduction, asked_id=row.third_id) for row in found)
        return [each for each in seen if each is not None]
