"""The nursery: processes that are forked off it are as much processes of their own as started ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded import CAN_FORK, Child, ChildFailed, Nursery, nursery
from deploy.places import ROOT
from tests.probes import eventually

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="deployables are forked off on Linux only")


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[Nursery]:
    """A nursery that has imported the errand."""
    with nursery(log=tmp_path / "nursery.log", environment=dict(os.environ), folder=ROOT) as found:
        found.load(["tests.deploy.errand"])
        yield found


def sent(forking: Nursery, errand: str, log: Path, *, greeting: str = "Hello") -> Child:
    """A process on an errand."""
    return forking.start(
        "errand", run=["tests.deploy.errand", errand], log=log, environment={"GREETING": greeting}, given="you"
    )


class TestAForkedProcess:
    def test_has_its_own_environment_input_log_and_end(self, forking: Nursery, tmp_path: Path) -> None:
        one = sent(forking, "0", tmp_path / "one.log", greeting="Hello")
        other = sent(forking, "3", tmp_path / "other.log", greeting="Salut")
        assert (one.process.wait(10), other.process.wait(10)) == (0, 3)
        assert (tmp_path / "one.log").read_text() == "Hello you True\n"  # True: it was imported before the fork
        assert (tmp_path / "other.log").read_text() == "Salut you True\n"
        assert one.pid != other.pid

    def test_says_in_its_log_why_it_broke(self, forking: Nursery, tmp_path: Path) -> None:
        child = sent(forking, "break", tmp_path / "log")
        assert child.process.wait(10) == 1
        assert "broken on purpose" in child.last_words()
        with pytest.raises(ChildFailed, match="ended with status 1"):
            child.require_running("we looked")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    async def test_ends_by_a_signal_and_leaves_the_others_alone(
        self, forking: Nursery, number: signal.Signals, tmp_path: Path
    ) -> None:
        first, second = (sent(forking, "wait", tmp_path / name) for name in ("first", "second"))
        assert first.running()
        await eventually(lambda: os.getsid(first.pid) == first.pid, describe="the child leads a session of its own")
        first.process.send_signal(number)
        assert first.process.wait(10) == -number
        first.process.send_signal(number)  # nobody is there any more
        with pytest.raises(subprocess.TimeoutExpired):
            second.process.wait(0.2)
        assert second.stop(within=5) == -signal.SIGTERM
        assert sent(forking, "0", tmp_path / "first").process.wait(10) == 0

    def test_ends_when_the_nursery_is_killed(self, forking: Nursery, tmp_path: Path) -> None:
        child = sent(forking, "wait", tmp_path / "log")
        forking.child.kill()
        assert child.process.wait(10) == -signal.SIGTERM
        with pytest.raises(ChildFailed, match="could not be started"):
            sent(forking, "0", tmp_path / "log")

    async def test_ends_when_the_starter_is_killed(self, tmp_path: Path) -> None:
        starter = (
            "import os, pathlib, sys, time\n"
            "from deploy.embedded import nursery\n"
            "from tests.deploy.test_nursery import sent\n"
            f"folder = pathlib.Path({str(tmp_path)!r})\n"
            "with nursery(log=folder / 'nursery.log', environment=dict(os.environ), folder=pathlib.Path.cwd()) as forking:\n"
            "    child = sent(forking, 'wait', folder / 'log')\n"
            "    print(forking.child.pid, child.pid, flush=True)\n"
            "    time.sleep(60)\n"
        )
        with subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            pids = [int(each) for each in process.stdout.readline().split()]
            assert all(map(alive, pids))
            process.kill()
        await eventually(lambda: not any(map(alive, pids)), describe="nursery and errand have ended")


def alive(pid: int) -> bool:
    """Whether a process is there and more than a dead entry in the table."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
