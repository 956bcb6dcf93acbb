"""SIGKILL of the sending process again and again: no mail is sent twice, and of every mail the truth is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.clock import SharedClock
from contracts.notifications import DeliveryStatus
from deploy.embedded import free_port
from deploy.mailbox import doubled, mail_server, messages
from services.notifications.domain.mail import DOUBTFUL
from tests.notifications.builders import NOON, World
from tests.notifications.conftest import SETTINGS, Service
from tests.probes import eventually

ROOT = Path(__file__).resolve().parents[2]
PAIRS, KILLS, DIALOGUES = 60, 3, 3

# The worker alone, as a process of its own; no broker is needed for it.
WORKER = """
import asyncio
from chassis.service import assemble
from chassis.settings import read
from services.notifications.app import app
from services.notifications.jobs.delivery import deliver_mail

asyncio.run(deliver_mail(assemble(app.spec, read("notifications", declared=app.spec.settings))))
"""


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A sending process, killed at the end of the block if it still lives."""
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


@pytest.mark.fault
async def test_no_mail_twice_and_the_truth_about_each(service: Service, tmp_path: Path) -> None:
    worlds = [World() for _ in range(PAIRS)]
    await service.hear(*(fact for world in worlds for fact in world.people()))
    await service.hear(*(world.pair() for world in worlds))
    clock = tmp_path / "clock"
    SharedClock(clock).forward(NOON - datetime.now(UTC))
    post = tmp_path / "mail"
    log = tmp_path / "worker.log"
    with mail_server(post, port=free_port()) as smtp_url:
        environment = {**{key: value for key, value in os.environ.items() if not key.startswith("VICEVERSA_")}} | {
            f"VICEVERSA_{name}": value
            for name, value in {
                **SETTINGS,
                "SMTP_URL": smtp_url,
                "MODE": "embedded",
                "DATABASE_URL": service.database.url,
                "KAFKA": "127.0.0.1:1",
                "INTERNAL_SECRET": "x" * 32,
                "CLOCK_FILE": str(clock),
            }.items()
        }
        for kill in range(1, KILLS + 1):
            with worker(environment, log) as process:
                enough = kill * 2 * PAIRS // (KILLS + 1)
                await eventually(
                    lambda enough=enough: len(list((post / "new").glob("*"))) >= enough,  # type: ignore[misc]
                    describe=f"{enough} mails before kill {kill}",
                    within=120,
                    every=0.01,
                )
                assert process.poll() is None, log.read_text()
            # What the leases would do in a few seconds.
            await service.rows(
                "UPDATE mail SET lease_until = clock_timestamp() - interval '1 second' "
                "WHERE lease_until IS NOT NULL RETURNING 1"
            )
            await service.time_passes()
        with worker(environment, log):

            async def all_settled() -> bool:
                return not await service.rows("SELECT 1 FROM mail WHERE state NOT IN ('sent', 'doubtful') LIMIT 1")

            await eventually(all_settled, describe="every mail is settled", within=120)
    await service.said()
    assert doubled(post) == {}
    arrived = {str(message["Message-ID"]).strip("<>").partition("@")[0] for message in messages(post)}
    delivered = {str(key) for key, each in service.inbox.items() if each.email is DeliveryStatus.DELIVERED}
    doubtful = {str(key) for key, each in service.inbox.items() if each.error == DOUBTFUL}
    assert len(delivered) + len(doubtful) == 2 * PAIRS, "of each mail something was said"
    assert delivered <= arrived <= delivered | doubtful
    assert len(doubtful) <= KILLS * DIALOGUES
