"""Reading for one viewer: data loaders that gather what one level of a query asks for into one statement, and lists by pages.

One `Loaders` belongs to one viewer and one operation; nothing in it is ever shared between viewers. Whatever comes out has
gone through policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from chassis.database import Transaction
from contracts.base import SYSTEM, Actor, Role
from contracts.feedback import Agenda, Agreement, Feedback, Introduction, Reciprocity, Session
from contracts.matching import (
    CohortStatus,
    Enrolment,
    EnrolmentStatus,
    GroupPlan,
    MatchRun,
    Pair,
    PairStatus,
    RoundPlan,
    RunStatus,
    UnmatchedReason,
)
from contracts.notifications import Notification, Preferences
from contracts.profiles import Organization
from gateway import policy
from gateway.policy import LEAST_AGGREGATE, CohortSight, PairSight
from gateway.store import (
    cohorts as cohorts_store,
    groups as groups_store,
    inbox as inbox_store,
    learning as learning_store,
    pairs as pairs_store,
    people as people_store,
    rounds as rounds_store,
)
from gateway.store.paging import Asked, Page
from gateway.views import (
    CalibrationSeen,
    CohortSeen,
    ConsentSeen,
    EnrolmentSeen,
    GroupPlanSeen,
    OrganizationSeen,
    PairSeen,
    PersonSeen,
    ReportSeen,
    RoundPlanSeen,
    RunSeen,
)

SeenT = TypeVar("SeenT")
OursT = TypeVar("OursT", bound=Agreement | Agenda | Reciprocity | Session)
Begin = Callable[[Actor], AbstractAsyncContextManager[Transaction]]


class Loaders:
    """Everything that resolvers read. Attributes load one object by its key, methods load lists."""

    def __init__(self, viewer: Actor, begin: Begin) -> None:
        self.viewer = viewer
        self._begin = begin
        self.forget()

    def forget(self) -> None:
        """Drop what was loaded: after a command, and before each event of a subscription."""
        self.organizations = DataLoader(load_fn=self._organizations)
        self.people = DataLoader(load_fn=self._people)
        self.consents_of = DataLoader(load_fn=self._consents_of)
        self.preferences_of = DataLoader(load_fn=self._preferences_of)
        self.cohorts = DataLoader(load_fn=self._cohorts)
        self.enrolments = DataLoader(load_fn=self._enrolments)
        self.enrolments_of = DataLoader(load_fn=self._enrolments_of)
        self.my_enrolments = DataLoader(load_fn=self._my_enrolments)
        self.runs = DataLoader(load_fn=self._runs)
        self.latest_runs = DataLoader(load_fn=self._latest_runs)
        self.round_plans = DataLoader(load_fn=self._round_plans)
        self.round_plans_of = DataLoader(load_fn=self._round_plans_of)
        self.group_plans = DataLoader(load_fn=self._group_plans)
        self.group_plans_of = DataLoader(load_fn=self._group_plans_of)
        self.calibrations = DataLoader(load_fn=self._calibrations)
        self.pairs = DataLoader(load_fn=self._pairs)
        self.agreements = DataLoader(load_fn=self._agreements)
        self.agreements_of = DataLoader(load_fn=self._agreements_of)
        self.agendas = DataLoader(load_fn=self._agendas)
        self.agendas_of = DataLoader(load_fn=self._agendas_of)
        self.reciprocity_of = DataLoader(load_fn=self._reciprocity_of)
        self.sessions = DataLoader(load_fn=self._sessions)
        self.feedback = DataLoader(load_fn=self._feedback)
        self.feedback_of = DataLoader(load_fn=self._feedback_of)
        self.introductions = DataLoader(load_fn=self._introductions)
        self.introductions_of = DataLoader(load_fn=self._introductions_of)
        self.notifications = DataLoader(load_fn=self._notifications)

    def _reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin(self.viewer)

    # ---- organizations and people ------------------------------------------------------------------------------------

    async def _organizations(self, keys: list[UUID]) -> list[OrganizationSeen | None]:
        async with self._reading() as tx:
            found = await people_store.organizations_by_id(tx, keys)
            known = await self._known_organizations(tx, keys)
        return [self._organization(found[key]) if key in found and key in known else None for key in keys]

    async def _known_organizations(self, tx: Transaction, keys: list[UUID]) -> frozenset[UUID]:
        if self.viewer.is_a(Role.ADMIN) or self.viewer.is_a(Role.OPERATOR):
            return frozenset(keys)
        own = self.viewer.organization_id
        if own is None:
            return frozenset()
        if keys == [own]:
            return frozenset(keys)
        return await people_store.partner_organizations(tx, own, keys) | {own}

    def _organization(self, state: Organization) -> OrganizationSeen:
        sight = policy.organization_sight(self.viewer, state.organization_id)
        return OrganizationSeen(organization=state, sight=sight)

    async def organizations_by_name(self, *, page: Asked) -> Page[OrganizationSeen]:
        """The organizations that the viewer may know."""
        everywhere = self.viewer.is_a(Role.ADMIN) or self.viewer.is_a(Role.OPERATOR)
        if not everywhere and self.viewer.organization_id is None:
            return _EMPTY
        partners_of = None if everywhere else self.viewer.organization_id
        async with self._reading() as tx:
            found = await people_store.organizations_by_name(tx, partners_of=partners_of, asked=page)
        return _mapped(found, [self._organization(each) for each in found.rows])

    async def _people(self, keys: list[UUID]) -> list[PersonSeen | None]:
        async with self._reading() as tx:
            found = await people_store.people_by_id(tx, self.viewer, keys)
        return [self._person(found[key]) if key in found else None for key in keys]

    def _person(self, row: people_store.PersonRow) -> PersonSeen | None:
        tier = policy.tier_of(self.viewer, row.profile, row.known)
        if tier is None:
            return None
        opted = policy.opted_in(row.profile, row.organization, withdrawn=row.known.consent_withdrawn)
        fields = policy.person_fields(tier, opted)
        email = row.email if "email" in fields else ""
        return PersonSeen(profile=row.profile, tier=tier, fields=fields, opted=opted, email=email)

    async def people_of(self, organization_id: UUID, *, page: Asked) -> Page[PersonSeen]:
        """An organization's people, for its admin."""
        async with self._reading() as tx:
            found = await people_store.people_of_organization(tx, self.viewer, organization_id, asked=page)
        return self._visible(found)

    async def participants_of(self, cohort: CohortSeen, *, page: Asked) -> Page[PersonSeen] | None:
        """Who takes part in a cohort: for its organizers, and for those who take part themselves."""
        cohort_id = cohort.cohort.cohort_id
        async with self._reading() as tx:
            if cohort.sight is not CohortSight.ORGANIZER and not (
                self.viewer.person_id is not None
                and await people_store.takes_part(tx, person_id=self.viewer.person_id, cohort_id=cohort_id)
            ):
                return None
            found = await people_store.people_of_cohort(tx, self.viewer, cohort_id, asked=page)
        return self._visible(found)

    def _visible(self, found: Page[people_store.PersonRow]) -> Page[PersonSeen]:
        """Whoever policy hides is left out, with their place in the list."""
        seen = [(self._person(row), key) for row, key in zip(found.rows, found.keys, strict=True)]
        kept = [(each, key) for each, key in seen if each is not None]
        return Page(
            rows=[each for each, _ in kept],
            keys=[key for _, key in kept],
            more=found.more,
            total=found.total if len(kept) == len(seen) else None,
        )

    async def _consents_of(self, keys: list[UUID]) -> list[list[ConsentSeen]]:
        async with self._reading() as tx:
            found = await people_store.consents_of(tx, self._only_me(keys))
            now = tx.now
        return [
            [
                ConsentSeen(
                    consent=each,
                    in_force=policy.consents_hold(granted=each.granted, until=each.until, now=now),
                )
                for each in found.get(key, [])
            ]
            for key in keys
        ]

    async def _preferences_of(self, keys: list[UUID]) -> list[Preferences]:
        async with self._reading() as tx:
            found = await people_store.preferences_of(tx, self._only_me(keys))
        return [found.get(key) or Preferences(person_id=key) for key in keys]

    def _only_me(self, keys: Iterable[UUID]) -> list[UUID]:
        return [key for key in keys if key == self.viewer.person_id]

    # ---- cohorts -------------------------------------------------------------------------------------------------------

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
            return _EMPTY
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
        return _mapped(found, [EnrolmentSeen(enrolment=each, changed_at=at) for each, at in found.rows])

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
        return _mapped(found, [RunSeen(run=run, changed_at=at) for run, at in found.rows])

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

    async def _round_plans(self, keys: list[UUID]) -> list[RoundPlanSeen | None]:
        async with self._reading() as tx:
            found = await rounds_store.round_plans_by(tx, ids=keys)
        return _aligned(keys, await self._seen_plans(found), lambda each: each.plan.plan_id)

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
        return _aligned(keys, await self._seen_groups(found), lambda each: each.plan.plan_id)

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

    async def _calibrations(self, keys: list[UUID]) -> list[CalibrationSeen | None]:
        async with self._reading() as tx:
            found = await learning_store.calibrations_by_id(tx, keys)
        seen = [
            CalibrationSeen(calibration=each, changed_at=at, sight=sight)
            for each, at in found
            if (sight := policy.calibration_sight(self.viewer, each)) is not None
        ]
        return _aligned(keys, seen, lambda each: each.calibration.calibration_id)

    # ---- pairs ---------------------------------------------------------------------------------------------------------

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
            return _EMPTY
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
                return _EMPTY
        return await self._pair_page(found)

    async def _agreements(self, keys: list[UUID]) -> list[Agreement | None]:
        async with self._reading() as tx:
            found = await pairs_store.agreements_by(tx, ids=keys)
        return _aligned(keys, self._ours(found), lambda each: each.agreement_id)

    async def _agreements_of(self, keys: list[UUID]) -> list[Agreement | None]:
        async with self._reading() as tx:
            found = await pairs_store.agreements_by(tx, pair_ids=keys)
        return _aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _agendas(self, keys: list[UUID]) -> list[Agenda | None]:
        async with self._reading() as tx:
            found = await pairs_store.agendas_by(tx, ids=keys)
        return _aligned(keys, self._ours(found), lambda each: each.agenda_id)

    async def _agendas_of(self, keys: list[UUID]) -> list[Agenda | None]:
        async with self._reading() as tx:
            found = await pairs_store.agendas_by(tx, pair_ids=keys)
        return _aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _reciprocity_of(self, keys: list[UUID]) -> list[Reciprocity | None]:
        async with self._reading() as tx:
            found = await pairs_store.reciprocity_by(tx, pair_ids=keys)
        return _aligned(keys, self._ours(found), lambda each: each.pair_id)

    async def _sessions(self, keys: list[UUID]) -> list[Session | None]:
        async with self._reading() as tx:
            found = await pairs_store.sessions_by_id(tx, keys)
        return _aligned(keys, self._ours(found), lambda each: each.session_id)

    def _ours(self, found: Iterable[OursT]) -> list[OursT]:
        return [each for each in found if policy.is_one_of(self.viewer, each.people)]

    async def sessions_of(self, pair_id: UUID, *, page: Asked) -> Page[Session]:
        """A pair's meetings, for the two."""
        async with self._reading() as tx:
            return await pairs_store.sessions_of_pair(tx, pair_id, asked=page)

    async def my_sessions(self, *, page: Asked, upcoming: bool) -> Page[Session]:
        """The viewer's meetings."""
        if self.viewer.person_id is None:
            return _EMPTY
        async with self._reading() as tx:
            return await pairs_store.sessions_of_person(tx, self.viewer.person_id, upcoming=upcoming, asked=page)

    async def _feedback(self, keys: list[UUID]) -> list[Feedback | None]:
        async with self._reading() as tx:
            found = await pairs_store.feedback_by(tx, ids=keys)
        mine = [each for each in found if policy.may_see_feedback(self.viewer, each)]
        return _aligned(keys, mine, lambda each: each.feedback_id)

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
        return _aligned(keys, self._introduced(found), lambda each: each.introduction_id)

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

    # ---- messages ------------------------------------------------------------------------------------------------------

    async def _notifications(self, keys: list[UUID]) -> list[Notification | None]:
        async with self._reading() as tx:
            found = await inbox_store.notifications_by_id(tx, keys)
        mine = [each for each in found if each.person_id == self.viewer.person_id]
        return _aligned(keys, mine, lambda each: each.notification_id)

    async def my_notifications(self, *, page: Asked, unread: bool) -> Page[Notification]:
        """The viewer's inbox."""
        if self.viewer.person_id is None:
            return _EMPTY
        async with self._reading() as tx:
            return await inbox_store.notifications_of(tx, self.viewer.person_id, unread=unread, asked=page)

    async def my_unread_count(self) -> int:
        """How many messages the viewer has not read."""
        if self.viewer.person_id is None:
            return 0
        async with self._reading() as tx:
            return await inbox_store.unread_count(tx, self.viewer.person_id)

    async def kinds(self, keys: Sequence[UUID]) -> dict[UUID, str]:
        """What each id is the id of; the object itself is then loaded under policy."""
        if not self.viewer.roles:
            return {}
        async with self._reading() as tx:
            return await inbox_store.kinds_of(tx, keys)


_EMPTY: Page[Any] = Page(rows=(), keys=(), more=False, total=0)


def _aligned(keys: Sequence[UUID], found: Iterable[SeenT], key_of: Callable[[SeenT], UUID]) -> list[SeenT | None]:
    by_key = {key_of(each): each for each in found}
    return [by_key.get(key) for key in keys]


def _mapped(page: Page[Any], rows: Sequence[SeenT]) -> Page[SeenT]:
    return Page(rows=rows, keys=page.keys, more=page.more, total=page.total)
