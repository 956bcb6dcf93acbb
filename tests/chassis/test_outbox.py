"""The outbox writes with the state or not at all; the relay publishes everything, in order per key, whatever breaks meanwhile."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.database import Database
from chassis.outbox import RELAY_LOCK, Relay
from chassis.service import Tick, execute, tick
from contracts.base import SYSTEM, facts
from contracts.profiles import TOPIC, ProfileUpdated
from tests.chassis import probe_service
from tests.chassis.conftest import ADMIN, PARTITIONS, Kafka, Parts, Rows, create_topics, save, updated
from tests.probes import Record, eventually

SPEC = probe_service.app.spec


async def unpublished(rows: Rows) -> int:
    count: int = await rows.one("SELECT count(*) FROM unpublished")
    return count


async def everything_published(rows: Rows) -> None:
    async def done() -> bool:
        return await unpublished(rows) == 0

    await eventually(done, describe="every fact is published", within=20)


def profile_in(record: Record) -> ProfileUpdated:
    assert record.value is not None
    fact = facts().decode(record.headers["ce_type"].decode(), record.value)
    assert isinstance(fact, ProfileUpdated)
    return fact


class TestAdd:
    async def test_writes_the_fact_with_the_state(self, database: Database, rows: Rows) -> None:
        (recorded,) = await execute(SPEC, database, save(), actor=ADMIN)
        assert await rows.all("SELECT fact_id, topic, key, wire FROM outbox") == [
            (recorded.fact_id, TOPIC, recorded.fact.key, ProfileUpdated.WIRE)
        ]
        assert await rows.all("SELECT person_id FROM person") == [recorded.fact.key]

    async def test_writes_nothing_when_the_transaction_fails(self, database: Database, rows: Rows) -> None:
        async def fail() -> None:
            async with database.begin(SYSTEM) as tx:
                await outbox.add(tx, [updated()])
                raise RuntimeError("too late")

        with pytest.raises(RuntimeError, match="too late"):
            await fail()
        assert await rows.all("SELECT 1 FROM outbox") == []

    async def test_undoes_the_state_when_a_fact_cannot_be_written(self, database: Database, rows: Rows) -> None:
        with pytest.raises(outbox.FactTooLarge, match="has 900688 bytes"):
            await execute(SPEC, database, save("x" * 900_000), actor=ADMIN)
        assert (
            await rows.all("SELECT 1 FROM person UNION ALL SELECT 1 FROM outbox UNION ALL SELECT 1 FROM command_log")
            == []
        )

    async def test_takes_the_largest_fact_that_a_broker_takes(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        room = outbox.LARGEST_FACT - 1_000
        await execute(SPEC, database, save("x" * room), actor=ADMIN)
        parts().run_relay()
        await everything_published(rows)
        (record,) = await kafka.topics.read(TOPIC)
        assert len(profile_in(record).profile.display_name) == room

    async def test_forgets_published_facts_only(self, database: Database, rows: Rows) -> None:
        for name in ("old, unpublished", "old, published", "new, published"):
            await execute(SPEC, database, save(name), actor=ADMIN)
        await rows.all("UPDATE outbox SET recorded_at = now() - interval '99 days' WHERE seq < 3")
        await rows.all("DELETE FROM unpublished WHERE seq > 1")
        async with database.begin(SYSTEM) as tx:
            assert not await outbox.prune(tx, days=14)
        assert await rows.all("SELECT seq FROM outbox ORDER BY seq") == [1, 3]


class TestForget:
    async def test_takes_out_what_was_published_at_once_and_the_rest_when_it_is(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        gone, other = uuid4(), uuid4()
        for key, name in ((gone, "published"), (gone, "waiting"), (other, "of somebody else")):
            await execute(SPEC, database, save(name, key=key), actor=ADMIN)
        await rows.all("DELETE FROM unpublished WHERE seq = 1")
        async with database.begin(SYSTEM) as tx:
            await outbox.add(tx, await outbox.forget(tx, [updated("last word", key=gone, version=9)]))
        assert await rows.all("SELECT seq FROM outbox ORDER BY seq") == [2, 3, 4]
        parts().run_relay()
        await everything_published(rows)
        assert await rows.all("SELECT seq FROM outbox ORDER BY seq") == [3, 4]
        told = [profile_in(record).profile.display_name for record in await kafka.topics.read(TOPIC)]
        assert sorted(told) == ["last word", "of somebody else", "waiting"]

    async def test_forgets_a_fact_that_is_marked_as_published_at_the_same_moment(
        self, database: Database, rows: Rows
    ) -> None:
        gone = uuid4()
        await execute(SPEC, database, save("waiting", key=gone), actor=ADMIN)
        async with database.begin(SYSTEM) as tx:
            await outbox.forget(tx, [updated("last word", key=gone, version=9)])
            marking = asyncio.create_task(rows.all("DELETE FROM unpublished"))

            async def waits() -> bool:
                return bool(await tx.connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

            await eventually(waits, describe="the relay waits for the erasure")
        await marking
        assert await rows.all("SELECT 1 FROM outbox") == []


class TestRelay:
    async def test_does_not_look_through_what_it_has_published(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        await rows.all(
            "INSERT INTO outbox (fact_id, topic, key, wire, payload, occurred_at) "
            "SELECT gen_random_uuid(), 'long gone', gen_random_uuid(), 'gone', repeat('x', 500)::bytea, now() "
            "FROM generate_series(1, 5000)"
        )
        await rows.all("DELETE FROM unpublished")
        before = await rows.tuples_read_in_order("outbox")
        await execute(SPEC, database, save(), actor=ADMIN)
        parts().run_relay()
        await everything_published(rows)
        assert await rows.tuples_read_in_order("outbox") == before

    async def test_keeps_the_order_of_each_key_under_concurrent_writers(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        keys = [uuid4() for _ in range(5)]
        parts().run_relay()
        draw = random.Random(7)

        async def write() -> None:
            for _ in range(25):
                pause = draw.choice([0, 0, 0.01])  # transactions that commit out of the order of their seq
                name = f"sleepy-command {pause}" if pause else "quick"
                await execute(SPEC, database, save(name, key=draw.choice(keys)), actor=ADMIN)

        await asyncio.gather(*(write() for _ in range(6)))
        await everything_published(rows)
        versions: dict[UUID, list[int]] = defaultdict(list)
        for record in await kafka.topics.read(TOPIC):
            fact = profile_in(record)
            assert record.key == str(fact.key).encode()
            versions[fact.key].append(fact.version)
        assert sum(map(len, versions.values())) == 150
        for found in versions.values():
            assert found == list(range(1, len(found) + 1))

    async def test_publishes_what_committed_behind_what_it_has_published(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        parts().run_relay()
        async with database.begin(SYSTEM) as slow:
            await outbox.add(slow, [updated("first in line, last to commit")])
            async with database.begin(SYSTEM) as quick:
                await outbox.add(quick, [updated("quick")])
            await eventually(lambda: _published(rows), describe="the quick one is published")
        await everything_published(rows)
        assert len(await kafka.topics.read(TOPIC)) == 2

    async def test_is_woken_and_does_not_wait_for_its_poll(
        self, database: Database, rows: Rows, parts: Callable[..., Parts]
    ) -> None:
        relay = parts().run_relay()
        relay.poll_seconds = 60
        await eventually(lambda: relay.active, describe="the relay is active")
        await execute(SPEC, database, save(), actor=ADMIN)
        await everything_published(rows)

    async def test_survives_the_loss_of_its_connection(
        self, database: Database, rows: Rows, parts: Callable[..., Parts]
    ) -> None:
        relay = parts().run_relay()
        await eventually(lambda: relay.active, describe="the relay is active")
        assert await rows.terminate("viceversa-probe-relay") == 1
        await execute(SPEC, database, save(), actor=ADMIN)
        await everything_published(rows)

    async def test_survives_a_broker_that_stands_still(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        relay = parts().run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await everything_published(rows)
        async with kafka.paused():
            await execute(SPEC, database, save("meanwhile"), actor=ADMIN)
            await eventually(lambda: not relay.publisher.reachable, describe="the relay notices", within=15)
            assert await unpublished(rows) == 1
        await everything_published(rows)
        names = {profile_in(record).profile.display_name for record in await kafka.topics.read(TOPIC)}
        assert names == {"before", "meanwhile"}

    async def test_survives_the_death_of_the_broker(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        parts().run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await everything_published(rows)
        await kafka.kill()
        await execute(SPEC, database, save("meanwhile"), actor=ADMIN)
        await kafka.restart()
        await everything_published(rows)
        # The broker has forgotten what it had, and what it took before its topics were there again: all is queued again.
        await rows.all("INSERT INTO unpublished SELECT seq FROM outbox ON CONFLICT DO NOTHING")
        await everything_published(rows)
        names = {profile_in(record).profile.display_name for record in await kafka.topics.read(TOPIC)}
        assert names == {"before", "meanwhile"}

    async def test_publishes_at_once_after_it_lost_its_session_with_nothing_on_its_way(
        self, database: Database, rows: Rows, parts: Callable[..., Parts]
    ) -> None:
        relay = parts().run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await everything_published(rows)
        await rows.terminate("viceversa-probe-relay")
        await eventually(lambda: not relay.active, describe="the relay has noticed")
        await execute(SPEC, database, save("after"), actor=ADMIN)
        began = time.monotonic()
        await everything_published(rows)
        assert time.monotonic() - began < 4, "requests that nobody answers are given up after five seconds or more"

    async def test_drops_what_is_on_its_way_when_it_loses_its_lock(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        """A broker that forgot takes what waited for it before anything older is queued again: an older fact would come later."""
        relay = parts().run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await everything_published(rows)
        await kafka.kill()
        await execute(SPEC, database, save("meanwhile"), actor=ADMIN)
        await eventually(lambda: relay.on_their_way, describe="the relay has something on its way")

        async def taken() -> bool:
            await rows.terminate("viceversa-probe-relay")
            return bool(await rows.one("SELECT pg_try_advisory_lock($1)", RELAY_LOCK))

        await eventually(taken, describe="somebody else has the relay's lock")
        try:
            kafka.broker.start_again()  # in this thread: the relay stands still meanwhile, or its client would make topics of its own
            create_topics(kafka.bootstrap)
            await eventually(lambda: _waits_in_line(rows), describe="the relay waits for its lock", within=30)
            assert "meanwhile" not in {
                profile_in(record).profile.display_name for record in await kafka.topics.read(TOPIC)
            }
        finally:
            await rows.one("SELECT pg_advisory_unlock($1)", RELAY_LOCK)
        await everything_published(rows)
        names = [profile_in(record).profile.display_name for record in await kafka.topics.read(TOPIC)]
        assert names.count("meanwhile") == 1

    async def test_works_alone_and_is_replaced(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        first = parts().run_relay()
        await eventually(lambda: first.active, describe="the first is active")
        second = parts().run_relay()
        for _ in range(20):
            await execute(SPEC, database, save(), actor=ADMIN)
        await everything_published(rows)
        assert first.active
        assert not second.active
        assert (first.published, second.published) == (20, 0)
        assert len(await kafka.topics.read(TOPIC)) == 20
        first.stop()
        await eventually(lambda: second.active, describe="the second takes over")
        await execute(SPEC, database, save(), actor=ADMIN)
        await everything_published(rows)
        assert second.published == 1

    async def test_publishes_what_was_recorded_before_it_is_stopped(
        self, database: Database, rows: Rows, parts: Callable[..., Parts]
    ) -> None:
        part = parts()
        relay = part.run_relay()
        await eventually(lambda: relay.active, describe="the relay is active")
        await execute(SPEC, database, save(), actor=ADMIN)
        relay.stop()
        await asyncio.wait_for(part.tasks[0], 5)
        assert await unpublished(rows) == 0

    async def _an_hour_behind(self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]) -> Relay:
        """A relay that says that a fact has waited for an hour; the broker is away."""
        await execute(SPEC, database, save(), actor=ADMIN)
        await rows.all("UPDATE outbox SET recorded_at = now() - interval '1 hour'")
        await kafka.kill()
        relay = parts().run_relay()
        await eventually(lambda: 3599 < relay.oldest_seconds < 3700, describe="the age of what really waits is told")
        return relay

    async def test_says_how_old_the_oldest_unpublished_fact_is(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        relay = await self._an_hour_behind(database, rows, kafka, parts)
        await kafka.restart()
        await eventually(lambda: relay.oldest_seconds == 0, describe="nothing waits", within=15)

    async def test_lets_go_of_a_mark_whose_fact_an_erasure_took(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        await rows.all("INSERT INTO unpublished VALUES (0)")
        await self._an_hour_behind(database, rows, kafka, parts)
        await kafka.restart()
        await everything_published(rows)

    async def test_sends_a_sign_of_life_to_every_partition_that_no_consumer_takes_for_a_fact(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = parts()
        relay = part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await everything_published(rows)
        relay.stop()
        part = parts()
        part.running.relay.touch_after = 0.0
        part.run_relay()
        part.run_consumer()

        async def touched() -> bool:
            empty = [record for record in await kafka.topics.read(TOPIC) if record.value is None]
            return [record.partition for record in empty] == list(range(PARTITIONS))

        await eventually(touched, describe="an empty record on every partition, once")
        await execute(SPEC, database, save("after"), actor=ADMIN)
        await eventually(lambda: _both_greeted(rows), describe="facts before and behind it have their effect")
        assert await rows.all("SELECT 1 FROM parked") == []


async def _waits_in_line(rows: Rows) -> bool:
    return bool(
        await rows.one(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'viceversa-probe-relay' "
            "AND query LIKE '%pg_try_advisory_lock%')"
        )
    )


async def _both_greeted(rows: Rows) -> bool:
    return sorted(await rows.effects()) == [("after", 1), ("before", 1)]


async def _published(rows: Rows) -> bool:
    return bool(await rows.all("SELECT 1 FROM outbox WHERE seq NOT IN (SELECT seq FROM unpublished)"))


class TestTwicePublished:
    async def test_facts_have_their_effect_once(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = parts()
        part.run_relay()
        part.run_consumer()
        await execute(SPEC, database, save("Ann"), actor=ADMIN)
        await eventually(rows.effects, describe="Ann is greeted")
        # As after a lost broker: all is published again under the same ids. A new fact behind it shows that it has been seen.
        await rows.all("INSERT INTO unpublished SELECT seq FROM outbox ON CONFLICT DO NOTHING")
        await everything_published(rows)
        await execute(SPEC, database, save("last"), actor=ADMIN)

        async def last_greeted() -> bool:
            return ("last", 1) in await rows.effects()

        await eventually(last_greeted, describe="the last is greeted")
        ids = [record.headers["ce_id"] for record in await kafka.topics.read(TOPIC)]
        assert (len(ids), len(set(ids))) == (3, 2)

        async def all_seen() -> bool:
            return part.running.inbox.applied == 2 and len(await rows.all("SELECT 1 FROM inbox")) == 2

        await eventually(all_seen, describe="two facts, each once")
        assert sorted(await rows.effects()) == [("Ann", 1), ("last", 1)]


class TestTimedWork:
    async def test_runs_in_one_replica_at_a_time(self, database: Database, rows: Rows) -> None:
        await asyncio.gather(*(tick(SPEC, database, "count_ticks") for _ in range(6)))
        assert probe_service.Levers.ticks
        assert "overlap" not in probe_service.Levers.ticks

    async def test_would_overlap_without_the_lock(self, database: Database, rows: Rows) -> None:
        """The test above can fail."""
        work = SPEC.timed[0]

        async def unlocked() -> None:
            async with database.begin(SYSTEM) as tx:
                await work.run(Tick(now=tx.now), tx)

        await asyncio.gather(*(unlocked() for _ in range(3)))
        assert "overlap" in probe_service.Levers.ticks


async def test_nobody_but_the_service_reads_the_outbox(database: Database, probe_dsns: object) -> None:
    async with database.begin(ADMIN) as tx:
        with pytest.raises(Exception, match="permission denied for table outbox") as refused:
            await tx.connection.exec_driver_sql("SELECT * FROM outbox")
    assert isinstance(refused.value.__cause__.__cause__, asyncpg.InsufficientPrivilegeError)  # type: ignore[union-attr]
