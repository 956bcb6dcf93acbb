"""Apache Kafka and PostgreSQL in containers, for tests: started once, labelled, removed at the end whatever happens."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Its helper would have to be fetched, and our own `finally` removes everything (what a SIGKILL leaves is removed at the next start).
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

import psutil
import pytest
from kafka import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
    UnknownTopicOrPartitionError,
)
from testcontainers.core.container import DockerContainer

from deploy.embedded import Infrastructure, free_port
from tests.probes import CONTAINERS

KAFKA, POSTGRES = "apache/kafka:4.3.1", "postgres:17"
LABEL = "viceversa.tests"
_PASSWORD = "for-tests"
_KAFKA_WITHIN, _POSTGRES_WITHIN = 240.0, 120.0  # on a machine that has much else to do
_INTERNAL = "__"  # the broker's own topics begin with it


@cache
def missing() -> str:
    """Why container tests cannot run here; empty when they can."""
    if not CONTAINERS:
        return "runs on containers only: make test-containers"
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no container engine here: {error}"
    if answer.returncode:
        return f"no container engine answers: {answer.stderr.strip()[-200:]}"
    for image in (KAFKA, POSTGRES):
        here = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0
        if not here and subprocess.run(["docker", "pull", "-q", image], capture_output=True, check=False).returncode:
            return f"the image {image} is not here and cannot be fetched"
    return ""


class KafkaContainer:
    """One combined broker and controller on a free port of this machine, with the platform's own settings of a broker."""

    def __init__(self, *, port: int | None = None, settings: dict[str, str] | None = None) -> None:
        self.port = port or free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        container = (
            DockerContainer(KAFKA)
            .with_bind_ports(9092, self.port)
            .with_kwargs(labels={LABEL: str(os.getpid())}, mem_limit="1g")
        )
        environment = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "CLIENTS://:9092,CONTROLLER://127.0.0.1:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"CLIENTS://{self.bootstrap}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "CLIENTS",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE": "33554432",
            "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
            # Tests kill it: starting quickly matters, and that a killed broker is soon known to be dead. (Compiled in haste it is slower.)
            "KAFKA_OPTS": "-XX:TieredStopAtLevel=1",
            "KAFKA_BROKER_SESSION_TIMEOUT_MS": "2000",
            "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
            **(settings or {}),
        }
        for name, value in environment.items():
            container.with_env(name, value)
        self.container = container

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.container.start()
        self._wait()

    def kill(self) -> None:
        """SIGKILL; nothing when it does not run."""
        wrapped = self.container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status != "exited":
            wrapped.kill()
            wrapped.wait()

    def start_again(self) -> None:
        """Start what was killed; its data is still there."""
        self.container.get_wrapped_container().start()
        self._wait()

    def pause(self) -> None:
        """It stands still: connections stay open, nothing is answered."""
        self.container.get_wrapped_container().pause()

    def resume(self) -> None:
        """It goes on."""
        self.container.get_wrapped_container().unpause()

    def run(self, *command: str) -> str:
        """What a program inside prints; AssertionError when it fails."""
        result = self.container.exec(list(command))
        assert result.exit_code == 0, result.output.decode(errors="replace")
        return result.output.decode(errors="replace")

    def clean(self) -> None:
        """Running, with no topic and no group of an earlier test."""
        wrapped = self.container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status == "paused":
            wrapped.unpause()
        elif wrapped.status == "exited":
            self.start_again()
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            _forget_groups(admin)
            topics = [name for name in admin.list_topics() if not name.startswith(_INTERNAL)]
            if topics:
                with suppress(UnknownTopicOrPartitionError):
                    admin.delete_topics(topics)
                deadline = time.monotonic() + 30
                while set(admin.list_topics()) & set(topics):
                    assert time.monotonic() < deadline, "the broker does not delete topics"
                    time.sleep(0.02)
        finally:
            admin.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + _KAFKA_WITHIN
        while not _answers(self.port):
            if time.monotonic() > deadline:
                logs = self.container.get_wrapped_container().logs(tail=30).decode(errors="replace")
                raise AssertionError(f"Kafka does not answer:\n{logs}")
            time.sleep(0.1)


def _forget_groups(admin: KafkaAdminClient) -> None:
    # A broker that has just started still reads what it knew of them, and a member that was killed is one until its session ends.
    deadline = time.monotonic() + 60
    while True:
        found: object = "it still reads them"
        with suppress(CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError):
            groups = [group["group_id"] for group in admin.list_groups()]
            if not groups:
                return
            found = admin.delete_groups(groups)
        assert time.monotonic() < deadline, f"the broker does not forget groups: {found}"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    """Whether a broker answers its first question. Asked by hand: the engine's proxy takes connections before the broker does, and a
    whole client needs up to ten seconds to get over that."""
    which_versions = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(which_versions)) + which_versions)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


class PostgresContainer:
    """PostgreSQL on a free port of this machine; its user `postgres` may do everything."""

    def __init__(self) -> None:
        self.port = free_port()
        self.admin_dsn = f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{self.port}/postgres"
        self.container = (
            DockerContainer(POSTGRES)
            .with_bind_ports(5432, self.port)
            .with_env("POSTGRES_PASSWORD", _PASSWORD)
            .with_kwargs(labels={LABEL: str(os.getpid())}, mem_limit="1g", shm_size="128m")
            # A SIGKILL loses nothing that the system has been given; only a power failure would.
            .with_command(["postgres", "-c", "max_connections=200", "-c", "fsync=off"])
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.container.start()
        self.wait()

    def kill(self) -> None:
        """SIGKILL."""
        wrapped = self.container.get_wrapped_container()
        wrapped.kill()
        wrapped.wait()

    def start_again(self) -> None:
        """Start what was killed; it recovers its data."""
        self.container.get_wrapped_container().start()
        self.wait()

    def wait(self) -> None:
        """Return when it takes connections over TCP (during its first start it listens on its socket alone)."""
        deadline = time.monotonic() + _POSTGRES_WITHIN
        while self.container.exec(["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]).exit_code:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.2)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert time.monotonic() < deadline, "PostgreSQL's port is not published"
            time.sleep(0.1)


@dataclass(frozen=True, kw_only=True)
class Containers(Infrastructure):
    """Infrastructure whose parts are containers."""

    kafka: KafkaContainer
    postgres: PostgresContainer


@contextmanager
def containerized(data_dir: Path) -> Iterator[Containers]:
    """Both while the block runs; a skip when there is no engine."""
    if reason := missing():
        pytest.skip(reason)
    _remove_leftovers()
    kafka, postgres = KafkaContainer(), PostgresContainer()
    try:
        with ThreadPoolExecutor() as both:
            for started in [both.submit(kafka.start), both.submit(postgres.start)]:
                started.result()
        yield Containers(postgres.admin_dsn, kafka.bootstrap, data_dir, kafka=kafka, postgres=postgres)
    finally:
        _remove_leftovers()


def _remove_leftovers() -> None:
    """Our own containers, and those of test runs that no longer live."""
    shown = ["docker", "ps", "-a", "--filter", f"label={LABEL}", "--format", '{{.ID}} {{.Label "' + LABEL + '"}}']
    listed = subprocess.run(shown, capture_output=True, text=True, check=False).stdout.splitlines()
    gone = [
        container
        for container, _, owner in (line.partition(" ") for line in listed)
        if owner == str(os.getpid()) or not (owner.isdigit() and psutil.pid_exists(int(owner)))
    ]
    if gone:
        subprocess.run(["docker", "rm", "-fv", *gone], capture_output=True, check=False)
