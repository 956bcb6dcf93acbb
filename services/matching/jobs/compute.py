"""Computing in a process of its own: the event loop stays free, and the models' memory is given back when it ends.

Loading the engine takes longer than planning a small cohort. So a process that computed a small order, and loaded no model for it, waits
a little for the next one, if somebody keeps it as a ``Spare``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from services.matching.jobs.frames import IDLE_SECONDS, LENGTH, STOP, Line, Order, framed

LAST_WORDS = 2_000


class EngineRefused(Exception):
    """The rules cannot hold together; the message says which."""


class EngineFailed(Exception):
    """The engine broke; the message is the end of what it wrote to its error stream."""


class EngineDied(Exception):
    """The process was killed from outside, by the system's memory guard perhaps: another try may succeed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Engine:
    """A computing process, and what it writes to its error stream."""

    process: asyncio.subprocess.Process
    errors: asyncio.Task[bytes]

    async def end(self) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        self.errors.cancel()


class Spare:
    """At most one computing process that waits for the next order. Whoever has one closes it."""

    def __init__(self) -> None:
        self._engine: _Engine | None = None
        self._since = 0.0

    async def take(self) -> _Engine | None:
        """The process, unless it waited for so long that it may be about to end."""
        engine, self._engine = self._engine, None
        if engine is None:
            return None
        if engine.process.returncode is None and asyncio.get_running_loop().time() - self._since < IDLE_SECONDS / 2:
            return engine
        await engine.end()
        return None

    async def keep(self, engine: _Engine) -> None:
        """Instead of ending it; the one before, if there is one, ends."""
        await self.close()
        self._engine, self._since = engine, asyncio.get_running_loop().time()

    async def close(self) -> None:
        """End the process that waits."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.end()


async def compute(
    order: Order, *, stop: asyncio.Event | None = None, spare: Spare | None = None
) -> AsyncGenerator[Line]:
    """What the engine says, line by line. Closing this iterator before its end kills the process. ``stop``: once it is set, the process
    ends with the best plan so far. ``spare``: where a process may come from, and go to afterwards."""
    waited = await spare.take() if spare is not None else None
    engine = waited or await _started()
    stopping: asyncio.Task[None] | None = None
    stays = False
    try:
        line = await _said_first(engine, order)
        if line is None and waited is not None:  # it had ended unseen
            await engine.end()
            engine = await _started()
            line = await _said_first(engine, order)
        process = engine.process
        assert process.stdin is not None
        assert process.stdout is not None
        if stop is not None:
            stopping = asyncio.create_task(_say_stop(stop, process.stdin))
        while line is not None:
            if line.refused:
                raise EngineRefused(line.refused)
            if line.finished:
                stays = line.stays
                return
            yield line
            line = await _line_from(process.stdout)
        code = await process.wait()
        said = (await engine.errors).decode(errors="replace").strip()[-LAST_WORDS:]
        if code < 0:
            raise EngineDied(f"the computing process was killed by signal {-code}")
        raise EngineFailed(said or f"the computing process ended with status {code} and no result")
    finally:
        if stopping is not None:
            stopping.cancel()
        if stays and spare is not None:
            await spare.keep(engine)
        else:
            await engine.end()


async def _started() -> _Engine:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.matching.jobs.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    assert process.stderr is not None
    return _Engine(process, asyncio.create_task(process.stderr.read()))


async def _said_first(engine: _Engine, order: Order) -> Line | None:
    assert engine.process.stdin is not None
    assert engine.process.stdout is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it says why on its error stream
        engine.process.stdin.write(framed(order))
        await engine.process.stdin.drain()
    return await _line_from(engine.process.stdout)


async def _say_stop(stop: asyncio.Event, to: asyncio.StreamWriter) -> None:
    await stop.wait()
    with suppress(BrokenPipeError, ConnectionResetError):  # it has ended already
        to.write(STOP)
        await to.drain()


async def _line_from(stream: asyncio.StreamReader) -> Line | None:
    try:
        length = int.from_bytes(await stream.readexactly(LENGTH), "big")
        return msgspec.msgpack.decode(await stream.readexactly(length), type=Line)
    except asyncio.IncompleteReadError:
        return None


def environment() -> dict[str, str]:
    """Ours without the platform's settings, which hold secrets; one thread, so that other work has the other processors."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VICEVERSA_")}
    return inherited | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
