"""Computing in a process of its own: the event loop stays free, and the models' memory is given back when it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress

import msgspec

from services.matching.jobs.frames import LENGTH, Line, Order, framed

LAST_WORDS = 2_000


class EngineRefused(Exception):
    """The rules cannot hold together; the message says which."""


class EngineFailed(Exception):
    """The engine broke; the message is the end of what it wrote to its error stream."""


class EngineDied(Exception):
    """The process was killed from outside, by the system's memory guard perhaps: another try may succeed."""


async def compute(order: Order) -> AsyncGenerator[Line]:
    """What the engine says, line by line. Closing this iterator kills the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.matching.jobs.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it says why on its error stream
            process.stdin.write(framed(order))
            await process.stdin.drain()
        while (line := await _line_from(process.stdout)) is not None:
            if line.refused:
                raise EngineRefused(line.refused)
            if line.finished:
                return
            yield line
        code = await process.wait()
        said = (await errors).decode(errors="replace").strip()[-LAST_WORDS:]
        if code < 0:
            raise EngineDied(f"the computing process was killed by signal {-code}")
        raise EngineFailed(said or f"the computing process ended with status {code} and no result")
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        errors.cancel()


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
