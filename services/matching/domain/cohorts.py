"""Editions: drafted by one partner, accepted by all, opened and closed by time, matched, worked through, finished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, Invalid, Problem, TooLate
from contracts.matching import (
    Cohort,
    CohortAdvanced,
    CohortOpened,
    CohortStatus,
    Enrolment,
    Partner,
    RuleSet,
)
from services.matching.domain import rules as rule_sets
from services.matching.domain.authority import no_cohort
from services.matching.domain.kept import Kept, changed

MOST_ANSWER_HOURS = 24 * 60
FEWEST_PLACES = 2

_NEXT: dict[CohortStatus, tuple[CohortStatus, ...]] = {
    CohortStatus.OPEN: (CohortStatus.CLOSED,),
    CohortStatus.REVIEW: (CohortStatus.ACTIVE,),
    CohortStatus.ACTIVE: (CohortStatus.WRAP_UP,),
    CohortStatus.WRAP_UP: (CohortStatus.COMPLETED,),
}
_REOPENS = {CohortStatus.REVIEW, CohortStatus.ACTIVE}
_FINISHED = {CohortStatus.COMPLETED, CohortStatus.CANCELLED}
_MATCHABLE = {CohortStatus.CLOSED, CohortStatus.REVIEW, CohortStatus.ACTIVE}
_BEFORE_MATCHING = {CohortStatus.DRAFT, CohortStatus.OPEN, CohortStatus.CLOSED}
_HOW_ELSE = {
    CohortStatus.OPEN: "It opens by itself once every partner has accepted and its opening time has come.",
    CohortStatus.MATCHING: "Request matching to start a run.",
    CohortStatus.REVIEW: "A match run takes it there when it completes.",
    CohortStatus.DRAFT: "Draft a new cohort instead.",
}


class CohortIsWrong(Invalid):
    """A draft that cannot become a cohort; ``problems`` say why."""


class CohortExists(Conflict):
    """The id is taken."""


class AlreadyAccepted(Conflict):
    """The cohort opened, so its partnership stands."""


class WindowHasPassed(TooLate):
    """Registration would close before it opens."""


class TooFewPlaces(Conflict):
    """More people have a place than there would be."""


class NotNow(Conflict):
    """The cohort's state does not allow this step."""


def draft(
    cohort: Cohort, *, organization_id: UUID, known: Collection[UUID], now: datetime, by: UUID | None
) -> list[Kept[Cohort]]:
    """A new cohort, accepted by the organization that drafts it; opened at once when nobody else needs to accept and its time
    has come. ``known``: the organizations that exist."""
    problems = tuple(_problems(cohort, organization_id=organization_id, known=known))
    if problems:
        raise CohortIsWrong(
            "The cohort cannot be drafted like this.", remedy="Correct each problem listed.", problems=problems
        )
    fresh = replace(
        cohort,
        name=cohort.name.strip(),
        series=cohort.series.strip(),
        status=CohortStatus.DRAFT,
        partners=tuple(
            replace(partner, accepted=partner.organization_id == organization_id) for partner in cohort.partners
        ),
        rules=replace(cohort.rules, version=1),
    )
    rule_sets.check(fresh.rules, cohort=fresh, enrolments={})
    kept = Kept(state=fresh, told_as=CohortAdvanced, changed_at=now, changed_by=by)
    return [kept, *_opened(kept, now=now, by=by)]


def accept_partnership(
    kept: Kept[Cohort], *, organization_id: UUID, seats: int | None, now: datetime, by: UUID | None
) -> list[Kept[Cohort]]:
    """This partner takes part, with that many seats (None: as drafted); the last acceptance opens the cohort when its time has
    come."""
    cohort = kept.state
    if cohort.status is not CohortStatus.DRAFT:
        raise AlreadyAccepted("This cohort has opened already.", remedy="Nothing is left to accept.")
    if now >= cohort.closes_at:
        raise WindowHasPassed(
            "The registration window of this cohort has passed.", remedy="Draft a new cohort with a later window."
        )
    if seats is not None and seats < 1:
        raise CohortIsWrong(
            "A partner needs at least one seat.",
            remedy="Give a positive number of seats, or none to keep what was drafted.",
            problems=(Problem("seats", "Seats are a positive number.", str(seats), "Give 1 or more."),),
        )
    partners = tuple(
        replace(partner, accepted=True, seats=partner.seats if seats is None else seats)
        if partner.organization_id == organization_id
        else partner
        for partner in cohort.partners
    )
    accepted = changed(kept, to=replace(cohort, partners=partners), told_as=CohortAdvanced, at=now, by=by)
    return [accepted, *_opened(accepted, now=now, by=by)]


def move_by_time(kept: Kept[Cohort], *, now: datetime) -> list[Kept[Cohort]]:
    """Open it at ``opens_at`` when all have accepted; close it at ``closes_at``."""
    moved = _opened(kept, now=now, by=None)
    latest = moved[-1] if moved else kept
    if latest.state.status is CohortStatus.OPEN and now >= latest.state.closes_at:
        moved.append(_to(latest, CohortStatus.CLOSED, now=now, by=None))
    return moved


def next_move_at(cohort: Cohort) -> datetime | None:
    """When time moves this cohort next; None: nothing moves by itself."""
    if cohort.status is CohortStatus.DRAFT and all_accepted(cohort):
        return cohort.opens_at
    if cohort.status is CohortStatus.OPEN:
        return cohort.closes_at
    return None


def advance(kept: Kept[Cohort], *, to: CohortStatus, published: bool, now: datetime, by: UUID | None) -> Kept[Cohort]:
    """By hand to the next state, to CANCELLED, or (rolling) open again for the next wave. ``published``: whether the proposals
    of a run were published."""
    cohort = kept.state
    if cohort.status in _FINISHED:
        raise NotNow(f"This cohort is {cohort.status.value}.", remedy="A finished cohort stays as it is.")
    if to is CohortStatus.CANCELLED:
        return _to(kept, to, now=now, by=by)
    if to is CohortStatus.OPEN and cohort.rolling and cohort.status in _REOPENS:
        if now >= cohort.closes_at:
            raise WindowHasPassed(
                "The registration window of this cohort has passed.", remedy="Go on with the people whom it has."
            )
        return _to(kept, to, now=now, by=by)
    if to not in _NEXT.get(cohort.status, ()):
        following = ", ".join(status.value for status in _NEXT.get(cohort.status, ())) or "nothing by hand"
        raise NotNow(
            f"A cohort cannot go from {cohort.status.value} to {to.value}.",
            remedy=_HOW_ELSE.get(to, "") + f" After {cohort.status.value} comes {following}, or cancelled.",
        )
    if to is CohortStatus.ACTIVE and not published:
        raise NotNow(
            "The proposals of this cohort were not published yet.", remedy="Publish the proposals of a run first."
        )
    return _to(kept, to, now=now, by=by)


def change_rules(
    kept: Kept[Cohort], *, rules: RuleSet, enrolments: Mapping[UUID, Enrolment], now: datetime, by: UUID | None
) -> Kept[Cohort]:
    """The next version of the rules; refused when they contradict each other, and once a run has used them."""
    if kept.state.status not in _BEFORE_MATCHING:
        raise NotNow(
            f"The rules of a cohort that is {kept.state.status.value} cannot change.",
            remedy="Change rules before the cohort is matched.",
        )
    rule_sets.check(rules, cohort=kept.state, enrolments=enrolments)
    following = replace(rules, version=kept.state.rules.version)
    if following != kept.state.rules:
        following = replace(rules, version=kept.state.rules.version + 1)
    return changed(kept, to=replace(kept.state, rules=following), told_as=CohortAdvanced, at=now, by=by)


def change_capacity(
    kept: Kept[Cohort], *, capacity: int | None, held: int, now: datetime, by: UUID | None
) -> Kept[Cohort]:
    """The cohort takes so many people from now on (None: no limit). ``held``: places that people have, of whom nobody goes."""
    _require_changeable(kept.state)
    if capacity is not None and capacity < FEWEST_PLACES:
        raise CohortIsWrong(
            "A cohort has room for two at least.",
            remedy="Give 2 or more, or none for no limit.",
            problems=(Problem("capacity", "A cohort has room for two at least.", str(capacity), "Give 2 or more."),),
        )
    _require_room_for(held, capacity)
    return changed(kept, to=replace(kept.state, capacity=capacity), told_as=CohortAdvanced, at=now, by=by)


def change_seats(
    kept: Kept[Cohort], *, organization_id: UUID, seats: int | None, held: int, now: datetime, by: UUID | None
) -> Kept[Cohort]:
    """So many people of this partner can take part (None: as many as the cohort has). ``held``: places that its people have."""
    partner_in(kept.state, organization_id=organization_id)
    _require_changeable(kept.state)
    if seats is not None and seats < 1:
        raise CohortIsWrong(
            "A partner needs at least one seat.",
            remedy="Give a positive number of seats, or none for no limit.",
            problems=(Problem("seats", "Seats are a positive number.", str(seats), "Give 1 or more."),),
        )
    _require_room_for(held, seats)
    partners = tuple(
        replace(partner, seats=seats) if partner.organization_id == organization_id else partner
        for partner in kept.state.partners
    )
    return changed(kept, to=replace(kept.state, partners=partners), told_as=CohortAdvanced, at=now, by=by)


def begin_matching(kept: Kept[Cohort], *, now: datetime, by: UUID | None) -> Kept[Cohort]:
    """To MATCHING, from where a run may start."""
    status = kept.state.status
    if status is CohortStatus.MATCHING:
        raise NotNow("A match run is under way.", remedy="Wait for it, or cancel it.")
    if status not in _MATCHABLE and not (kept.state.rolling and status is CohortStatus.OPEN):
        raise NotNow(
            f"A cohort that is {status.value} cannot be matched.",
            remedy="Close its registration first; only a rolling cohort is matched while it is open."
            if status is CohortStatus.OPEN
            else "Matching follows once registration has closed.",
        )
    return _to(kept, CohortStatus.MATCHING, now=now, by=by)


def adopt(kept: Kept[Cohort], *, rules: RuleSet, now: datetime, by: UUID | None) -> Kept[Cohort]:
    """To REVIEW under these rules, from where a run may start: as if one under them had just ended."""
    begin_matching(kept, now=now, by=by)
    following = replace(rules, version=kept.state.rules.version)
    if following != kept.state.rules:
        following = replace(rules, version=kept.state.rules.version + 1)
    state = replace(kept.state, rules=following, status=CohortStatus.REVIEW)
    return changed(kept, to=state, told_as=CohortAdvanced, at=now, by=by)


def end_matching(kept: Kept[Cohort], *, to: CohortStatus, now: datetime, by: UUID | None) -> Kept[Cohort]:
    """From MATCHING to REVIEW, or back where it came from when the run failed or was cancelled."""
    return _to(kept, to, now=now, by=by) if kept.state.status is CohortStatus.MATCHING else kept


def all_accepted(cohort: Cohort) -> bool:
    """Whether every partner's admin has accepted."""
    return all(partner.accepted for partner in cohort.partners)


def partner_in(cohort: Cohort, *, organization_id: UUID | None) -> Partner:
    """This organization's part in the cohort; CohortNotFound when it has none."""
    for partner in cohort.partners:
        if partner.organization_id == organization_id:
            return partner
    raise no_cohort()


def _require_changeable(cohort: Cohort) -> None:
    if cohort.status in _FINISHED or cohort.status is CohortStatus.WRAP_UP:
        raise NotNow(
            f"This cohort is {cohort.status.value}: nobody joins it any more.",
            remedy="Give the next edition as many places as it needs.",
        )


def _require_room_for(held: int, places: int | None) -> None:
    if places is not None and places < held:
        raise TooFewPlaces(
            f"{held} people have a place already.",
            remedy=f"Choose {held} or more; or remove people first.",
        )


def _opened(kept: Kept[Cohort], *, now: datetime, by: UUID | None) -> list[Kept[Cohort]]:
    cohort = kept.state
    if cohort.status is not CohortStatus.DRAFT or not all_accepted(cohort) or now < cohort.opens_at:
        return []
    return [changed(kept, to=replace(cohort, status=CohortStatus.OPEN), told_as=CohortOpened, at=now, by=by)]


def _to(kept: Kept[Cohort], status: CohortStatus, *, now: datetime, by: UUID | None) -> Kept[Cohort]:
    told_as = CohortOpened if status is CohortStatus.OPEN else CohortAdvanced
    return changed(kept, to=replace(kept.state, status=status), told_as=told_as, at=now, by=by)


def _problems(cohort: Cohort, *, organization_id: UUID, known: Collection[UUID]) -> Iterator[Problem]:
    if not cohort.name.strip():
        yield Problem("name", "A cohort needs a name.", remedy="Give it one that its people will recognize.")
    partners = [partner.organization_id for partner in cohort.partners]
    if not partners or partners[0] != organization_id:
        yield Problem(
            "partners[0]",
            "The first partner is the organization that drafts the cohort.",
            str(partners[0]) if partners else "",
            "Put your own organization first.",
        )
    for index, partner in enumerate(cohort.partners):
        if partner.organization_id not in known:
            yield Problem(
                f"partners[{index}]",
                "There is no such organization.",
                str(partner.organization_id),
                "Check the id; an organization registered just now is known in a moment.",
            )
        if partner.organization_id in partners[:index]:
            yield Problem(f"partners[{index}]", "A partner is named once.", str(partner.organization_id), "Remove it.")
        if partner.seats is not None and partner.seats < 1:
            yield Problem(
                f"partners[{index}].seats", "Seats are a positive number.", str(partner.seats), "Give 1 or more."
            )
    yield from _problems_with_times(cohort)
    if not 1 <= cohort.answer_hours <= MOST_ANSWER_HOURS:
        yield Problem(
            "answer_hours",
            "People need some hours to answer.",
            str(cohort.answer_hours),
            f"Give 1 to {MOST_ANSWER_HOURS}.",
        )
    if cohort.capacity is not None and cohort.capacity < FEWEST_PLACES:
        yield Problem(
            "capacity", "A cohort has room for two at least.", str(cohort.capacity), "Give 2 or more, or none."
        )


def _problems_with_times(cohort: Cohort) -> Iterator[Problem]:
    times = [(name, getattr(cohort, name)) for name in ("opens_at", "closes_at", "starts_at", "ends_at")]
    naive = [name for name, time in times if time.tzinfo is None]
    for name in naive:
        yield Problem(
            name, "A time needs a zone.", getattr(cohort, name).isoformat(), "Add an offset, such as Z or +02:00."
        )
    if naive:
        return
    for (name, time), (after, later) in ((times[0], times[1]), (times[1], times[2]), (times[2], times[3])):
        if later < time or (later == time and after != "starts_at"):
            yield Problem(
                after, f"It comes before {name}.", later.isoformat(), f"Choose a time after {time.isoformat()}."
            )
