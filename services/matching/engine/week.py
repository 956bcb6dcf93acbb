"""Weekly availability on one clock: everybody's windows of one calendar week, in UTC, in slots of five minutes.

A window recurs every week; which UTC minutes it covers depends on the week's offset from UTC (daylight saving). The week
is a circle: Monday 00:30 in Tokyo is Sunday 15:30 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Person

SLOT_MINUTES = 5
SLOTS = 7 * 24 * 60 // SLOT_MINUTES
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Slots = NDArray[np.bool_]


@cache
def zone_is_known(zone: str) -> bool:
    """Whether this machine's time-zone data has the zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # what it raises depends on how wrong the name is
        return False
    return True


def free_slots(person: Person, *, monday: date) -> Slots:
    """The slots (shape ``(SLOTS,)``) that lie wholly in the person's windows; none when the zone is unknown."""
    free = np.zeros(SLOTS, dtype=np.bool_)
    if not zone_is_known(person.zone):
        return free
    zone = ZoneInfo(person.zone)
    week_start = datetime.combine(monday, time(), UTC)
    for window in person.windows:
        midnight = datetime.combine(monday + timedelta(days=window.weekday), time(), zone)
        # Adding to an aware time moves the wall clock, which is what the person means by "from nine to ten".
        start, end = (
            int(((midnight + timedelta(minutes=minute)).astimezone(UTC) - week_start).total_seconds()) // 60
            for minute in (window.start, window.end)
        )
        first, after = -(-start // SLOT_MINUTES), end // SLOT_MINUTES
        free[np.arange(first, after) % SLOTS] = True
    return free


def offset_hours(person: Person, *, monday: date) -> float:
    """Hours ahead of UTC at noon of that Monday; 0 when the zone is unknown."""
    if not zone_is_known(person.zone):
        return 0.0
    offset = datetime.combine(monday, time(12), ZoneInfo(person.zone)).utcoffset()
    return (offset or timedelta()).total_seconds() / 3600


def clock_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hours between clocks, 0 to 12: what matters is the hour of the day on which two people meet."""
    apart: NDArray[np.float64] = np.abs(one - other) % 24
    return np.minimum(apart, 24 - apart)


def window_texts(shared: Slots) -> tuple[str, ...]:
    """The runs of shared slots, such as ``Mon 14:00–15:00 UTC``."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], shared, [False])).astype(np.int8)))
    return tuple(_text(int(start), int(end)) for start, end in list(pairwise(edges))[::2])


def _text(start: int, end: int) -> str:
    day, minute = divmod(start * SLOT_MINUTES, 1440)
    last_day, last_minute = divmod(end * SLOT_MINUTES, 1440)
    if last_minute == 0:
        last_day, last_minute = last_day - 1, 1440
    until = f"{last_minute // 60:02}:{last_minute % 60:02}"
    if last_day != day:
        until = f"{DAYS[last_day]} {until}"
    return f"{DAYS[day]} {minute // 60:02}:{minute % 60:02}–{until} UTC"
