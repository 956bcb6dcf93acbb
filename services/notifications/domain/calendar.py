"""A session as a calendar invitation (RFC 5545, RFC 5546): asked, moved and cancelled under one UID with a rising SEQUENCE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from services.notifications.domain.messages import Occasion
from services.notifications.domain.people import LONGEST_NAME, one_line

_PRODUCT = "-//Viceversa//Notifications//EN"
_METHODS: Mapping[Occasion, str] = {
    Occasion.SESSION_SCHEDULED: "REQUEST",
    Occasion.SESSION_MOVED: "REQUEST",
    Occasion.SESSION_CANCELLED: "CANCEL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Somebody in a calendar entry."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """The text/calendar part of a mail."""

    method: str
    text: str


def has_calendar(occasion: Occasion) -> bool:
    """Whether a message on this occasion carries a calendar entry."""
    return occasion in _METHODS


def invitation(
    occasion: Occasion,
    *,
    values: Mapping[str, object],
    title: str,
    description: str,
    url: str,
    organizer: Attendee,
    attendees: Sequence[Attendee],
    stamped_at: datetime,
) -> Invitation:
    """The calendar entry of a session's message. ``values`` are the message's own: session_id, starts_at, ends_at (ISO 8601),
    sequence, place. A cancellation is one change more than the last time, hence SEQUENCE + 1."""
    method = _METHODS[occasion]
    cancelled = method == "CANCEL"
    event = Event()
    event.add("uid", str(values["session_id"]))
    event.add("sequence", int(str(values["sequence"])) + (1 if cancelled else 0))
    event.add("dtstamp", stamped_at.astimezone(UTC))
    event.add("dtstart", datetime.fromisoformat(str(values["starts_at"])).astimezone(UTC))
    event.add("dtend", datetime.fromisoformat(str(values["ends_at"])).astimezone(UTC))
    event.add("summary", one_line(title))
    event.add("description", description)
    event.add("url", url)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    if place := one_line(str(values["place"])):
        event.add("location", place)
    event.add("organizer", _address(organizer), encode=False)
    for attendee in attendees:
        address = _address(attendee)
        address.params["ROLE"] = vText("REQ-PARTICIPANT")
        address.params["PARTSTAT"] = vText("NEEDS-ACTION")
        address.params["RSVP"] = vText("FALSE")
        event.add("attendee", address, encode=False)
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return Invitation(method=method, text=calendar.to_ical().decode())


def _address(who: Attendee) -> vCalAddress:
    address = vCalAddress(f"MAILTO:{who.email}")
    # A parameter's value cannot hold a double quote in any way.
    address.params["CN"] = vText(one_line(who.name, longest=LONGEST_NAME).replace('"', "'"))
    return address
