"""The embedded PostgreSQL and broker carry, and go with their starter."""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaProducer

from deploy.embedded import (
    Broker,
    ChildFailed,
    Infrastructure,
    embedded,
    start,
    start_broker,
    start_postgres,
    temporary_folder,
)
from deploy.places import ROOT
from tests.probes import Topics, eventually

STARTER = """
import asyncio, json, sys, time
from pathlib import Path
import asyncpg
from deploy.embedded import embedded

async def write(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")

with embedded(Path(sys.argv[1])) as running:
    asyncio.run(write(running.postgres_admin_dsn))
    print(json.dumps([[child.pid for child in running.children], running.kafka_bootstrap]), flush=True)
    time.sleep(600)
"""


async def kept(folder: Path) -> int:
    """Start PostgreSQL on `folder` again and read what STARTER committed."""
    server = start_postgres(folder)
    try:
        connection = await asyncpg.connect(server.admin_dsn)
        try:
            n: int = await connection.fetchval("SELECT n FROM kept")
            return n
        finally:
            await connection.close()
    finally:
        server.stop()


def alive(pids: Sequence[int]) -> list[psutil.Process]:
    """Those that run (a dead process that nobody has buried does not), with all below them."""
    running = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                running += [process, *process.children(recursive=True)]
    return running


def working_in(folder: Path) -> list[psutil.Process]:
    """Every process that has `folder`, or something below it, as its working folder or among its arguments."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                found.append(process)
    return found


class TestEmbedded:
    @pytest.mark.fault
    @pytest.mark.parametrize("also", ["nothing else", "PostgreSQL", "everything"])
    async def test_keeps_what_was_committed_when_killed(self, also: str, tmp_path: Path) -> None:
        command = [sys.executable, "-c", STARTER, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:  # noqa: ASYNC220
            assert starter.stdout is not None
            (postgres, broker), _ = json.loads(starter.stdout.readline())
            below = alive([postgres])
            starter.kill()
            if also != "nothing else":
                with suppress(ProcessLookupError):
                    os.kill(postgres, signal.SIGKILL)
            for worker in below if also == "everything" else ():
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
        assert await kept(tmp_path) == 7
        await eventually(lambda: not alive([postgres, broker]), describe="both children ended with their starter")
        assert working_in(tmp_path) == []

    def test_starts_where_a_dead_servers_number_lives_on(self, tmp_path: Path) -> None:
        start_postgres(tmp_path, durable=False).stop()
        file = tmp_path / "postgres" / "postmaster.pid"
        login = pwd.getpwuid(file.parent.stat().st_uid).pw_name if os.geteuid() == 0 else None
        somebody = start("somebody else", program=["/bin/sleep", "60"], login=login)
        try:
            file.write_text(f"{somebody.pid}\n{file.parent}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n")
            start_postgres(tmp_path, durable=False).stop()
            assert somebody.running()
        finally:
            somebody.stop()

    def test_refuses_a_folder_that_is_in_use(self, tmp_path: Path) -> None:
        server = start_postgres(tmp_path, durable=False)
        with pytest.raises(ChildFailed, match="in use by another"):
            start_postgres(tmp_path)
        server.stop()

    def test_finishes_a_first_start_that_was_interrupted(self, tmp_path: Path) -> None:
        (tmp_path / "postgres.unfinished").mkdir()
        (tmp_path / "postgres.unfinished" / "PG_VERSION").touch()
        start_postgres(tmp_path, durable=False).stop()
        assert not (tmp_path / "postgres.unfinished").exists()

    def test_says_when_a_port_is_taken(self, infrastructure: Infrastructure, tmp_path: Path) -> None:
        taken = int(infrastructure.kafka_bootstrap.rpartition(":")[2])
        with pytest.raises(ChildFailed, match=r"(?i)address (already )?in use"):
            start_broker(taken, log=tmp_path / "broker.log")
        with pytest.raises(ChildFailed, match="could not bind"):
            start_postgres(tmp_path, taken)

    def test_outlives_the_thread_that_started_it(self) -> None:
        started: list[Broker] = []
        thread = threading.Thread(target=lambda: started.append(start_broker()))
        thread.start()
        thread.join()
        with pytest.raises(subprocess.TimeoutExpired):
            started[0].child.process.wait(timeout=0.2)
        started[0].stop()

    def test_leaves_nothing_behind(self) -> None:
        with temporary_folder() as folder, embedded(folder, durable=False) as running:
            pids = [child.pid for child in running.children]
            ports = {c.laddr.port for p in alive(pids) for c in p.net_connections("tcp")}
            assert len(ports) == 2
            assert (folder / "postgres.password").stat().st_mode & 0o777 == 0o600
            assert {c.laddr for p in alive(pids) for c in p.net_connections("unix")} <= {""}  # no socket file
        assert alive(pids) == []
        assert working_in(folder) == []
        assert not folder.exists()
        for port in ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", port))

    def test_removes_what_a_killed_process_could_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        long_ago = time.time() - 3600
        with temporary_folder() as in_use:
            os.utime(in_use, (long_ago, long_ago))
            orphan = tmp_path / "viceversa-orphan"
            orphan.mkdir()
            (orphan / "owner").touch()
            os.utime(orphan, (long_ago, long_ago))
            with temporary_folder():
                assert not orphan.exists()
                assert in_use.exists()

    def test_leaves_no_shared_memory_of_a_server_that_was_killed(self) -> None:
        def held() -> set[str]:
            return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()}

        with temporary_folder() as folder:
            start_postgres(folder, durable=False).kill()
            segment = (folder / "postgres" / "postmaster.pid").read_text().splitlines()[6].split()[1]
            assert segment in held()
        assert segment not in held()

    async def test_broker_gives_the_independent_probe_what_was_sent(
        self, infrastructure: Infrastructure, topics: Topics
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=infrastructure.kafka_bootstrap, acks="all")
        await producer.start()
        try:
            for n in range(3):
                await producer.send_and_wait("house", b"%d" % n, key=b"k", headers=[("ce_id", b"%d" % n)])
            await producer.send_and_wait("house", None, key=b"k")
        finally:
            await producer.stop()
        records = await topics.read("house")
        assert [(r.key, r.value, r.headers.get("ce_id")) for r in records] == [
            (b"k", b"0", b"0"),
            (b"k", b"1", b"1"),
            (b"k", b"2", b"2"),
            (b"k", None, None),
        ]
        assert [r.offset for r in records] == [0, 1, 2, 3]
        assert await topics.read("absent") == []
