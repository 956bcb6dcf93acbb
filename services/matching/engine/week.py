"""Weekly availability on one clock: everybody's windows of one calendar week, in UTC, in slots of five minutes.

A window recurs every week; which UTC minutes it covers depends on the week's offset from UTC (daylight saving). The week
is a circle: Monday 00:30 in Tokyo is Sunday 15:30 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Person

SLOT_MINUTES = 5
SLOTS = 7 * 24 * 60 // SLOT_MINUTES
WORDS = -(-SLOTS // 64)
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
    for window in person.windows:
        first, after = _covered(person.zone, window.weekday, window.start, window.end, monday)
        free[np.arange(first, after) % SLOTS] = True
    return free


@lru_cache(maxsize=100_000)  # people of one zone keep the same office hours
def _covered(zone: str, weekday: int, start: int, end: int, monday: date) -> tuple[int, int]:
    """The first slot that lies wholly in the window, and the one after the last; counted from Monday 00:00 UTC."""
    week_start = datetime.combine(monday, time(), UTC)
    midnight = datetime.combine(monday + timedelta(days=weekday), time(), ZoneInfo(zone))
    # Adding to an aware time moves the wall clock, which is what the person means by "from nine to ten".
    begins, ends = (
        int(((midnight + timedelta(minutes=minute)).astimezone(UTC) - week_start).total_seconds()) // 60
        for minute in (start, end)
    )
    return -(-begins // SLOT_MINUTES), ends // SLOT_MINUTES


def offset_minutes(zone: str, *, monday: date) -> int:
    """Minutes ahead of UTC at noon of that Monday; 0 when the zone is unknown."""
    if not zone_is_known(zone):
        return 0
    offset = datetime.combine(monday, time(12), ZoneInfo(zone)).utcoffset()
    return int((offset or timedelta()).total_seconds()) // 60


def packed(slots: Slots) -> NDArray[np.uint64]:
    """Bits in words: shape ``(…, SLOTS)`` to ``(…, WORDS)``; slot s is bit ``s % 64`` of word ``s // 64``."""
    padded = np.zeros((*slots.shape[:-1], WORDS * 64), dtype=np.bool_)
    padded[..., :SLOTS] = slots
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64)


def unpacked(words: NDArray[np.uint64]) -> Slots:
    """The reverse of ``packed``, for one week: shape ``(WORDS,)`` to ``(SLOTS,)``."""
    return np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")[:SLOTS].astype(np.bool_)


def window_texts(shared: Slots, *, zone: str = "UTC", monday: date | None = None) -> tuple[str, ...]:
    """The runs of shared slots on the clock of a zone, such as ``Mon 14:00–15:00 UTC`` or ``Mon 15:00–16:00`` elsewhere.

    ``monday``: of the week that the slots are from; needed for a zone other than UTC.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], shared, [False])).astype(np.int8)))
    runs = [(int(start) * SLOT_MINUTES, int(end) * SLOT_MINUTES) for start, end in list(pairwise(edges))[::2]]
    if zone == "UTC" or monday is None or not zone_is_known(zone):
        return tuple(f"{_text(start, end)} UTC" for start, end in runs)
    return tuple(
        _text(*(_on_the_clock(minute, zone=zone, monday=monday) for minute in (start, end))) for start, end in runs
    )


def _on_the_clock(minute: int, *, zone: str, monday: date) -> int:
    """A minute of the week in UTC as the minute of the week that a clock of this zone shows."""
    then = datetime.combine(monday, time(), UTC) + timedelta(minutes=minute)
    shown = then.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - datetime.combine(monday, time())
    return int(shown.total_seconds()) // 60


def _text(start: int, end: int) -> str:
    day, minute = divmod(start, 1440)
    last_day, last_minute = divmod(end, 1440)
    if last_minute == 0:
        last_day, last_minute = last_day - 1, 1440
    until = f"{last_minute // 60:02}:{last_minute % 60:02}"
    if last_day != day:
        until = f"{DAYS[last_day % 7]} {until}"
    return f"{DAYS[day % 7]} {minute // 60:02}:{minute % 60:02}–{until}"
