"""Keyset paging: ORDER BY keys, WHERE keys are after the last one's, LIMIT one more than asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction

RowT = TypeVar("RowT")

_PARSERS: Mapping[type, Callable[[str], object]] = {
    UUID: UUID,
    float: float,
    str: str,
    datetime: datetime.fromisoformat,
}


class NotACursor(ValueError):
    """The cursor does not come from this list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """At most ``first`` rows, after the row with this key (as text, one per sort column)."""

    first: int
    after: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[RowT]):
    """Rows with their keys; ``total`` only where policy allows it to be known."""

    rows: Sequence[RowT]
    keys: Sequence[tuple[str, ...]]
    more: bool
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One sort column of a list; the columns of a list together are unique."""

    column: sa.ColumnElement[Any]
    kind: type
    descending: bool = False


async def read_page(
    tx: Transaction, statement: sa.Select[Any], *, keys: Sequence[Key], asked: Asked, count: bool = False
) -> Page[sa.Row[Any]]:
    """One page of a select, in the order of ``keys``; the total too when ``count``. NotACursor for a foreign cursor."""
    labelled = statement.add_columns(*(key.column.label(f"key_{number}") for number, key in enumerate(keys)))
    if asked.after is not None:
        labelled = labelled.where(_later(keys, _parsed(keys, asked.after)))
    ordered = labelled.order_by(*(key.column.desc() if key.descending else key.column.asc() for key in keys))
    rows = (await tx.connection.execute(ordered.limit(asked.first + 1))).all()
    total = None
    if count:
        total = await tx.connection.scalar(sa.select(sa.func.count()).select_from(statement.subquery()))
    shown = rows[: asked.first]
    return Page(
        rows=shown,
        keys=[tuple(_text(getattr(row, f"key_{number}")) for number in range(len(keys))) for row in shown],
        more=len(rows) > asked.first,
        total=total,
    )


def _parsed(keys: Sequence[Key], texts: tuple[str, ...]) -> list[object]:
    if len(keys) != len(texts):
        raise NotACursor
    try:
        return [_PARSERS[key.kind](text) for key, text in zip(keys, texts, strict=True)]
    except ValueError as error:
        raise NotACursor from error


def _later(keys: Sequence[Key], values: Sequence[object]) -> sa.ColumnElement[bool]:
    """(a, b) is after (x, y): a after x, or a = x and b after y; each column in its own direction."""
    steps = []
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        step = key.column < value if key.descending else key.column > value
        equal = [before.column == seen for before, seen in zip(keys[:number], values[:number], strict=True)]
        steps.append(sa.and_(*equal, step))
    return sa.or_(*steps)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
