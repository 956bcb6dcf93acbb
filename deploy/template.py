"""A database cluster with everybody's empty tables, kept beside the installation: the next demonstration begins with a copy of it.

Making one takes a small machine several seconds, and the result is the same until a migration changes. Only what is thrown away
afterwards begins like this; a platform that keeps its data makes its own databases with passwords that nobody else has had.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from deploy.places import ROOT

_FOLDER = Path(sys.prefix) / "prepared"
_CLUSTER = ("postgres", "postgres.password")
_SECRET = "database.secret"  # noqa: S105  # a file's name
_MADE_BY = (
    "services/*/migrations/**/*.py",
    "gateway/migrations/**/*.py",
    "chassis/migrations/*.py",
    "deploy/provision.py",
    "deploy/embedded/postgres.py",
    "requirements.lock",
)


def take(data_dir: Path) -> str | None:
    """Copy the cluster into a data directory that has none; the secret that its passwords come from, or None: there is none to copy."""
    kept = _FOLDER / _fingerprint()
    try:
        secret = (kept / _SECRET).read_text()
        _copy(kept, data_dir)
    except (OSError, subprocess.SubprocessError):
        _remove(data_dir)
        return None
    return secret


def keep(data_dir: Path, *, secret: str) -> None:
    """Keep a copy of a cluster that is stopped, empty and up to date; those of earlier versions go. Nothing when there is no room."""
    unfinished = _FOLDER / f"unfinished-{secrets.token_hex(8)}"
    try:
        unfinished.mkdir(mode=0o700, parents=True)
        (unfinished / _SECRET).touch(mode=0o600)
        (unfinished / _SECRET).write_text(secret)
        _copy(data_dir, unfinished)
        for other in _FOLDER.iterdir():
            if other != unfinished:
                shutil.rmtree(other, ignore_errors=True)
        unfinished.rename(_FOLDER / _fingerprint())
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy(origin: Path, target: Path) -> None:
    # With its owner and modes, without which PostgreSQL would not have it.
    subprocess.run(["cp", "-pR", *(origin / name for name in _CLUSTER), target], check=True, capture_output=True)


def _remove(data_dir: Path) -> None:
    shutil.rmtree(data_dir / "postgres", ignore_errors=True)
    with suppress(FileNotFoundError):
        (data_dir / "postgres.password").unlink()


def _fingerprint() -> str:
    """Of everything that such a cluster comes from."""
    found = hashlib.sha256(f"{platform.platform()} {os.geteuid()} {sys.prefix}".encode())
    for pattern in _MADE_BY:
        for file in sorted(ROOT.glob(pattern)):
            found.update(f"\n{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return found.hexdigest()[:32]
