"""`python -m tests.drill --kills 20 --seed 7`: break a platform under load and see whether anything is lost. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

from deploy.embedded import ChildFailed, temporary_folder
from deploy.local import PlatformFailed
from tests.drill.containers import container_target
from tests.drill.drill import Drill, Wish
from tests.drill.target import Target, embedded_target

TARGETS: Mapping[str, Callable[[Path], AbstractContextManager[Target]]] = {
    "embedded": embedded_target,
    "containers": container_target,
}


def main() -> int:
    """Zero when nothing was lost, doubled or out of order, and nobody was left without an answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many kills (default: 20)")
    parser.add_argument("--seed", type=int, default=None, help="the faults to repeat; without it they are new ones")
    parser.add_argument("--chapter", type=int, default=50, help="kills between two judgements (default: 50)")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for data and logs, which stay there")
    parser.add_argument("--target", choices=TARGETS, default="embedded", help="what to break (default: embedded)")
    chosen = parser.parse_args()
    seed = random.randrange(1_000_000) if chosen.seed is None else chosen.seed
    os.environ.setdefault("VICEVERSA_MEANING", "light")  # understanding texts is not what breaks here
    signal.signal(signal.SIGTERM, _end)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", flush=True)

    say(
        f"a drill with {chosen.kills} kills; to repeat it: make drill KILLS={chosen.kills} SEED={seed} TARGET={chosen.target}"
    )
    try:
        with _folder(chosen.keep) as folder, TARGETS[chosen.target](folder) as target:
            say(f"the platform is up in {folder}")
            drill = Drill(target, Wish(kills=chosen.kills, seed=seed, chapter=chosen.chapter), say)
            result = asyncio.run(drill.run())
    except (PlatformFailed, ChildFailed) as failed:
        print(f"The platform could not be kept up: {failed}", file=sys.stderr)
        return 1
    for stuck in drill.stuck:
        say(f"stuck: {stuck}")
    print(f"RESULT {json.dumps(result)}")
    return 1 if drill.findings or drill.stuck else 0


def _folder(keep: Path | None) -> AbstractContextManager[Path]:
    return temporary_folder() if keep is None else nullcontext(keep.absolute())


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
