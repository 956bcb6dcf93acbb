"""Projections: functions that write a whole batch of facts into a read model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from chassis.database import Transaction
from chassis.failures import HandlerFailed
from contracts.base import Event

Projection = Callable[[Sequence[Any], Transaction], Awaitable[None]]


async def project_latest(
    projections: Mapping[Projection, Sequence[type[Event]]], found: Sequence[Event], tx: Transaction
) -> None:
    """Hand each projection the newest fact of every key; in the order of keys, so that two projecting at once do not deadlock."""
    by_kind: dict[type[Event], list[Event]] = {}
    for fact in found:
        by_kind.setdefault(type(fact), []).append(fact)
    for projection, kinds in projections.items():
        latest: dict[int, Event] = {}
        for kind in kinds:
            for fact in by_kind.get(kind, ()):
                number = fact.key.int
                known = latest.get(number)
                if known is None or known.version < fact.version:
                    latest[number] = fact
        if latest:
            try:
                await projection([latest[number] for number in sorted(latest)], tx)
            except Exception as error:
                raise HandlerFailed(projection.__name__, error) from error
