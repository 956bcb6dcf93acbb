"""Calendar entries that ask, move and cancel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from icalendar import Calendar
from icalendar.cal import Component

from contracts.feedback import Session, SessionStatus
from services.notifications.domain.calendar import Attendee, has_calendar, invitation
from services.notifications.domain.meetings import session
from services.notifications.domain.messages import Notice, Occasion
from tests.notifications.builders import NOON, World

WORLD = World()
PLATFORM = Attendee(name="Viceversa", email="hello@viceversa.example")
ADA, BO = Attendee(name="Ada Okoro", email="ada@acme.example"), Attendee(name="Bo", email="bo@berg.example")


def entry(
    status: SessionStatus, *, sequence: int, attendees: tuple[Attendee, ...] = (ADA, BO), **other: str
) -> Component:
    notice: Notice = session(world_session(status, sequence=sequence, **other))[0]
    made = invitation(
        notice.occasion,
        values=notice.values,
        title="Session 1 with Bo",
        description="Hello,\n\nsession 1; with Bo, is planned.",
        url="https://v.example/session/1",
        organizer=PLATFORM,
        attendees=attendees,
        stamped_at=NOON,
    )
    calendar = Calendar.from_ical(made.text)
    assert calendar["METHOD"] == made.method
    (event,) = calendar.walk("VEVENT")
    return event


def list_of(found: object) -> list[object]:
    return found if isinstance(found, list) else [found]


def world_session(status: SessionStatus, *, sequence: int, place: str = "Room 4") -> Session:
    starts_at = NOON + timedelta(days=1, hours=sequence)
    return WORLD.session(status, sequence=sequence, starts_at=starts_at, place=place).session


def test_the_uid_stays_and_the_sequence_rises_to_the_end() -> None:
    asked = entry(SessionStatus.SCHEDULED, sequence=0)
    moved = entry(SessionStatus.RESCHEDULED, sequence=1)
    moved_again = entry(SessionStatus.RESCHEDULED, sequence=2)
    cancelled = entry(SessionStatus.CANCELLED, sequence=2)
    steps = (asked, moved, moved_again, cancelled)
    assert {str(each["UID"]) for each in steps} == {str(world_session(SessionStatus.SCHEDULED, sequence=0).session_id)}
    assert [each["SEQUENCE"] for each in steps] == [0, 1, 2, 3]
    assert [str(each["STATUS"]) for each in steps] == ["CONFIRMED", "CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_the_method_cancels_only_a_cancellation() -> None:
    assert {each for each in Occasion if has_calendar(each)} == {
        Occasion.SESSION_SCHEDULED,
        Occasion.SESSION_MOVED,
        Occasion.SESSION_CANCELLED,
    }


def test_the_platform_invites_both_and_times_are_utc() -> None:
    event = entry(SessionStatus.SCHEDULED, sequence=0)
    assert str(event["ORGANIZER"]) == "MAILTO:hello@viceversa.example"
    assert {str(each) for each in list_of(event["ATTENDEE"])} == {"MAILTO:ada@acme.example", "MAILTO:bo@berg.example"}
    assert event.decoded("DTSTART") == NOON + timedelta(days=1)
    assert event.decoded("DTEND") - event.decoded("DTSTART") == timedelta(minutes=60)
    assert event["DTSTART"].to_ical() == b"20270304T120000Z"
    assert str(event["LOCATION"]) == "Room 4"
    assert str(event["DESCRIPTION"]) == "Hello,\n\nsession 1; with Bo, is planned."


@pytest.mark.parametrize(
    "evil", ['Bo "the\r\nATTENDEE:mailto:x@y.example\nX" Li', "Bo;RSVP=TRUE:mailto:z@z.example", "ünï\u2028x"]
)
def test_a_name_or_place_cannot_add_a_line(evil: str) -> None:
    attendees = (Attendee(name=evil, email="ada@acme.example"),)
    event = entry(SessionStatus.SCHEDULED, sequence=0, attendees=attendees, place=evil)
    assert not isinstance(event["ATTENDEE"], list)
    assert str(event["ATTENDEE"]) == "MAILTO:ada@acme.example"
    assert event["ATTENDEE"].params["RSVP"] == "FALSE"
    assert set(event.property_items(recursive=False)) >= {("UID", event["UID"])}
    assert "\n" not in str(event["LOCATION"])
