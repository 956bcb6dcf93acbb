"""Who is told what about a pair, from its proposal to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from contracts.matching import Direction, Member, Pair, PairStatus
from services.notifications.domain.messages import Notice, Occasion

# The status in which the two know each other and see each other's contact.
MATCHED = frozenset((PairStatus.ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD, PairStatus.COMPLETED))


def notices(pair: Pair, *, before: PairStatus | None, actor_id: UUID | None, version: int) -> list[Notice]:
    """What a change of a pair means to its two people. ``before`` is the status that was known until now, None for a new pair."""
    if pair.proposed_at is None or len(pair.members) != 2:
        return []  # a draft that its people never saw; whatever becomes of it, they are not told
    told: list[Notice] = []
    if pair.status is not before and (tell := _BY_STATUS.get(pair.status)):
        told += tell(pair, actor_id, before, version)
    return told + _questions(pair)


def _proposed(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    return [
        _notice(
            pair,
            to=member,
            occasion=Occasion.PROPOSED,
            cause="proposed",
            values={
                "teach": _direction(pair, teacher=member.person_id),
                "learn": _direction(pair, learner=member.person_id),
                "language": pair.language,
                "shared_minutes": pair.shared_minutes,
                "common_ground": pair.common_ground,
                "bridge": pair.bridge,
                "expires_at": pair.expires_at.isoformat() if pair.expires_at else "",
            },
        )
        for member in pair.members
    ]


def _half_accepted(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    expires_at = pair.expires_at.isoformat() if pair.expires_at else ""
    return [
        _notice(
            pair, to=member, occasion=Occasion.HALF_ACCEPTED, cause="half_accepted", values={"expires_at": expires_at}
        )
        for member in pair.members
        if member.accepted_at is None
    ]


def _accepted(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    return [_notice(pair, to=member, occasion=Occasion.ACCEPTED, cause="accepted") for member in pair.members]


def _declined(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    # Who said no knows it. The reason is theirs: the other is not told it.
    return [
        _notice(pair, to=member, occasion=Occasion.DECLINED, cause="declined")
        for member in pair.members
        if member.person_id != actor_id
    ]


def _expired(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    return [
        _notice(
            pair,
            to=member,
            occasion=Occasion.EXPIRED,
            cause="expired",
            values={"you_accepted": member.accepted_at is not None},
        )
        for member in pair.members
    ]


def _superseded(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    return [_notice(pair, to=member, occasion=Occasion.SUPERSEDED, cause="superseded") for member in pair.members]


def _on_hold(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    return [
        _notice(pair, to=member, occasion=Occasion.ON_HOLD, cause=f"on_hold:{version}")
        for member in pair.members
        if member.person_id != actor_id
    ]


def _active(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    # The first time, the signed agreement says it already.
    if before is not PairStatus.ON_HOLD:
        return []
    return [
        _notice(pair, to=member, occasion=Occasion.RESUMED, cause=f"resumed:{version}")
        for member in pair.members
        if member.person_id != actor_id
    ]


def _ended(pair: Pair, actor_id: UUID | None, before: PairStatus | None, version: int) -> list[Notice]:
    completed = pair.status is PairStatus.COMPLETED
    return [
        _notice(pair, to=member, occasion=Occasion.ENDED, cause="ended", values={"completed": completed})
        for member in pair.members
        if completed or member.person_id != actor_id
    ]


_Tell = Callable[[Pair, UUID | None, PairStatus | None, int], list[Notice]]
_BY_STATUS: Mapping[PairStatus, _Tell] = {
    PairStatus.PROPOSED: _proposed,
    PairStatus.HALF_ACCEPTED: _half_accepted,
    PairStatus.ACCEPTED: _accepted,
    PairStatus.DECLINED: _declined,
    PairStatus.EXPIRED: _expired,
    PairStatus.SUPERSEDED: _superseded,
    PairStatus.ON_HOLD: _on_hold,
    PairStatus.ACTIVE: _active,
    PairStatus.COMPLETED: _ended,
    PairStatus.ENDED_EARLY: _ended,
}


def _questions(pair: Pair) -> list[Notice]:
    told = []
    for question in pair.questions:
        for member in pair.members:
            if member.person_id == question.asked_by and question.answer is not None:
                told.append(
                    _notice(
                        pair,
                        to=member,
                        occasion=Occasion.ANSWER,
                        cause=f"answer:{question.question_id}",
                        values={"question": question.text, "answer": question.answer},
                    )
                )
            elif member.person_id != question.asked_by and question.answer is None:
                told.append(
                    _notice(
                        pair,
                        to=member,
                        occasion=Occasion.QUESTION,
                        cause=f"question:{question.question_id}",
                        values={"question": question.text},
                    )
                )
    return told


def _notice(
    pair: Pair, *, to: Member, occasion: Occasion, cause: str, values: Mapping[str, object] | None = None
) -> Notice:
    other = next(member for member in pair.members if member.person_id != to.person_id)
    return Notice(
        person_id=to.person_id,
        occasion=occasion,
        cause=f"pair:{pair.pair_id}:{cause}",
        link=f"pair/{pair.pair_id}",
        people={"other": other.person_id},
        cohort_id=pair.cohort_id,
        values=values or {},
    )


def _direction(pair: Pair, *, teacher: UUID | None = None, learner: UUID | None = None) -> dict[str, object] | None:
    found: Direction | None = next(
        (each for each in pair.directions if each.teacher_id == teacher or each.learner_id == learner), None
    )
    return {"need": found.need, "need_kind": found.need_kind, "offer": found.offer} if found else None
