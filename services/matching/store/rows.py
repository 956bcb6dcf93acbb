"""From a row to an aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from contracts.base import facts
from services.matching.domain.kept import Kept, State


def kept_from(row: sa.Row[Any], kind: type[State]) -> Kept[State]:
    """The stored aggregate of this kind."""
    return Kept(
        state=msgspec.convert(row.state, kind),
        version=row.version,
        told_as=facts().named(row.told_as),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        stored=True,
    )


def all_from(rows: Iterable[sa.Row[Any]], kind: type[State]) -> list[Kept[State]]:
    """The stored aggregates, in the rows' order."""
    return [kept_from(row, kind) for row in rows]


def one_from(row: sa.Row[Any] | None, kind: type[State]) -> Kept[State] | None:
    """The stored aggregate, or None."""
    return None if row is None else kept_from(row, kind)


def locked(statement: sa.Select[Any], lock: bool, *, skip: bool = False) -> sa.Select[Any]:
    """With a row lock that foreign readers do not feel (FOR NO KEY UPDATE)."""
    return statement.with_for_update(key_share=True, skip_locked=skip) if lock else statement
