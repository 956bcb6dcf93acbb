"""A service for looking at the chassis: it saves people, greets each, and keeps a card of each. `python -m tests.chassis.probe_service`.

What a person is called says how the probe behaves (see `behave`), so that no test needs a back door into a running process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import sqlalchemy as sa

from chassis import telemetry
from chassis.broker import Publisher
from chassis.consuming import Subscription
from chassis.database import Transaction
from chassis.serve import serve
from chassis.service import Running, Setting, Tick, Timed, build
from contracts.base import Event
from contracts.errors import Full, NotFound, Problem
from contracts.profiles import (
    ContactChanged,
    ExportPerson,
    PersonExport,
    Profile,
    ProfileErased,
    ProfileUpdated,
    SaveProfile,
)

VERSIONS = Path(__file__).parent / "migrations" / "versions"


class NoRoom(Full):
    """The person is called `full`."""


@dataclass
class Levers:
    """What tests move while the probe runs in their own process."""

    broken: ClassVar[bool] = False  # every greeting fails
    gate: ClassVar[asyncio.Event | None] = None  # a greeting of `slow` waits for it
    ticks: ClassVar[list[str]] = []
    ticking: ClassVar[bool] = False
    worker_starts: ClassVar[list[float]] = []


async def behave(word: str, tx: Transaction) -> None:
    """What the first word of a name asks for."""
    match word.split(" ", maxsplit=1)[0]:
        case "poison":
            raise ValueError("this fact is poison")
        case "unreachable":
            raise ConnectionRefusedError("something that is not the database")
        case "torn":  # what asyncpg raises when the server ends while it looks up types
            raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
        case "flaky":  # fails once per process, as a deadlock would
            if word not in _FLAKED:
                _FLAKED.add(word)
                await tx.connection.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
        case "sleepy":
            await asyncio.sleep(float(word.split(" ")[1]))
        case "slow" if Levers.gate is not None:
            await Levers.gate.wait()
        case "deadly":  # before the effect's commit
            _die_once(Path(word.split(" ")[1]))
        case _:
            if Levers.broken:
                raise RuntimeError("every greeting fails")


_FLAKED: set[str] = set()


def reset() -> None:
    """All levers back."""
    Levers.broken, Levers.gate, Levers.ticks, Levers.ticking, Levers.worker_starts = False, None, [], False, []
    _FLAKED.clear()


def _die_once(marker: Path) -> None:
    if marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


async def save_profile(command: SaveProfile, tx: Transaction) -> list[Event]:
    """Keep the person; one version more."""
    profile = command.profile
    if profile.display_name == "full":
        raise NoRoom("There is no room.", remedy="Wait.", problems=(Problem(path="profile", message="one too many"),))
    if profile.display_name == "broken":
        raise RuntimeError("the command fails")
    version = await tx.connection.scalar(
        sa.text(
            "INSERT INTO person VALUES (:person_id, :organization_id, :name, 1) ON CONFLICT (person_id) DO UPDATE "
            "SET display_name = excluded.display_name, version = person.version + 1 RETURNING version"
        ),
        {"person_id": profile.person_id, "organization_id": profile.organization_id, "name": profile.display_name},
    )
    if profile.display_name.startswith("sleepy-command"):
        await asyncio.sleep(float(profile.display_name.split(" ")[1]))
    return [
        ProfileUpdated(
            key=profile.person_id,
            version=version,
            occurred_at=tx.now,
            organization_id=profile.organization_id,
            actor_id=command.actor.person_id,
            profile=profile,
        )
    ]


async def export_person(query: ExportPerson, tx: Transaction) -> PersonExport:
    """The person's name, if the actor may see it."""
    name = await tx.connection.scalar(
        sa.text("SELECT display_name FROM person WHERE person_id = :id"), {"id": query.person_id}
    )
    if name is None:
        raise NotFound("There is no such person.")
    return PersonExport(person_id=query.person_id, exported_at=query.asked_at, json=name)


async def greet(fact: ProfileUpdated, tx: Transaction) -> list[Event]:
    """One effect per greeting, and a fact of it."""
    name = fact.profile.display_name
    await behave(name, tx)
    await _effect("greet", fact, name, tx)
    contact = ContactChanged(
        key=fact.key,
        version=fact.version,
        occurred_at=tx.now,
        organization_id=fact.organization_id,
        person_id=fact.profile.person_id,
        display_name=name,
        email="",
    )
    return [contact]


async def forget(fact: ProfileErased, tx: Transaction) -> list[Event]:
    """One effect per erasure."""
    await _effect("forget", fact, "", tx)
    return []


async def _effect(handler: str, fact: Event, word: str, tx: Transaction) -> None:
    await tx.connection.execute(
        sa.text(
            "INSERT INTO effect (handler, key, version, word, pid, traceparent) "
            "VALUES (:handler, :key, :version, :word, :pid, :traceparent)"
        ),
        {
            "handler": handler,
            "key": fact.key,
            "version": fact.version,
            "word": word,
            "pid": os.getpid(),
            "traceparent": telemetry.traceparent(),
        },
    )


async def project_cards(facts: Sequence[ProfileUpdated], tx: Transaction) -> None:
    """The newest name of each person."""
    await tx.connection.execute(
        sa.text(
            "INSERT INTO card SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:versions AS int[])) "
            "ON CONFLICT (person_id) DO UPDATE SET display_name = excluded.display_name, version = excluded.version "
            "WHERE card.version < excluded.version"
        ),
        {
            "ids": [fact.key for fact in facts],
            "names": [fact.profile.display_name for fact in facts],
            "versions": [fact.version for fact in facts],
        },
    )


async def count_ticks(tick: Tick, tx: Transaction) -> list[Event]:
    """Timed work that notices when it runs twice at once."""
    Levers.ticks.append("overlap" if Levers.ticking else "alone")
    Levers.ticking = True
    await asyncio.sleep(0.02)
    Levers.ticking = False
    return []


async def stumble(running: Running) -> None:
    """A worker that fails each time."""
    Levers.worker_starts.append(asyncio.get_running_loop().time())
    raise RuntimeError("the worker stumbles")


async def catalog(tx: Transaction) -> AsyncIterator[Event]:
    """Every person as the newest fact."""
    rows = await tx.connection.stream(sa.text("SELECT person_id, organization_id, display_name, version FROM person"))
    async for row in rows:
        profile = Profile(
            person_id=row.person_id, organization_id=row.organization_id, subject="", display_name=row.display_name
        )
        yield ProfileUpdated(
            key=row.person_id,
            version=row.version,
            occurred_at=tx.now,
            organization_id=row.organization_id,
            profile=profile,
        )


app = build(
    "probe",
    commands={SaveProfile: save_profile},
    queries={ExportPerson: export_person},
    handlers={ProfileUpdated: [greet], ProfileErased: [forget]},
    projections={project_cards: (ProfileUpdated,)},
    timed=[Timed("count_ticks", every=0.05, run=count_ticks)],
    workers={"stumble": stumble},
    settings=(Setting("PROBE_WORD", hint="any word", default="word"),),
    catalog=catalog,
    tables=("card",),
    versions=VERSIONS,
)
# The same without the handlers' failures in the way: for what only projects.
READER = replace(app.spec, handlers={}, timed=(), workers={})


def die_at(point: str, marker: Path) -> None:
    """Kill this process (SIGKILL) just before it commits offsets or publishes, or just after it published; once per marker file."""
    owner, name = (Subscription, "_commit") if point == "before-offsets" else (Publisher, "publish")
    original = getattr(owner, name)

    async def deadly(self: Any, *arguments: Any) -> Any:
        if point == "after-publish":
            await original(self, *arguments)
        _die_once(marker)
        return None if point == "after-publish" else await original(self, *arguments)

    setattr(owner, name, deadly)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        die_at(sys.argv[2], Path(sys.argv[3]))
    sys.exit(serve(app, host="127.0.0.1", port=int(sys.argv[1])))
