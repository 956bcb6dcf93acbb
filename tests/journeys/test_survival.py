"""Everything is killed in the middle of the loop — services, database, broker — and started again: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from rich.console import Console

from deploy import mailbox
from deploy.contracts import specs
from deploy.demonstrate import onboarding
from deploy.demonstrate.client import Client, StepFailed, all_at_once
from deploy.demonstrate.partners import partners
from deploy.demonstrate.stage import Stage
from deploy.local import Platform
from deploy.reconcile import reconcile
from tests.journeys.keeping import keeper
from tests.probes import Topics, eventually

_PAIR = "members { person { id } } value"


@asynccontextmanager
async def a_stage(running: Platform, before: Stage | None = None) -> Any:
    """The demonstration's stage with two partners; a second one takes over what the first knew."""
    async with httpx.AsyncClient(timeout=30) as http:
        operator = Client(http, running.gateway_url, running.token("operator", "root"), "the operator")
        stage = Stage(running, http, Console(quiet=True), partners()[:2], operator)
        if before is not None:
            stage.organizations, stage.cohort_id = before.organizations, before.cohort_id
            stage.run_ids = before.run_ids
            await onboarding.meet_everybody(stage)
        yield stage


async def test_a_kill_of_everything_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with keeper(tmp_path / "data") as platform:
        async with a_stage(await asyncio.to_thread(platform.start)) as stage:
            await onboarding.play(stage)
            proposals = await stage.pairs(status=["PROPOSED"], fields=_PAIR)
            assert len(proposals) >= 10
            sent = await _accept_until_killed(stage, proposals, kill=platform.kill_everything)
            first = stage

        running = await asyncio.to_thread(platform.start)
        async with a_stage(running, before=first) as stage:
            # Each client repeats what it has no answer to, under the same command id.
            await all_at_once([partial(_accept, stage, *each) for each in sent])
            accepted = {pair_id for pair_id, _, _ in sent}
            await eventually(
                lambda: _agreements(running, len(accepted)), describe="every accepted pair has an agreement", within=30
            )
            assert len(await stage.pairs(status=["ACCEPTED"], fields=_PAIR)) == len(accepted)
            await _nothing_is_lost(running)
            said = (platform.data_dir / "up.log").read_text()
            assert "will be published again" in said, "the kill left nothing unconfirmed: it proves nothing"
            await _mail_is_quiet(running)
            assert mailbox.doubled(running.mail) == {}
            topics = Topics(running.infrastructure.kafka_bootstrap)
            assert await topics.read("viceversa.feedback"), "an independent client sees the facts on the topics"


async def test_its_keeper_brings_the_broker_and_the_database_back(tmp_path: Path) -> None:
    with keeper(tmp_path / "data") as platform:
        running = await asyncio.to_thread(partial(platform.start, within=120))
        mother, *others = platform.processes()
        ended = [each for each in others if each.ppid() == mother.pid and each.name() in ("tansu", "postgres")]
        assert len(ended) == 2, "the broker and the database's first process"
        for process in ended:
            process.kill()
        up_log = platform.data_dir / "up.log"
        await eventually(
            lambda: up_log.read_text().count("had ended and is up again") == 2, describe="both back", within=60
        )
        async with a_stage(running) as stage:

            async def registered() -> bool:
                try:
                    await onboarding.register(stage, stage.partners[0])
                except StepFailed as failed:
                    if "OrganizationTaken" not in str(failed):  # an earlier try was carried out, and its answer lost
                        raise
                return True

            await eventually(registered, describe="somebody can register again", within=60, every=0.5)
            await eventually(
                lambda: _known_to_matching(running), describe="and it is heard of on the topics", within=60
            )


async def _known_to_matching(running: Platform) -> bool:
    dsn = running.infrastructure.postgres_admin_dsn
    connection = await asyncpg.connect(dsn, database="viceversa_matching")
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM organization") == 1)
    finally:
        await connection.close()


async def _accept_until_killed(
    stage: Stage, proposals: list[dict[str, Any]], *, kill: Callable[[], int]
) -> list[tuple[str, str, str]]:
    wishes = [(pair["id"], member["person"]["id"], str(uuid4())) for pair in proposals for member in pair["members"]]
    answered = 0
    enough = asyncio.Event()

    async def one(pair_id: str, person_id: str, command_id: str) -> None:
        nonlocal answered
        try:
            await _accept(stage, pair_id, person_id, command_id)
        except StepFailed:
            return  # killed under our hands: we do not know whether it was done
        answered += 1
        if answered >= len(wishes) // 3:
            enough.set()

    async def pull_the_plug() -> None:
        await asyncio.wait_for(enough.wait(), 30)
        assert await asyncio.to_thread(kill) > 7, "keeper, PostgreSQL, broker and five deployables"

    work: list[Awaitable[Any]] = [pull_the_plug(), all_at_once([partial(one, *wish) for wish in wishes], width=4)]
    await asyncio.gather(*work)
    assert answered < len(wishes), "the kill came too late to interrupt anything"
    return wishes


async def _accept(stage: Stage, pair_id: str, person_id: str, command_id: str) -> None:
    await stage.people[person_id].client.do("acceptPair", {"pairId": pair_id, "commandId": command_id})


async def _agreements(running: Platform, count: int) -> bool:
    dsn = running.infrastructure.postgres_admin_dsn
    connection = await asyncpg.connect(dsn, database="viceversa_feedback")
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM agreement") == count)
    finally:
        await connection.close()


async def _nothing_is_lost(running: Platform) -> None:
    """Every fact in every outbox was published, and every consumer that takes it has it in its inbox exactly once."""

    async def unconfirmed() -> Any:
        waiting = 0
        for name in running.dsns:
            connection = await asyncpg.connect(running.infrastructure.postgres_admin_dsn, database=f"viceversa_{name}")
            try:
                waiting += await connection.fetchval("SELECT count(*) FROM unpublished")
                assert await connection.fetchval("SELECT count(*) FROM parked") == 0, f"{name} parked something"
            finally:
                await connection.close()
        if waiting:
            return False
        found = await reconcile({name: dsn.app for name, dsn in running.dsns.items()}, specs=specs(), repair=False)
        return sum(each.requeued for each in found) == 0

    await eventually(unconfirmed, describe="every fact reached every consumer", within=30, every=0.5)


async def _mail_is_quiet(running: Platform) -> None:
    counts: list[int] = []

    def quiet() -> bool:
        counts.append(mailbox.count(running.mail))
        return len(counts) > 4 and len(set(counts[-4:])) == 1

    await eventually(quiet, describe="the mail server has nothing more to take", within=30, every=0.5)
