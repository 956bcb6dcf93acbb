"""What went wrong, and what follows from it: away (wait), transient (try again), permanent (park); and the breaker over all of them."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError as PoolTimeout

DATABASE_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises to whoever holds a connection of their own whose server is away, or goes away meanwhile."""

_BREAK_AFTER = 20  # permanent failures in a row
_BREAK_RATIO = 0.5  # of the last _BREAK_WINDOW messages
_BREAK_WINDOW = 100
_TRANSIENT_STATES = {"40001", "40P01", "55P03", "57014"}  # serialization, deadlock, lock not available, cancelled


class HandlerFailed(Exception):
    """A handler raised: which one, on what."""

    def __init__(self, handler: str, cause: BaseException) -> None:
        super().__init__(f"{handler}: {type(cause).__name__}: {cause}")
        self.handler = handler
        self.cause = cause


def is_away(error: BaseException) -> bool:
    """Whether this says that the database cannot be reached, rather than that the work was wrong."""
    cause = _cause(error)
    if isinstance(cause, DBAPIError):
        # 08 connection, 28 login, 3D no such database, 53 resources, 57P going down or coming up, 58 disk; 25006 read-only
        state = _state(cause)
        return (
            cause.connection_invalidated
            or state.startswith(("08", "28", "3D", "53", "57P", "58"))
            or state == "25006"
            or (isinstance(cause, InterfaceError | OperationalError) and not state)
        )
    # The driver lost its way: the connection ended between two steps of something that it does for itself. A new one knows the way.
    if type(cause) is asyncpg.InternalClientError:
        return True
    # What a handler raises may be a trouble of its own: then trying again meets a database that is there (see is_transient).
    return not isinstance(error, HandlerFailed) and _is_network(cause)


def is_transient(error: BaseException) -> bool:
    """Whether trying again at once may help."""
    return _state(_cause(error)) in _TRANSIENT_STATES or _is_network(_cause(error))


def _cause(error: BaseException) -> BaseException:
    return error.cause if isinstance(error, HandlerFailed) else error


def _state(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")


def _is_network(error: BaseException) -> bool:
    return isinstance(error, PoolTimeout | TimeoutError | ConnectionError) or (
        isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError)
    )


@dataclass
class Breaker:
    """Opens after too many permanent failures, so that a bad deploy stops instead of parking a whole topic.

    Only messages that were really tried count: those known already, or parked behind another, say nothing.
    """

    cool_down: float = 30.0
    in_a_row: int = 0
    opened_at: float | None = None
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=_BREAK_WINDOW))

    @property
    def open(self) -> bool:
        """Whether nothing more may be parked."""
        return self.opened_at is not None

    def succeeded(self, count: int = 1) -> None:
        """Messages went through: closes again."""
        if not count:
            return
        if self.open:
            self.recent.clear()
        self.in_a_row = 0
        self.opened_at = None
        self.recent.extend([True] * min(count, _BREAK_WINDOW))

    def failed(self) -> None:
        """One more permanent failure; opens when it is one too many, and stays open when a trial failed."""
        self.in_a_row += 1
        self.recent.append(False)
        failures = self.recent.count(False)
        if (
            self.open
            or self.in_a_row >= _BREAK_AFTER
            or (len(self.recent) == _BREAK_WINDOW and failures >= _BREAK_RATIO * _BREAK_WINDOW)
        ):
            self.opened_at = time.monotonic()

    def allows_trial(self) -> bool:
        """Closed, or open for so long that one message may be tried."""
        return self.opened_at is None or time.monotonic() - self.opened_at >= self.cool_down
