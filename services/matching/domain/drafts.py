"""From the engine's plan to draft pairs and a run's report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from contracts.matching import (
    Direction,
    Fairness,
    Floor,
    Keep,
    OrganizationResult,
    Pair,
    PairProposed,
    PairStatus,
    PlanSoFar,
    RuleKind,
    RulePrice,
    RunEnd,
    Term,
    Unmatched,
    UnmatchedReason,
    Wording,
)
from services.matching.domain.authority import people_of
from services.matching.domain.kept import Kept, changed
from services.matching.domain.pairs import members_of, pair_id, supersede
from services.matching.domain.runs import Result
from services.matching.engine import model
from services.matching.engine.scoring.sentences import ENGLISH, LOCALES, say

_ENDS = frozenset(RunEnd)


def drafts(
    plan: model.Plan,
    *,
    run_id: UUID,
    cohort_id: UUID,
    organizations: Mapping[UUID, UUID],
    blocked: Collection[frozenset[UUID]],
    before: Iterable[Kept[Pair]],
    keep: Keep = Keep.NONE,
    now: datetime,
) -> list[Kept[Pair]]:
    """The plan's pairs as drafts, pinned ones (and those that the run was to keep) under the id that they have; every other draft
    of ``before`` is superseded.

    ``organizations``: of the people who are still admitted; pairs with somebody else, or with a block that came in the
    meantime, are left out.
    """
    before = list(before)
    known = {frozenset(people_of(kept.state)): kept for kept in before if kept.state.pinned or keep is not Keep.NONE}
    result: list[Kept[Pair]] = []
    for planned in plan.pairs:
        people = frozenset((UUID(planned.first), UUID(planned.second)))
        if not people <= organizations.keys() or people in blocked:
            continue
        present = known.get(people)
        state = Pair(
            pair_id=present.state.pair_id if present else pair_id(run_id, people=people),
            cohort_id=cohort_id,
            run_id=run_id,
            status=PairStatus.DRAFT,
            members=members_of({person: organizations[person] for person in people}),
            directions=directions_of(planned),
            value=planned.value,
            terms=terms_of(planned),
            language=planned.language,
            shared_minutes=planned.shared_minutes,
            shared_windows=planned.shared_windows,
            common_ground=planned.common_ground,
            bridge=planned.bridge,
            one_way_reason=planned.one_way_reason,
            wordings=wordings_of(planned),
            pinned=present is not None and present.state.pinned,
        )
        if present is not None:
            result.append(changed(present, to=state, told_as=PairProposed, at=now, by=None))
        else:
            result.append(Kept(state=state, told_as=PairProposed, changed_at=now))
    kept_ids = {kept.state.pair_id for kept in result}
    why = {
        frozenset((UUID(gone.couple.first), UUID(gone.couple.second))): f"The pin could not be kept: {gone.reason}."
        for gone in plan.unpinned
    }
    result += [
        supersede(kept, why=why.get(frozenset(people_of(kept.state)), "A later run took its place."), now=now)
        for kept in before
        if kept.state.pair_id not in kept_ids
    ]
    return result


def people_in(plan: model.Plan) -> set[UUID]:
    """Everybody, paired or left out."""
    paired = {UUID(person) for pair in plan.pairs for person in (pair.first, pair.second)}
    return paired | {UUID(left.person) for left in plan.left_out}


def result_of(plan: model.Plan, *, pairs: Collection[Kept[Pair]], organizations: Mapping[UUID, UUID]) -> Result:
    """The report: whoever lost their partner between snapshot and draft is unmatched, because everybody else is taken."""
    drafted = [kept.state for kept in pairs if kept.state.status is PairStatus.DRAFT]
    paired = {person for pair in drafted for person in people_of(pair)}
    reasons = {UUID(out.person): UnmatchedReason(out.reason) for out in plan.left_out}
    whys = {UUID(out.person): out.why for out in plan.left_out}
    planned = {UUID(person) for pair in plan.pairs for person in (pair.first, pair.second)}
    unmatched = tuple(
        Unmatched(
            person_id=person,
            organization_id=organizations[person],
            reason=reasons.get(person, UnmatchedReason.CAPACITY),
            why=tuple(say(each) for each in whys.get(person, ())),
            wordings=tuple(
                (locale, tuple(say(each, locale=locale) for each in whys[person]))
                for locale in LOCALES
                if locale != ENGLISH and whys.get(person)
            ),
        )
        for person in sorted((reasons.keys() | planned) - paired)
        if person in organizations
    )
    return Result(
        people=len(paired) + len(unmatched),
        pairs=len(drafted),
        value=round(sum(pair.value for pair in drafted), 6),
        upper_bound=plan.upper_bound,
        unmatched_bound=plan.unmatched_bound,
        exact=plan.exact,
        engine=plan.engine,
        meaning=plan.meaning,
        learned=plan.learned,
        organizations=outcomes_of(plan),
        unmatched=unmatched,
        moved=len(_moved([kept.state for kept in pairs], here=organizations.keys())),
        ended=RunEnd(plan.ended) if plan.ended in _ENDS else None,
        worst_off_floor=floor_of(plan.worst_off_floor),
        organization_floor=floor_of(plan.organization_floor),
        fairness=fairness_of(plan),
    )


def so_far_of(found: model.SoFar | None) -> PlanSoFar | None:
    """The best plan so far."""
    if found is None:
        return None
    return PlanSoFar(
        pairs=found.pairs,
        value=round(found.value, 6),
        upper_bound=round(found.upper_bound, 6),
        unmatched=found.unmatched,
        unmatched_bound=found.unmatched_bound,
    )


def floor_of(floor: model.Floor | None) -> Floor | None:
    """A floor that was asked for."""
    if floor is None:
        return None
    return Floor(
        asked=floor.asked,
        reached=floor.reached,
        highest=floor.highest,
        price=round(floor.price, 6),
        price_at_most=round(floor.price_at_most, 6),
    )


def fairness_of(plan: model.Plan) -> Fairness | None:
    """How evenly the plan serves people."""
    found = plan.fairness
    if found is None:
        return None
    return Fairness(
        gini=found.gini,
        worst=found.worst,
        best=found.best,
        gap=round(found.gap, 6),
        blocking_pairs=found.blocking,
        blocking_threshold=found.threshold,
    )


def prices_of(prices: Iterable[model.RuleCost]) -> tuple[RulePrice, ...]:
    """What each rule costs, of those that were priced."""
    return tuple(
        RulePrice(
            number=price.number,
            kind=RuleKind(price.kind),
            required=price.required,
            people=price.people,
            value=round(price.value, 6),
            why=say(price.why),
            wordings=tuple((locale, say(price.why, locale=locale)) for locale in LOCALES if locale != ENGLISH),
        )
        for price in prices
    )


def terms_of(planned: model.PlannedPair) -> tuple[Term, ...]:
    """As they are shown; they sum to the value."""
    return tuple(Term(name=term.name, amount=term.amount, detail=term.detail) for term in planned.terms)


def wordings_of(planned: model.PlannedPair) -> tuple[Wording, ...]:
    """In every language but English."""
    return tuple(_wording(planned, locale=locale) for locale in LOCALES if locale != ENGLISH)


def _wording(planned: model.PlannedPair, *, locale: str) -> Wording:
    ground, *rest = planned.told or (None,)
    bridge = rest[:-1] if planned.one_way_reason else rest
    return Wording(
        locale=locale,
        common_ground=say(ground, locale=locale) if ground else "",
        bridge="; ".join(say(each, locale=locale) for each in bridge),
        one_way_reason=say(rest[-1], locale=locale) if planned.one_way_reason and rest else "",
        details=tuple(say(term.why, locale=locale) if term.why else term.detail for term in planned.terms),
    )


def found_by(plan: model.Plan, *, run_id: UUID, organizations: Mapping[UUID, UUID], now: datetime) -> Result:
    """The report of a simulation: of everybody in its snapshot, whoever left since."""
    pairs = drafts(plan, run_id=run_id, cohort_id=run_id, organizations=organizations, blocked=(), before=(), now=now)
    return result_of(plan, pairs=pairs, organizations=organizations)


def outcomes_of(plan: model.Plan) -> tuple[OrganizationResult, ...]:
    """How each organization fared."""
    return tuple(
        OrganizationResult(
            organization_id=UUID(outcome.organization),
            people=outcome.people,
            matched=outcome.matched,
            mean_value=outcome.mean_value,
            worst_value=outcome.worst_value,
            best_mean=outcome.best_mean,
            share_of_best=outcome.share_of_best,
        )
        for outcome in plan.outcomes
    )


def _moved(pairs: Collection[Pair], *, here: Collection[UUID]) -> set[UUID]:
    """People whose draft before was with somebody who is still here, and who are not drafted with them any more."""
    drafted = {people_of(pair) for pair in pairs if pair.status is PairStatus.DRAFT}
    before = {people_of(pair) for pair in pairs if pair.status is PairStatus.SUPERSEDED}
    return {person for two in before - drafted if all(each in here for each in two) for person in two}


def directions_of(planned: model.PlannedPair) -> tuple[Direction, ...]:
    """What each teaches the other."""
    return tuple(direction_of(teaching) for teaching in planned.directions)


def direction_of(teaching: model.Teaching) -> Direction:
    """As it is told and stored."""
    return Direction(
        teacher_id=UUID(teaching.teacher),
        learner_id=UUID(teaching.learner),
        need=teaching.need,
        need_kind=teaching.need_kind,
        offer=teaching.offer,
        similarity=teaching.similarity,
        priority=teaching.priority,
        level=teaching.level,
        value=teaching.value,
        unlearned=teaching.unlearned,
        aptness=teaching.aptness,
    )
