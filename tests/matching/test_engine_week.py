"""Shared time across zones, daylight saving and the ends of the week."""

from datetime import date

import numpy as np

from services.matching.engine.model import Free
from services.matching.engine.week import free_slots, offset_minutes, packed, unpacked, window_texts
from tests.matching.engine_people import somebody


def texts(zone: str, *windows: tuple[int, int, int], monday: date = date(2026, 1, 5)) -> tuple[str, ...]:
    person = somebody("x", zone=zone, windows=tuple(Free(weekday=d, start=s, end=e) for d, s, e in windows))
    return window_texts(free_slots(person, monday=monday))


def test_free_slots_follow_the_zone() -> None:
    assert texts("Europe/Berlin", (0, 9 * 60, 10 * 60)) == ("Mon 08:00–09:00 UTC",)
    assert texts("Asia/Kathmandu", (0, 9 * 60, 10 * 60)) == ("Mon 03:15–04:15 UTC",)


def test_free_slots_follow_daylight_saving_of_the_week() -> None:
    nine = (0, 9 * 60, 10 * 60)
    assert texts("Europe/Berlin", nine, monday=date(2026, 7, 6)) == ("Mon 07:00–08:00 UTC",)
    # Clocks change on Sunday 29 March 2026: Friday is still winter, Sunday noon is summer.
    assert texts("Europe/Berlin", (4, 720, 780), (6, 720, 780), monday=date(2026, 3, 23)) == (
        "Fri 11:00–12:00 UTC",
        "Sun 10:00–11:00 UTC",
    )


def test_free_slots_go_round_the_week() -> None:
    assert texts("Asia/Tokyo", (0, 30, 90)) == ("Sun 15:30–16:30 UTC",)
    assert texts("America/New_York", (6, 22 * 60, 24 * 60)) == ("Mon 03:00–05:00 UTC",)


def test_free_slots_count_only_whole_slots() -> None:
    assert texts("UTC", (2, 62, 71)) == ("Wed 01:05–01:10 UTC",)


def test_window_texts_name_the_day_on_which_a_window_ends() -> None:
    assert texts("UTC", (0, 1380, 1440), (1, 0, 60)) == ("Mon 23:00–Tue 01:00 UTC",)
    assert texts("UTC", (0, 1380, 1440)) == ("Mon 23:00–24:00 UTC",)


def test_free_slots_of_an_unknown_zone_are_none() -> None:
    assert texts("Atlantis/Capital", (0, 0, 1440)) == ()


def test_window_texts_on_the_clock_of_each() -> None:
    monday = date(2026, 7, 6)
    person = somebody("x", windows=(Free(weekday=0, start=22 * 60, end=23 * 60),))
    shared = free_slots(person, monday=monday)
    assert window_texts(shared, zone="Europe/Berlin", monday=monday) == ("Tue 00:00–01:00",)
    assert window_texts(shared, zone="America/New_York", monday=monday) == ("Mon 18:00–19:00",)
    assert window_texts(shared, zone="Asia/Kolkata", monday=monday) == ("Tue 03:30–04:30",)


def test_packed_is_undone_by_unpacked() -> None:
    slots = np.random.default_rng(1).random(2016) < 0.5
    assert (unpacked(packed(slots)) == slots).all()
    assert packed(slots)[1] & np.uint64(1) == slots[64]


def test_offset_minutes_are_those_of_the_week() -> None:
    assert offset_minutes("Europe/Berlin", monday=date(2026, 1, 5)) == 60
    assert offset_minutes("Europe/Berlin", monday=date(2026, 7, 6)) == 120
    assert offset_minutes("Atlantis/Capital", monday=date(2026, 7, 6)) == 0
