"""Facts per second from the outbox to the broker: the relay, marking rows as published, against the raw client with the same bytes.

The facts are committed before the clock starts. Raw is aiokafka's producer with batches built by hand: the fastest way that
the client has, with nothing read from and nothing written to a database.

The last line is `RESULT` and JSON: `facts_per_s` (the relay), `raw_per_s` (aiokafka alone), `ratio` (relay / raw), `facts` (how
many in a round), `bytes_per_fact`, `rounds`; each rate is the best of all rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.ground import SERVICE, Ground, fact, ground, run
from chassis.broker import Outgoing, Publisher
from chassis.outbox import Relay, cloud_event
from contracts.base import encode


@dataclass(frozen=True)
class Round:
    """Facts per second."""

    relay: float
    raw: float


async def fill(connection: asyncpg.Connection[Any], *, topic: str, facts: int) -> list[Outgoing]:
    """Commit facts to the outbox, as commands would have; the records that the relay will make of them."""
    found = [(uuid4(), fact(number, people=max(1, facts // 5))) for number in range(facts)]
    rows = [(fact_id, topic, each.key, each.WIRE, encode(each), each.occurred_at, "") for fact_id, each in found]
    await connection.execute("TRUNCATE outbox, unpublished")
    await connection.copy_records_to_table(
        "outbox", records=rows, columns=["fact_id", "topic", "key", "wire", "payload", "occurred_at", "traceparent"]
    )
    await connection.execute("VACUUM (ANALYZE) outbox, unpublished")
    await connection.execute("CHECKPOINT")
    return [
        Outgoing(
            topic,
            str(key).encode(),
            payload,
            cloud_event(fact_id=fact_id, wire=wire, source="viceversa/x", occurred_at=occurred_at, traceparent=""),
        )
        for fact_id, _, key, wire, payload, occurred_at, _ in rows
    ]


async def relay_rate(on: Ground, connection: asyncpg.Connection[Any], *, facts: int) -> float:
    """Facts per second of the real relay, from its start to the last row marked."""
    publisher = Publisher(on.broker, client_id="relay")
    await publisher.ping()
    relay = Relay(service=SERVICE, dsn=on.dsns.app, publisher=publisher)
    started = time.perf_counter()
    running = asyncio.create_task(relay.run())
    while relay.published < facts:  # noqa: ASYNC110  # the relay has no event for a benchmark
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - started
    relay.stop()
    await running
    await publisher.close()
    left = await connection.fetchval("SELECT count(*) FROM unpublished")
    if left:
        raise AssertionError(f"{left} facts are still unpublished")
    return facts / seconds


async def raw_rate(on: Ground, records: Sequence[Outgoing]) -> float:
    """Records per second of the client alone."""
    publisher = Publisher(on.broker, client_id="raw")
    await publisher.ping()
    started = time.perf_counter()
    await publisher.publish(records)
    seconds = time.perf_counter() - started
    await publisher.close()
    return len(records) / seconds


async def measure(on: Ground, *, facts: int, seconds: float) -> tuple[list[Round], int]:
    """Rounds until the time is over, at least two."""
    rounds: list[Round] = []
    size = 0
    until = time.monotonic() + seconds
    # As the server's administrator: only filling needs it, the relay has its own login.
    connection = await asyncpg.connect(on.admin_dsn, database=f"viceversa_{SERVICE}")
    try:
        while len(rounds) < 2 or time.monotonic() < until:
            topic = await asyncio.to_thread(on.topic, f"relay-{len(rounds)}")
            records = await fill(connection, topic=topic, facts=facts)
            size = sum(len(record.value or b"") for record in records) // len(records)
            relay = await relay_rate(on, connection, facts=facts)
            raw_topic = await asyncio.to_thread(on.topic, f"raw-{len(rounds)}")
            raw = await raw_rate(on, [Outgoing(raw_topic, r.key, r.value, r.headers) for r in records])
            rounds.append(Round(relay, raw))
            print(
                f"round {len(rounds)}: relay {relay:10,.0f} facts/s   raw {raw:10,.0f} records/s   ratio {relay / raw:.2f}"
            )
    finally:
        await connection.close()
    return rounds, size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Measure while the machine does nothing else; each figure is the best of several rounds.",
    )
    parser.add_argument("--facts", type=int, default=100_000, help="facts in a round (default: 100000)")
    parser.add_argument("--seconds", type=float, default=30, help="begin no more rounds after this (default: 30)")
    chosen = parser.parse_args()
    with ground() as on:
        rounds, size = run(measure(on, facts=chosen.facts, seconds=chosen.seconds))
    relay, raw = max(each.relay for each in rounds), max(each.raw for each in rounds)
    result = {
        "facts_per_s": round(relay),
        "raw_per_s": round(raw),
        "ratio": round(relay / raw, 3),
        "facts": chosen.facts,
        "bytes_per_fact": size,
        "rounds": len(rounds),
    }
    print(f"best of {len(rounds)} rounds of {chosen.facts:,} facts of {size} bytes")
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
