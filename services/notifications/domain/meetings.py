"""Who is told what about agreements, sessions, feedback and introductions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from contracts.feedback import (
    Agreement,
    Feedback,
    FeedbackStatus,
    Introduction,
    IntroductionStatus,
    Reciprocity,
    Session,
    SessionStatus,
)
from services.notifications.domain.messages import Notice, Occasion

SILENT_SESSIONS = 2  # in a row in one direction, before both get one neutral nudge


def agreement_drafted(agreement: Agreement, *, actor_id: UUID | None) -> list[Notice]:
    """Terms to read and sign: to both, or to the other one when one of them changed the terms."""
    return [
        _agreement(
            agreement,
            to=person,
            occasion=Occasion.AGREEMENT_DRAFTED,
            cause="drafted",
            values={
                "changed": agreement.terms_version > 1,
                "meetings": len(agreement.plan),
                "cadence_days": agreement.cadence_days,
            },
        )
        for person in agreement.people
        if person != actor_id
    ]


def agreement_signed(agreement: Agreement) -> list[Notice]:
    """One signed: it is the other's turn. Both signed: they can begin."""
    if agreement.complete:
        return [
            _agreement(agreement, to=person, occasion=Occasion.AGREEMENT_COMPLETE, cause="complete")
            for person in agreement.people
        ]
    if not agreement.signed_by:
        return []
    return [
        _agreement(agreement, to=person, occasion=Occasion.AGREEMENT_SIGNED, cause="signed")
        for person in agreement.people
        if person not in agreement.signed_by
    ]


def _agreement(
    agreement: Agreement, *, to: UUID, occasion: Occasion, cause: str, values: Mapping[str, object] | None = None
) -> Notice:
    return Notice(
        person_id=to,
        occasion=occasion,
        cause=f"agreement:{agreement.agreement_id}:{cause}:{agreement.terms_version}",
        link=f"pair/{agreement.pair_id}",
        people={"other": _other(agreement.people, to)},
        values=values or {},
    )


def session(meeting: Session) -> list[Notice]:
    """A session was proposed, scheduled, moved or cancelled, or somebody was reported missing. A new time is a new cause."""
    number = meeting.sequence
    match meeting.status:
        case SessionStatus.PROPOSED:
            # Longer than planned: the one who did not propose it has to consent.
            people = [person for person in meeting.people if person != meeting.proposed_by]
            return [
                _session(meeting, to=each, occasion=Occasion.SESSION_PROPOSED, cause=f"proposed:{number}")
                for each in people
            ]
        case SessionStatus.SCHEDULED:
            occasion, cause, people = Occasion.SESSION_SCHEDULED, f"scheduled:{number}", list(meeting.people)
        case SessionStatus.RESCHEDULED:
            occasion, cause, people = Occasion.SESSION_MOVED, f"moved:{number}", list(meeting.people)
        case SessionStatus.CANCELLED:
            occasion, cause, people = Occasion.SESSION_CANCELLED, "cancelled", list(meeting.people)
        case SessionStatus.NO_SHOW:
            people = [person for person in meeting.people if person == meeting.no_show_by]
            return [_session(meeting, to=each, occasion=Occasion.NO_SHOW, cause="no_show") for each in people]
        case _:
            return []
    return [_session(meeting, to=person, occasion=occasion, cause=cause) for person in people]


def _session(meeting: Session, *, to: UUID, occasion: Occasion, cause: str) -> Notice:
    other = _other(meeting.people, to)
    by = "you" if meeting.cancelled_by == to else "other" if meeting.cancelled_by == other else ""
    return Notice(
        person_id=to,
        occasion=occasion,
        cause=f"session:{meeting.session_id}:{cause}",
        link=f"session/{meeting.session_id}",
        people={"other": other},
        values={
            "session_id": str(meeting.session_id),
            "pair_id": str(meeting.pair_id),
            "number": meeting.number,
            "starts_at": meeting.starts_at.isoformat(),
            "ends_at": (meeting.starts_at + timedelta(minutes=meeting.minutes)).isoformat(),
            "minutes": meeting.minutes,
            "planned_minutes": meeting.planned_minutes,
            "place": meeting.place,
            "focus": meeting.focus,
            "sequence": meeting.sequence,
            "cancelled_by": by,
        },
    )


def feedback_requested(feedback: Feedback) -> list[Notice]:
    """Ask the author for their words."""
    if feedback.status is not FeedbackStatus.REQUESTED:
        return []
    return [
        Notice(
            person_id=feedback.author_id,
            occasion=Occasion.FEEDBACK_REQUESTED,
            cause=f"feedback:{feedback.feedback_id}:requested",
            link=f"feedback/{feedback.feedback_id}",
            people={"other": feedback.addressee_id},
            values={"feedback_kind": feedback.kind.value, "due_at": feedback.due_at.isoformat()},
        )
    ]


def feedback_released(feedback: Feedback) -> list[Notice]:
    """Tell the addressee that there are words for them; never the words. Unwritten feedback is not announced."""
    if feedback.status is not FeedbackStatus.RELEASED:
        return []
    return [
        Notice(
            person_id=feedback.addressee_id,
            occasion=Occasion.FEEDBACK_RELEASED,
            cause=f"feedback:{feedback.feedback_id}:released",
            link=f"feedback/{feedback.feedback_id}",
            people={"other": feedback.author_id},
            values={"feedback_kind": feedback.kind.value},
        )
    ]


def introduction(offer: Introduction, *, ask: UUID | None) -> list[Notice]:
    """Before the third person consents only they and the one who offers hear of it; the receiver learns the name when it is made."""
    match offer.status:
        case IntroductionStatus.OFFERED if ask is not None:
            people = {"giver": offer.offered_by, "receiver": offer.offered_to}
            return [_introduction(offer, to=ask, occasion=Occasion.INTRODUCTION_ASKED, cause="asked", people=people)]
        case IntroductionStatus.CONSENTED if offer.third_person_id is not None:
            people = {"third": offer.third_person_id, "receiver": offer.offered_to}
            return [
                _introduction(
                    offer,
                    to=offer.offered_by,
                    occasion=Occasion.INTRODUCTION_CONSENTED,
                    cause="consented",
                    people=people,
                )
            ]
        case IntroductionStatus.DECLINED:
            people = {"receiver": offer.offered_to}
            return [
                _introduction(
                    offer, to=offer.offered_by, occasion=Occasion.INTRODUCTION_DECLINED, cause="declined", people=people
                )
            ]
        case IntroductionStatus.MADE if offer.third_person_id is not None:
            met = {offer.offered_to: offer.third_person_id, offer.third_person_id: offer.offered_to}
            return [
                _introduction(
                    offer,
                    to=person,
                    occasion=Occasion.INTRODUCTION_MADE,
                    cause="made",
                    people={"giver": offer.offered_by, "other": other},
                )
                for person, other in met.items()
            ]
        case _:
            return []


def _introduction(
    offer: Introduction, *, to: UUID, occasion: Occasion, cause: str, people: Mapping[str, UUID]
) -> Notice:
    return Notice(
        person_id=to,
        occasion=occasion,
        cause=f"introduction:{offer.introduction_id}:{cause}",
        link=f"introduction/{offer.introduction_id}",
        people=people,
        values={"about": offer.about},
    )


def one_way(reciprocity: Reciprocity) -> list[Notice]:
    """One direction was silent twice in a row: the same neutral words to both, once for that silence.

    The cause names the session after which the silence began, so that the third silent session is no new cause.
    """
    silent = max((tally.silent_streak for tally in reciprocity.tallies), default=0)
    if silent < SILENT_SESSIONS:
        return []
    began = max(reciprocity.sessions_logged - silent, 0)
    return [
        Notice(
            person_id=person,
            occasion=Occasion.NUDGE_ONE_WAY,
            cause=f"pair:{reciprocity.pair_id}:one_way:{began}",
            link=f"pair/{reciprocity.pair_id}",
            people={"other": _other(reciprocity.people, person)},
        )
        for person in reciprocity.people
    ]


def _other(people: tuple[UUID, UUID], person: UUID) -> UUID:
    return people[1] if person == people[0] else people[0]
