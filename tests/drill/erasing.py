"""What is left of people who were erased: their words, wherever they may be, and the facts that an erasure takes out of outboxes.

An outbox is what the oracle judges by, and an erasure takes facts out of it. So the drill keeps a note, without their content, of every
fact and every mail's job that a service forgets, in a schema of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from tests.drill.oracle import Fact, Left
from tests.drill.plan import OWNERS

if TYPE_CHECKING:
    from tests.drill.ledger import Books

CANARY = "Kanarek"  # the beginning of each guest's own word
_ANY_CASE = "".join(f"(?:{ord(each.lower()):x}|{ord(each.upper()):x})" for each in CANARY)
_WORD = re.compile(rf"{CANARY}([0-9a-f]{{12}})|{_ANY_CASE}((?:3[0-9]|[46][1-6]){{12}})", re.IGNORECASE)
_PATTERN = f"{CANARY}|{_ANY_CASE}"  # as text, and as PostgreSQL shows bytes

_NOTES = """
CREATE SCHEMA IF NOT EXISTS drill;
CREATE TABLE IF NOT EXISTS drill.fact (
    seq bigint, fact_id uuid, topic text, key uuid, wire text, version integer, at float, forgotten_at float
);
CREATE OR REPLACE FUNCTION drill.note_fact() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = drill AS $$ BEGIN
    INSERT INTO drill.fact VALUES (
        OLD.seq, OLD.fact_id, OLD.topic, OLD.key, OLD.wire, (convert_from(OLD.payload, 'UTF8')::jsonb ->> 'version')::integer,
        extract(epoch FROM OLD.recorded_at), extract(epoch FROM clock_timestamp())
    );
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER drill_note AFTER DELETE ON public.outbox FOR EACH ROW EXECUTE FUNCTION drill.note_fact();
"""
_MAIL_NOTES = """
CREATE TABLE IF NOT EXISTS drill.mail (notification_id uuid, state text);
CREATE OR REPLACE FUNCTION drill.note_mail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = drill AS $$ BEGIN
    INSERT INTO drill.mail VALUES (OLD.notification_id, OLD.state);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER drill_note AFTER DELETE ON public.mail FOR EACH ROW EXECUTE FUNCTION drill.note_mail();
"""
_TABLES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'drill') ORDER BY 1
"""


async def take_notes(books: Books) -> None:
    """From now on note what services forget."""
    for owner in OWNERS:
        async with books.open(owner) as connection:
            await connection.execute(_NOTES)
    async with books.open("notifications") as connection:
        await connection.execute(_MAIL_NOTES)


async def forgotten_facts(connection: asyncpg.Connection[object], owner: str) -> list[Fact]:
    """The facts that an owner's outbox has forgotten."""
    return [
        Fact(
            owner,
            row["seq"],
            UUID(str(row["fact_id"])),
            row["topic"],
            UUID(str(row["key"])),
            row["wire"],
            row["version"],
            row["at"],
            forgotten=True,
        )
        for row in await connection.fetch("SELECT * FROM drill.fact ORDER BY seq")
    ]


async def words_left(books: Books, erased: Mapping[UUID, str]) -> list[Left]:
    """Rows that still have a word of somebody who was erased (person and canary), in any table of any service."""
    whose = {canary.removeprefix(CANARY): person_id for person_id, canary in erased.items()}
    found: list[Left] = []
    for name in books.specs:
        async with books.open(name) as connection:
            for (table,) in await connection.fetch(_TABLES):
                rows = await connection.fetch(
                    f"SELECT row_to_json(t)::text AS said FROM {table} AS t WHERE t::text ~* $1", _PATTERN
                )
                counted: dict[UUID, int] = defaultdict(int)
                for row in rows:
                    for word in words_in(row["said"]) & whose.keys():
                        counted[whose[word]] += 1
                found += [Left(f"{name}'s {table}", person_id, number) for person_id, number in counted.items()]
    return found


def words_in(said: str) -> set[str]:
    """The guests' own words, without the beginning that they share, in a row as text; bytes in it are written as PostgreSQL does."""
    return {_plain(found) for found in _WORD.finditer(said)}


def _plain(found: re.Match[str]) -> str:
    return (found[1] or bytes.fromhex(found[2]).decode()).lower()


def pairs_of(people: Iterable[UUID], told: Iterable[Mapping[str, object]]) -> frozenset[str]:
    """Pairs (ids as facts tell them) with one of these people, by the facts about pairs."""
    gone = {str(each) for each in people}
    touched = set()
    for pair in told:
        members = pair["members"]
        assert isinstance(members, list)
        if any(member["person_id"] in gone for member in members):
            touched.add(str(pair["pair_id"]))
    return frozenset(touched)
