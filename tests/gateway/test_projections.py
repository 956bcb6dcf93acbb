"""The read model ends up the same however its facts arrive, and forgets whoever was erased."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from chassis.database import Database
from chassis.service import react
from contracts import feedback, notifications
from contracts.base import SYSTEM, Actor, Event, decode
from contracts.matching import Pair, PairAccepted, PairStatus
from contracts.profiles import Consent, Organization, Purpose
from gateway.app import app
from gateway.store import READ_MODEL, people as people_store
from tests.conftest import ServiceDatabase
from tests.gateway.making import (
    NOON,
    Ledger,
    World,
    a_feedback,
    a_notification,
    a_pair,
    a_reciprocity,
    a_session,
    a_world,
    admin_of,
    an_agenda,
    an_agreement,
    an_introduction,
    email_of,
    person_of,
)


async def rows(database: Database, actor: Actor = SYSTEM) -> dict[str, list[str]]:
    """Everything that a transaction of this actor can read, table by table."""
    found = {}
    async with database.begin(actor) as tx:
        for table in READ_MODEL:
            if table == "erased" and actor is not SYSTEM:
                continue  # tenants have no right to it
            statement = sa.text(f"SELECT t::text FROM {table} t ORDER BY 1")
            found[table] = list((await tx.connection.execute(statement)).scalars())
    return found


def texts(found: dict[str, list[str]]) -> str:
    """All rows as one text, their states (bytes in hexadecimal) made readable."""
    parts = []
    for row in (row for table in found.values() for row in table):
        parts.append(row)
        parts += [bytes.fromhex(word).decode("utf-8", "replace") for word in _hexadecimal(row)]
    return "\n".join(parts)


def _hexadecimal(row: str) -> Sequence[str]:
    return [part.split('"')[0].rstrip(")") for part in row.split("\\x")[1:]]


def everything(world: World) -> list[Event]:
    """A world in which the pair has done all that a pair can do."""
    pair, ledger = world.pair, world.ledger
    return [
        *world.facts(),
        *ledger.of(
            an_agreement(pair),
            an_agenda(pair),
            a_session(pair),
            a_feedback(pair),
            a_reciprocity(pair),
            a_notification(world.ada),
            a_notification(world.ben),
            notifications.Preferences(person_id=world.ada.person_id),
            Consent(person_id=world.ada.person_id, purpose=Purpose.MATCHING, granted=True),
        ),
        feedback.IntroductionAdvanced(
            key=uuid4(),
            version=1,
            occurred_at=NOON,
            introduction=an_introduction(pair),
            ask_third_person_id=world.cleo.person_id,
        ),
    ]


class TestProjections:
    async def test_keep_the_whole_state(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        await react(app.spec, database, everything(world))
        found = texts(await rows(database))
        for secret in ("need secret of Ada", "topic secret of the pair", email_of(world.ben), "about secret"):
            assert secret in found

    async def test_keep_what_is_newer(self, service_database: ServiceDatabase) -> None:
        database, ledger = await service_database("gateway"), Ledger()
        world = a_world()
        first, second = ledger.of(world.pair, replace(world.pair, status=PairStatus.ACTIVE))
        await react(app.spec, database, [second])
        await react(app.spec, database, [first])
        async with database.begin(SYSTEM) as tx:
            state = await tx.connection.scalar(sa.text("SELECT state FROM pairs"))
        assert decode(Pair, state).status is PairStatus.ACTIVE

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(seed=st.integers(0, 2**32))
    async def test_end_up_the_same_in_any_order_with_any_repetition(
        self, service_database: ServiceDatabase, seed: int
    ) -> None:
        database, chance = await service_database("gateway"), random.Random(seed)
        world = a_world()
        facts = everything(world)
        ledger = world.ledger
        for status in chance.sample(list(PairStatus), 3):
            facts += ledger.of(replace(world.pair, status=status))
        facts += ledger.of(replace(world.ada, job_title="Another"), replace(world.cohort, name="Renamed"))
        if chance.random() < 0.5:
            facts.append(ledger.erased(world.ben))
        await _empty(database)
        await react(app.spec, database, facts)
        expected = await rows(database)

        shuffled = facts + chance.choices(facts, k=10)
        chance.shuffle(shuffled)
        await _empty(database)
        while shuffled:
            size = chance.randint(1, 25)
            batch, shuffled = shuffled[:size], shuffled[size:]
            await react(app.spec, database, batch)
        assert await rows(database) == expected

    async def test_are_written_in_bulk(self, service_database: ServiceDatabase) -> None:
        """A bound that only one statement per fact misses, also on a busy machine; benchmarks measure the real rate."""
        database, world = await service_database("gateway"), a_world()
        pairs = [a_pair(world.ada, world.ben, world.cohort) for _ in range(2_000)]
        facts = [PairAccepted(key=pair.pair_id, version=1, occurred_at=NOON, pair=pair) for pair in pairs]
        started = time.perf_counter()
        await react(app.spec, database, facts)
        assert len(facts) / (time.perf_counter() - started) > 1_000


async def _empty(database: Database) -> None:
    async with database.begin(SYSTEM) as tx:
        for table in (*READ_MODEL, "inbox"):
            await tx.connection.execute(sa.text(f"DELETE FROM {table}"))


class TestErasing:
    async def test_leaves_nothing_of_the_person(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world(PairStatus.ACTIVE)
        await react(app.spec, database, everything(world))
        await react(app.spec, database, [world.ledger.erased(world.ada)])
        found = texts(await rows(database))
        assert "secret of Ada" not in found
        assert "secret of the pair" not in found
        assert email_of(world.ada) not in found

    async def test_leaves_the_others_and_that_there_was_a_pair(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world(PairStatus.ACTIVE)
        await react(app.spec, database, everything(world))
        await react(app.spec, database, [world.ledger.erased(world.ada)])
        found = texts(await rows(database))
        assert "need secret of Ben" in found
        assert str(world.pair.pair_id) in found

    async def test_holds_against_facts_that_come_later(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world(PairStatus.ACTIVE)
        facts = everything(world)
        late = world.ledger.of(
            replace(world.ada, job_title="Back"),
            replace(world.pair, status=PairStatus.ENDED_EARLY),
            a_session(world.pair),
        )
        await react(app.spec, database, [world.ledger.erased(world.ada)])
        await react(app.spec, database, [*facts, *late])
        found = texts(await rows(database))
        assert "secret of Ada" not in found
        assert "secret of the pair" not in found
        assert "ended_early" in found

    async def test_counts_in_the_batch_that_brings_it(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        facts = everything(world)
        facts.insert(0, world.ledger.erased(world.ada))
        await react(app.spec, database, facts)
        assert "secret of Ada" not in texts(await rows(database))


class TestTheSecondWall:
    """What a transaction in a viewer's scope can read at all, whatever the code forgets to ask."""

    async def test_hides_other_cohorts_from_a_stranger(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world(PairStatus.ACTIVE)
        await react(app.spec, database, everything(world))
        seen = await rows(database, person_of(world.zoe))
        assert [name for name, found in seen.items() if found and name not in {"organizations"}] == [
            "people",
            "contacts",
        ]
        assert "secret of Ada" not in texts(seen)
        assert len(seen["people"]) == 1

    async def test_hides_what_belongs_to_two_from_an_admin(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world(PairStatus.ACTIVE)
        await react(app.spec, database, everything(world))
        seen = await rows(database, admin_of(world.north))
        for table in ("agreements", "agendas", "sessions", "feedback", "introductions", "reciprocity"):
            assert seen[table] == []
        assert seen["notifications"] == []
        assert seen["preferences"] == []
        assert seen["pairs"] != []
        assert email_of(world.ben) not in texts(seen)
        assert email_of(world.ada) in texts(seen)

    async def test_shows_an_address_to_a_matched_partner_only(self, service_database: ServiceDatabase) -> None:
        for status, shown in ((PairStatus.PROPOSED, False), (PairStatus.ACCEPTED, True)):
            database, world = await service_database("gateway"), a_world(status)
            await react(app.spec, database, everything(world))
            assert (email_of(world.ben) in texts(await rows(database, person_of(world.ada)))) is shown
            assert email_of(world.ben) not in texts(await rows(database, person_of(world.cleo)))

    async def test_lets_no_tenant_write(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        await react(app.spec, database, everything(world))
        for table in READ_MODEL:
            with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
                async with database.begin(admin_of(world.north)) as tx:
                    await tx.connection.execute(sa.text(f"DELETE FROM {table}"))


class TestWhoSendsAToken:
    async def test_is_found_by_issuer_and_subject(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        await react(app.spec, database, world.facts())
        async with database.begin(SYSTEM) as tx:
            known = await people_store.known_subject(tx, issuer=world.north.issuer, subject=world.ada.subject)
            stranger = await people_store.known_subject(tx, issuer=world.north.issuer, subject="nobody")
            nowhere = await people_store.known_subject(tx, issuer="https://else.where", subject="nobody")
        assert known is not None
        assert known.person_id == world.ada.person_id
        assert stranger is not None
        assert stranger.person_id is None
        assert nowhere is None

    async def test_is_nobody_when_two_organizations_claim_the_issuer(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        twin: Organization = replace(world.far, issuer=world.north.issuer)
        await react(app.spec, database, [*world.facts(), *world.ledger.of(twin)])
        async with database.begin(SYSTEM) as tx:
            known = await people_store.known_subject(tx, issuer=world.north.issuer, subject=world.ada.subject)
        assert known is None
