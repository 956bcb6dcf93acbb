"""Blocks of a huge cohort, each planned in a process of its own: as many at once as there are processors."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from services.matching.engine.apart import Block, plan_block
from services.matching.engine.solving.solution import Solution

_LOOK_EVERY = 0.2  # seconds between two looks at whether there is time left


class BlockFailed(Exception):
    """A process ended without the plan of its block; its last words are on the error stream."""


def in_processes(blocks: Sequence[Block], late: Callable[[], bool]) -> list[Solution | None]:
    """The plans, in the order of ``blocks``; None for those that were not ready when ``late`` turned true.

    Raises ``BlockFailed``. No process outlives this call, nor for long whoever made it."""
    context = multiprocessing.get_context("spawn")  # a fork would take along the locks of our threads
    at_once = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found: list[Solution | None] = [None] * len(blocks)
    waiting = list(enumerate(blocks))[::-1]
    running: dict[connection.Connection, tuple[int, BaseProcess]] = {}
    try:
        while (waiting or running) and not late():
            while waiting and len(running) < at_once:
                number, block = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(target=_plan, args=(block, theirs), daemon=True)
                process.start()
                theirs.close()
                running[ours] = number, process
            for ready in connection.wait(list(running), timeout=_LOOK_EVERY):
                assert isinstance(ready, connection.Connection)
                number, process = running[ready]
                try:
                    found[number] = ready.recv()
                except EOFError:
                    process.join()
                    raise BlockFailed(
                        f"the process of block {number + 1} of {len(blocks)} ended with status {process.exitcode} and no plan"
                    ) from None
                process.join()
                ready.close()
                del running[ready]
    finally:
        for ours, (_, process) in running.items():
            process.kill()
            process.join()
            ours.close()
    return found


def _plan(block: Block, to: connection.Connection) -> None:
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    to.send(plan_block(block, threads=1))
    to.close()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
