"""What benchmarks stand on: PostgreSQL and a broker of their own in a temporary folder, and facts of a realistic size."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid5

import structlog
import uvloop
from kafka import KafkaAdminClient

from chassis.broker import BrokerSettings, broker_settings
from chassis.database import migrate
from chassis.serve import collect_less
from contracts.matching import Enrolment, EnrolmentChanged, EnrolmentStatus
from contracts.profiles import Facets, Language, Need, Offer, Profile, ProfileUpdated, Window
from deploy.embedded import embedded, temporary_folder
from deploy.provision import ServiceDsns, provision

Found = TypeVar("Found")
SERVICE = "benchmarks"
PARTITIONS = 4
_VERSIONS = Path(__file__).parent / "versions"
_ROOT = UUID("6f1d1b0e-6a53-4c38-9d5f-2f6a3d1f7a10")
_NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Ground:
    """A migrated database of the service `benchmarks`, and a broker."""

    dsns: ServiceDsns
    admin_dsn: str
    bootstrap: str
    broker: BrokerSettings

    def topic(self, name: str) -> str:
        """Make a topic with several partitions; its name."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}})
        finally:
            admin.close()
        return name


@contextmanager
def ground() -> Iterator[Ground]:
    """Start everything, and leave nothing behind. Commits wait for the disk, as in production."""
    with temporary_folder() as folder, embedded(folder, durable=True) as running:
        dsns = asyncio.run(provision(running.postgres_admin_dsn, service=SERVICE, password="for benchmarks"))
        migrate(SERVICE, dsn=dsns.owner, versions=_VERSIONS)
        broker = broker_settings(bootstrap=running.kafka_bootstrap, embedded=True)
        yield Ground(dsns, running.postgres_admin_dsn, running.kafka_bootstrap, broker)


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """Run as the services do: on uvloop, with their garbage collection, and with quiet logs."""
    collect_less()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def fact(number: int, *, people: int) -> ProfileUpdated:
    """One of many changes to the profiles of so many people: the largest kind of fact, about 1,150 bytes of JSON."""
    person_id = uuid5(_ROOT, str(number % people))
    organization_id = uuid5(_ROOT, f"organization {number % 7}")
    return ProfileUpdated(
        key=person_id,
        version=number // people + 1,
        occurred_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        organization_id=organization_id,
        actor_id=person_id,
        profile=Profile(
            person_id=person_id,
            organization_id=organization_id,
            subject=f"person-{number % people}",
            display_name=f"Person Number {number % people}",
            job_title="Nurse practitioner",
            zone="Europe/Warsaw",
            languages=(Language(code="pl"), Language(code="en")),
            availability=(Window(weekday=1, start=540, end=660), Window(weekday=3, start=600, end=720)),
            offers=(
                Offer(text="Short video editing on a phone", level=4),
                Offer(text="Reading charts of blood values"),
            ),
            needs=(Need(text="How to speak in front of a large group", priority=3), Need(text="Spreadsheets")),
            facets=Facets(career_stage="early", industry="health", function="care"),
        ),
    )


def place(number: int, *, people: int) -> EnrolmentChanged:
    """One of many changes to the places of so many people in a cohort: a fact of the usual size, about 500 bytes of JSON."""
    person_id = uuid5(_ROOT, str(number % people))
    return EnrolmentChanged(
        key=person_id,
        version=number // people + 1,
        occurred_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        organization_id=uuid5(_ROOT, f"organization {number % 7}"),
        actor_id=person_id,
        enrolment=Enrolment(
            enrolment_id=person_id,
            cohort_id=_ROOT,
            person_id=person_id,
            organization_id=uuid5(_ROOT, f"organization {number % 7}"),
            status=EnrolmentStatus.ADMITTED,
        ),
    )
