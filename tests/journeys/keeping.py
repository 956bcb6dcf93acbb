"""A platform as an operator keeps it: `viceversa up` in a process of its own, which a test may kill with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from deploy.embedded import free_port
from deploy.local import Platform, attach
from deploy.places import ROOT, STATE


class Keeper:
    """Starts, kills and stops one platform on one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, within: float = 60.0) -> Platform:
        """Bring it up and wait until the gateway is ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / STATE).unlink(missing_ok=True)
        with (self.data_dir / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "up", "--data", str(self.data_dir), "--port", str(free_port())],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        deadline = time.monotonic() + within
        while not (self.data_dir / STATE).exists():
            said = (self.data_dir / "up.log").read_text()
            assert self._process.poll() is None, f"the platform ended while starting:\n{said[-3000:]}"
            assert time.monotonic() < deadline, f"the platform was not up after {within} s:\n{said[-3000:]}"
            time.sleep(0.1)
        running = attach(self.data_dir)
        assert httpx.get(f"{running.gateway_url}/health/ready", timeout=5).status_code == httpx.codes.OK
        return running

    def processes(self) -> list[psutil.Process]:
        """The keeper's process and all below it."""
        if self._process is None or self._process.poll() is not None:
            return []
        mother = psutil.Process(self._process.pid)
        return [mother, *mother.children(recursive=True)]

    def kill_everything(self) -> int:
        """SIGKILL to every process at once, database and broker included; how many."""
        everyone = self.processes()
        for process in everyone:
            with suppress(psutil.NoSuchProcess):  # its starter went a moment ago, and it with it
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(everyone, timeout=10)
        assert self._process is not None
        self._process.wait(10)
        return len(everyone)

    def stop(self) -> None:
        """Ask it to stop, and wait; whatever is left is an error."""
        everyone = self.processes()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(40)
        _, left = psutil.wait_procs(everyone, timeout=10)
        for process in left:
            process.kill()
        assert not left, f"these processes were left behind: {left}"


@contextmanager
def keeper(data_dir: Path) -> Iterator[Keeper]:
    """A keeper whose platform is stopped at the end."""
    found = Keeper(data_dir)
    try:
        yield found
    finally:
        found.stop()
