"""Wishes, and the links that stop mails."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, time
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

from contracts.notifications import NotificationKind, Preferences
from services.notifications.domain.preferences import (
    NotYourPreferences,
    QuietHoursTooLong,
    QuietHoursWithZone,
    UnknownUnsubscribeLink,
    WeakUnsubscribeSecret,
    Wishes,
    change,
    forgotten_wishes,
    preferences_id,
    read_unsubscribe_token,
    unsubscribe,
    unsubscribe_token,
)
from tests.notifications.builders import NOON

KEY = "a secret of the tests, long enough"
ME = uuid4()
MINE = Wishes(preferences=Preferences(person_id=ME))


class TestChange:
    def test_takes_the_wishes_and_says_so(self) -> None:
        to = Preferences(
            person_id=ME, email_enabled=False, muted_kinds=(NotificationKind.NUDGE, NotificationKind.COHORT)
        )
        after, (fact,) = change(MINE, to=to, by=ME, now=NOON)
        assert (fact.key, fact.version, fact.preferences) == (preferences_id(ME), 1, after.preferences)
        again, nothing = change(after, to=to, by=ME, now=NOON)
        assert (again, nothing) == (after, [])

    def test_keeps_each_kind_once(self) -> None:
        kinds = (NotificationKind.NUDGE, NotificationKind.PAIR, NotificationKind.NUDGE)
        after, _ = change(MINE, to=Preferences(person_id=ME, muted_kinds=kinds), by=ME, now=NOON)
        assert after.preferences.muted_kinds == (NotificationKind.PAIR, NotificationKind.NUDGE)

    @pytest.mark.parametrize("by", [uuid4(), None])
    def test_is_for_the_person_alone(self, by: object) -> None:
        with pytest.raises(NotYourPreferences):
            change(MINE, to=MINE.preferences, by=by, now=NOON)  # type: ignore[arg-type]

    def test_refuses_hours_that_leave_no_time_for_mail(self) -> None:
        for begin, end in ((time(8), time(7, 30)), (time(0, 0, 1), time(0))):
            with pytest.raises(QuietHoursTooLong) as refused:
                change(MINE, to=replace(MINE.preferences, quiet_from=begin, quiet_until=end), by=ME, now=NOON)
            assert refused.value.problems[0].path == "preferences.quiet_until"
        change(MINE, to=replace(MINE.preferences, quiet_from=time(8), quiet_until=time(7)), by=ME, now=NOON)

    def test_refuses_a_time_zone_in_the_hours(self) -> None:
        with pytest.raises(QuietHoursWithZone) as refused:
            change(MINE, to=replace(MINE.preferences, quiet_from=time(20, tzinfo=UTC)), by=ME, now=NOON)
        assert refused.value.problems[0].path == "preferences.quiet_from"


class TestUnsubscribe:
    def test_mutes_one_kind_and_keeps_the_rest(self) -> None:
        before = Wishes(preferences=Preferences(person_id=ME, muted_kinds=(NotificationKind.PAIR,)), version=4)
        after, (fact,) = unsubscribe(before, kind=NotificationKind.NUDGE, now=NOON)
        assert fact.preferences.muted_kinds == (NotificationKind.PAIR, NotificationKind.NUDGE)
        assert fact.version == 5
        assert unsubscribe(after, kind=NotificationKind.NUDGE, now=NOON) == (after, [])

    def test_an_erased_persons_wishes_are_said_blank(self) -> None:
        assert forgotten_wishes(MINE, now=NOON) == []
        (fact,) = forgotten_wishes(replace(MINE, version=3), now=NOON)
        assert (fact.version, fact.preferences) == (4, Preferences(person_id=ME))


class TestToken:
    @given(person=st.uuids(), kind=st.sampled_from(NotificationKind))
    def test_says_who_and_what(self, person: object, kind: NotificationKind) -> None:
        token = unsubscribe_token(person, kind=kind, key=KEY)  # type: ignore[arg-type]
        assert read_unsubscribe_token(token, key=KEY) == (person, kind)
        assert len(token) < 80
        assert token.isascii()
        assert "=" not in token

    @given(kind=st.sampled_from(NotificationKind), data=st.data())
    def test_does_not_survive_any_change(self, kind: NotificationKind, data: st.DataObject) -> None:
        token = unsubscribe_token(ME, kind=kind, key=KEY)
        place = data.draw(st.integers(0, len(token) - 1))
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ä"
        letter = data.draw(st.sampled_from([each for each in letters if each != token[place]]))
        with pytest.raises(UnknownUnsubscribeLink):
            read_unsubscribe_token(token[:place] + letter + token[place + 1 :], key=KEY)

    @given(st.text(max_size=120))
    def test_is_never_made_up(self, text: str) -> None:
        with pytest.raises(UnknownUnsubscribeLink):
            read_unsubscribe_token(text, key=KEY)

    def test_cannot_be_turned_to_another_person_or_kind(self) -> None:
        token = unsubscribe_token(ME, kind=NotificationKind.NUDGE, key=KEY)
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        for body in (uuid4().bytes + raw[16:-16], raw[:16] + b"pair", raw[:-16] + b"x", b""):
            forged = urlsafe_b64encode(body + raw[-16:]).rstrip(b"=").decode()
            with pytest.raises(UnknownUnsubscribeLink):
                read_unsubscribe_token(forged, key=KEY)

    def test_needs_the_key(self) -> None:
        token = unsubscribe_token(ME, kind=NotificationKind.NUDGE, key=KEY)
        with pytest.raises(UnknownUnsubscribeLink):
            read_unsubscribe_token(token, key=KEY + "!")
        with pytest.raises(WeakUnsubscribeSecret, match="UNSUBSCRIBE_SECRET"):
            unsubscribe_token(ME, kind=NotificationKind.NUDGE, key="")
