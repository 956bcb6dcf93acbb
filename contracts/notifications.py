"""Facts, commands and private reads of the notifications service: inbox, mail, preferences, nudges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Event, Query
from contracts.partly import asked_of

TOPIC = "viceversa.notifications"


class NotificationKind(StrEnum):
    """What a message is about; preferences are per kind."""

    INVITATION = "invitation"
    PROPOSAL = "proposal"
    PAIR = "pair"
    AGREEMENT = "agreement"
    SESSION = "session"
    FEEDBACK = "feedback"
    INTRODUCTION = "introduction"
    NUDGE = "nudge"
    COHORT = "cohort"


class Channel(StrEnum):
    """Where a message goes. The inbox always gets it."""

    INBOX = "inbox"
    EMAIL = "email"


class DeliveryStatus(StrEnum):
    """Where a message stands. SKIPPED: the person does not want this kind by mail, or has no address."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one person. ``cause`` is unique per person: the same cause never notifies twice."""

    notification_id: UUID
    person_id: UUID
    organization_id: UUID | None = None
    kind: NotificationKind
    cause: str
    title: str
    body: str
    locale: str = "en"
    link: str = ""  # "pair/<id>", "session/<id>" …
    created_at: datetime
    email: DeliveryStatus = DeliveryStatus.PENDING
    email_sent_at: datetime | None = None
    read_at: datetime | None = None
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """A person's wishes. Quiet hours are in the person's own zone and may cross midnight."""

    person_id: UUID
    muted_kinds: tuple[NotificationKind, ...] = ()  # no mail of this kind; the inbox keeps it
    email_enabled: bool = True
    quiet_from: time = time(20, 0)
    quiet_until: time = time(8, 0)


# ---- facts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationDelivered(Event):
    """A message lies in the inbox, was sent by mail, or was read. Key: the notification."""

    WIRE: ClassVar[str] = "viceversa.notifications.notification-delivered.v1"
    TOPIC: ClassVar[str] = TOPIC
    notification: Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed(Event):
    """The mail could not be delivered, finally. Key: the notification."""

    WIRE: ClassVar[str] = "viceversa.notifications.notification-failed.v1"
    TOPIC: ClassVar[str] = TOPIC
    notification: Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesChanged(Event):
    """A person changed their wishes, or unsubscribed. Key: the person's preferences (uuid5)."""

    WIRE: ClassVar[str] = "viceversa.notifications.preferences-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    preferences: Preferences


# ---- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePreferences(Command):
    """By the person. ``only``: the fields that are meant; None: all."""

    WIRE: ClassVar[str] = "viceversa.notifications.change-preferences.v1"
    preferences: Preferences
    only: tuple[str, ...] | None = None

    def asked(self) -> object:
        """See ``Command``."""
        return asked_of(self.preferences, only=self.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe(Command):
    """By whoever holds a mail's token (RFC 8058 one-click, POST only): no more mail of that kind."""

    WIRE: ClassVar[str] = "viceversa.notifications.unsubscribe.v1"
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRead(Command):
    """By the person: these messages (all unread ones when empty)."""

    WIRE: ClassVar[str] = "viceversa.notifications.mark-read.v1"
    notifications: tuple[UUID, ...] = ()


FACTS = (NotificationDelivered, NotificationFailed, PreferencesChanged)
COMMANDS = (ChangePreferences, Unsubscribe, MarkRead)
QUERIES: tuple[type[Query], ...] = ()
