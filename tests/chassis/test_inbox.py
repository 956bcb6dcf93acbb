"""The inbox applies each fact once per consumer, tries again what may pass, and waits for what is away."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from chassis.broker import DEAD, Outgoing
from chassis.consuming import Postponed
from chassis.database import Database, connect
from chassis.inbox import Inbox
from chassis.service import Spec, react
from contracts.base import SYSTEM, Recorded
from contracts.matching import TOPIC as MATCHING
from contracts.profiles import TOPIC, ContactChanged, ProfileErased
from deploy.embedded import free_port
from deploy.provision import ServiceDsns
from tests.chassis import probe_service
from tests.chassis.conftest import Kafka, Parts, Rows, record_of, updated, words
from tests.probes import eventually

SPEC = probe_service.app.spec


def inbox_of(database: Database, spec: Spec = SPEC) -> Inbox:
    return Inbox(spec.consumer, database, spec.handlers, spec.projections, spec.after_batch)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return inbox_of(database)


class TestBatch:
    async def test_is_one_transaction(self, inbox: Inbox, rows: Rows) -> None:
        facts = [updated(name) for name in ("Ann", "Bo", "Cy")]
        await inbox.take([record_of(fact, offset=n) for n, fact in enumerate(facts)])
        assert words(await rows.effects()) == ["Ann", "Bo", "Cy"]
        assert await rows.all(
            "SELECT count(DISTINCT x) FROM (SELECT xmin::text AS x FROM effect UNION SELECT xmin::text FROM inbox "
            "UNION SELECT xmin::text FROM outbox UNION SELECT xmin::text FROM card) AS all_of_them"
        ) == [1]
        assert await rows.all("SELECT wire FROM outbox") == [ContactChanged.WIRE] * 3

    async def test_drops_what_is_in_it_twice(self, inbox: Inbox, rows: Rows) -> None:
        fact, fact_id = updated("Ann"), uuid4()
        await inbox.take([record_of(fact, offset=n, fact_id=fact_id) for n in range(3)])
        assert await rows.effects() == [("Ann", 1)]
        assert inbox.applied == 1

    async def test_drops_what_an_earlier_one_brought(self, inbox: Inbox, rows: Rows) -> None:
        first, second = record_of(updated("Ann"), offset=0), record_of(updated("Bo"), offset=1)
        await inbox.take([first])
        await inbox.take([first._replace(offset=7), second])
        assert words(await rows.effects()) == ["Ann", "Bo"]

    async def test_drops_what_another_replica_is_applying_at_the_same_time(
        self, database: Database, rows: Rows
    ) -> None:
        records = [record_of(updated(f"sleepy 0.01 {n}"), offset=n) for n in range(8)]
        # Each sees the facts in another order: without an order of our own they would deadlock.
        await asyncio.gather(
            inbox_of(database).take(records),
            inbox_of(database).take(records[::-1]),
            inbox_of(database).take(records[4:] + records[:4]),
        )
        assert len(await rows.effects()) == 8

    async def test_gives_projections_the_newest_version_of_each_key(self, database: Database, rows: Rows) -> None:
        key, other = uuid4(), uuid4()
        seen: list[list[tuple[str, int]]] = []

        async def note(facts: object, tx: object) -> None:
            assert isinstance(facts, list)
            seen.append([(fact.profile.display_name, fact.version) for fact in facts])

        spec = replace(SPEC, handlers={}, projections={note: SPEC.projections[probe_service.project_cards]})
        facts = [updated(f"v{v}", key=key, version=v) for v in (1, 3, 2)] + [updated("other", key=other)]
        await inbox_of(database, spec).take([record_of(fact, offset=n) for n, fact in enumerate(facts)])
        assert len(seen) == 1
        assert sorted(seen[0]) == [("other", 1), ("v3", 3)]

    async def test_ignores_versions_that_came_late(self, inbox: Inbox, rows: Rows) -> None:
        key = uuid4()
        for offset, version in enumerate((2, 1)):
            await inbox.take([record_of(updated(f"v{version}", key=key, version=version), offset=offset)])
        assert await rows.all("SELECT display_name, version FROM card") == [("v2", 2)]

    async def test_skips_and_counts_what_it_does_not_know(self, inbox: Inbox, rows: Rows) -> None:
        known = record_of(updated("Ann"), offset=3)
        strange = [
            ("ce_type", b"viceversa.profiles.moon-landed.v9") if n == "ce_type" else (n, v) for n, v in known.headers
        ]
        foreign = ContactChanged(
            key=uuid4(), version=1, occurred_at=updated().occurred_at, person_id=uuid4(), display_name="", email=""
        )
        await inbox.take(
            [
                known._replace(offset=0, headers=strange),
                record_of(foreign, offset=1),
                known._replace(offset=2, value=None),  # a tombstone
                known,
            ]
        )
        assert (inbox.skipped, inbox.applied, inbox.parked, inbox.dead) == (3, 1, 0, 0)
        assert words(await rows.effects()) == ["Ann"]


class TestFacts:
    async def test_straight_from_an_answer_are_dropped_when_the_broker_brings_them(
        self, inbox: Inbox, rows: Rows
    ) -> None:
        fact, fact_id = updated("Ann"), uuid4()
        (contact,) = await inbox.apply([Recorded(fact_id=fact_id, source="test", fact=fact)])
        assert isinstance(contact.fact, ContactChanged)
        await inbox.take([record_of(fact, offset=0, fact_id=fact_id)])
        assert await rows.effects() == [("Ann", 1)]

    async def test_that_cause_the_same_facts_again_cause_them_under_the_same_ids(
        self, database: Database, rows: Rows
    ) -> None:
        cause = Recorded(fact_id=uuid4(), source="test", fact=updated("Ann"))
        (first,) = await react(SPEC, database, [cause])
        await rows.all("TRUNCATE inbox")
        (again,) = await react(SPEC, database, [cause])
        assert first.fact_id == again.fact_id
        assert await rows.all("SELECT fact_id FROM outbox") == [first.fact_id]

    async def test_are_forgotten_only_after_the_retention(self, inbox: Inbox, rows: Rows) -> None:
        old, new = record_of(updated("old"), offset=0), record_of(updated("new"), offset=1)
        await inbox.take([old])
        await rows.all("UPDATE inbox SET seen_at = now() - interval '61 days'")
        await inbox.take([new])
        assert not await inbox.prune(days=60)
        await inbox.take([new._replace(offset=2)])
        assert words(await rows.effects()) == ["old", "new"]
        await inbox.take([old._replace(offset=3)])
        assert words(await rows.effects()) == ["old", "new", "old"]


class TestTransientFailure:
    async def test_is_tried_again(self, inbox: Inbox, rows: Rows) -> None:
        names = ["flaky 1", "Ann", "flaky 2"]
        await inbox.take([record_of(updated(name), offset=n) for n, name in enumerate(names)])
        assert sorted(words(await rows.effects())) == sorted(names)
        assert (inbox.parked, inbox.breaker.in_a_row) == (0, 0)

    async def test_is_tried_again_when_it_came_straight_from_an_answer(self, inbox: Inbox, rows: Rows) -> None:
        await inbox.apply([Recorded(fact_id=uuid4(), source="test", fact=updated("flaky"))])
        assert words(await rows.effects()) == ["flaky"]

    async def test_includes_a_connection_lost_in_the_middle(self, inbox: Inbox, rows: Rows) -> None:
        taking = asyncio.create_task(inbox.take([record_of(updated("sleepy 0.5"), offset=0)]))

        async def in_the_handler() -> bool:
            return bool(await rows.all("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"))

        await eventually(in_the_handler, describe="the handler is at work")
        await rows.terminate("viceversa-probe")
        with pytest.raises(Postponed, match="the database is away"):
            await taking
        await inbox.take([record_of(updated("sleepy 0"), offset=0)])
        assert words(await rows.effects()) == ["sleepy 0"]
        assert (inbox.parked, inbox.breaker.in_a_row) == (0, 0)


class TestDatabaseAway:
    async def test_postpones_and_counts_nothing(self, rows: Rows, probe_dsns: ServiceDsns) -> None:
        elsewhere = re.sub(r":\d+/", f":{free_port()}/", probe_dsns.app)
        nowhere = connect("probe", url=elsewhere)
        inbox = inbox_of(nowhere)
        for _ in range(30):  # more than the breaker bears
            with pytest.raises(Postponed):
                await inbox.take([record_of(updated("Ann"), offset=0)])
        assert (inbox.breaker.in_a_row, inbox.breaker.open, inbox.parked) == (0, False, 0)
        inbox.database = connect("probe", url=probe_dsns.app)
        await inbox.take([record_of(updated("Ann"), offset=0)])
        await inbox.database.close()
        assert words(await rows.effects()) == ["Ann"]


class TestUndecodable:
    @pytest.mark.parametrize(
        ("headers", "value", "reason"),
        [
            (
                {"ce_type": ProfileErased.WIRE.encode(), "ce_id": str(uuid4()).encode()},
                b'{"key": 7}',
                b"Expected `uuid`",
            ),
            (
                {"ce_type": ProfileErased.WIRE.encode(), "ce_id": str(uuid4()).encode()},
                b"\xff\xfe not json",
                b"JSON is malformed",
            ),
            ({"ce_type": ProfileErased.WIRE.encode(), "ce_id": b"seven"}, b"{}", b"no valid ce_id"),
            ({"ce_type": ProfileErased.WIRE.encode()}, b"{}", b"no valid ce_id"),
            ({"ce_type": ProfileErased.WIRE.encode(), "ce_id": None}, b"{}", b"no valid ce_id"),
            ({"ce_id": str(uuid4()).encode()}, b"{}", b"no ce_type"),
            ({}, b"\x00\x01", b"no ce_type"),
        ],
    )
    async def test_bytes_go_to_the_dead_topic_unchanged_and_the_rest_flows_on(
        self,
        headers: dict[str, bytes | None],
        value: bytes,
        reason: bytes,
        database: Database,
        rows: Rows,
        kafka: Kafka,
    ) -> None:
        inbox = inbox_of(database)
        inbox.publisher = kafka.publisher()
        good = record_of(updated("Ann"), offset=8)
        bad = good._replace(offset=7, key=b"\x01key", value=value, headers=tuple(headers.items()))
        await inbox.take([bad, good])
        (dead,) = await kafka.topics.read(TOPIC + DEAD)
        assert (dead.key, dead.value) == (b"\x01key", value)
        assert headers.items() <= dead.headers.items()
        assert dead.headers["viceversa-origin"] == f"{TOPIC}/0/7".encode()
        assert reason in dead.headers["viceversa-reason"]
        assert words(await rows.effects()) == ["Ann"]
        assert (inbox.dead, inbox.parked) == (1, 0)

    async def test_bytes_wait_while_the_broker_is_away(self, database: Database, rows: Rows, kafka: Kafka) -> None:
        inbox = inbox_of(database)
        inbox.publisher = kafka.publisher()
        await kafka.kill()
        bad = record_of(updated("Ann"), offset=7)._replace(value=b"?")
        with pytest.raises(Postponed):
            await inbox.take([bad])
        assert inbox.dead == 0
        await kafka.restart()
        await inbox.take([bad])
        assert [record.value for record in await kafka.topics.read(TOPIC + DEAD)] == [b"?"]

    async def test_bytes_pass_through_the_whole_service(
        self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = parts()
        part.run_consumer()
        await kafka.publisher().publish(
            [Outgoing(TOPIC, b"k", b"what?", [("ce_type", b"x"), ("odd", None)]), Outgoing(TOPIC, b"k", b"what?", [])]
        )
        good = record_of(updated("Ann"), offset=0)
        await kafka.publisher().publish([Outgoing(TOPIC, good.key, good.value, good.headers)])
        await eventually(rows.effects, describe="the good one behind them is applied")
        await eventually(
            lambda: part.running.inbox.dead == 1, describe="one is dead; the other is of a type not known here"
        )
        assert [record.value for record in await kafka.topics.read(TOPIC + DEAD)] == [b"what?"]


async def test_a_projection_and_a_handler_see_the_same_batch(inbox: Inbox, rows: Rows) -> None:
    await inbox.take([record_of(updated("Ann"), offset=0)])
    assert await rows.all("SELECT display_name FROM card") == words(await rows.effects()) == ["Ann"]
    assert MATCHING not in SPEC.topics
    async with inbox.database.begin(SYSTEM) as tx:
        assert (await tx.connection.exec_driver_sql("SELECT count(*) FROM inbox")).scalar() == 1
