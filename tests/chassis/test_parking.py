"""A fact that cannot be applied is put aside with its successors, in order; too many of them stop the consumer instead."""

import asyncio
import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.broker import Incoming, Outgoing
from chassis.consuming import Postponed
from chassis.database import Database
from chassis.inbox import Inbox
from contracts.base import SYSTEM, encode
from contracts.profiles import TOPIC, ProfileUpdated
from tests.chassis import probe_service
from tests.chassis.conftest import OPERATOR, Kafka, Parts, Rows, Start, record_of, updated, words
from tests.chassis.probe_service import Levers
from tests.probes import eventually

SPEC = probe_service.app.spec
BAD, GOOD = UUID(int=11), UUID(int=12)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(SPEC.consumer, database, SPEC.handlers, SPEC.projections)


def story(*told: tuple[UUID, str], begin: int = 0) -> list[Incoming]:
    """Facts of several keys, one after the other on one partition."""
    return [
        record_of(updated(name, key=key, version=begin + n + 1), offset=begin + n) for n, (key, name) in enumerate(told)
    ]


async def parked(rows: Rows) -> list[tuple[int, str]]:
    return await rows.all('SELECT "offset", handler FROM parked WHERE redriven_at IS NULL ORDER BY parked_id')


class TestPermanentFailure:
    async def test_is_parked_with_its_successors_while_others_flow(self, inbox: Inbox, rows: Rows) -> None:
        await inbox.take(story((GOOD, "a"), (BAD, "poison"), (GOOD, "b"), (BAD, "c"), (GOOD, "d"), (BAD, "e")))
        assert words(await rows.effects()) == ["a", "b", "d"]
        assert await parked(rows) == [(1, "greet"), (3, ""), (5, "")]
        assert (inbox.applied, inbox.parked) == (3, 3)

    async def test_parks_what_comes_in_later_batches_too(self, inbox: Inbox, rows: Rows) -> None:
        await inbox.take(story((BAD, "poison")))
        await inbox.take(story((GOOD, "a"), (BAD, "b"), (BAD, "c"), begin=1))
        assert words(await rows.effects()) == ["a"]
        assert await parked(rows) == [(0, "greet"), (2, ""), (3, "")]

    async def test_is_kept_with_reason_handler_and_origin(self, inbox: Inbox, rows: Rows) -> None:
        (record,) = story((BAD, "poison"), begin=42)
        await inbox.take([record._replace(partition=3)])
        (found,) = await rows.all(
            'SELECT consumer, topic, partition, "offset", key, wire, payload, handler, reason, headers FROM parked'
        )
        assert found[:9] == (
            "viceversa-probe",
            TOPIC,
            3,
            42,
            str(BAD).encode(),
            ProfileUpdated.WIRE,
            record.value,
            "greet",
            "greet: ValueError: this fact is poison",
        )
        assert json.loads(found[9]) == [[name, (value or b"").decode()] for name, value in record.headers]

    async def test_is_parked_once_however_often_it_is_delivered(self, inbox: Inbox, rows: Rows) -> None:
        records = story((BAD, "poison"), (BAD, "b"))
        for _ in range(3):
            await inbox.take(records)
        assert await parked(rows) == [(0, "greet"), (1, "")]
        assert inbox.parked == 2

    @pytest.mark.parametrize("generation", [0, 1])
    async def test_lets_what_was_applied_before_it_come_again(
        self, inbox: Inbox, database: Database, rows: Rows, generation: int
    ) -> None:
        async with database.begin(SYSTEM) as tx:
            noted = sa.text("INSERT INTO consumer_generation (consumer, generation) VALUES (:consumer, :generation)")
            await tx.connection.execute(noted, {"consumer": SPEC.consumer, "generation": generation})
        records = story((BAD, "a"), (BAD, "poison"), (BAD, "b"))
        await inbox.take(records)
        await inbox.take(records)  # as after a rebalance
        assert words(await rows.effects()) == ["a"]
        assert await parked(rows) == [(1, "greet"), (2, "")]

    async def test_leaves_nothing_of_the_failed_attempt(self, inbox: Inbox, rows: Rows) -> None:
        await inbox.take(story((BAD, "poison")))
        for table in ("effect", "card", "outbox", "inbox"):
            assert await rows.all(f"SELECT 1 FROM {table}") == []

    async def test_of_a_handler_is_told_from_a_database_that_is_away(self, inbox: Inbox, rows: Rows) -> None:
        await inbox.take(story((BAD, "unreachable")))  # the handler itself meets a refused connection, again and again
        assert await parked(rows) == [(0, "greet")]

    async def test_is_not_for_what_a_driver_lost_with_its_connection(self, inbox: Inbox, rows: Rows) -> None:
        with pytest.raises(Postponed, match="the database is away"):
            await inbox.take(story((BAD, "torn"), (GOOD, "b")))
        assert await parked(rows) == []


class TestRedrive:
    async def test_restores_the_order(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        await inbox.take(story((BAD, "a"), (BAD, "b"), (GOOD, "x"), (BAD, "c")))
        assert await rows.effects() == []
        Levers.broken = False
        assert await inbox.redrive() == (4, 0)
        greeted = words(await rows.effects())
        assert [word for word in greeted if word != "x"] == ["a", "b", "c"]
        assert await parked(rows) == []
        await inbox.take(story((BAD, "d"), begin=9))
        assert words(await rows.effects())[-1] == "d"

    async def test_keeps_nothing_of_what_a_fact_said(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        await inbox.take(story((BAD, "a")))
        Levers.broken = False
        assert await rows.all("SELECT 1 FROM parked WHERE payload IS NULL") == []
        await inbox.redrive()
        assert await rows.all("SELECT payload, headers FROM parked") == [(None, "[]")]

    async def test_stops_at_the_first_that_still_fails(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        await inbox.take(story((BAD, "a"), (BAD, "poison"), (BAD, "c"), (GOOD, "x")))
        Levers.broken = False
        assert await inbox.redrive() == (2, 2)
        assert await parked(rows) == [(1, "greet"), (2, "")]
        assert sorted(words(await rows.effects())) == ["a", "x"]

    async def test_drops_what_was_applied_meanwhile(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        records = story((BAD, "a"))
        await inbox.take(records)
        Levers.broken = False
        await inbox.redrive()
        await inbox.take(records)  # the offset had not been committed
        assert words(await rows.effects()) == ["a"]

    async def test_keeps_the_order_while_facts_keep_coming(self, inbox: Inbox, database: Database, rows: Rows) -> None:
        Levers.broken = True
        names = [f"n{n:02}" for n in range(60)]
        await inbox.take(story(*((BAD, name) for name in names[:19])))
        Levers.broken = False

        async def keep_coming() -> None:
            for n in range(19, 60):
                await inbox.take(story((BAD, names[n]), begin=n))

        other = Inbox(SPEC.consumer, database, SPEC.handlers, SPEC.projections)
        redriving = asyncio.create_task(_redrive_until_empty(other, rows))
        await keep_coming()
        await redriving
        assert words(await rows.effects()) == names

    async def test_is_asked_for_by_an_operator_alone(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        assert client.running is not None
        await client.running.inbox.take(story((BAD, "poison"), (BAD, "b")))
        await rows.all("UPDATE parked SET payload = $1 WHERE handler <> ''", encode(updated("cured", key=BAD)))
        refused = await client.post("/admin/redrive")
        assert refused.status_code == 404
        status = await client.post("/admin/status", actor=OPERATOR)
        assert sum(each["count"] for each in status.json()["parked"]) == 2
        answer = await client.post("/admin/redrive", actor=OPERATOR)
        assert answer.json() == {"done": 2, "waiting": 0}
        assert words(await rows.effects()) == ["cured", "b"]


async def _redrive_until_empty(inbox: Inbox, rows: Rows) -> None:
    while await parked(rows):
        await inbox.redrive()


class TestBreaker:
    async def test_opens_after_twenty_in_a_row_and_parks_no_more(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        records = story(*((uuid4(), f"n{n}") for n in range(30)))
        with pytest.raises(Postponed, match="20 messages in a row failed"):
            await inbox.take(records)
        assert inbox.breaker.open
        for _ in range(3):
            with pytest.raises(Postponed):
                await inbox.take(records)
        assert len(await parked(rows)) == 20

    async def test_stays_open_while_the_trial_after_the_cool_down_fails(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        records = story(*((uuid4(), f"n{n}") for n in range(30)))
        with pytest.raises(Postponed):
            await inbox.take(records)
        inbox.breaker.cool_down = 0
        for _ in range(5):
            # The twenty that are parked come again first: they are no trial and must not close it.
            with pytest.raises(Postponed, match="the trial failed again"):
                await inbox.take(records)
        assert inbox.breaker.open
        assert len(await parked(rows)) == 20

    async def test_closes_when_the_trial_succeeds(self, inbox: Inbox, rows: Rows) -> None:
        Levers.broken = True
        records = story(*((uuid4(), f"n{n}") for n in range(30)))
        with pytest.raises(Postponed):
            await inbox.take(records)
        Levers.broken = False
        with pytest.raises(Postponed, match="stands still"):
            await inbox.take(records)  # not before the cool-down
        inbox.breaker.cool_down = 0
        await inbox.take(records)
        assert not inbox.breaker.open
        assert words(await rows.effects()) == [f"n{n}" for n in range(20, 30)]
        assert await inbox.redrive() == (20, 0)

    async def test_opens_when_half_of_a_hundred_fail(self, inbox: Inbox, rows: Rows) -> None:
        records = story(*((uuid4(), "poison" if n % 2 else "fine") for n in range(140)))
        with pytest.raises(Postponed):
            await inbox.take(records)
        assert inbox.breaker.open
        assert len(await parked(rows)) == 50

    async def test_bears_one_bad_fact_among_many(self, inbox: Inbox, rows: Rows) -> None:
        for batch in range(25):
            names = ["poison" if n == 3 else f"n{n}" for n in range(6)]
            await inbox.take(story(*((uuid4(), name) for name in names), begin=batch * 6))
        assert not inbox.breaker.open
        assert len(await rows.effects()) == 125

    async def test_stops_the_consumer_turns_readiness_red_and_recovers_by_itself(
        self, kafka: Kafka, serve_here: Start, rows: Rows
    ) -> None:
        client = await serve_here(kafka.bootstrap)
        assert client.running is not None
        breaker = client.running.inbox.breaker
        breaker.cool_down = 1.0
        Levers.broken = True
        records = story(*((uuid4(), f"n{n}") for n in range(60)))
        await kafka.publisher().publish([Outgoing(TOPIC, r.key, r.value, r.headers) for r in records])

        async def red() -> bool:
            return "breaker" in await client.ready()

        await eventually(red, describe="readiness is red")
        trial = breaker.opened_at
        await eventually(lambda: breaker.opened_at not in (trial, None), describe="a trial failed")
        assert len(await parked(rows)) == 20
        Levers.broken = False

        async def forty() -> bool:
            return len(await rows.effects()) == 40 and not await client.ready()

        await eventually(forty, describe="the rest is applied and readiness is green")
        await client.post("/admin/redrive", actor=OPERATOR)
        assert len(set(await rows.all("SELECT key FROM effect"))) == 60


async def test_parking_survives_a_rebalance_with_two_consumers(
    rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
) -> None:
    told = [(UUID(int=100 + n % 5), "poison" if n in (3, 40) else f"n{n}") for n in range(100)]
    records = story(*told)
    parts().run_consumer()
    publisher = kafka.publisher()
    await publisher.publish([Outgoing(TOPIC, r.key, r.value, r.headers) for r in records[:50]])
    parts().run_consumer()
    await publisher.publish([Outgoing(TOPIC, r.key, r.value, r.headers) for r in records[50:]])

    async def all_accounted() -> bool:
        return len(await rows.effects()) + len(await parked(rows)) == 100

    await eventually(all_accounted, describe="every fact is applied or parked", within=15)
    for key in {key for key, _ in told}:
        mine = [name for owner, name in told if owner == key]
        done = await rows.all("SELECT word FROM effect WHERE key = $1 ORDER BY effect_id", key)
        stop = mine.index("poison") if "poison" in mine else len(mine)
        assert done == mine[:stop]
