"""A message's life: written once per cause, in the inbox, by mail or not, read, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from contracts.notifications import (
    DeliveryStatus,
    Notification,
    NotificationDelivered,
    NotificationFailed,
    NotificationKind,
    Preferences,
)
from services.notifications.domain.people import Person
from services.notifications.domain.wording import Text

# JSON values: they are kept beside the message until its text can be written.
Values = Mapping[str, object]


class Occasion(StrEnum):
    """Why somebody is written to; each has a template in every language."""

    INVITED = "invited"
    ADMITTED = "admitted"
    WAITLISTED = "waitlisted"
    UNMATCHED = "unmatched"
    PARTNERSHIP = "partnership"
    PROPOSED = "proposed"
    HALF_ACCEPTED = "half_accepted"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    QUESTION = "question"
    ANSWER = "answer"
    ON_HOLD = "on_hold"
    RESUMED = "resumed"
    ENDED = "ended"
    AGREEMENT_DRAFTED = "agreement_drafted"
    AGREEMENT_SIGNED = "agreement_signed"
    AGREEMENT_COMPLETE = "agreement_complete"
    SESSION_PROPOSED = "session_proposed"
    SESSION_SCHEDULED = "session_scheduled"
    SESSION_MOVED = "session_moved"
    SESSION_CANCELLED = "session_cancelled"
    NO_SHOW = "no_show"
    FEEDBACK_REQUESTED = "feedback_requested"
    FEEDBACK_RELEASED = "feedback_released"
    INTRODUCTION_ASKED = "introduction_asked"
    INTRODUCTION_CONSENTED = "introduction_consented"
    INTRODUCTION_DECLINED = "introduction_declined"
    INTRODUCTION_MADE = "introduction_made"
    NUDGE_UNANSWERED = "nudge_unanswered"
    NUDGE_UNPLANNED = "nudge_unplanned"
    NUDGE_UNLOGGED = "nudge_unlogged"
    NUDGE_ONE_WAY = "nudge_one_way"
    ESCALATION = "escalation"


KIND_OF: Mapping[Occasion, NotificationKind] = {
    Occasion.INVITED: NotificationKind.INVITATION,
    Occasion.ADMITTED: NotificationKind.INVITATION,
    Occasion.WAITLISTED: NotificationKind.INVITATION,
    Occasion.UNMATCHED: NotificationKind.COHORT,
    Occasion.PARTNERSHIP: NotificationKind.COHORT,
    Occasion.PROPOSED: NotificationKind.PROPOSAL,
    Occasion.HALF_ACCEPTED: NotificationKind.PAIR,
    Occasion.ACCEPTED: NotificationKind.PAIR,
    Occasion.DECLINED: NotificationKind.PAIR,
    Occasion.EXPIRED: NotificationKind.PAIR,
    Occasion.SUPERSEDED: NotificationKind.PAIR,
    Occasion.QUESTION: NotificationKind.PAIR,
    Occasion.ANSWER: NotificationKind.PAIR,
    Occasion.ON_HOLD: NotificationKind.PAIR,
    Occasion.RESUMED: NotificationKind.PAIR,
    Occasion.ENDED: NotificationKind.PAIR,
    Occasion.AGREEMENT_DRAFTED: NotificationKind.AGREEMENT,
    Occasion.AGREEMENT_SIGNED: NotificationKind.AGREEMENT,
    Occasion.AGREEMENT_COMPLETE: NotificationKind.AGREEMENT,
    Occasion.SESSION_PROPOSED: NotificationKind.SESSION,
    Occasion.SESSION_SCHEDULED: NotificationKind.SESSION,
    Occasion.SESSION_MOVED: NotificationKind.SESSION,
    Occasion.SESSION_CANCELLED: NotificationKind.SESSION,
    Occasion.NO_SHOW: NotificationKind.SESSION,
    Occasion.FEEDBACK_REQUESTED: NotificationKind.FEEDBACK,
    Occasion.FEEDBACK_RELEASED: NotificationKind.FEEDBACK,
    Occasion.INTRODUCTION_ASKED: NotificationKind.INTRODUCTION,
    Occasion.INTRODUCTION_CONSENTED: NotificationKind.INTRODUCTION,
    Occasion.INTRODUCTION_DECLINED: NotificationKind.INTRODUCTION,
    Occasion.INTRODUCTION_MADE: NotificationKind.INTRODUCTION,
    Occasion.NUDGE_UNANSWERED: NotificationKind.NUDGE,
    Occasion.NUDGE_UNPLANNED: NotificationKind.NUDGE,
    Occasion.NUDGE_UNLOGGED: NotificationKind.NUDGE,
    Occasion.NUDGE_ONE_WAY: NotificationKind.NUDGE,
    Occasion.ESCALATION: NotificationKind.NUDGE,
}


# What is still told when the other one was erased, without name and without a word of theirs.
TELLS_OF_THE_GONE = frozenset(
    (
        Occasion.DECLINED,
        Occasion.EXPIRED,
        Occasion.SUPERSEDED,
        Occasion.ON_HOLD,
        Occasion.ENDED,
        Occasion.SESSION_CANCELLED,
    )
)
_WORDS_OF_THEIRS = ("place", "focus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That somebody is to be told something; its words come later, when everybody it names is known.

    ``people`` and ``organizations`` name ids by the words that the template uses for them; ``values`` are the template's other words.
    """

    person_id: UUID
    occasion: Occasion
    cause: str
    link: str
    people: Mapping[str, UUID] = field(default_factory=dict)
    organizations: Mapping[str, UUID] = field(default_factory=dict)
    cohort_id: UUID | None = None
    values: Values = field(default_factory=dict)

    @property
    def notification_id(self) -> UUID:
        """The same person and cause give the same id, so that a replay never doubles a message."""
        return uuid5(self.person_id, self.cause)

    @property
    def about(self) -> tuple[UUID, ...]:
        """Everybody whom the words may name, besides the reader."""
        return tuple(sorted(set(self.people.values()) - {self.person_id}))


def without_words_of_the_gone(notice: Notice) -> Notice | None:
    """What of a notice may be told when somebody in it was erased; None: nothing."""
    if notice.occasion not in TELLS_OF_THE_GONE:
        return None
    return replace(
        notice, values={name: "" if name in _WORDS_OF_THEIRS else each for name, each in notice.values.items()}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A written message and its version."""

    notification: Notification
    version: int


def written(
    notice: Notice, *, to: Person, text: Text, wants: Preferences, now: datetime
) -> tuple[Message, NotificationDelivered]:
    """The message lies in the inbox; whether a mail follows is decided as far as it can be now."""
    kind = KIND_OF[notice.occasion]
    why_not = no_mail(to, kind=kind, wants=wants)
    notification = Notification(
        notification_id=notice.notification_id,
        person_id=notice.person_id,
        organization_id=to.organization_id,
        kind=kind,
        cause=notice.cause,
        title=text.title,
        body=text.body,
        locale=text.locale,
        link=notice.link,
        created_at=now,
        email=DeliveryStatus.SKIPPED if why_not else DeliveryStatus.PENDING,
        error=why_not,
    )
    message = Message(notification=notification, version=1)
    return message, _delivered(message, now=now)


def no_mail(person: Person, *, kind: NotificationKind, wants: Preferences) -> str:
    """Why this person gets no mail of this kind; empty: they get it, as far as is known."""
    if person.contact_known and not person.email:
        return "There is no e-mail address."
    if not wants.email_enabled:
        return "This person wants no e-mail."
    if kind in wants.muted_kinds:
        return f"This person wants no e-mail about this: {kind.value}."
    return ""


def mailed(message: Message, *, attempts: int, now: datetime) -> tuple[Message, NotificationDelivered]:
    """The mail server has taken it."""
    after = _changed(message, email=DeliveryStatus.DELIVERED, email_sent_at=now, attempts=attempts, error="")
    return after, _delivered(after, now=now)


def skipped(message: Message, *, why: str, now: datetime) -> tuple[Message, NotificationDelivered]:
    """No mail after all: the wishes changed before it went, or no address ever came."""
    after = _changed(message, email=DeliveryStatus.SKIPPED, error=why)
    return after, _delivered(after, now=now)


def failed(message: Message, *, attempts: int, error: str, now: datetime) -> tuple[Message, NotificationFailed]:
    """The mail will not be tried again; the inbox has the message."""
    after = _changed(message, email=DeliveryStatus.FAILED, attempts=attempts, error=error)
    return after, NotificationFailed(
        key=after.notification.notification_id,
        version=after.version,
        occurred_at=now,
        organization_id=after.notification.organization_id,
        notification=after.notification,
    )


def read(message: Message, *, now: datetime) -> tuple[Message, list[NotificationDelivered]]:
    """Read by its person; a second time changes nothing."""
    if message.notification.read_at is not None:
        return message, []
    after = _changed(message, read_at=now)
    return after, [_delivered(after, now=now)]


def forgotten(message: Message, *, text: Text, now: datetime) -> tuple[Message, NotificationDelivered]:
    """Somebody in it was erased: its words go, everywhere. ``text`` is what remains to be said (nothing to the erased person)."""
    email = message.notification.email
    after = _changed(
        message,
        title=text.title,
        body=text.body,
        email=DeliveryStatus.SKIPPED if email is DeliveryStatus.PENDING else email,
        error="",
    )
    return after, _delivered(after, now=now)


def current(message: Message) -> NotificationDelivered | NotificationFailed:
    """The fact that says the present state again, under the present version."""
    notification = message.notification
    kind = NotificationFailed if notification.email is DeliveryStatus.FAILED else NotificationDelivered
    return kind(
        key=notification.notification_id,
        version=message.version,
        occurred_at=max(filter(None, (notification.created_at, notification.email_sent_at, notification.read_at))),
        organization_id=notification.organization_id,
        notification=notification,
    )


def _changed(message: Message, **changes: object) -> Message:
    notification = replace(message.notification, **changes)  # type: ignore[arg-type]
    return Message(notification=notification, version=message.version + 1)


def _delivered(message: Message, *, now: datetime) -> NotificationDelivered:
    return NotificationDelivered(
        key=message.notification.notification_id,
        version=message.version,
        occurred_at=now,
        organization_id=message.notification.organization_id,
        notification=message.notification,
    )
