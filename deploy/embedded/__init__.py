"""Real PostgreSQL and a real broker out of wheels: no container, no Java, no root, nothing left behind.

Everything of a platform's infrastructure lives in one folder: `postgres/` (the data), `postgres.password`
(mode 0600), `postgres.log`, `broker.log`, `lock`. The broker keeps nothing. Both end when this process ends,
however it ends.
"""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.broker import Broker, start_broker
from deploy.embedded.child import Child, ChildFailed, free_port, start
from deploy.embedded.forking import CAN_FORK, Nursery, nursery
from deploy.embedded.postgres import Postgres, forget_shared_memory, start_postgres

__all__ = [
    "CAN_FORK",
    "Broker",
    "Child",
    "ChildFailed",
    "Infrastructure",
    "Nursery",
    "Postgres",
    "embedded",
    "free_port",
    "nursery",
    "start",
    "start_broker",
    "start_postgres",
    "temporary_folder",
]

_TEMPORARY = "viceversa-"


@dataclass(frozen=True)
class Infrastructure:
    """Where the running PostgreSQL and broker are."""

    postgres_admin_dsn: str
    kafka_bootstrap: str
    data_dir: Path
    children: tuple[Child, ...] = ()


@contextmanager
def embedded(
    data_dir: Path,
    *,
    durable: bool = True,
    thrown_away: bool = False,
    postgres_port: int | None = None,
    kafka_port: int | None = None,
) -> Iterator[Infrastructure]:
    """PostgreSQL and a broker on `data_dir` while the block runs; both are stopped gracefully at its end.

    `durable=False` makes commits faster and safe against everything but a power failure (tests). `thrown_away`:
    nobody will want the data back, so that losing PostgreSQL may lose the last of it (demo). Ports are free ones of
    127.0.0.1 unless given. ChildFailed says why something did not come up.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    broker = start_broker(kafka_port, log=data_dir / "broker.log")
    try:
        postgres = start_postgres(data_dir, postgres_port, durable=durable, thrown_away=thrown_away)
        try:
            yield Infrastructure(
                postgres_admin_dsn=postgres.admin_dsn,
                kafka_bootstrap=broker.bootstrap,
                data_dir=data_dir,
                children=(postgres.child, broker.child),
            )
        finally:
            postgres.stop()
    finally:
        broker.stop()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for `embedded` that is gone afterwards. Removes what killed processes left, too."""
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    try:
        with (folder / "owner").open("wb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            yield folder
    finally:
        forget_shared_memory(folder)
        shutil.rmtree(folder)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):  # somebody else's, or still in use
            if time.time() - folder.stat().st_mtime < 60:
                continue  # perhaps just made, and not locked yet
            with (folder / "owner").open("r+b") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                forget_shared_memory(folder)
                shutil.rmtree(folder)
