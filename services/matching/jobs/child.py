"""The process that computes one run and ends: ``python -m services.matching.jobs.child``.

In: a line ``seed length``, then that many bytes of snapshot; the pipe stays open, and its end means that the parent died.
Out: one JSON object a line: ``{"stage", "done"}`` …, at last ``{"plan"}`` or ``{"refused"}``.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass

import msgspec

from services.matching.engine.model import Plan, RulesContradict, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of output."""

    stage: str = ""
    done: float = 0.0
    plan: Plan | None = None
    refused: str = ""


def main() -> None:
    """Read, compute, write."""
    seed, length = (int(number) for number in sys.stdin.buffer.readline().split())
    content = sys.stdin.buffer.read(length)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(5)  # the service that waits for us goes first

    # Loaded here: the parent imports this module for Line, and must stay small.
    from services.matching.engine import meaning
    from services.matching.engine.match import match

    def tell(line: Line) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()

    snapshot = msgspec.json.decode(content, type=Snapshot)
    try:
        plan = match(
            snapshot,
            seed=seed,
            similarity=meaning.load(),
            on_progress=lambda stage, done: tell(Line(stage=stage, done=done)),
        )
    except RulesContradict as error:
        tell(Line(refused=str(error)))
    else:
        tell(Line(plan=plan))


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
