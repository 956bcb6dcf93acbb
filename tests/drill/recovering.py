"""When is it over: everything ready, and everything committed by now is with everybody who wants it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from chassis.failures import DATABASE_AWAY
from tests.drill.ledger import Books
from tests.drill.plan import OWNERS

_EVERY = 0.1
_UNCONFIRMED = """
SELECT wanted.fact_id FROM unnest($1::uuid[]) AS wanted (fact_id)
WHERE NOT EXISTS (SELECT FROM inbox WHERE inbox.fact_id = wanted.fact_id AND inbox.generation = 0)
AND NOT EXISTS (SELECT FROM parked WHERE parked.fact_id = wanted.fact_id AND parked.redriven_at IS NULL)
"""


@dataclass
class Watch:
    """Remembers what it has seen arrive, so that each look is cheap."""

    books: Books
    urls: Mapping[str, str]
    arrived: dict[str, int] = field(
        default_factory=dict
    )  # owner → row of its outbox up to which everything is everywhere

    async def recovered(self, *, within: float) -> tuple[float, str]:
        """Seconds until all is well again, and what is missing if it took too long (empty: nothing)."""
        started = time.monotonic()
        marks: dict[str, int] = {}
        missing = "the databases have not been asked yet"
        async with httpx.AsyncClient(timeout=4) as http:
            while True:
                try:
                    marks = marks or await self._marks()
                    missing = await self._not_ready(http) or await self._not_arrived(marks)
                except DATABASE_AWAY as error:
                    missing = f"a database does not answer: {error!r}"
                seconds = time.monotonic() - started
                if not missing or seconds > within:
                    return seconds, missing
                await asyncio.sleep(_EVERY)

    async def _marks(self) -> dict[str, int]:
        marks = {}
        for owner in OWNERS:
            async with self.books.open(owner) as connection:
                marks[owner] = int(await connection.fetchval("SELECT coalesce(max(seq), 0) FROM outbox"))
        return marks

    async def _not_ready(self, http: httpx.AsyncClient) -> str:
        answers = await asyncio.gather(
            *(http.get(f"{url}/health/ready") for url in self.urls.values()), return_exceptions=True
        )
        for name, answer in zip(self.urls, answers, strict=True):
            if isinstance(answer, BaseException):
                return f"{name} does not answer: {answer!r}"
            if answer.status_code != httpx.codes.OK:
                return f"{name} is not ready: {answer.text[:300]}"
        return ""

    async def _not_arrived(self, marks: Mapping[str, int]) -> str:
        for owner, mark in marks.items():
            begin = self.arrived.get(owner, 0)
            async with self.books.open(owner) as connection:
                waiting = await connection.fetchval("SELECT count(*) FROM unpublished WHERE seq <= $1", mark)
                if waiting:
                    return f"{waiting} facts of {owner} are not published"
                rows = await connection.fetch(
                    "SELECT seq, fact_id, wire FROM outbox WHERE seq > $1 AND seq <= $2 ORDER BY seq", begin, mark
                )
            missing = await self._missing(rows)
            if missing:
                return missing
            self.arrived[owner] = mark
        return ""

    async def _missing(self, rows: list[Any]) -> str:
        for name, spec in self.books.specs.items():
            wires = {kind.WIRE for kind in spec.consumes}
            wanted = {UUID(str(row["fact_id"])): row["wire"] for row in rows if row["wire"] in wires}
            if not wanted:
                continue
            async with self.books.open(name) as connection:
                absent = await connection.fetch(_UNCONFIRMED, list(wanted))
            if absent:
                first = UUID(str(absent[0]["fact_id"]))
                return f"{name} has not got {len(absent)} of {len(wanted)} facts, such as {wanted[first]} {first}"
        return ""
