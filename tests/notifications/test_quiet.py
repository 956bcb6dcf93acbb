"""Quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, strategies as st

from services.notifications.domain.quiet import earliest_mail, is_quiet

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
BERLIN = ZoneInfo("Europe/Berlin")
EVENING, MORNING = time(20), time(8)


@st.composite
def quiet_hours(draw: st.DrawFn) -> tuple[time, time]:
    """Begin and end with at least an hour left awake, as preferences demand; also none (equal)."""
    begin = draw(st.integers(0, 1439))
    minutes = draw(st.integers(0, 1380))
    end = (begin + minutes) % 1440
    return time(begin // 60, begin % 60), time(end // 60, end % 60)


@given(
    now=st.integers(946_684_800, 2_145_830_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(ZONES),
    hours=quiet_hours(),
)
@example(
    now=datetime(2011, 12, 29, 22, tzinfo=UTC), zone="Pacific/Apia", hours=(time(11), time(10))
)  # a day without a day
@example(
    now=datetime(2026, 3, 29, 0, 30, tzinfo=UTC), zone="Europe/Berlin", hours=(time(20), time(2, 30))
)  # in the gap
@example(
    now=datetime(2026, 10, 25, 1, 10, tzinfo=UTC), zone="Europe/Berlin", hours=(time(20), time(2, 30))
)  # in the fold
def test_a_mail_goes_at_the_first_moment_that_is_not_quiet(now: datetime, zone: str, hours: tuple[time, time]) -> None:
    begin, end = hours
    goes = earliest_mail(now, zone=ZoneInfo(zone), begin=begin, end=end)
    assert goes >= now
    assert not is_quiet(goes, zone=ZoneInfo(zone), begin=begin, end=end)
    if not is_quiet(now, zone=ZoneInfo(zone), begin=begin, end=end):
        assert goes == now
    # Nothing earlier would have done, except for the hour (Antarctica/Troll: two) that the clock jumps over.
    slack = timedelta(hours=3)
    for share in range(1, 50):
        earlier = now + (goes - slack - now) * share / 50
        if now < earlier < goes:
            assert is_quiet(earlier, zone=ZoneInfo(zone), begin=begin, end=end)


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        ("2026-11-25T18:59:59+00:00", "2026-11-25T18:59:59+00:00"),  # 19:59:59 in Berlin
        ("2026-11-25T19:00:00+00:00", "2026-11-26T07:00:00+00:00"),  # 20:00
        ("2026-11-26T06:59:00+00:00", "2026-11-26T07:00:00+00:00"),
        ("2026-11-26T07:00:00+00:00", "2026-11-26T07:00:00+00:00"),  # 8:00
        ("2026-03-28T22:00:00+00:00", "2026-03-29T06:00:00+00:00"),  # summer time comes in between
        ("2026-10-24T22:00:00+00:00", "2026-10-25T07:00:00+00:00"),  # and goes
    ],
)
def test_the_default_hours_in_berlin(now: str, goes: str) -> None:
    found = earliest_mail(datetime.fromisoformat(now), zone=BERLIN, begin=EVENING, end=MORNING)
    assert found == datetime.fromisoformat(goes)


def test_equal_times_mean_no_quiet_hours() -> None:
    night = datetime(2026, 11, 26, 2, tzinfo=UTC)
    assert earliest_mail(night, zone=BERLIN, begin=EVENING, end=EVENING) == night
