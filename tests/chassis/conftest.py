"""The probe service on real PostgreSQL, with a broker of its own per test."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import uvicorn
from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from chassis.broker import DEAD, BrokerSettings, Incoming, Outgoing, Publisher, broker_settings
from chassis.database import Database, connect, migrate
from chassis.identity import internal_token
from chassis.outbox import Relay, cloud_event
from chassis.service import Running, ServiceApp, Spec, assemble
from chassis.settings import Settings, read
from contracts.base import Actor, Command, Event, Query, Role, encode, topics
from contracts.profiles import TOPIC, Profile, ProfileUpdated, SaveProfile
from deploy.embedded import Broker, Child, Infrastructure, free_port, start, start_broker
from deploy.provision import ServiceDsns, provision
from tests.chassis import probe_service
from tests.containers.engine import Containers
from tests.probes import CONTAINERS, Topics, eventually

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of forty characters for tests.."
ORG, OTHER_ORG = UUID(int=1), UUID(int=2)
ADMIN = Actor(roles=(Role.ADMIN,), organization_id=ORG, subject="admin")
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="operator")
PARTITIONS = 4
SESSION_SECONDS = 6  # of the group on a real broker, which allows no shorter ones

_EMPTY = (
    "TRUNCATE outbox, unpublished, inbox, parked, command_log, consumer_generation, person, effect, card, rebuild.card "
    "RESTART IDENTITY"
)


# ---- messages ----------------------------------------------------------------------------------------------------------


def profile(name: str = "Ann", *, key: UUID | None = None, organization: UUID = ORG) -> Profile:
    """A person; what the probe does with one depends on the name."""
    return Profile(person_id=key or uuid4(), organization_id=organization, subject="s", display_name=name)


def save(name: str = "Ann", *, key: UUID | None = None, organization: UUID = ORG) -> SaveProfile:
    """A command with an id of its own."""
    return SaveProfile(command_id=uuid4(), profile=profile(name, key=key, organization=organization))


def updated(
    name: str = "Ann", *, key: UUID | None = None, version: int = 1, now: datetime | None = None
) -> ProfileUpdated:
    """A fact."""
    person = profile(name, key=key)
    return ProfileUpdated(
        key=person.person_id, version=version, occurred_at=now or datetime.now(UTC), organization_id=ORG, profile=person
    )


def record_of(fact: Event, *, offset: int, fact_id: UUID | None = None, partition: int = 0) -> Incoming:
    """The fact as the broker would bring it."""
    headers = cloud_event(
        fact_id=fact_id or uuid4(), wire=fact.WIRE, source="test", occurred_at=fact.occurred_at, traceparent=""
    )
    return Incoming(fact.TOPIC, partition, offset, str(fact.key).encode(), encode(fact), headers, 0)


# ---- database ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
async def probe_dsns(infrastructure: Infrastructure) -> ServiceDsns:
    """The probe's database with its roles and tables."""
    dsns = await provision(infrastructure.postgres_admin_dsn, service="probe", password="for tests")
    await asyncio.to_thread(migrate, "probe", dsn=dsns.owner, versions=probe_service.VERSIONS)
    return dsns


@dataclass(frozen=True)
class Rows:
    """Looks at the probe's database as nobody of the platform can: everything."""

    connection: asyncpg.Connection

    async def all(self, sql: str, *arguments: object) -> list[Any]:
        """All rows of a statement; the values themselves when it has one column."""
        rows = await self.connection.fetch(sql, *arguments)
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def one(self, sql: str, *arguments: object) -> Any:
        """The only value."""
        return await self.connection.fetchval(sql, *arguments)

    async def effects(self) -> list[tuple[str, int]]:
        """Word and version of every greeting, in the order they happened."""
        return await self.all("SELECT word, version FROM effect WHERE handler = 'greet' ORDER BY effect_id")

    async def terminate(self, like: str) -> int:
        """End the connections whose application name is like this; how many."""
        return len(await self._terminated(like))

    async def _terminated(self, like: str) -> list[int]:
        ended = await self.all(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1 "
            "AND datname = current_database() AND pid <> pg_backend_pid()",
            like,
        )
        return [pid for pid, _ in ended]

    async def tuples_read_in_order(self, table: str) -> int:
        """Rows of the table that scans of all of it have read until now. What a session reads is counted late, but before it ends."""
        ended = await self._terminated("%")

        async def gone() -> bool:
            return not await self.all("SELECT 1 FROM pg_stat_activity WHERE pid = ANY($1)", ended)

        await eventually(gone, describe="the sessions of others have ended")
        await self.all("SELECT pg_stat_force_next_flush()")
        count: int = await self.one("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = $1", table)
        return count


@pytest.fixture(scope="session")
async def _looker(infrastructure: Infrastructure, probe_dsns: ServiceDsns) -> AsyncIterator[Rows]:
    connection = await asyncpg.connect(infrastructure.postgres_admin_dsn, database="viceversa_probe")
    yield Rows(connection)
    await connection.close()


@pytest.fixture
async def rows(_looker: Rows) -> Rows:
    """The probe's rows; its tables are empty at the test's start."""
    await _looker.connection.execute(f"SET lock_timeout = '5s'; {_EMPTY}")
    probe_service.reset()
    return _looker


@pytest.fixture
async def database(rows: Rows, probe_dsns: ServiceDsns) -> AsyncIterator[Database]:
    """A pool on the probe's database, as its own login."""
    database = connect("probe", url=probe_dsns.app, pool=8)
    yield database
    await database.close()


# ---- broker ------------------------------------------------------------------------------------------------------------


class StoppableBroker(Protocol):
    """What both brokers can be told: the embedded one, and Apache Kafka in a container."""

    def kill(self) -> None:
        """SIGKILL; nothing when it does not run."""

    def start_again(self) -> None:
        """Start what was killed, at the same address; returns when it answers."""

    def pause(self) -> None:
        """It stands still."""

    def resume(self) -> None:
        """It goes on."""


@dataclass
class EmbeddedBroker:
    """A broker of this test's own: it starts in 50 ms."""

    broker: Broker

    def kill(self) -> None:
        self.broker.kill()

    def start_again(self) -> None:
        self.broker = start_broker(self.broker.port)

    def pause(self) -> None:
        self.broker.child.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.broker.child.process.send_signal(signal.SIGCONT)


@dataclass
class Kafka:
    """A broker with all topics and nothing on them, which a test may stop, kill and forget."""

    broker: StoppableBroker
    bootstrap: str
    topics: Topics
    settings: BrokerSettings
    publishers: list[Publisher] = field(default_factory=list)

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        await asyncio.to_thread(self.broker.kill)

    async def restart(self) -> None:
        """End it and start it again at the same address; the embedded broker has forgotten everything, so topics are made anew."""
        await self.kill()
        await asyncio.to_thread(self.broker.start_again)
        await asyncio.to_thread(create_topics, self.bootstrap)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """It stands still inside the block: connections stay open and nothing is answered."""
        await asyncio.to_thread(self.broker.pause)
        try:
            yield
        finally:
            await asyncio.to_thread(self.broker.resume)

    async def committed(self, group: str = "viceversa-probe", topic: str = TOPIC) -> int:
        """How many records of a topic the group has committed."""
        return await asyncio.to_thread(self._committed, group, topic)

    def _committed(self, group: str, topic: str) -> int:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            found = admin.list_group_offsets({group: None})[group]
            return sum(max(each.offset, 0) for partition, each in found.items() if partition.topic == topic)
        finally:
            admin.close()

    async def send(self, records: Sequence[Incoming]) -> None:
        """Publish records as they are."""
        await self.publisher().publish([Outgoing(r.topic, r.key, r.value, r.headers) for r in records])

    def publisher(self) -> Publisher:
        """A producer that is closed at the test's end."""
        self.publishers.append(Publisher(self.settings, client_id="test"))
        return self.publishers[-1]


def create_topics(bootstrap: str) -> None:
    """Every fact topic and the dead one beside it."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    wanted = dict.fromkeys(topics(), PARTITIONS) | {name + DEAD: 1 for name in topics()}
    for name, partitions in wanted.items():
        # A client that was quicker has had it made by the broker.
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
    deadline = time.monotonic() + 30
    while not wanted.keys() <= set(admin.list_topics()):  # the controller says yes before the broker has heard of them
        assert time.monotonic() < deadline, "the broker does not make topics"
        time.sleep(0.02)
    admin.close()


@pytest.fixture
async def kafka(infrastructure: Infrastructure) -> AsyncIterator[Kafka]:
    """A broker that this test may stop, kill and forget."""
    with _a_broker(infrastructure) as (broker, bootstrap):
        await asyncio.to_thread(create_topics, bootstrap)
        settings = broker_settings(bootstrap=bootstrap, embedded=not CONTAINERS, session_seconds=SESSION_SECONDS)
        made = Kafka(broker, bootstrap, Topics(bootstrap), settings)
        yield made
        for publisher in made.publishers:
            await publisher.close()


@contextmanager
def _a_broker(infrastructure: Infrastructure) -> Iterator[tuple[StoppableBroker, str]]:
    if isinstance(infrastructure, Containers):
        # One for all tests, since it starts in seconds: what an earlier test left on it goes.
        infrastructure.kafka.clean()
        yield infrastructure.kafka, infrastructure.kafka_bootstrap
        return
    embedded = EmbeddedBroker(start_broker())
    try:
        yield embedded, embedded.broker.bootstrap
    finally:
        embedded.broker.stop()


# ---- the service -------------------------------------------------------------------------------------------------------


def environment(dsns: ServiceDsns, kafka: str) -> dict[str, str]:
    """The variables that the probe needs."""
    return {
        "VICEVERSA_MODE": "deployed" if CONTAINERS else "embedded",
        "VICEVERSA_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
        "VICEVERSA_DATABASE_URL": dsns.app,
        "VICEVERSA_KAFKA": kafka,
        "VICEVERSA_INTERNAL_SECRET": SECRET,
    }


@dataclass
class Client:
    """Speaks to a service as the gateway does."""

    url: str
    http: httpx.AsyncClient
    running: Running | None = None
    child: Child | None = None

    async def send(self, command: Command, *, actor: Actor = ADMIN, **headers: str) -> httpx.Response:
        """POST a command."""
        return await self.post(f"/commands/{command.WIRE}", encode(command), actor=actor, **headers)

    async def ask(self, query: Query, *, actor: Actor = ADMIN) -> httpx.Response:
        """POST a private read."""
        return await self.post(f"/queries/{query.WIRE}", encode(query), actor=actor)

    async def post(self, path: str, content: bytes = b"", *, actor: Actor = ADMIN, **headers: str) -> httpx.Response:
        """POST anything, with an internal token for the actor."""
        token = internal_token(actor, secret=SECRET, audience="probe")
        headers = {"authorization": f"Bearer {token}"} | headers
        return await self.http.post(self.url + path, content=content, headers=headers)

    async def ready(self) -> dict[str, str]:
        """What readiness says is failing; nothing when ready."""
        answer = await self.http.get(self.url + "/health/ready")
        failing: dict[str, str] = answer.json()["failing"]
        assert (answer.status_code == 200) == (not failing)
        return failing


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that waits long enough for slow refusals."""
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


@pytest.fixture
async def serve_here(
    rows: Rows,
    probe_dsns: ServiceDsns,
    http_client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Start]:
    """`await serve_here(kafka.bootstrap)` runs the probe under uvicorn in this very process, so that a test can pull its levers."""
    stack: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def serve(bootstrap: str, *, app: ServiceApp = probe_service.app, joined: bool = True) -> Client:
        for name, value in environment(probe_dsns, bootstrap).items():
            monkeypatch.setenv(name, value)
        port = free_port()
        config = uvicorn.Config(app, port=port, lifespan="on", log_config=None, timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        # Not serve(): it would take this process's signals.
        stack.append((server, asyncio.create_task(server._serve())))
        await eventually(lambda: server.started, describe="uvicorn has started")
        client = Client(f"http://127.0.0.1:{port}", http_client, app.running)
        if joined:
            await eventually(lambda: _is_ready(client), describe="the probe is ready")
        return client

    yield serve
    for server, task in stack:
        server.should_exit = True
        await task


async def _is_ready(client: Client) -> bool:
    return not await client.ready()


@pytest.fixture
async def start_process(
    rows: Rows, probe_dsns: ServiceDsns, http_client: httpx.AsyncClient, tmp_path: Path
) -> AsyncIterator[Start]:
    """`await start_process(kafka.bootstrap)` runs the probe as a process of its own and returns when it is ready."""
    started: list[Child] = []

    async def run(bootstrap: str, *options: str, ready: bool = True) -> Client:
        port = free_port()
        child = start(
            "probe",
            program=[sys.executable, "-m", "tests.chassis.probe_service", str(port), *options],
            log=tmp_path / f"probe-{len(started)}.log",
            environment={**os.environ, **environment(probe_dsns, bootstrap)},
            folder=ROOT,
        )
        started.append(child)
        client = Client(f"http://127.0.0.1:{port}", http_client, child=child)
        if ready:
            await eventually(lambda: _is_ready(client), describe=f"ready: {child.last_words()}", within=60)
        return client

    yield run
    for child in started:
        child.stop()


@dataclass
class Parts:
    """The probe's parts, not started: tests run the ones that they are about."""

    running: Running
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def run_relay(self) -> Relay:
        """The relay at work."""
        self.tasks.append(asyncio.create_task(self.running.relay.run()))
        return self.running.relay

    def run_consumer(self) -> None:
        """The consumer at work."""
        assert self.running.subscription is not None
        self.tasks.append(asyncio.create_task(self.running.subscription.run()))


@pytest.fixture
def settings(probe_dsns: ServiceDsns, kafka: Kafka) -> Settings:
    """The probe's settings on this test's broker."""
    return read("probe", declared=probe_service.app.spec.settings, environ=environment(probe_dsns, kafka.bootstrap))


@pytest.fixture
async def parts(rows: Rows, settings: Settings) -> AsyncIterator[Callable[..., Parts]]:
    """`parts()` makes another replica of the probe, in parts."""
    made: list[Parts] = []

    def assembled(spec: Spec = probe_service.app.spec) -> Parts:
        made.append(Parts(assemble(spec, settings)))
        return made[-1]

    yield assembled
    for each in made:
        each.running.relay.stop()
        if each.running.subscription is not None:
            each.running.subscription.stop()
        await asyncio.wait_for(asyncio.gather(*each.tasks), 20)
        await each.running.publisher.close()
        await each.running.database.close()


@asynccontextmanager
async def paused(child: Child) -> AsyncIterator[None]:
    """The process stands still (SIGSTOP) inside the block."""
    child.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        child.process.send_signal(signal.SIGCONT)


def problem(response: httpx.Response) -> dict[str, Any]:
    """The RFC 9457 problem of a response."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    found: dict[str, Any] = json.loads(response.content)
    assert found["status"] == response.status_code
    return found


def words(effects: Sequence[tuple[str, int]]) -> list[str]:
    """Only the words."""
    return [word for word, _ in effects]


@pytest.fixture(autouse=True)
def _levers_back() -> Iterator[None]:
    yield
    probe_service.reset()
