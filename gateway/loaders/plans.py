"""Plans of rounds and of groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from strawberry.dataloader import DataLoader

from contracts.matching import GroupPlan, RoundPlan
from gateway import policy
from gateway.loaders.cohorts import Cohorts
from gateway.loaders.reading import aligned
from gateway.policy import CohortSight
from gateway.store import groups as groups_store, rounds as rounds_store
from gateway.views import GroupPlanSeen, RoundPlanSeen


class Plans(Cohorts):
    """Plans of several meetings or of several people."""

    def forget(self) -> None:
        super().forget()
        self.round_plans = DataLoader(load_fn=self._round_plans)
        self.round_plans_of = DataLoader(load_fn=self._round_plans_of)
        self.group_plans = DataLoader(load_fn=self._group_plans)
        self.group_plans_of = DataLoader(load_fn=self._group_plans_of)

    async def _round_plans(self, keys: list[UUID]) -> list[RoundPlanSeen | None]:
        async with self._reading() as tx:
            found = await rounds_store.round_plans_by(tx, ids=keys)
        return aligned(keys, await self._seen_plans(found), lambda each: each.plan.plan_id)

    async def _round_plans_of(self, cohort_ids: list[UUID]) -> list[list[RoundPlanSeen]]:
        async with self._reading() as tx:
            found = await rounds_store.round_plans_by(tx, cohort_ids=cohort_ids)
        seen = await self._seen_plans(found)
        return [[each for each in seen if each.plan.cohort_id == key] for key in cohort_ids]

    async def _seen_plans(self, found: Sequence[tuple[RoundPlan, datetime]]) -> list[RoundPlanSeen]:
        """Plans of cohorts that the viewer sees: organizers and operators all, people those that they are in."""
        cohorts = {plan.cohort_id: None for plan, _ in found}
        seen = await self.cohorts.load_many(list(cohorts))
        sights = {each.cohort.cohort_id: each.sight for each in seen if each is not None}
        return [
            RoundPlanSeen(plan=plan, changed_at=at, sight=sight)
            for plan, at in found
            if (sight := sights.get(plan.cohort_id)) is not None
            and (sight is not CohortSight.PARTICIPANT or policy.own_schedule(self.viewer, plan))
        ]

    async def _group_plans(self, keys: list[UUID]) -> list[GroupPlanSeen | None]:
        async with self._reading() as tx:
            found = await groups_store.group_plans_by(tx, ids=keys)
        return aligned(keys, await self._seen_groups(found), lambda each: each.plan.plan_id)

    async def _group_plans_of(self, cohort_ids: list[UUID]) -> list[list[GroupPlanSeen]]:
        async with self._reading() as tx:
            found = await groups_store.group_plans_by(tx, cohort_ids=cohort_ids)
        seen = await self._seen_groups(found)
        return [[each for each in seen if each.plan.cohort_id == key] for key in cohort_ids]

    async def my_group_plans(self) -> list[GroupPlanSeen]:
        """The published plans in which the viewer has a group, the latest first."""
        if self.viewer.person_id is None:
            return []
        async with self._reading() as tx:
            found = await groups_store.group_plans_of_person(tx, self.viewer.person_id)
        return [each for each in await self._seen_groups(found) if policy.own_group(self.viewer, each.plan)]

    async def _seen_groups(self, found: Sequence[tuple[GroupPlan, datetime]]) -> list[GroupPlanSeen]:
        """Plans of cohorts that the viewer sees: organizers and operators all, people those in which they have a group."""
        cohorts = {plan.cohort_id: None for plan, _ in found}
        seen = await self.cohorts.load_many(list(cohorts))
        sights = {each.cohort.cohort_id: each.sight for each in seen if each is not None}
        return [
            GroupPlanSeen(plan=plan, changed_at=at, sight=sight)
            for plan, at in found
            if (sight := sights.get(plan.cohort_id)) is not None
            and (sight is not CohortSight.PARTICIPANT or policy.own_group(self.viewer, plan))
        ]
