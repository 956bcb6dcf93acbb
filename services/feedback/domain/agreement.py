"""What the two agree on: goals, ground rules, a plan whose meetings never grow, an end. Both sign exactly the same terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid5

from contracts.errors import Conflict, Invalid, NotFound, Problem
from contracts.feedback import Agreement, Goal, PlannedMeeting
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair, Wish
from services.feedback.domain.wording import problem_with

SHORTEST, LONGEST = 15, 180  # minutes of a meeting
MOST_MEETINGS = 60
MOST_GOALS = 20

_CADENCE_DAYS = 14
_USUAL_MEETINGS = 6  # a short cohort meets more often rather than less
_MOST_DRAFTED = 26
_FIRST_MINUTES, _STEP, _LAST_MINUTES = 60, 15, 30


class NoAgreementYet(NotFound):
    """The pair was accepted a moment ago, and its agreement is still being drafted."""


class TermsAreWrong(Invalid):
    """Terms that cannot be signed; ``problems`` say which."""


class TermsChanged(Conflict):
    """Somebody would sign other terms than the present ones."""


class AlreadySigned(Conflict):
    """The same person signed the same terms before."""


def agreement_id(pair_id: UUID) -> UUID:
    """A pair has one agreement."""
    return uuid5(pair_id, "agreement")


def draft(pair: KnownPair, *, starts: date, ends: date, now: datetime) -> Kept[Agreement]:
    """A first proposal: both people's needs as goals, and a tapering plan that fits between ``starts`` (or the acceptance, if
    later) and ``ends``."""
    begins = max(starts, pair.accepted_at.astimezone(UTC).date())
    cadence = _fitting_cadence(days=(ends - begins).days)
    return Kept(
        state=Agreement(
            agreement_id=agreement_id(pair.pair_id),
            pair_id=pair.pair_id,
            cohort_id=pair.cohort_id,
            people=pair.people,
            organizations=pair.organizations,
            goals=tuple(Goal(person_id=wish.learner_id, text=wish.need) for wish in pair.wishes if wish.need),
            cadence_days=cadence,
            plan=tapering_plan(days=(ends - begins).days, cadence_days=cadence, wishes=pair.wishes),
            ends_on=ends,
        ),
        changed_at=now,
    )


def tapering_plan(*, days: int, cadence_days: int, wishes: Sequence[Wish] = ()) -> tuple[PlannedMeeting, ...]:
    """60, 60, 45, 45, 30, 30 … minutes: as many meetings as fit into ``days``, at least one; their focus alternates between what
    the one and what the other wants."""
    topics = [wish.need for wish in wishes if wish.need] or [""]
    meetings = max(1, min(_MOST_DRAFTED, days // cadence_days))
    return tuple(
        PlannedMeeting(
            number=index + 1,
            minutes=max(_LAST_MINUTES, _FIRST_MINUTES - _STEP * (index // 2)),
            focus=topics[index % len(topics)],
        )
        for index in range(meetings)
    )


def change(
    kept: Kept[Agreement],
    *,
    by: UUID,
    now: datetime,
    cohort_ends: date | None = None,
    goals: tuple[str, ...] | None = None,
    ground_rules: str | None = None,
    cadence_days: int | None = None,
    plan: tuple[PlannedMeeting, ...] | None = None,
    ends_on: date | None = None,
) -> Kept[Agreement]:
    """Other terms, unsigned; None leaves a term as it is, and nothing new leaves the signatures. ``goals`` are those of ``by``.

    TermsAreWrong names every term that is out of bounds.
    """
    problems: list[Problem] = []
    if goals is not None:
        problems += _problems_of_goals(goals)
    if ground_rules is not None:
        problems += filter(None, [problem_with(ground_rules, path="ground_rules", most=4000)])
    if cadence_days is not None and not 1 <= cadence_days <= 60:
        problems.append(Problem("cadence_days", "You meet every 1 to 60 days.", str(cadence_days), "Choose 1 to 60."))
    if plan is not None:
        problems += problems_of_plan(plan)
    if ends_on is not None:
        problems += _problems_of_end(ends_on, today=now.astimezone(UTC).date(), cohort_ends=cohort_ends)
    if problems:
        raise TermsAreWrong("These terms cannot be agreed on.", remedy="Mend what is listed.", problems=tuple(problems))

    state = kept.state
    terms = replace(
        state,
        goals=state.goals if goals is None else _goals_with(state, own=goals, by=by),
        ground_rules=state.ground_rules if ground_rules is None else ground_rules,
        cadence_days=state.cadence_days if cadence_days is None else cadence_days,
        plan=state.plan if plan is None else plan,
        ends_on=state.ends_on if ends_on is None else ends_on,
    )
    if terms == state:
        return kept
    unsigned = replace(terms, terms_version=state.terms_version + 1, signed_by=(), complete=False)
    return changed(kept, to=unsigned, at=now, by=by)


def sign(kept: Kept[Agreement], *, by: UUID, terms_version: int, now: datetime) -> Kept[Agreement]:
    """One more signature under exactly these terms; complete with the second. TermsChanged, AlreadySigned."""
    state = kept.state
    if terms_version != state.terms_version:
        raise TermsChanged(
            f"You would sign version {terms_version} of the terms; they are at version {state.terms_version}.",
            remedy="Read the present terms, then sign them.",
        )
    if by in state.signed_by:
        raise AlreadySigned("You have signed these terms already.", remedy="Now it is the other one's turn.")
    signed_by = (*state.signed_by, by)
    complete = set(signed_by) == set(state.people)
    return changed(kept, to=replace(state, signed_by=signed_by, complete=complete), at=now, by=by)


def planned_minutes(plan: Sequence[PlannedMeeting], *, number: int) -> int:
    """How long meeting ``number`` (from 1) was planned; beyond the plan's end as long as its last."""
    return plan[min(number, len(plan)) - 1].minutes


def problems_of_plan(plan: Sequence[PlannedMeeting]) -> list[Problem]:
    """Why this is no plan: numbers from 1 without a gap, each meeting 15 to 180 minutes and never longer than the one before."""
    if not 1 <= len(plan) <= MOST_MEETINGS:
        return [Problem("plan", f"A plan has 1 to {MOST_MEETINGS} meetings.", str(len(plan)), "Plan the first few.")]
    problems: list[Problem] = []
    for index, meeting in enumerate(plan):
        where = f"plan[{index}]"
        if meeting.number != index + 1:
            problems.append(
                Problem(
                    f"{where}.number",
                    "Meetings count from 1 without a gap.",
                    str(meeting.number),
                    f"Write {index + 1}.",
                )
            )
        if not SHORTEST <= meeting.minutes <= LONGEST:
            problems.append(
                Problem(
                    f"{where}.minutes",
                    f"A meeting lasts {SHORTEST} to {LONGEST} minutes.",
                    str(meeting.minutes),
                    f"Choose {SHORTEST} to {LONGEST}.",
                )
            )
        if index and meeting.minutes > plan[index - 1].minutes:
            problems.append(
                Problem(
                    f"{where}.minutes",
                    f"Meetings never grow, and the one before lasts {plan[index - 1].minutes} minutes.",
                    str(meeting.minutes),
                    "Plan the longer meetings first.",
                )
            )
        problems += filter(None, [problem_with(meeting.focus, path=f"{where}.focus", most=500)])
    return problems


def _goals_with(state: Agreement, *, own: tuple[str, ...], by: UUID) -> tuple[Goal, ...]:
    before = tuple(goal.text for goal in state.goals if goal.person_id == by)
    wanted = tuple(text.strip() for text in own)
    if wanted == before:
        return state.goals
    theirs = tuple(goal for goal in state.goals if goal.person_id != by)
    return (*theirs, *(Goal(person_id=by, text=text) for text in wanted))


def _problems_of_goals(goals: tuple[str, ...]) -> list[Problem]:
    if len(goals) > MOST_GOALS:
        return [Problem("goals", f"{MOST_GOALS} goals are the most.", str(len(goals)), "Keep what matters most.")]
    each = (problem_with(text, path=f"goals[{index}]", most=500, needed=True) for index, text in enumerate(goals))
    return [problem for problem in each if problem is not None]


def _problems_of_end(ends_on: date, *, today: date, cohort_ends: date | None) -> list[Problem]:
    if ends_on < today:
        return [Problem("ends_on", "The end lies in the past.", ends_on.isoformat(), f"Choose {today} or later.")]
    if cohort_ends is not None and ends_on > cohort_ends:
        return [
            Problem(
                "ends_on",
                f"The cohort ends on {cohort_ends}.",
                ends_on.isoformat(),
                f"Choose {cohort_ends} or earlier.",
            )
        ]
    return []


def _fitting_cadence(*, days: int) -> int:
    return max(1, min(_CADENCE_DAYS, days // _USUAL_MEETINGS))
