"""What only a real broker can show: idempotent producers, sessions and rebalances, compaction, its own death and return."""

import asyncio
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from kafka import KafkaAdminClient, TopicPartition

from chassis.broker import Outgoing
from chassis.database import Database, connect, migrate
from chassis.outbox import cloud_event
from chassis.service import assemble, execute
from chassis.settings import read
from contracts.base import encode, facts
from contracts.profiles import TOPIC, ProfileErased, ProfileUpdated
from deploy import topics
from deploy.provision import ServiceDsns, provision
from tests.chassis import probe_service
from tests.chassis.conftest import ADMIN, Kafka, Parts, Rows, Start, environment, record_of, save, updated
from tests.containers.engine import KafkaContainer, PostgresContainer
from tests.probes import Record, eventually

pytestmark = pytest.mark.container

SPEC = probe_service.app.spec


def person_in(record: Record) -> ProfileUpdated:
    """The fact of a record."""
    assert record.value is not None
    fact = facts().decode(record.headers["ce_type"].decode(), record.value)
    assert isinstance(fact, ProfileUpdated)
    return fact


def versions_in_order_of_arrival(records: list[Record]) -> dict[UUID, list[int]]:
    """By key: each version where it first arrived. (The relay may send something twice, under the same id.)"""
    found: dict[UUID, list[int]] = defaultdict(list)
    for record in records:
        fact = person_in(record)
        if fact.version not in found[fact.key]:
            found[fact.key].append(fact.version)
    return found


async def greeted_once(rows: Rows, keys: list[UUID], versions: int) -> None:
    """Every version of every key had its effect exactly once, in order."""

    async def all_there() -> bool:
        return len(await rows.effects()) >= len(keys) * versions

    await eventually(all_there, describe=f"{len(keys) * versions} greetings", within=20)
    for key in keys:
        found = await rows.all("SELECT version FROM effect WHERE key = $1 ORDER BY effect_id", key)
        assert found == list(range(1, versions + 1))


class TestOrder:
    async def test_of_each_key_outlives_the_death_of_the_broker(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = parts()
        part.run_relay()
        part.run_consumer()
        keys = [uuid4() for _ in range(6)]
        for version in range(1, 31):
            if version == 10:
                await kafka.kill()
            if version == 20:
                await kafka.restart()
            for key in keys:
                await execute(SPEC, database, save(f"version {version}", key=key), actor=ADMIN)
        await greeted_once(rows, keys, 30)
        records = await kafka.topics.read(TOPIC)
        assert versions_in_order_of_arrival(records) == {key: list(range(1, 31)) for key in keys}
        # Compaction keeps the last record of a key: nothing older may lie behind the newest version.
        last = {person_in(record).key: person_in(record).version for record in records}
        assert last == dict.fromkeys(keys, 30)

    async def test_is_kept_by_an_idempotent_producer(self, kafka: Kafka) -> None:
        assert kafka.settings.idempotent
        key = uuid4()
        await kafka.send([record_of(updated("Ann", key=key, version=version), offset=0) for version in range(1, 6)])
        (record, *_) = await kafka.topics.read(TOPIC)

        def producers() -> list[int]:
            admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            try:
                found = admin.describe_producers([TopicPartition(TOPIC, record.partition)])
                return [each.producer_id for state in found.values() for each in state.active_producers]
            finally:
                admin.close()

        assert [number for number in await asyncio.to_thread(producers) if number >= 0]


class TestReplicas:
    @pytest.mark.fault
    async def test_share_the_work_and_take_over_from_one_that_is_killed(
        self, rows: Rows, kafka: Kafka, start_process: Start
    ) -> None:
        first, second = await start_process(kafka.bootstrap), await start_process(kafka.bootstrap)
        keys = [uuid4() for _ in range(16)]
        facts = [updated(f"v{n // 16 + 1}", key=keys[n % 16], version=n // 16 + 1) for n in range(160)]
        await kafka.send([record_of(fact, offset=0) for fact in facts[:80]])
        await greeted_once(rows, keys, 5)
        assert len(await rows.all("SELECT DISTINCT pid FROM effect")) == 2, "both replicas had a share"
        assert first.child is not None
        first.child.process.send_signal(signal.SIGKILL)
        await kafka.send([record_of(fact, offset=0) for fact in facts[80:]])
        await greeted_once(rows, keys, 10)
        assert not await second.ready()


class TestErasure:
    async def test_takes_the_canary_out_of_the_brokers_log(self, kafka: Kafka) -> None:
        """The platform's own topic settings with a shorter clock: seconds for days, and nothing else changed."""
        broker = kafka.broker
        assert isinstance(broker, KafkaContainer)
        name, lag = "viceversa.erasure", 3
        settings = dict(next(topic.configuration for topic in topics.wanted() if topic.name == TOPIC))
        settings |= {"max.compaction.lag.ms": str(lag * 1000), "segment.ms": str(lag * 1000)}
        settings |= {"delete.retention.ms": "1000"}

        def create() -> None:
            admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1, "configs": settings}})
            admin.close()

        await asyncio.to_thread(create)
        canary = f"canary-{uuid4().hex}"
        person, tombstoned = uuid4(), uuid4()
        publisher = kafka.publisher()

        async def publish(fact: ProfileUpdated | ProfileErased) -> None:
            headers = cloud_event(
                fact_id=uuid4(), wire=fact.WIRE, source="test", occurred_at=fact.occurred_at, traceparent=""
            )
            await publisher.publish([Outgoing(name, str(fact.key).encode(), encode(fact), headers)])

        for version in (1, 2):
            await publish(updated(canary, key=person, version=version))
        await publish(updated(canary, key=tombstoned))
        in_the_log = ["sh", "-c", f"grep -rlF {canary} /var/lib/kafka/data || true"]
        assert name in await asyncio.to_thread(broker.run, *in_the_log), "the search can find it"
        now = datetime.now(UTC)
        await publish(ProfileErased(key=person, version=3, occurred_at=now, person_id=person))
        await publisher.publish([Outgoing(name, str(tombstoned).encode(), None, [])])

        async def gone() -> bool:
            # A segment is closed by the next record after its time. Nobody writes here any more but the relay, now and then.
            await publisher.touch([name])
            return not (await asyncio.to_thread(broker.run, *in_the_log)).strip()

        await eventually(gone, describe="no file of the broker has the canary", within=20, every=1.0)
        kept = {record.key: record.value for record in await kafka.topics.read(name)}
        assert kept.get(str(tombstoned).encode()) is None
        erased = kept[str(person).encode()]
        assert erased is not None
        assert b"canary" not in erased


class TestTopics:
    async def test_with_too_few_partitions_are_named_with_what_to_do(
        self, kafka: Kafka, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def run(*options: str) -> int:
            return topics.main(["--kafka", kafka.bootstrap, *options])

        kafka_container = kafka.broker
        assert isinstance(kafka_container, KafkaContainer)
        await asyncio.to_thread(kafka_container.clean)
        assert await asyncio.to_thread(run, "--check") == 1
        assert "topic viceversa.profiles is missing: run `viceversa topics`" in capsys.readouterr().err

        assert await asyncio.to_thread(run, "--partitions", "2") == 0
        capsys.readouterr()
        assert await asyncio.to_thread(run) == 1
        said = capsys.readouterr().err
        assert "topic viceversa.profiles has 2 partitions, fewer than 6" in said

        def add() -> None:
            admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            admin.create_partitions({each.name: each.partitions for each in topics.wanted() if each.partitions > 1})
            admin.close()

        await asyncio.to_thread(add)

        async def enough() -> bool:
            # The controller says yes before the broker that is asked has heard of it.
            return await asyncio.to_thread(run) == 0

        await eventually(enough, describe="nothing is wrong any more", every=0.2)

    async def test_that_are_not_compacted_are_named(self, kafka: Kafka) -> None:
        """They were made here by name alone: a broker's defaults delete facts after a week."""
        wrong = await asyncio.to_thread(topics.faults, kafka.bootstrap, partitions=4)
        assert len([sentence for sentence in wrong if "cleanup.policy" in sentence]) == 5
        assert any(sentence.startswith(f"topic {TOPIC} has cleanup.policy") for sentence in wrong)


class TestStart:
    async def test_without_a_broker_waits_for_it_and_says_so(
        self, rows: Rows, kafka: Kafka, start_process: Start
    ) -> None:
        await kafka.kill()
        service = await start_process(kafka.bootstrap, ready=False)
        await eventually(service.ready, describe="it serves its health")
        assert kafka.bootstrap in (await service.ready())["broker"]
        assert (await service.http.get(service.url + "/health/live")).status_code == 200
        assert (await service.send(save("Ann"))).status_code == 200, "commands need no broker"
        await kafka.restart()

        async def greeted() -> bool:
            return not await service.ready() and bool(await rows.effects())

        await eventually(greeted, describe="ready, and Ann is greeted", within=20)


@pytest.fixture
async def own_postgres() -> AsyncIterator[tuple[PostgresContainer, ServiceDsns]]:
    """A PostgreSQL that only this test uses, with the probe's tables."""
    container = PostgresContainer()
    await asyncio.to_thread(container.start)
    try:
        dsns = await provision(container.admin_dsn, service="probe", password="for tests")
        await asyncio.to_thread(migrate, "probe", dsn=dsns.owner, versions=probe_service.VERSIONS)
        yield container, dsns
    finally:
        await asyncio.to_thread(container.container.stop)


class TestDatabase:
    @pytest.mark.fault
    async def test_that_dies_and_returns_loses_and_doubles_nothing(
        self, kafka: Kafka, own_postgres: tuple[PostgresContainer, ServiceDsns]
    ) -> None:
        postgres, dsns = own_postgres
        surroundings = read("probe", declared=SPEC.settings, environ=environment(dsns, kafka.bootstrap))
        running = assemble(replace(SPEC, timed=(), workers={}), surroundings)
        assert running.subscription is not None
        tasks = [asyncio.create_task(running.relay.run()), asyncio.create_task(running.subscription.run())]
        database = connect("probe", url=dsns.app)
        key, sent = uuid4(), [save(f"version {n}") for n in range(40)]
        sent = [replace(command, profile=replace(command.profile, person_id=key)) for command in sent]
        try:
            for number, command in enumerate(sent):
                if number == 20:
                    await asyncio.to_thread(postgres.kill)
                    with pytest.raises(Exception, match=r"connect|closed|refused|terminat|reset"):
                        await execute(SPEC, database, command, actor=ADMIN)
                    await asyncio.to_thread(postgres.start_again)
                await execute(SPEC, database, command, actor=ADMIN)

            async def versions() -> list[int]:
                connection = await asyncpg.connect(postgres.admin_dsn, database="viceversa_probe")
                try:
                    found = await connection.fetch("SELECT version FROM effect WHERE key = $1 ORDER BY effect_id", key)
                    return [row["version"] for row in found]
                finally:
                    await connection.close()

            async def all_there() -> bool:
                return len(await versions()) >= len(sent)

            await eventually(all_there, describe="every version had its effect", within=20)
            assert await versions() == list(range(1, len(sent) + 1))
        finally:
            running.relay.stop()
            running.subscription.stop()
            await asyncio.wait_for(asyncio.gather(*tasks), 30)
            await running.publisher.close()
            await running.database.close()
            await database.close()
