"""Writing the read model: a batch of facts is one statement per table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import asyncpg

from chassis.database import Transaction
from chassis.holding import ERASURE, hold, hold_shared
from gateway.store import tables
from gateway.store.tables import among

_ERASED = sa.text("SELECT id FROM erased WHERE id = ANY(CAST(:ids AS uuid[]))")

Row = tuple[object, ...]

# Everything that is about people, with the columns that say about whom. Pairs stay when somebody is erased, see `erase`.
_ABOUT: dict[sa.Table, tuple[str, ...]] = {
    tables.people: ("id",),
    tables.contacts: ("id",),
    tables.consents: ("person_id",),
    tables.enrolments: ("person_id",),
    tables.agreements: ("person_a", "person_b"),
    tables.agendas: ("person_a", "person_b"),
    tables.sessions: ("person_a", "person_b"),
    tables.feedback: ("author_id", "addressee_id"),
    tables.introductions: ("offered_by", "offered_to", "third_id"),
    tables.reciprocity: ("person_a", "person_b"),
    tables.notifications: ("person_id",),
    tables.preferences: ("person_id",),
}


async def save(tx: Transaction, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert or update rows (values in the order of the table's columns; the first is the id).

    A row that is there with the same or a later version stays, and nothing is written about people who were erased.
    """
    if not rows:
        return
    if table in _ABOUT:
        # Nobody can become erased from here to the end of the transaction. A statement of its own: the next one's snapshot
        # must be younger than the lock.
        await hold_shared(tx, what=ERASURE)
    # In the order of their ids, so that two transactions with the same rows wait for each other instead of dying of a deadlock.
    columns = zip(*sorted(rows, key=_id_of), strict=True)
    names = (f"c{number}" for number in range(len(table.columns)))
    await tx.connection.execute(_upsert(table), dict(zip(names, map(list, columns), strict=True)))


def _id_of(row: Row) -> int:
    key = row[0]
    assert isinstance(key, UUID)
    return key.int  # several times faster to compare than the UUID


@cache
def _upsert(table: sa.Table) -> sa.TextClause:
    columns = list(table.columns)
    arrays, values = [], []
    dialect: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
    for number, column in enumerate(columns):
        kind = column.type.compile(dialect)
        # An array of arrays would be flattened by unnest: such a column travels as text.
        carried = "text" if isinstance(column.type, postgresql.ARRAY) else kind
        arrays.append(f"CAST(:c{number} AS {carried}[])")
        values.append(f"CAST(given.{column.name} AS {kind})" if carried != kind else f"given.{column.name}")
    names = ", ".join(column.name for column in columns)
    changes = ", ".join(f"{column.name} = excluded.{column.name}" for column in columns if column.name != "id")
    about = ", ".join(f"given.{name}" for name in _ABOUT.get(table, ()))
    here = f"WHERE NOT EXISTS (SELECT 1 FROM erased WHERE erased.id IN ({about})) " if about else ""  # noqa: S608
    return sa.text(
        f"INSERT INTO {table.name} AS present ({names}) "  # noqa: S608 - names of our own tables
        f"SELECT {', '.join(values)} FROM unnest({', '.join(arrays)}) AS given ({names}) {here}"
        f"ON CONFLICT (id) DO UPDATE SET {changes} WHERE present.version < excluded.version"
    )


def array_text(ids: Iterable[UUID]) -> str:
    """Ids as PostgreSQL writes an array."""
    return "{" + ",".join(map(str, ids)) + "}"


async def erased_among(tx: Transaction, people: Iterable[UUID]) -> frozenset[UUID]:
    """Which of these people were erased. Until the end of the transaction nobody of them can become so."""
    await hold_shared(tx, what=ERASURE)
    found = await tx.connection.execute(_ERASED, {"ids": list(set(people))})
    return frozenset(found.scalars())


async def erase(tx: Transaction, people: Sequence[tuple[UUID, int]]) -> None:
    """Remember that these people (id, version) were erased, and remove everything about them but their pairs."""
    await hold(tx, what=ERASURE)
    await save(tx, tables.erased, list(people))
    ids = [person for person, _ in people]
    for table, columns in _ABOUT.items():
        about = sa.or_(*(among(table.c[column], ids) for column in columns))
        await tx.connection.execute(table.delete().where(about))


async def pairs_about(tx: Transaction, people: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """(id, state) of every pair in which one of these people is."""
    pairs = tables.pairs
    found = await tx.connection.execute(
        sa.select(pairs.c.id, pairs.c.state)
        .where(sa.or_(among(pairs.c.person_a, people), among(pairs.c.person_b, people)))
        .with_for_update()
    )
    return [(row.id, row.state) for row in found]


async def replace_pair_states(tx: Transaction, states: Sequence[tuple[UUID, bytes]]) -> None:
    """Put other states into pairs of the same version."""
    for pair_id, state in states:
        await tx.connection.execute(tables.pairs.update().where(tables.pairs.c.id == pair_id).values(state=state))
