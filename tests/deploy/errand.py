"""What the nursery's tests have run: ``main(arguments)`` of a module, as the deployables have one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

imported_by = os.getpid()


def main(arguments: Sequence[str]) -> int:
    """Say something, then wait, fail or end, as asked."""
    sys.stdout.write(f"{os.environ['GREETING']} {sys.stdin.read()} {imported_by != os.getpid()}\n")
    if arguments[0] == "wait":
        signal.pause()
    if arguments[0] == "break":
        raise ValueError("broken on purpose")
    return int(arguments[0])
