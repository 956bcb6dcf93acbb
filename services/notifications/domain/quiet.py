"""Quiet hours: when a mail may go, on the wall clock of its reader."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import product

_LOOK_AHEAD_DAYS = 3  # zones have skipped a whole day


def is_quiet(moment: datetime, *, zone: tzinfo, begin: time, end: time) -> bool:
    """Whether the wall clock in ``zone`` shows a time in [begin, end); the hours may cross midnight; begin == end: never quiet."""
    shown = moment.astimezone(zone).time()
    if begin <= end:
        return begin <= shown < end
    return shown >= begin or shown < end


def earliest_mail(now: datetime, *, zone: tzinfo, begin: time, end: time) -> datetime:
    """The first moment from ``now`` on (UTC) that is not quiet.

    When clocks are set forward across ``end`` itself, that moment does not exist on the wall; the mail then goes up to an hour later.
    """
    if not is_quiet(now, zone=zone, begin=begin, end=end):
        return now
    today = now.astimezone(zone).date()
    # Both folds: when clocks are set back, the same wall time comes twice.
    ends = sorted(
        datetime.combine(today + timedelta(days=ahead), end, tzinfo=zone).replace(fold=fold).astimezone(UTC)
        for ahead, fold in product(range(_LOOK_AHEAD_DAYS), (0, 1))
    )
    for candidate in ends:
        if candidate > now and not is_quiet(candidate, zone=zone, begin=begin, end=end):
            return candidate
    # Only a window that is quiet almost all day can fall into a gap three days running; preferences forbid it.
    return now + timedelta(days=_LOOK_AHEAD_DAYS)
