"""Offsets never pass unfinished work: whatever is killed, stopped or rebalanced, every fact has its effect exactly once."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CoordinatorNotAvailableError

from chassis.consuming import Subscription
from chassis.database import Database
from chassis.service import execute
from contracts.profiles import CONTACTS
from tests.chassis import probe_service
from tests.chassis.conftest import ADMIN, Kafka, Parts, Rows, Start, record_of, save, updated, words
from tests.chassis.probe_service import Levers
from tests.probes import CONTAINERS, eventually

SPEC = probe_service.app.spec


async def greeted(rows: Rows, count: int, *, within: float = 15) -> None:
    """Exactly so many greetings, each of another person and version, and as many facts of them on their topic."""

    async def enough() -> bool:
        return len(await rows.effects()) >= count

    await eventually(enough, describe=f"{count} greetings", within=within)
    assert await rows.all("SELECT key, version FROM effect GROUP BY 1, 2 HAVING count(*) > 1") == []
    assert len(await rows.effects()) == count


async def told(kafka: Kafka, rows: Rows, count: int) -> None:
    """So many different contacts are on their topic, each key's in order; a copy may be there twice, never out of order."""

    async def enough() -> bool:
        assert await rows.all("SELECT count(*) FROM unpublished") == [0]
        ids = {record.headers["ce_id"] for record in await kafka.topics.read(CONTACTS)}
        assert len(ids) == count
        return True

    await eventually(enough, describe=f"{count} contacts published", within=15, every=0.2)
    assert await rows.one("SELECT count(*) FROM outbox") == await rows.one("SELECT count(DISTINCT fact_id) FROM outbox")


class TestKilled:
    @pytest.mark.fault
    @pytest.mark.parametrize("point", ["before-offsets", "before-publish", "after-publish"])
    async def test_process_loses_nothing_and_doubles_nothing(
        self, point: str, rows: Rows, kafka: Kafka, start_process: Start, database: Database, tmp_path: Path
    ) -> None:
        marker = tmp_path / "die"
        first = await start_process(kafka.bootstrap, point, str(marker))
        for n in range(5):
            await execute(SPEC, database, save(f"before {n}", key=UUID(int=n)), actor=ADMIN)
        await greeted(rows, 5)
        marker.touch()
        for n in range(20):
            await execute(SPEC, database, save(f"during {n}", key=UUID(int=n)), actor=ADMIN)
        assert first.child is not None
        assert await asyncio.to_thread(first.child.process.wait, 15) == -signal.SIGKILL
        assert not marker.exists()
        await start_process(kafka.bootstrap)
        await greeted(rows, 25)
        await told(kafka, rows, 25)
        assert set(await rows.all("SELECT pid FROM effect")) >= {first.child.pid}

    @pytest.mark.fault
    async def test_process_in_a_handler_leaves_no_half_effect(
        self, rows: Rows, kafka: Kafka, start_process: Start, database: Database, tmp_path: Path
    ) -> None:
        marker = tmp_path / "die"
        marker.touch()
        first = await start_process(kafka.bootstrap)
        for name in ("Ann", f"deadly {marker}", "Bo"):
            await execute(SPEC, database, save(name), actor=ADMIN)
        assert first.child is not None
        assert await asyncio.to_thread(first.child.process.wait, 15) == -signal.SIGKILL
        await start_process(kafka.bootstrap)
        await greeted(rows, 3)
        await told(kafka, rows, 3)


class TestOffsets:
    async def test_wait_for_the_work(self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]) -> None:
        Levers.gate = asyncio.Event()
        part = parts()
        part.run_consumer()
        await kafka.send([record_of(updated("Ann"), offset=0)])
        await greeted(rows, 1)
        await eventually(lambda: _committed(kafka, 1), describe="the first is committed")
        await kafka.send([record_of(updated("slow"), offset=0)])
        subscription = part.running.subscription
        assert subscription is not None
        await eventually(lambda: subscription.busy_since, describe="the handler is at work")
        assert await kafka.committed() == 1
        Levers.gate.set()
        await eventually(lambda: _committed(kafka, 2), describe="the second is committed")
        await greeted(rows, 2)

    async def test_wait_while_the_database_is_away(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts], infrastructure: object
    ) -> None:
        part = parts()
        part.run_consumer()
        await kafka.send([record_of(updated("Ann"), offset=0)])
        await greeted(rows, 1)
        # The login is closed and every connection ended: as good as a server that is down.
        await rows.all("ALTER ROLE probe_app NOLOGIN")
        try:
            await rows.terminate("viceversa-probe%")
            await kafka.send([record_of(updated(f"n{n}"), offset=0) for n in range(30)])
            subscription = part.running.subscription
            assert subscription is not None
            await eventually(lambda: subscription.postponed >= 3, describe="the batch is postponed")
            assert await kafka.committed() <= 1
        finally:
            await rows.all("ALTER ROLE probe_app LOGIN")
        await greeted(rows, 31)
        assert part.running.inbox.breaker.in_a_row == 0
        assert await rows.all("SELECT 1 FROM parked") == []


async def _committed(kafka: Kafka, count: int) -> bool:
    return await kafka.committed() == count


class TestRebalance:
    @pytest.mark.parametrize("lanes", [1, 2])
    async def test_of_two_consumers_loses_and_doubles_nothing(
        self, lanes: int, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        keys = [uuid4() for _ in range(12)]
        facts = [updated(f"sleepy 0.02 {n}", key=keys[n % 12], version=1 + n // 12) for n in range(240)]
        records = [record_of(fact, offset=0) for fact in facts]
        spec = replace(SPEC, lanes=lanes)
        first, second = parts(spec), parts(spec)
        one, other = first.running.subscription, second.running.subscription
        assert one is not None
        assert other is not None
        first.run_consumer()
        await kafka.send(records[:80])
        await eventually(lambda: one.busy_since, describe="the first is at work")
        second.run_consumer()  # joins while the first is in the middle of a batch
        await eventually(lambda: other.joined, describe="the second has joined")
        await kafka.send(records[80:160])
        await eventually(lambda: second.running.inbox.applied, describe="the second has its share", within=15)
        one.stop()  # leaves
        await kafka.send(records[160:])
        await greeted(rows, 240, within=20)
        for key in keys:
            versions = await rows.all("SELECT version FROM effect WHERE key = $1 ORDER BY effect_id", key)
            assert versions == list(range(1, 21))


def clients_of(subscription: Subscription[Any], monkeypatch: pytest.MonkeyPatch) -> list[AIOKafkaConsumer]:
    """The clients that it will make, one after the other."""
    made: list[AIOKafkaConsumer] = []
    make = subscription._consumer

    def kept() -> AIOKafkaConsumer:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(subscription, "_consumer", kept)
    return made


class TestBroker:
    async def test_that_died_and_forgot_everything_is_survived(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts], database: Database
    ) -> None:
        part = parts()
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await greeted(rows, 1)
        await kafka.restart()
        await execute(SPEC, database, save("after"), actor=ADMIN)
        await greeted(rows, 2, within=30)

    async def test_that_forgot_everything_does_not_learn_where_we_had_been(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        """A batch in hand when the broker dies ends at an offset that the new broker will give to other facts."""
        part = parts()
        part.run_consumer()
        key = uuid4()
        await kafka.send([record_of(updated(f"v{n}", key=key, version=n), offset=0) for n in range(1, 21)])
        await greeted(rows, 20)
        Levers.gate = asyncio.Event()
        await kafka.send([record_of(updated("slow", key=key, version=21), offset=0)])
        subscription = part.running.subscription
        assert subscription is not None
        await eventually(lambda: subscription.busy_since, describe="the consumer has it in hand")
        before = subscription.assignments
        await kafka.kill()
        await kafka.restart()
        # One that remembers takes it back as the member that it was.
        await eventually(
            lambda: subscription.joined and (CONTAINERS or subscription.assignments > before),
            describe="it joined anew",
            within=30,
        )
        Levers.gate.set()
        await greeted(rows, 21)
        subscription.stop()
        await asyncio.gather(*part.tasks)
        parts().run_consumer()  # begins where the group says it had been
        await kafka.send([record_of(updated(f"v{n}", key=key, version=n), offset=0) for n in range(22, 26)])
        await greeted(rows, 25, within=20)

    async def test_that_stands_still_is_survived(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts], database: Database
    ) -> None:
        part = parts()
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await greeted(rows, 1)
        async with kafka.paused():
            await execute(SPEC, database, save("meanwhile"), actor=ADMIN)
            await asyncio.sleep(kafka.settings.session_timeout_ms / 1000 + 1)  # longer than the group's session
        await greeted(rows, 2, within=30)

    async def test_that_is_well_is_asked_again_when_the_client_brings_nothing_any_more(
        self, rows: Rows, parts: Callable[..., Parts], database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        part = parts()
        subscription = part.running.subscription
        assert subscription is not None
        monkeypatch.setattr(subscription, "patience", 0.5)
        made = clients_of(subscription, monkeypatch)
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await greeted(rows, 1)
        for task in (made[0]._fetcher._fetch_task, *made[0]._fetcher._pending_tasks):
            task.cancel()  # as if it waited for ever
        await execute(SPEC, database, save("afterwards"), actor=ADMIN)
        await greeted(rows, 2, within=20)
        assert len(made) == 2

    async def test_begins_anew_when_the_client_does_not_look_for_brokers_any_more(
        self, rows: Rows, parts: Callable[..., Parts], database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        part = parts()
        subscription = part.running.subscription
        assert subscription is not None
        made = clients_of(subscription, monkeypatch)
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await greeted(rows, 1)

        async def away(*_: object) -> int:
            raise CoordinatorNotAvailableError

        # As when a connection is closed while the client asks it for brokers: its task for that ends.
        made[0]._client._sync_task.cancel()
        monkeypatch.setattr(made[0]._client, "coordinator_lookup", away)
        made[0]._coordinator.coordinator_dead()
        await execute(SPEC, database, save("afterwards"), actor=ADMIN)
        await greeted(rows, 2, within=20)
        await execute(SPEC, database, save("later"), actor=ADMIN)
        await greeted(rows, 3, within=40)
        assert len(made) == 2

    async def test_that_has_nothing_is_not_asked_in_vain(
        self, rows: Rows, parts: Callable[..., Parts], database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        part = parts()
        subscription = part.running.subscription
        assert subscription is not None
        monkeypatch.setattr(subscription, "patience", 0.2)
        asked: list[object] = []
        look = subscription._still_coming

        async def looked(*given: Any, **named: Any) -> Any:
            asked.append(await look(*given, **named))
            return asked[-1]

        monkeypatch.setattr(subscription, "_still_coming", looked)
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("before"), actor=ADMIN)
        await greeted(rows, 1)
        begun = len(asked)
        await eventually(lambda: len(asked) >= begun + 4, describe="the broker was asked four times")
        assert not any(asked[begun + 1 :])
        assert subscription.assignments == 1

    async def test_may_come_later_than_the_service(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts], database: Database
    ) -> None:
        await kafka.kill()
        part = parts()
        part.run_consumer()
        part.run_relay()
        await execute(SPEC, database, save("early"), actor=ADMIN)
        await eventually(lambda: part.running.relay._failures, describe="the relay has met the absent broker")
        await kafka.restart()
        await greeted(rows, 1)


class TestShutdown:
    @pytest.mark.fault
    async def test_finishes_the_batch_commits_and_publishes(
        self, rows: Rows, kafka: Kafka, start_process: Start, database: Database
    ) -> None:
        service = await start_process(kafka.bootstrap)
        child = service.child
        assert child is not None
        await execute(SPEC, database, save("sleepy 1.5"), actor=ADMIN)

        async def in_the_handler() -> bool:
            return bool(await rows.all("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"))

        await eventually(in_the_handler, describe="the handler is at work")
        child.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(child.process.wait, 15) == -signal.SIGTERM
        assert words(await rows.effects()) == ["sleepy 1.5"]
        assert await kafka.committed() == 1
        assert await rows.one("SELECT count(*) FROM unpublished") == 0
        assert len(await kafka.topics.read(CONTACTS)) == 1

    @pytest.mark.fault
    async def test_finishes_an_open_request(self, rows: Rows, kafka: Kafka, start_process: Start) -> None:
        service = await start_process(kafka.bootstrap)
        assert service.child is not None
        request = asyncio.create_task(service.send(save("sleepy-command 1")))

        async def in_the_command() -> bool:
            return bool(await rows.all("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"))

        await eventually(in_the_command, describe="the command is at work")
        service.child.process.send_signal(signal.SIGTERM)
        assert (await request).status_code == 200
        assert await asyncio.to_thread(service.child.process.wait, 15) == -signal.SIGTERM
        assert await rows.one("SELECT count(*) FROM unpublished") == 0
