"""LISTEN and NOTIFY in the read model's database: every replica hears every change, whichever replica wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction

IDENTITIES = "identities"  # the kind of a change after which tokens are looked up anew
_CHANNEL = "gateway_changes"
_LARGEST = 7_900  # bytes of one NOTIFY; PostgreSQL takes less than 8000
_NOTIFY = sa.text("SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload")
_CHECK_EVERY = 5.0  # seconds between two looks whether the connection still lives


class ListeningStopped(ConnectionError):
    """The connection that listens was lost: changes may have been missed."""


class Change(NamedTuple):
    """An object changed; ``about`` are the people and cohorts whose subscribers want to know."""

    kind: str
    key: UUID
    about: tuple[UUID, ...]


async def notify(tx: Transaction, changes: Iterable[Change]) -> None:
    """Tell all listeners when this transaction commits; about a hundred changes travel in one message."""
    payloads = list(_packed(changes))
    if payloads:
        await tx.connection.execute(_NOTIFY, {"channel": _CHANNEL, "payloads": payloads})


def _packed(changes: Iterable[Change]) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for change in changes:
        line = " ".join((change.kind, change.key.hex, *(each.hex for each in change.about)))
        if lines and size + len(line) + 1 > _LARGEST:
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield "\n".join(lines)


def unpacked(payload: str) -> list[Change]:
    """The changes of one message."""
    changes = []
    for line in payload.splitlines():
        kind, key, *about = line.split(" ")
        changes.append(Change(kind, UUID(key), tuple(map(UUID, about))))
    return changes


async def listen(
    database: Database,
    *,
    heard: Callable[[Sequence[Change]], None],
    listening: Callable[[], None],
    stopping: asyncio.Event,
) -> None:
    """Hear changes on one connection until stopping; ``listening`` is called once nothing can be missed any more.

    ListeningStopped when the connection is lost.
    """
    lost = asyncio.Event()
    async with database.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None

        def take(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            heard(unpacked(str(payload)))

        driver.add_termination_listener(lambda _connection: lost.set())
        await driver.add_listener(_CHANNEL, take)
        listening()
        try:
            while not stopping.is_set() and not lost.is_set():
                await _first(stopping, lost, within=_CHECK_EVERY)
                if not lost.is_set() and not stopping.is_set():
                    # A peer that vanished without a word is noticed by asking.
                    await driver.fetchval("SELECT 1", timeout=_CHECK_EVERY)
        except (OSError, TimeoutError) as error:
            raise ListeningStopped(str(error)) from error
        finally:
            await connection.invalidate()
    if lost.is_set():
        raise ListeningStopped("the listening connection was closed")


async def _first(*events: asyncio.Event, within: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
