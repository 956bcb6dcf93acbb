"""Facts per second from the broker into a read model, by one process: Subscription, Inbox and a projection.

The facts lie on a topic before the clock starts; it runs from the first batch to the last row committed. The projection is an upsert of
whole batches with a version guard, and two batches are at work at once: both as in the gateway. One topic holds changes of places in a
cohort (about 500 bytes, a fact of the usual size), another changes of profiles (about 1,150 bytes, the largest that come in numbers).
Compared with, on the first topic:

- raw: aiokafka's `getmany`, offsets committed per batch, nothing decoded and nothing stored: the ceiling of the client;
- idle: our Subscription with nothing to do, and FastStream's subscriber one by one with nothing to do but decode, once committing
  each message (NACK_ON_ERROR, the one policy that loses nothing when a handler fails), once in the background (ACK_FIRST, its default);
- peer: FastStream's subscriber one by one with the same work: inbox row and upsert of each fact in a transaction of its own, on
  asyncpg with nothing between.

The last line is `RESULT` and JSON: `facts_per_s` (ours, with all the work), `raw_per_s`, `ratio` (ours / raw), `large_facts_per_s`
(ours, with the large facts), `fastest_peer_per_s` and `fastest_peer` (the faster of FastStream's two policies with the same work),
`idle_per_s` (our Subscription, no work), `idle_peer_per_s` and `idle_peer` (FastStream, no work), `facts`, `rounds`; each rate is the
best of all rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from benchmarks.ground import SERVICE, Ground, fact, ground, place, run
from chassis.broker import Incoming, Outgoing, Publisher
from chassis.consuming import Subscription
from chassis.database import Transaction, connect
from chassis.inbox import Inbox, Received, Unreadable
from chassis.outbox import cloud_event
from contracts.base import Event, encode, facts
from contracts.matching import EnrolmentChanged
from contracts.profiles import ProfileUpdated

_LANES = 2  # as the gateway has, see gateway/app.py
_COLUMNS = "id, version, organization_id, person_id, status, state"
_NEWER = (
    "ON CONFLICT (id) DO UPDATE SET version = excluded.version, organization_id = excluded.organization_id, "
    "person_id = excluded.person_id, status = excluded.status, state = excluded.state WHERE entry.version < excluded.version"
)
_MANY = sa.text(
    f"INSERT INTO entry ({_COLUMNS}) SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[]), "
    "CAST(:organizations AS uuid[]), CAST(:people AS uuid[]), CAST(:statuses AS text[]), "
    f"CAST(:states AS bytea[])) {_NEWER}"
)
_ONE = f"INSERT INTO entry ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) {_NEWER}"
_SEEN = "INSERT INTO inbox (consumer, fact_id) VALUES ('peer', $1) ON CONFLICT DO NOTHING RETURNING true"


async def project_places(facts: Sequence[EnrolmentChanged], tx: Transaction) -> None:
    """The newest state of each place."""
    await tx.connection.execute(
        _MANY,
        {
            "ids": [each.key for each in facts],
            "versions": [each.version for each in facts],
            "organizations": [each.enrolment.organization_id for each in facts],
            "people": [each.enrolment.person_id for each in facts],
            "statuses": [each.enrolment.status.value for each in facts],
            "states": [encode(each.enrolment) for each in facts],
        },
    )


async def project_people(facts: Sequence[ProfileUpdated], tx: Transaction) -> None:
    """The newest profile of each person."""
    await tx.connection.execute(
        _MANY,
        {
            "ids": [each.key for each in facts],
            "versions": [each.version for each in facts],
            "organizations": [each.profile.organization_id for each in facts],
            "people": [each.profile.person_id for each in facts],
            "statuses": ["active" if each.profile.active else "gone" for each in facts],
            "states": [encode(each.profile) for each in facts],
        },
    )


@dataclass
class Stopwatch:
    """Runs from the first message that was handed over to the last that was done."""

    wanted: int
    count: int = 0
    started: float = 0.0
    seconds: float = 0.0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """A message was handed over."""
        self.started = self.started or time.perf_counter()

    def done(self, count: int = 1) -> None:
        """So many more were done."""
        self.count += count
        if self.count >= self.wanted and not self.finished.is_set():
            self.seconds = time.perf_counter() - self.started
            self.finished.set()

    async def rate(self) -> float:
        """Messages per second, once all are done."""
        async with asyncio.timeout(300):
            await self.finished.wait()
        return self.wanted / self.seconds


@dataclass(frozen=True)
class Bench:
    """A topic full of facts."""

    ground: Ground
    topic: str
    facts: int

    async def ours(self) -> float:
        """Everything: fetch, decode, inbox, projection, commit."""
        database = connect(SERVICE, url=self.ground.dsns.app)
        inbox = Inbox(
            "benchmark", database, {}, {project_places: (EnrolmentChanged,), project_people: (ProfileUpdated,)}
        )
        watch = Stopwatch(self.facts)

        async def take(messages: Sequence[Received | Unreadable]) -> None:
            await inbox.take_read(messages)
            watch.done(len(messages))

        rate = await self._subscribed(inbox.read, take, watch)
        await database.close()
        if inbox.applied != self.facts:
            raise AssertionError(f"{inbox.applied} of {self.facts} facts were applied")
        return rate

    async def idle(self) -> float:
        """Our Subscription with nothing to do."""
        watch = Stopwatch(self.facts)

        async def take(records: Sequence[Incoming]) -> None:
            watch.done(len(records))

        return await self._subscribed(lambda record: record, take, watch)

    async def _subscribed(
        self,
        read: Callable[[Incoming], Any],
        take: Callable[[Sequence[Any]], Awaitable[None]],
        watch: Stopwatch,
    ) -> float:
        def first(record: Incoming) -> Any:
            watch.begin()
            return read(record)

        subscription = Subscription[Any](
            self.ground.broker, f"group-{uuid4()}", (self.topic,), first, take, lanes=_LANES
        )
        running = asyncio.create_task(subscription.run())
        rate = await watch.rate()
        subscription.stop()
        await running
        return rate

    async def raw(self) -> float:
        """The client alone."""
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=self.ground.bootstrap,
            group_id=f"group-{uuid4()}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=2_000,
            heartbeat_interval_ms=500,
        )
        watch = Stopwatch(self.facts)
        await consumer.start()
        try:
            while not watch.finished.is_set():
                fetched = await consumer.getmany(timeout_ms=250, max_records=2_000)
                watch.begin() if fetched else None
                if fetched:
                    await consumer.commit({part: records[-1].offset + 1 for part, records in fetched.items()})
                watch.done(sum(map(len, fetched.values())))
        finally:
            await consumer.stop()
        return await watch.rate()

    async def faststream(self, policy: AckPolicy, *, messages: int, work: bool) -> float:
        """FastStream one by one; with the same work as ours, or none but decoding."""
        broker = KafkaBroker(self.ground.bootstrap, logger=None, apply_types=False, decoder=_decoded)
        watch = Stopwatch(messages)
        pool = await asyncpg.create_pool(self.ground.dsns.app, min_size=1, max_size=4)

        async def handle(body: tuple[UUID, EnrolmentChanged]) -> None:
            watch.begin()
            if work and not watch.finished.is_set():
                async with pool.acquire() as connection:
                    await _apply_one(connection, *body)
            watch.done()

        broker.subscriber(
            self.topic,
            group_id=f"group-{uuid4()}",
            auto_offset_reset="earliest",
            ack_policy=policy,
            session_timeout_ms=2_000,
            heartbeat_interval_ms=500,
        )(handle)
        await broker.start()
        try:
            return await watch.rate()
        finally:
            await broker.stop()
            await pool.close()


async def _decoded(message: KafkaMessage) -> tuple[UUID, EnrolmentChanged]:
    found = facts().decode(str(message.headers["ce_type"]), message.body)
    assert isinstance(found, EnrolmentChanged)
    return UUID(str(message.headers["ce_id"])), found


async def _apply_one(connection: asyncpg.Connection[Any], fact_id: UUID, found: EnrolmentChanged) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {SERVICE}_system")
        if await connection.fetchval(_SEEN, fact_id):
            place = found.enrolment
            await connection.execute(
                _ONE,
                found.key,
                found.version,
                place.organization_id,
                place.person_id,
                place.status.value,
                encode(place),
            )


async def publish(on: Ground, topic: str, make: Callable[..., Event], *, count: int) -> None:
    """Put facts onto the topic."""
    publisher = Publisher(on.broker, client_id="filler")
    people = max(1, count // 5)
    for start in range(0, count, 5_000):
        batch = [make(number, people=people) for number in range(start, min(start + 5_000, count))]
        await publisher.publish(
            [
                Outgoing(
                    topic,
                    str(each.key).encode(),
                    encode(each),
                    cloud_event(
                        fact_id=uuid4(), wire=each.WIRE, source="bench", occurred_at=each.occurred_at, traceparent=""
                    ),
                )
                for each in batch
            ]
        )
    await publisher.close()


async def measure(on: Ground, *, count: int, seconds: float) -> tuple[dict[str, float], int]:
    """The best rates by name, and of how many rounds (until the time is over, at least two)."""
    bench = Bench(on, await asyncio.to_thread(on.topic, "places"), count)
    large = Bench(on, await asyncio.to_thread(on.topic, "profiles"), count)
    await publish(on, bench.topic, place, count=count)
    await publish(on, large.topic, fact, count=count)
    some, few = max(1, count // 10), max(1, count // 50)  # what goes one by one would take minutes otherwise
    best: dict[str, float] = {}
    rounds = 0
    until = time.monotonic() + seconds
    admin = await asyncpg.connect(on.admin_dsn, database=f"viceversa_{SERVICE}")
    safe, default = AckPolicy.NACK_ON_ERROR, AckPolicy.ACK_FIRST
    while rounds < 2 or time.monotonic() < until:
        rounds += 1
        found: dict[str, float] = {}
        lanes: dict[str, Callable[[], Awaitable[float]]] = {
            "raw": bench.raw,
            "ours": bench.ours,
            "ours, large facts": large.ours,
            "idle": bench.idle,
            "faststream NACK_ON_ERROR": lambda: bench.faststream(safe, messages=few, work=True),
            "faststream ACK_FIRST": lambda: bench.faststream(default, messages=few, work=True),
            "idle faststream NACK_ON_ERROR": lambda: bench.faststream(safe, messages=few, work=False),
            "idle faststream ACK_FIRST": lambda: bench.faststream(default, messages=some, work=False),
        }
        for name, work in lanes.items():
            await admin.execute("TRUNCATE inbox, entry")
            found[name] = await work()
            best[name] = max(best.get(name, 0.0), found[name])
        print(f"round {rounds}: " + "   ".join(f"{name} {rate:,.0f}" for name, rate in found.items()), flush=True)
    await admin.close()
    return best, rounds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.consume",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Measure while the machine does nothing else; each figure is the best of several rounds.",
    )
    parser.add_argument("--facts", type=int, default=100_000, help="facts on the topic (default: 100000)")
    parser.add_argument("--seconds", type=float, default=60, help="begin no more rounds after this (default: 60)")
    chosen = parser.parse_args()
    with ground() as on:
        best, rounds = run(measure(on, count=chosen.facts, seconds=chosen.seconds))
    print(f"\nbest of {rounds} rounds, {chosen.facts:,} facts, messages per second")
    for name, rate in sorted(best.items(), key=lambda each: -each[1]):
        print(f"  {name:32} {rate:10,.0f}   {rate / best['raw']:7.1%} of raw")
    peer, peer_rate = max(((n, r) for n, r in best.items() if n.startswith("faststream")), key=lambda each: each[1])
    idle, idle_rate = max(((n, r) for n, r in best.items() if n.startswith("idle f")), key=lambda each: each[1])
    result = {
        "facts_per_s": round(best["ours"]),
        "raw_per_s": round(best["raw"]),
        "ratio": round(best["ours"] / best["raw"], 3),
        "large_facts_per_s": round(best["ours, large facts"]),
        "fastest_peer_per_s": round(peer_rate),
        "fastest_peer": peer,
        "idle_per_s": round(best["idle"]),
        "idle_peer_per_s": round(idle_rate),
        "idle_peer": idle.removeprefix("idle "),
        "facts": chosen.facts,
        "rounds": rounds,
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
