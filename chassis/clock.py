"""The platform's one clock: UTC, never behind, and in the embedded mode it can be moved forward.

The offset lives in an eight-byte file that every process of the embedded platform maps into memory, so that all of them jump at once.
Tokens are checked against real time (``time.time()``), never against this clock.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from contracts.errors import Conflict, Invalid

_MICROSECONDS = struct.Struct("<q")


class ClockIsReal(Conflict):
    """Somebody tried to move the clock outside the embedded mode."""


class ClockOnlyMovesForward(Invalid):
    """Somebody tried to move the clock back, or not at all."""


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class SharedClock:
    """The machine's clock plus the offset that all processes of an embedded platform share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _locked(path) as descriptor:
            if os.fstat(descriptor).st_size < _MICROSECONDS.size:
                os.pwrite(descriptor, _MICROSECONDS.pack(0), 0)
            self._offset = mmap.mmap(descriptor, _MICROSECONDS.size, prot=mmap.PROT_READ)

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        (microseconds,) = _MICROSECONDS.unpack_from(self._offset)
        return datetime.now(UTC) + timedelta(microseconds=microseconds)

    def forward(self, delta: timedelta) -> datetime:
        """Move every process's time forward; the new now."""
        # Under a lock and in place: two that jump at once jump the sum, and the other processes have this very file mapped.
        with _locked(self._path) as descriptor:
            (microseconds,) = _MICROSECONDS.unpack(os.pread(descriptor, _MICROSECONDS.size, 0))
            os.pwrite(descriptor, _MICROSECONDS.pack(microseconds + round(delta / timedelta(microseconds=1))), 0)
        return self.now()


class FixedClock:
    """A clock for tests: stands still until told."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._moment

    def set(self, moment: datetime) -> None:
        """Jump to a moment."""
        self._moment = moment

    def forward(self, delta: timedelta) -> datetime:
        """Jump forward; the new now."""
        self._moment += delta
        return self._moment


def advance(clock: Clock, *, by: timedelta) -> datetime:
    """Move the platform's clock forward; ClockIsReal unless it is an embedded platform's, ClockOnlyMovesForward for by <= 0."""
    if by <= timedelta():
        raise ClockOnlyMovesForward("The clock only moves forward.", remedy="Give a positive number of hours.")
    if not isinstance(clock, SharedClock | FixedClock):
        raise ClockIsReal(
            "This platform runs on real time.", remedy="Only the embedded mode (make demo, make up) can move its clock."
        )
    return clock.forward(by)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        # Said aloud: a mapping keeps a copy of the descriptor, and with it the lock, when this one is closed.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
