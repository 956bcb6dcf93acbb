"""What a person wishes, and the link in every mail that stops mails of its kind."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from uuid import UUID, uuid5

from contracts.errors import Invalid, NotFound, Problem
from contracts.notifications import NotificationKind, Preferences, PreferencesChanged

_LEAST_AWAKE = timedelta(hours=1)
_DAY = timedelta(days=1)
_MAC_BYTES = 16
_LEAST_SECRET = 16
_PURPOSE = b"viceversa unsubscribe 1\0"


class QuietHoursTooLong(Invalid):
    """Mail could never go."""


class QuietHoursWithZone(Invalid):
    """Quiet hours are wall-clock times of the person's own zone."""


class NotYourPreferences(NotFound):
    """Preferences of somebody else, who may exist or not."""


class WeakUnsubscribeSecret(ValueError):
    """The platform's setting is wrong, not the person's request."""


class UnknownUnsubscribeLink(NotFound):
    """The token is not one of ours, or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Preferences with the version of their aggregate; 0: never changed."""

    preferences: Preferences
    version: int = 0


def preferences_id(person_id: UUID) -> UUID:
    """The key of a person's preferences."""
    return uuid5(person_id, "preferences")


def change(
    wishes: Wishes, *, to: Preferences, by: UUID | None, now: datetime
) -> tuple[Wishes, list[PreferencesChanged]]:
    """Take the new wishes; the same ones again change nothing. NotYourPreferences, QuietHoursTooLong, QuietHoursWithZone."""
    if by is None or to.person_id != by:
        raise NotYourPreferences("There are no such preferences.", remedy="Change your own: use your own person id.")
    for field, given in (("quiet_from", to.quiet_from), ("quiet_until", to.quiet_until)):
        if given.tzinfo is not None:
            raise QuietHoursWithZone(
                "Quiet hours are times on your own clock.",
                remedy="Leave the time zone out.",
                problems=(Problem(f"preferences.{field}", "has a time zone", given.isoformat(), "write 20:00:00"),),
            )
    quiet = (_since_midnight(to.quiet_until) - _since_midnight(to.quiet_from)) % _DAY
    if quiet > _DAY - _LEAST_AWAKE:
        raise QuietHoursTooLong(
            "These quiet hours leave less than one hour a day for mail.",
            remedy="Shorten the quiet hours, or set email_enabled to false to get no mail at all.",
            problems=(
                Problem(
                    "preferences.quiet_until",
                    "too close before quiet_from",
                    to.quiet_until.isoformat(),
                    "leave an hour",
                ),
            ),
        )
    kinds = tuple(kind for kind in NotificationKind if kind in to.muted_kinds)
    return _changed(wishes, to=replace(to, muted_kinds=kinds), by=by, now=now)


def unsubscribe(wishes: Wishes, *, kind: NotificationKind, now: datetime) -> tuple[Wishes, list[PreferencesChanged]]:
    """No more mail of this kind; done already: nothing changes."""
    old = wishes.preferences
    kinds = tuple(each for each in NotificationKind if each == kind or each in old.muted_kinds)
    return _changed(wishes, to=replace(old, muted_kinds=kinds), by=old.person_id, now=now)


def _changed(wishes: Wishes, *, to: Preferences, by: UUID, now: datetime) -> tuple[Wishes, list[PreferencesChanged]]:
    if to == wishes.preferences and wishes.version > 0:
        return wishes, []
    after = Wishes(preferences=to, version=wishes.version + 1)
    return after, [preferences_fact(after, now=now, actor_id=by)]


def preferences_fact(wishes: Wishes, *, now: datetime, actor_id: UUID | None) -> PreferencesChanged:
    """The fact that says these wishes."""
    return PreferencesChanged(
        key=preferences_id(wishes.preferences.person_id),
        version=wishes.version,
        occurred_at=now,
        actor_id=actor_id,
        preferences=wishes.preferences,
    )


def forgotten_wishes(wishes: Wishes, *, now: datetime) -> list[PreferencesChanged]:
    """The last word about an erased person's wishes: as if they had never said any."""
    if wishes.version == 0:
        return []
    blank = Wishes(preferences=Preferences(person_id=wishes.preferences.person_id), version=wishes.version + 1)
    return [preferences_fact(blank, now=now, actor_id=None)]


def unsubscribe_token(person_id: UUID, *, kind: NotificationKind, key: str) -> str:
    """A link's secret part: who and which kind, sealed with HMAC-SHA256 (cut to 128 bits). It does not expire, as mails do not."""
    body = person_id.bytes + kind.value.encode()
    return urlsafe_b64encode(body + _seal(body, key=key)).rstrip(b"=").decode()


def read_unsubscribe_token(token: str, *, key: str) -> tuple[UUID, NotificationKind]:
    """Who and which kind, or UnknownUnsubscribeLink: nothing but a token made with this key is accepted."""
    unknown = UnknownUnsubscribeLink(
        "This unsubscribe link is not valid.",
        remedy="Copy the whole link from the mail, or change your preferences in the app.",
    )
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise unknown from None
    body, seal = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    # The canonical text only: base64 lets several texts stand for the same bytes.
    canonical = urlsafe_b64encode(raw).rstrip(b"=").decode()
    if not hmac.compare_digest(seal, _seal(body, key=key)) or not hmac.compare_digest(canonical, token):
        raise unknown
    try:
        return UUID(bytes=body[:16]), NotificationKind(body[16:].decode())
    except ValueError:
        raise unknown from None


def _seal(body: bytes, *, key: str) -> bytes:
    if len(key) < _LEAST_SECRET:  # an empty key would let everybody make links
        raise WeakUnsubscribeSecret(f"UNSUBSCRIBE_SECRET has {len(key)} characters; it needs at least {_LEAST_SECRET}")
    return hmac.digest(key.encode(), _PURPOSE + body, hashlib.sha256)[:_MAC_BYTES]


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
