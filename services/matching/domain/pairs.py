"""Pairs: drafted, proposed, answered by both within capacity, active once their agreement is signed, held, ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from contracts.base import Event
from contracts.errors import Conflict, Full, Invalid, TooLate
from contracts.matching import (
    CohortStatus,
    DeclineReason,
    Direction,
    Member,
    Pair,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairProposed,
    PairStatus,
    Question,
)
from services.matching.domain.authority import no_pair, people_of
from services.matching.domain.kept import Kept, changed

LONGEST_TEXT = 2_000

ANSWERABLE = {PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED}
UNANSWERED = ANSWERABLE | {PairStatus.DRAFT}
SEATED = {PairStatus.ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD}
LIVE = UNANSWERED | SEATED
WORKED = {PairStatus.ACTIVE, PairStatus.ON_HOLD, PairStatus.COMPLETED, PairStatus.ENDED_EARLY}
_FINISHING = {CohortStatus.WRAP_UP, CohortStatus.COMPLETED}


class PlacesAreTaken(Full):
    """One of the two found somebody else in the meantime."""


class ProposalHasExpired(TooLate):
    """The time to answer is over."""


class AlreadyAnswered(Conflict):
    """This person said yes before, or the pair is past answering."""


class NotActive(Conflict):
    """Only an active pair can be held."""


class NotOnHold(Conflict):
    """Only a pair on hold can be resumed."""


class NotTogether(Conflict):
    """Only two people who both said yes can end their pair."""


class QuestionIsWrong(Invalid):
    """An empty or endless text."""


class QuestionExists(Conflict):
    """The id is taken."""


class NotYoursToAnswer(Conflict):
    """One's own question, or one that has an answer."""


@dataclass(frozen=True, slots=True)
class Seat:
    """How many pairs a person takes at once, and how many they have (both said yes)."""

    capacity: int
    taken: int

    @property
    def full(self) -> bool:
        """Whether nothing is free."""
        return self.taken >= self.capacity


def pair_id(parent: UUID, *, people: Collection[UUID]) -> UUID:
    """The pair that a run (or a pin in a cohort) makes of two people: doing it again makes the same."""
    return uuid5(parent, "pair of " + " and ".join(str(person) for person in sorted(people)))


def members_of(organizations: Mapping[UUID, UUID]) -> tuple[Member, ...]:
    """Members, sorted by person, from two people's organizations."""
    return tuple(Member(person_id=person, organization_id=organizations[person]) for person in sorted(organizations))


def pin(
    cohort_id: UUID,
    *,
    organizations: Mapping[UUID, UUID],
    present: Sequence[Kept[Pair]],
    now: datetime,
    by: UUID | None,
) -> Kept[Pair]:
    """These two shall be a pair: a pinned draft, which the next run explains and keeps. ``present``: all pairs of the two in this
    cohort."""
    for kept in present:
        if kept.state.status is PairStatus.DRAFT:
            return changed(kept, to=replace(kept.state, pinned=True), told_as=PairProposed, at=now, by=by)
        if kept.state.status in LIVE:
            raise AlreadyAnswered("These two are a pair already.", remedy="There is nothing to pin.")
        if kept.state.status is PairStatus.DECLINED:
            raise AlreadyAnswered("One of these two said no to the other.", remedy="Pin each with somebody else.")
    identity = pair_id(cohort_id, people=organizations)
    fresh = Pair(
        pair_id=identity,
        cohort_id=cohort_id,
        status=PairStatus.DRAFT,
        members=members_of(organizations),
        directions=(),
        value=0.0,
        pinned=True,
    )
    for kept in present:
        if kept.state.pair_id == identity:  # pinned before, and let go
            return changed(kept, to=fresh, told_as=PairProposed, at=now, by=by)
    return Kept(state=fresh, told_as=PairProposed, changed_at=now, changed_by=by)


def propose(kept: Kept[Pair], *, answer_hours: int, now: datetime, by: UUID | None) -> Kept[Pair]:
    """From draft to the two people, who have this long to answer."""
    state = replace(
        kept.state, status=PairStatus.PROPOSED, proposed_at=now, expires_at=now + timedelta(hours=answer_hours)
    )
    return changed(kept, to=state, told_as=PairProposed, at=now, by=by)


def accept(kept: Kept[Pair], *, by: UUID, now: datetime, seats: Mapping[UUID, Seat]) -> Kept[Pair]:
    """One yes; the second makes it ACCEPTED, if both have a place: ``seats`` are theirs, locked until this is saved."""
    pair = _answerable(kept, now=now)
    mine = next(member for member in pair.members if member.person_id == by)
    if mine.accepted_at is not None:
        raise AlreadyAnswered("You have accepted already.", remedy="Wait for the other one's answer.")
    if any(seats[person].full for person in people_of(pair)):
        raise _taken()
    members = tuple(replace(member, accepted_at=now) if member.person_id == by else member for member in pair.members)
    both = all(member.accepted_at is not None for member in members)
    state = replace(pair, members=members, status=PairStatus.ACCEPTED if both else PairStatus.HALF_ACCEPTED)
    return changed(kept, to=state, told_as=PairAccepted, at=now, by=by)


def fill_seats(seats: Mapping[UUID, Seat]) -> dict[UUID, Seat]:
    """The seats after one more pair each."""
    return {person: replace(seat, taken=seat.taken + 1) for person, seat in seats.items()}


def decline(kept: Kept[Pair], *, by: UUID, reason: DeclineReason, now: datetime) -> Kept[Pair]:
    """A no, also after an own yes, as long as the other has not answered."""
    state = replace(_answerable(kept, now=now), status=PairStatus.DECLINED, decline_reason=reason)
    return changed(kept, to=state, told_as=PairDeclined, at=now, by=by)


def expire(kept: Kept[Pair], *, now: datetime) -> Kept[Pair]:
    """Time ran out; unchanged when it has not, or when it was answered."""
    pair = kept.state
    if pair.status not in ANSWERABLE or pair.expires_at is None or now < pair.expires_at:
        return kept
    return changed(kept, to=replace(pair, status=PairStatus.EXPIRED), told_as=PairDeclined, at=now, by=None)


def supersede(kept: Kept[Pair], *, why: str, now: datetime) -> Kept[Pair]:
    """Something better or more pressing came first; unchanged when it is past answering."""
    if kept.state.status not in UNANSWERED:
        return kept
    state = replace(kept.state, status=PairStatus.SUPERSEDED, pinned=False, ended_reason=why)
    return changed(kept, to=state, told_as=PairDeclined, at=now, by=None)


def ask(kept: Kept[Pair], *, question_id: UUID, by: UUID, text: str, now: datetime) -> Kept[Pair]:
    """A question before a yes or no."""
    pair = _answerable(kept, now=now)
    if any(question.question_id == question_id for question in pair.questions):
        raise QuestionExists("This question was asked already.", remedy="Make a new id for a new question.")
    question = Question(question_id=question_id, asked_by=by, text=_text(text))
    state = replace(pair, questions=(*pair.questions, question))
    return changed(kept, to=state, told_as=PairChanged, at=now, by=by)


def answer(kept: Kept[Pair], *, question_id: UUID, by: UUID, text: str, now: datetime) -> Kept[Pair]:
    """The other one's answer, once."""
    pair = _answerable(kept, now=now)
    asked = next((question for question in pair.questions if question.question_id == question_id), None)
    if asked is None:
        raise no_pair()
    if asked.asked_by == by or asked.answer is not None:
        raise NotYoursToAnswer(
            "This is your own question, or it has an answer.", remedy="Ask another question instead."
        )
    answered = _text(text)
    state = replace(
        pair,
        questions=tuple(
            replace(question, answer=answered) if question is asked else question for question in pair.questions
        ),
    )
    return changed(kept, to=state, told_as=PairChanged, at=now, by=by)


def activate(kept: Kept[Pair], *, now: datetime) -> Kept[Pair]:
    """Both signed their agreement: the only way from ACCEPTED to ACTIVE. Unchanged in any other state."""
    if kept.state.status is not PairStatus.ACCEPTED:
        return kept
    return changed(kept, to=replace(kept.state, status=PairStatus.ACTIVE), told_as=PairActivated, at=now, by=None)


def hold(kept: Kept[Pair], *, by: UUID, now: datetime) -> Kept[Pair]:
    """A pause that both see."""
    if kept.state.status is not PairStatus.ACTIVE:
        raise NotActive("Only an active pair can be put on hold.", remedy="Sign the agreement first, or end the pair.")
    return changed(kept, to=replace(kept.state, status=PairStatus.ON_HOLD), told_as=PairChanged, at=now, by=by)


def resume(kept: Kept[Pair], *, by: UUID, now: datetime) -> Kept[Pair]:
    """Active again."""
    if kept.state.status is not PairStatus.ON_HOLD:
        raise NotOnHold("This pair is not on hold.", remedy="There is nothing to resume.")
    return changed(kept, to=replace(kept.state, status=PairStatus.ACTIVE), told_as=PairActivated, at=now, by=by)


def end(kept: Kept[Pair], *, cohort: CohortStatus, reason: str, by: UUID | None, now: datetime) -> Kept[Pair]:
    """COMPLETED once the cohort wraps up, ENDED_EARLY before; the history stays."""
    if kept.state.status not in SEATED:
        raise NotTogether(
            "These two are not working together.", remedy="Decline a proposal instead; an ended pair stays as it is."
        )
    worked = kept.state.status is not PairStatus.ACCEPTED
    status = PairStatus.COMPLETED if worked and cohort in _FINISHING else PairStatus.ENDED_EARLY
    state = replace(kept.state, status=status, ended_reason=reason.strip()[:LONGEST_TEXT])
    return changed(kept, to=state, told_as=PairEnded, at=now, by=by)


def release(pairs: Iterable[Kept[Pair]], *, reason: DeclineReason, now: datetime, by: UUID | None) -> list[Kept[Pair]]:
    """Open proposals are declined and drafts superseded; the rest stays."""
    return [
        changed(
            kept,
            to=replace(kept.state, status=PairStatus.DECLINED, decline_reason=reason),
            told_as=PairDeclined,
            at=now,
            by=by,
        )
        if kept.state.status in ANSWERABLE
        else supersede(kept, why="One of the two is not available any more.", now=now)
        for kept in pairs
        if kept.state.status in UNANSWERED
    ]


def part(pairs: Iterable[Kept[Pair]], *, why: str, now: datetime, by: UUID | None) -> list[Kept[Pair]]:
    """Pairs whose both people said yes end early."""
    return [
        end(kept, cohort=CohortStatus.ACTIVE, reason=why, by=by, now=now)
        for kept in pairs
        if kept.state.status in SEATED
    ]


def forget(kept: Kept[Pair], *, person_id: UUID, now: datetime) -> Kept[Pair]:
    """Without a word that this person wrote or that quotes them; a live pair ends."""
    pair = kept.state
    told_as: type[Event] = PairChanged
    status, decline_reason = pair.status, pair.decline_reason
    if pair.status is PairStatus.DRAFT:
        status, told_as = PairStatus.SUPERSEDED, PairDeclined
    elif pair.status in ANSWERABLE:
        status, told_as, decline_reason = PairStatus.DECLINED, PairDeclined, DeclineReason.PERSONAL
    elif pair.status in SEATED:
        status, told_as = PairStatus.ENDED_EARLY, PairEnded
    state = replace(
        pair,
        status=status,
        decline_reason=decline_reason,
        directions=tuple(_without_words(direction, person_id=person_id) for direction in pair.directions),
        terms=tuple(replace(term, detail="") for term in pair.terms),
        shared_windows=(),
        common_ground="",
        wordings=(),
        bridge="",
        questions=tuple(
            replace(question, text="", answer=None if question.answer is None else "") for question in pair.questions
        ),
        ended_reason="",
    )
    return changed(kept, to=state, told_as=told_as, at=now, by=None)


def _without_words(direction: Direction, *, person_id: UUID) -> Direction:
    return replace(
        direction,
        need="" if direction.learner_id == person_id else direction.need,
        offer="" if direction.teacher_id == person_id else direction.offer,
    )


def _answerable(kept: Kept[Pair], *, now: datetime) -> Pair:
    pair = kept.state
    if pair.status is PairStatus.DRAFT:
        raise no_pair()  # organizers only
    if pair.status is PairStatus.SUPERSEDED:
        raise _taken()
    if pair.status is PairStatus.EXPIRED or (
        pair.status in ANSWERABLE and pair.expires_at is not None and now >= pair.expires_at
    ):
        raise ProposalHasExpired("The time to answer this proposal is over.", remedy="The next wave may propose again.")
    if pair.status not in ANSWERABLE:
        raise AlreadyAnswered(
            f"This pair is {pair.status.value.replace('_', ' ')}.", remedy="There is nothing left to answer."
        )
    return pair


def _taken() -> PlacesAreTaken:
    return PlacesAreTaken(
        "One of you has found somebody else in the meantime.", remedy="The next wave may propose somebody new."
    )


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped or len(stripped) > LONGEST_TEXT:
        raise QuestionIsWrong(f"Write 1 to {LONGEST_TEXT} characters.", remedy="Shorten the text, or write some.")
    return stripped
