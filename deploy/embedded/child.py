"""Processes that we start, own, and never leave behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

_LAUNCHER = Path(__file__).with_name("launch.py")

# The kernel tells a child that its starter died when the *thread* that started it ends. So every child is
# started by this one thread, which lives as long as the process does; callers may come and go.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


class ChildFailed(Exception):
    """A program that we started did not come up, or ended by itself."""


class Process(Protocol):
    """What we need of a `subprocess.Popen`, or of a process that another one of ours has forked off."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: signal.Signals, /) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Child:
    """A running program: ours, the leader of its own session, ended by the kernel when we end."""

    name: str
    process: Process
    log: Path | None

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, *, ask: signal.Signals = signal.SIGTERM, within: float = 10.0) -> int:
        """Ask it to end; after `within` seconds make it. Returns the exit status (negative: a signal)."""
        if self.running():
            self.process.send_signal(ask)
            # It may be paused (a fault drill): then it hears nothing until it is continued.
            self.process.send_signal(signal.SIGCONT)
        try:
            return self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.running():
            self.process.kill()
        self.process.wait()

    def last_words(self, *, lines: int = 15) -> str:
        """The end of its log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def require_running(self, doing: str) -> None:
        """ChildFailed with the end of its log, if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise ChildFailed(f"{self.name} ended with status {status} while {doing}.\n{self.last_words()}")


def start(
    name: str,
    *,
    program: Sequence[str | Path],
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    on_our_death: signal.Signals = signal.SIGTERM,
    login: str | None = None,
    talking: socket.socket | None = None,
) -> Child:
    """Start `program` (an absolute path, then its arguments).

    Its output goes to the end of `log`, or nowhere. `environment` replaces ours when given. `on_our_death` is
    sent to it when this process is gone, even by SIGKILL. `login` is the user to become, for a program that
    refuses root. `talking` becomes its standard input; otherwise that is empty.
    """
    command = [
        sys.executable,
        "-I",
        "-S",
        str(_LAUNCHER),
        str(os.getpid()),
        str(int(on_our_death)),
        login or "-",
        *map(str, program),
    ]

    def launch() -> subprocess.Popen[bytes]:
        with (log or Path(os.devnull)).open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if talking is None else talking.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                # Ctrl-C in a terminal reaches us alone: we stop our children in our order.
                start_new_session=True,
            )

    return Child(name=name, process=_starter.submit(launch).result(), log=log)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(child: Child, *, port: int, within: float = 10.0) -> None:
    """Return when `child` itself listens on `port`; ChildFailed when it ends or takes longer."""
    deadline = time.monotonic() + within
    while True:
        child.require_running(f"we waited for it to listen on port {port}")
        try:
            connections = psutil.Process(child.pid).net_connections(kind="tcp")
        except psutil.NoSuchProcess:
            continue  # it ended just now: the next round says so
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections):
            return
        if time.monotonic() > deadline:
            child.kill()
            raise ChildFailed(
                f"{child.name} does not listen on port {port} after {within:.0f} s.\n{child.last_words()}"
            )
        time.sleep(0.002)
