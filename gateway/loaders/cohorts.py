"""Cohorts, places in them, runs and the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from strawberry.dataloader import DataLoader

from contracts.base import SYSTEM, Role
from contracts.matching import CohortStatus, Enrolment, EnrolmentStatus, MatchRun, RunStatus, UnmatchedReason
from gateway import policy
from gateway.loaders.reading import EMPTY, Reading, mapped
from gateway.policy import LEAST_AGGREGATE, CohortSight
from gateway.store import cohorts as cohorts_store
from gateway.store.paging import Asked, Page
from gateway.views import CohortSeen, EnrolmentSeen, ReportSeen, RunSeen


class Cohorts(Reading):
    """Cohorts and their runs."""

    def forget(self) -> None:
        super().forget()
        self.cohorts = DataLoader(load_fn=self._cohorts)
        self.enrolments = DataLoader(load_fn=self._enrolments)
        self.enrolments_of = DataLoader(load_fn=self._enrolments_of)
        self.my_enrolments = DataLoader(load_fn=self._my_enrolments)
        self.runs = DataLoader(load_fn=self._runs)
        self.latest_runs = DataLoader(load_fn=self._latest_runs)

    async def _cohorts(self, keys: list[UUID]) -> list[CohortSeen | None]:
        async with self._reading() as tx:
            found = await cohorts_store.cohorts_by_id(tx, keys)
        seen: list[CohortSeen | None] = []
        for key in keys:
            state = found.get(key)
            sight = policy.cohort_sight(self.viewer, state) if state else None
            seen.append(CohortSeen(cohort=state, sight=sight) if state and sight else None)
        return seen

    async def cohorts_by_start(self, *, statuses: Sequence[CohortStatus] | None, page: Asked) -> Page[CohortSeen]:
        """The viewer's cohorts, the latest first."""
        if self.viewer.organization_id is None and not self.viewer.is_a(Role.OPERATOR):
            return EMPTY
        async with self._reading() as tx:
            found = await cohorts_store.cohorts_by_start(tx, self.viewer, statuses=statuses, asked=page)
        seen = [
            (CohortSeen(cohort=state, sight=sight), key)
            for state, key in zip(found.rows, found.keys, strict=True)
            if (sight := policy.cohort_sight(self.viewer, state)) is not None
        ]
        return Page(rows=[each for each, _ in seen], keys=[key for _, key in seen], more=found.more, total=found.total)

    async def _enrolments(self, keys: list[UUID]) -> list[EnrolmentSeen | None]:
        async with self._reading() as tx:
            found = await cohorts_store.enrolments_by_id(tx, keys)
        seen = {each.enrolment_id: self._enrolment(each, changed_at) for each, changed_at in found}
        return [seen.get(key) for key in keys]

    def _enrolment(self, state: Enrolment, changed_at: datetime) -> EnrolmentSeen | None:
        if policy.may_see_person_data(self.viewer, person_id=state.person_id, organization_id=state.organization_id):
            return EnrolmentSeen(enrolment=state, changed_at=changed_at)
        return None

    async def _enrolments_of(self, keys: list[UUID]) -> list[list[EnrolmentSeen]]:
        async with self._reading() as tx:
            found = await cohorts_store.enrolments_of_people(tx, keys)
        seen: dict[UUID, list[EnrolmentSeen]] = {key: [] for key in keys}
        for state, changed_at in found:
            each = self._enrolment(state, changed_at)
            if each is not None:
                seen[state.person_id].append(each)
        return [seen[key] for key in keys]

    async def _my_enrolments(self, cohort_ids: list[UUID]) -> list[EnrolmentSeen | None]:
        person_id = self.viewer.person_id
        mine = await self.enrolments_of.load(person_id) if person_id else []
        by_cohort = {each.enrolment.cohort_id: each for each in mine}
        return [by_cohort.get(key) for key in cohort_ids]

    async def enrolments_in(
        self, cohort_id: UUID, *, statuses: Sequence[EnrolmentStatus] | None, page: Asked
    ) -> Page[EnrolmentSeen]:
        """The places of the viewer's own organization in a cohort, for its admin."""
        async with self._reading() as tx:
            found = await cohorts_store.enrolments_in_cohort(
                tx, cohort_id, organization_id=self.viewer.organization_id, statuses=statuses, asked=page
            )
        return mapped(found, [EnrolmentSeen(enrolment=each, changed_at=at) for each, at in found.rows])

    async def _runs(self, keys: list[UUID]) -> list[RunSeen | None]:
        async with self._reading() as tx:
            found = await cohorts_store.runs_by_id(tx, keys)
        visible = await self._organized({run.cohort_id for run, _ in found}, also_operators=True)
        seen = {run.run_id: RunSeen(run=run, changed_at=at) for run, at in found if run.cohort_id in visible}
        return [seen.get(key) for key in keys]

    async def _organized(self, cohort_ids: Iterable[UUID], *, also_operators: bool) -> frozenset[UUID]:
        """Those of these cohorts that the viewer organizes."""
        sights = {CohortSight.ORGANIZER, CohortSight.OPERATOR} if also_operators else {CohortSight.ORGANIZER}
        seen = await self.cohorts.load_many(list(cohort_ids))
        return frozenset(each.cohort.cohort_id for each in seen if each and each.sight in sights)

    async def _latest_runs(self, cohort_ids: list[UUID]) -> list[RunSeen | None]:
        async with self._reading() as tx:
            found = await cohorts_store.latest_runs(tx, cohort_ids)
        seen = {run.cohort_id: RunSeen(run=run, changed_at=at) for run, at in found}
        return [seen.get(key) for key in cohort_ids]

    async def runs_in(self, cohort_id: UUID, *, page: Asked) -> Page[RunSeen]:
        """A cohort's runs, for its organizers and operators."""
        async with self._reading() as tx:
            found = await cohorts_store.runs_in_cohort(tx, cohort_id, asked=page)
        return mapped(found, [RunSeen(run=run, changed_at=at) for run, at in found.rows])

    async def report_of(self, cohort: CohortSeen) -> ReportSeen:
        """A cohort's figures, for its organizers and operators, without those that would tell about single people."""
        cohort_id = cohort.cohort.cohort_id
        # Sums over rows that the viewer may not see one by one: read by the system, after policy has said who asks.
        async with self._begin(SYSTEM) as tx:
            figures = await cohorts_store.figures(tx, cohort_id)
            organizations, mean_value = await cohorts_store.results(tx, cohort_id)
            completed = await cohorts_store.latest_runs(tx, [cohort_id], status=RunStatus.COMPLETED)
        run = completed[0][0] if completed else MatchRun(run_id=cohort_id, cohort_id=cohort_id, status=RunStatus.QUEUED)
        reasons: dict[UnmatchedReason, int] = {}
        for each in run.unmatched:
            reasons[each.reason] = reasons.get(each.reason, 0) + 1
        people = sum(each.people for each in organizations)
        enough = people >= LEAST_AGGREGATE
        met = 2 * figures.met >= LEAST_AGGREGATE
        return ReportSeen(
            people=people,
            matched=sum(each.matched for each in organizations),
            mean_value=mean_value if enough else None,
            organizations=organizations,
            withheld=policy.withheld_results(organizations, viewer=self.viewer),
            unmatched=tuple(sorted(reasons.items())) if enough else (),
            pairs=figures.pairs,
            sessions_logged=figures.sessions_logged if met else None,
            mean_balance=figures.mean_balance if met else None,
            mean_usefulness=figures.mean_usefulness if figures.answers >= LEAST_AGGREGATE else None,
            introductions_made=figures.introductions_made if met else None,
        )
