"""Liveness and readiness tell the truth: each fault turns the right light red, by name, and its end turns it green."""

import asyncio
import re
import shutil
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from chassis import http
from chassis.service import build
from tests.chassis import probe_service
from tests.chassis.conftest import OPERATOR, Client, Kafka, Rows, Start, paused, record_of, save, updated
from tests.chassis.probe_service import Levers
from tests.probes import CONTAINERS, eventually


async def alive(client: Client) -> bool:
    answer = await client.http.get(client.url + "/health/live")
    assert answer.json()["live"] == (answer.status_code == 200)
    return answer.status_code == 200


async def failing(client: Client, *names: str, within: float = 15) -> dict[str, str]:
    """Wait until readiness names exactly these."""
    seen: dict[str, str] = {}

    async def told() -> bool:
        seen.clear()
        seen.update(await client.ready())
        return set(seen) == set(names)

    await eventually(told, describe=f"failing: {names or 'nothing'}", within=within)
    return seen


class TestReadiness:
    async def test_follows_the_database(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        await rows.all("ALTER ROLE probe_app NOLOGIN")
        try:
            await rows.terminate("viceversa-probe%")
            await failing(client, "database")
            assert await alive(client)
        finally:
            await rows.all("ALTER ROLE probe_app LOGIN")
        await failing(client)

    async def test_follows_a_broker_that_dies(self, kafka: Kafka, serve_here: Start) -> None:
        client = await serve_here(kafka.bootstrap)
        await kafka.kill()
        said = await failing(client, "broker")
        assert kafka.bootstrap in said["broker"]
        assert await alive(client)
        await kafka.restart()
        await failing(client)

    async def test_follows_a_broker_that_stands_still_and_answers_in_time(
        self, kafka: Kafka, serve_here: Start
    ) -> None:
        client = await serve_here(kafka.bootstrap)
        async with kafka.paused():
            started = time.monotonic()
            assert "broker" in await client.ready()
            assert time.monotonic() - started < 5
            assert await alive(client)
        await failing(client)

    @pytest.mark.skipif(CONTAINERS, reason="a real broker lets the consumer join before we can look")
    async def test_waits_until_the_consumer_has_joined(self, kafka: Kafka, serve_here: Start) -> None:
        client = await serve_here(kafka.bootstrap, joined=False)
        assert set(await client.ready()) == {"consumer"}
        await failing(client)

    async def test_names_a_migration_that_has_not_run(
        self, kafka: Kafka, serve_here: Start, rows: Rows, tmp_path: Path
    ) -> None:
        versions = tmp_path / "versions"
        shutil.copytree(probe_service.VERSIONS, versions, ignore=shutil.ignore_patterns("__pycache__"))
        first = (versions / "0001_initial.py").read_text()
        second = re.sub(r'revision = "0001"\ndown_revision = None', 'revision = "0002"\ndown_revision = "0001"', first)
        assert second != first
        (versions / "0002_next.py").write_text(second)
        client = await serve_here(kafka.bootstrap, app=build("probe", versions=versions), joined=False)
        said = await failing(client, "migrations")
        assert said["migrations"] == "the database is at 0001, this build needs 0002: run `viceversa migrate`"

    async def test_names_a_database_without_tables(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        await rows.all("ALTER TABLE alembic_version RENAME TO elsewhere")
        try:
            assert "has no tables yet" in (await failing(client, "migrations"))["migrations"]
        finally:
            await rows.all("ALTER TABLE elsewhere RENAME TO alembic_version")
        await failing(client)

    async def test_accepts_the_database_of_a_newer_build(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        await rows.all("UPDATE alembic_version SET version_num = '0099'")
        try:
            assert await client.ready() == {}
        finally:
            await rows.all("UPDATE alembic_version SET version_num = '0001'")


class TestLiveness:
    async def test_turns_red_for_a_handler_that_hangs(
        self, kafka: Kafka, serve_here: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = await serve_here(kafka.bootstrap)
        monkeypatch.setattr(http, "STALLED", 1.5)
        Levers.gate = asyncio.Event()
        await kafka.send([record_of(updated("slow"), offset=0)])

        async def red() -> bool:
            return not await alive(client)

        await eventually(red, describe="liveness is red")
        assert "consumer has not moved" in (await client.ready())["stuck"]
        Levers.gate.set()
        await eventually(lambda: alive(client), describe="liveness is green")

    async def test_stays_green_while_database_and_broker_are_away(
        self, kafka: Kafka, serve_here: Start, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = await serve_here(kafka.bootstrap)
        monkeypatch.setattr(http, "STALLED", 3.5)  # more than the longest pause between two tries
        await rows.all("ALTER ROLE probe_app NOLOGIN")
        try:
            await rows.terminate("viceversa-probe%")
            await kafka.kill()
            until = time.monotonic() + 6
            while time.monotonic() < until:
                assert await alive(client)
                await asyncio.sleep(0.1)
        finally:
            await rows.all("ALTER ROLE probe_app LOGIN")
        await kafka.restart()
        await failing(client)

    @pytest.mark.fault
    async def test_is_not_answered_by_a_process_that_stands_still(self, kafka: Kafka, start_process: Start) -> None:
        client = await start_process(kafka.bootstrap)
        assert client.child is not None
        async with paused(client.child):
            with pytest.raises(httpx.ReadTimeout):
                await client.http.get(client.url + "/health/live", timeout=0.5)
        await failing(client)


class TestStatus:
    async def test_counts_what_waits(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        await kafka.kill()
        await client.send(save("Ann"))
        await rows.all("UPDATE outbox SET recorded_at = now() - interval '1 minute'")
        status = (await client.post("/admin/status", actor=OPERATOR)).json()
        assert status["unpublished"] == 1
        assert 59 < status["oldest_unpublished_s"] < 70

    async def test_is_for_operators_only(self, kafka: Kafka, serve_here: Start) -> None:
        client = await serve_here(kafka.bootstrap, joined=False)
        for action in ("status", "redrive", "re-emit", "rebuild", "unknown"):
            assert (await client.post(f"/admin/{action}")).status_code == 404
        assert (await client.post("/admin/unknown", actor=OPERATOR)).status_code == 404

    async def test_shows_ages_in_seconds_as_metrics(self, kafka: Kafka, serve_here: Start, rows: Rows) -> None:
        client = await serve_here(kafka.bootstrap)
        await client.send(save("Ann"))
        await eventually(rows.effects, describe="Ann is greeted")
        metrics = (await client.http.get(client.url + "/metrics")).text
        assert re.search(r'viceversa_outbox_oldest_seconds\{service="probe"\} [\d.e-]+', metrics)
        (age,) = re.findall(r'viceversa_consumer_fact_age_seconds\{consumer="viceversa-probe"\} ([\d.e-]+)', metrics)
        assert 0 <= float(age) < 30


class TestWorkers:
    async def test_that_fail_start_again_later_and_later(self, kafka: Kafka, serve_here: Start) -> None:
        await serve_here(kafka.bootstrap, joined=False)
        await eventually(lambda: len(Levers.worker_starts) >= 4, describe="the worker has been started four times")
        starts = Levers.worker_starts[:4]
        pauses = [later - earlier for earlier, later in pairwise(starts)]
        assert pauses == sorted(pauses)
        assert pauses[0] > 0.3
        assert pauses[2] > 2 * pauses[0]

    async def test_of_two_replicas_do_timed_work_one_at_a_time(self, kafka: Kafka, serve_here: Start) -> None:
        await serve_here(kafka.bootstrap, joined=False)
        await serve_here(kafka.bootstrap, joined=False)
        await eventually(lambda: len(Levers.ticks) >= 20, describe="twenty ticks")
        assert "overlap" not in Levers.ticks
