"""Re-emission restores what consumers lack; a rebuilt read model equals the living one, and repairs it where it does not."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from chassis.broker import Outgoing
from chassis.database import Database
from chassis.replay import NothingToReplay, RebuildRunning, re_emit, rebuild
from chassis.service import build, execute, react
from contracts.base import Recorded, encode, facts
from contracts.profiles import TOPIC, ProfileUpdated
from tests.chassis import probe_service
from tests.chassis.conftest import ADMIN, OPERATOR, Kafka, Parts, Rows, Start, problem, save, updated
from tests.probes import eventually

SPEC = probe_service.app.spec


async def settled(rows: Rows) -> None:
    """Every person has their newest card, and nothing waits."""

    async def done() -> bool:
        different = await rows.one(
            "SELECT count(*) FROM person FULL JOIN card USING (person_id) "
            "WHERE person.version IS DISTINCT FROM card.version OR person.display_name <> card.display_name"
        )
        waiting = await rows.one("SELECT count(*) FROM unpublished")
        return bool(different == waiting == 0)

    await eventually(done, describe="cards are what people are", within=20)


def at_work(parts: Callable[..., Parts]) -> Parts:
    part = parts()
    part.run_relay()
    part.run_consumer()
    return part


class TestRebuild:
    async def test_equals_the_living_model(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = at_work(parts)
        for n in range(40):
            await execute(SPEC, database, save(f"n{n}", key=UUID(int=n % 15)), actor=ADMIN)
        await settled(rows)
        before = await rows.all("SELECT * FROM card ORDER BY 1")
        report = await rebuild(part.running)
        assert [(t.table, t.live, t.rebuilt, t.equal) for t in report.tables] == [("card", 15, 15, True)]
        assert report.facts >= 40
        assert await rows.all("SELECT * FROM card ORDER BY 1") == before

    async def test_under_load_equals_the_living_model_runs_no_handler_and_moves_no_offset(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = at_work(parts)
        draw = random.Random(3)
        written = 0
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal written
            while not stop.is_set():
                await execute(SPEC, database, save(f"n{written}", key=UUID(int=draw.randrange(30))), actor=ADMIN)
                written += 1

        writing = [asyncio.create_task(write()) for _ in range(2)]
        await eventually(lambda: written > 60, describe="there is load", within=30)
        reports = [await rebuild(part.running) for _ in range(3)]
        stop.set()
        await asyncio.gather(*writing)
        assert [[table.equal for table in report.tables] for report in reports] == [[True]] * 3
        await settled(rows)

        async def all_greeted() -> bool:
            return len(await rows.effects()) >= written

        await eventually(all_greeted, describe="every fact is handled", within=20)
        assert len(await rows.effects()) == written

        async def all_committed() -> bool:
            return await kafka.committed() == written

        await eventually(all_committed, describe="offsets stand where the living consumer put them")

    async def test_repairs_what_is_wrong(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = at_work(parts)
        for n in range(6):
            await execute(SPEC, database, save(f"n{n}", key=UUID(int=n)), actor=ADMIN)
        await settled(rows)
        before = await rows.all("SELECT * FROM card ORDER BY 1")
        offset = await kafka.committed()
        await rows.all("UPDATE card SET display_name = 'corrupted' WHERE person_id = $1", UUID(int=2))
        await rows.all("UPDATE card SET version = 99 WHERE person_id = $1", UUID(int=3))
        await rows.all("DELETE FROM card WHERE person_id = $1", UUID(int=4))
        await rows.all("INSERT INTO card VALUES ($1, 'invented', 1)", UUID(int=77))
        (table,) = (await rebuild(part.running)).tables
        assert (table.live, table.rebuilt, table.equal) == (6, 6, False)
        assert await rows.all("SELECT * FROM card ORDER BY 1") == before
        assert len(await rows.effects()) == 6
        assert await kafka.committed() == offset
        # And the living consumer goes on from there.
        await execute(SPEC, database, save("next", key=UUID(int=2)), actor=ADMIN)
        await settled(rows)

    async def test_does_not_lose_what_was_applied_before_it_was_published(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        """Facts straight from an answer: the swap takes them away, the broker brings them back, in every replica."""
        part = at_work(parts)
        await settled(rows)
        early = Recorded(fact_id=uuid4(), source="test", fact=updated("early"))
        await part.running.apply([early])
        await rows.all("INSERT INTO card VALUES ($1, 'invented', 1)", uuid4())  # so that there is something to swap
        (table,) = (await rebuild(part.running)).tables
        assert not table.equal
        assert await rows.all("SELECT display_name FROM card") == []
        headers = [("ce_type", early.fact.WIRE.encode()), ("ce_id", str(early.fact_id).encode())]
        await kafka.publisher().publish([Outgoing(TOPIC, str(early.fact.key).encode(), encode(early.fact), headers)])
        await eventually(lambda: rows.all("SELECT display_name FROM card"), describe="the card is back")
        assert await rows.effects() == [("early", 1)]  # and the handler was not run a second time

    async def test_reads_past_what_nobody_can_decode(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        part = at_work(parts)
        await kafka.publisher().publish(
            [
                Outgoing(TOPIC, b"k", b"garbage", []),
                Outgoing(TOPIC, b"k", b"garbage", [("ce_type", ProfileUpdated.WIRE.encode())]),
                Outgoing(TOPIC, b"k", None, []),
                Outgoing(TOPIC, b"k", b"{}", [("ce_type", b"viceversa.moon.v1")]),
            ]
        )
        await execute(SPEC, database, save("Ann"), actor=ADMIN)
        await settled(rows)
        (table,) = (await rebuild(part.running)).tables
        assert (table.rebuilt, table.equal) == (1, True)

    async def test_runs_once_at_a_time(self, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]) -> None:
        found = await asyncio.gather(*(rebuild(parts().running) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in found if isinstance(each, Exception)] == [RebuildRunning] * 2

    async def test_is_asked_for_by_an_operator(self, rows: Rows, kafka: Kafka, serve_here: Start) -> None:
        client = await serve_here(kafka.bootstrap)
        await client.send(save("Ann"))
        await settled(rows)
        answer = await client.post("/admin/rebuild", actor=OPERATOR)
        assert answer.json()["tables"] == [{"table": "card", "live": 1, "rebuilt": 1, "equal": True}]
        again = await client.post("/admin/re-emit", actor=OPERATOR)
        assert again.json() == {"facts": 1}


class TestReEmit:
    async def test_restores_what_a_consumer_has_lost(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        at_work(parts)
        for n in range(25):
            await execute(SPEC, database, save(f"n{n}", key=UUID(int=n % 10)), actor=ADMIN)
        await settled(rows)
        await rows.all("DELETE FROM card WHERE person_id < $1", UUID(int=5))
        assert await re_emit(database, SPEC.catalog) == 10
        await settled(rows)

    async def test_never_puts_an_old_fact_behind_a_new_one(
        self, database: Database, rows: Rows, kafka: Kafka, parts: Callable[..., Parts]
    ) -> None:
        """On a compacted topic the last record of a key is what remains: it must be the newest."""
        at_work(parts)
        for n in range(10):
            await execute(SPEC, database, save(f"n{n}", key=UUID(int=n)), actor=ADMIN)
        stop = asyncio.Event()

        async def write() -> None:
            while not stop.is_set():
                pause = random.Random(1).choice([0, 0.01])
                await execute(
                    SPEC, database, save(f"sleepy-command {pause}", key=UUID(int=random.randrange(10))), actor=ADMIN
                )

        writing = [asyncio.create_task(write()) for _ in range(4)]
        emitted = [await re_emit(database, SPEC.catalog) for _ in range(10)]
        stop.set()
        await asyncio.gather(*writing)
        assert sum(emitted) > 10
        await settled(rows)
        versions: dict[UUID, list[int]] = defaultdict(list)
        for record in await kafka.topics.read(TOPIC):
            assert record.value is not None
            fact = facts().decode(record.headers["ce_type"].decode(), record.value)
            assert isinstance(fact, ProfileUpdated)
            versions[fact.key].append(fact.version)
        for found in versions.values():
            assert found == sorted(found)

    async def test_refuses_where_there_is_nothing(self, database: Database, kafka: Kafka, serve_here: Start) -> None:
        with pytest.raises(NothingToReplay):
            await re_emit(database, None)
        client = await serve_here(kafka.bootstrap, app=build("probe", versions=probe_service.VERSIONS))
        for action in ("re-emit", "rebuild"):
            refused = await client.post(f"/admin/{action}", actor=OPERATOR)
            assert (refused.status_code, problem(refused)["code"]) == (422, "NothingToReplay")


async def test_react_is_what_the_consumer_does(database: Database, rows: Rows) -> None:
    (contact,) = await react(SPEC, database, [updated("Ann")])
    assert contact.source == "viceversa/probe"
    assert await rows.effects() == [("Ann", 1)]
