"""Processes that one of ours forks off, with everything imported already: the starter's side of `deploy.nursery`."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.child import Child, ChildFailed, start

CAN_FORK = sys.platform == "linux"  # elsewhere a fork of a process with much in it is not safe
_IMPORTED_WITHIN = 120.0


@dataclass
class Forked:
    """A process that is not our own child: what `subprocess.Popen` can tell and do, as far as we need it."""

    pid: int
    returncode: int | None = None
    handle: int | None = None  # a pidfd: a signal can never reach somebody else who has got this number meanwhile
    ended: threading.Event = field(default_factory=threading.Event)

    def poll(self) -> int | None:
        """Its exit status (negative: a signal); None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status once it has ended; subprocess.TimeoutExpired."""
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None and self.handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def note_end(self, status: int) -> None:
        """It has ended, and with which status."""
        self.returncode = status
        if self.handle is not None:
            handle, self.handle = self.handle, None
            os.close(handle)
        self.ended.set()


@dataclass
class Nursery:
    """A process that has imported what ours need, and forks them off when asked."""

    child: Child
    orders: socket.socket
    _running: dict[int, Forked] = field(default_factory=dict)
    _ended: dict[int, int] = field(default_factory=dict)  # before we knew of its start
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _answers: list[int] = field(default_factory=list)
    _answered: threading.Condition = field(default_factory=threading.Condition)

    def load(self, modules: Sequence[str]) -> None:
        """Have it import these before it forks anything else off; returns at once."""
        with self._asking:
            self._order("importing", {"import": list(modules)})

    def start(
        self, name: str, *, run: Sequence[str], log: Path, environment: Mapping[str, str], given: str = ""
    ) -> Child:
        """Fork one off that calls `main(arguments)` of `run`: a module, then its arguments. `given` is its standard input."""
        order = {"run": list(run), "name": name, "log": str(log), "environment": dict(environment), "input": given}
        with self._asking:
            self._order(name, order)
            with self._answered:
                deadline = time.monotonic() + _IMPORTED_WITHIN
                while not self._answers:
                    if not self.child.running() or time.monotonic() > deadline:
                        raise self._failed(name)
                    self._answered.wait(0.5)
                pid = self._answers.pop()
        process = Forked(pid)
        with self._lock:
            with suppress(ProcessLookupError):  # it ended already
                process.handle = os.pidfd_open(pid)
            if pid in self._ended:
                process.note_end(self._ended.pop(pid))
            else:
                self._running[pid] = process
        return Child(name=name, process=process, log=log)

    def listen(self) -> None:
        """Hear what it says until it ends; whatever it has forked off ends then, too."""
        with self.orders.makefile("rb") as lines, suppress(OSError):
            for line in lines:
                said = json.loads(line)
                if "started" in said:
                    with self._answered:
                        self._answers.append(said["started"])
                        self._answered.notify_all()
                else:
                    self._note_end(said["ended"], said["status"])
        with self._lock:
            left = dict(self._running)
        for pid, process in left.items():
            if process.handle is not None:
                select.select([process.handle], [], [])
            self._note_end(pid, -signal.SIGTERM)  # nobody can tell any more: most probably so

    def _note_end(self, pid: int, status: int) -> None:
        with self._lock:
            process = self._running.pop(pid, None)
            if process is None:
                self._ended[pid] = status
            else:
                process.note_end(status)

    def _order(self, name: str, order: Mapping[str, object]) -> None:
        try:
            self.orders.sendall(json.dumps(order).encode() + b"\n")
        except OSError as error:
            raise self._failed(name) from error

    def _failed(self, name: str) -> ChildFailed:
        return ChildFailed(f"{name} could not be started by the nursery.\n{self.child.last_words()}")


@contextmanager
def nursery(*, log: Path, environment: Mapping[str, str], folder: Path) -> Iterator[Nursery]:
    """A nursery while the block runs. At its end, what was forked off must have ended."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = start(
                "nursery",
                program=[sys.executable, "-m", "deploy.nursery"],
                log=log,
                environment=environment,
                folder=folder,
                talking=theirs,
            )
        found = Nursery(child, ours)
        listener = threading.Thread(target=found.listen, name="nursery", daemon=True)
        listener.start()
        try:
            yield found
        finally:
            with suppress(OSError):
                ours.shutdown(socket.SHUT_WR)
            child.stop(within=5)
            listener.join(5)
