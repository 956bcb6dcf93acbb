"""What the service and its advisor say to each other, and the advisor's keeper: a process that stays, with a few cohorts at hand.

The service must stay small, and an answer must be quick: so the advisor is started by the first question, keeps the rooms that it
was asked about last, and ends when nobody asked for a while, or with the service. Loads nothing heavy.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from contracts.errors import Conflict
from services.matching.engine.model import Phrase, PlannedPair
from services.matching.jobs.compute import environment
from services.matching.jobs.frames import LENGTH, Meaning

KEPT_ROOMS = 4
IDLE_SECONDS = 600.0
MOST_SECONDS = 60.0  # for an answer: the first one of a large cohort takes longest

Sent = TypeVar("Sent")


class AdvisorIsAway(Conflict):
    """The advisor was stopped, or takes too long; the same question may be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMaterial:
    """What a room is made of: a snapshot (JSON), and what is known of its texts, by model and digest."""

    snapshot: bytes
    meaning: Meaning
    vectors: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMaterial:
    """What a run kept: see ``contracts.matching.RunProof``."""

    snapshot: bytes
    near: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """About a person: whom to suggest, or why not the ``other``. ``room`` and ``run`` name what is known; the materials come with
    the first question about them."""

    room: str
    person: str
    other: str = ""
    most: int = 5
    ranked: tuple[str, ...] = ()
    organizer: bool = False
    run: str = ""
    room_material: RoomMaterial | None = None
    run_material: RunMaterial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To a question: see ``engine.advising``. ``unknown``: what it is about was forgotten; ``failed``: why there is no answer."""

    pairs: tuple[PlannedPair, ...] = ()
    ranks: tuple[int, ...] = ()
    why: tuple[Phrase, ...] = ()
    unread: tuple[str, ...] = ()
    unread_of_others: int = 0
    code: str = ""
    rules: tuple[str, ...] = ()
    value: float | None = None
    unknown: bool = False
    failed: str = ""


class Advisor:
    """One process for all questions, one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._known: OrderedDict[str, None] = OrderedDict()

    def knows(self, name: str) -> bool:
        """Whether the material of a room or run need not be sent again."""
        return name in self._known and self._process is not None and self._process.poll() is None

    async def ask(self, question: Question) -> Answer:
        """Raises ``AdvisorIsAway``."""
        try:
            answer = await asyncio.wait_for(asyncio.to_thread(self._ask, question), MOST_SECONDS)
        except (OSError, EOFError, TimeoutError, msgspec.DecodeError) as error:
            self.stop()
            raise _away() from error
        if answer.unknown:
            self._known.clear()
            raise _away()
        if answer.failed:
            raise RuntimeError(f"the advisor failed: {answer.failed}")
        for name in filter(None, (question.room, question.run)):
            self._known[name] = None
            self._known.move_to_end(name)
        while len(self._known) > KEPT_ROOMS:
            self._known.popitem(last=False)
        return answer

    def stop(self) -> None:
        """End the process; the next question starts another one."""
        process, self._process = self._process, None
        self._known.clear()
        if process is not None:
            with suppress(OSError):
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def _ask(self, question: Question) -> Answer:
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            content = msgspec.msgpack.encode(question)
            process.stdin.write(len(content).to_bytes(LENGTH, "big") + content)
            process.stdin.flush()
            length = int.from_bytes(_exactly(process, LENGTH), "big")
            return msgspec.msgpack.decode(_exactly(process, length), type=Answer)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.matching.jobs.advisor"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
            )
        return self._process


advisor = Advisor()
"""The one of this service. Its process ends with ours: its standard input does."""


def _exactly(process: subprocess.Popen[bytes], length: int) -> bytes:
    assert process.stdout is not None
    content = process.stdout.read(length)
    if len(content) < length:
        raise EOFError("the advisor ended")
    return content


def _away() -> AdvisorIsAway:
    return AdvisorIsAway("The advisor had to start anew.", remedy="Ask again in a moment.")
