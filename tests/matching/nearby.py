"""The computing process without the process: the same lines, out of this one.

Starting one takes longer than what it computes for four people; ``test_worker`` holds that a real one says the same. For tests of
what comes of an order.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from io import BytesIO

import msgspec

from services.matching.jobs.child import _carry_out
from services.matching.jobs.compute import EngineRefused, Spare
from services.matching.jobs.frames import LENGTH, Line, Order


async def compute(
    order: Order, *, stop: asyncio.Event | None = None, spare: Spare | None = None
) -> AsyncGenerator[Line]:
    """As ``jobs.compute`` does, with the models of the order; what it says is told when it has said everything."""
    lines = BytesIO()
    await asyncio.to_thread(_carry_out, order, lines, threading.Event())
    lines.seek(0)
    while length := lines.read(LENGTH):
        line = msgspec.msgpack.decode(lines.read(int.from_bytes(length, "big")), type=Line)
        if line.refused:
            raise EngineRefused(line.refused)
        if line.finished:
            return
        yield line
