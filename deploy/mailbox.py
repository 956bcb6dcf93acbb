"""The embedded platform's mail server: a real SMTP server that keeps every message in a Maildir instead of sending it on."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

import uvloop
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _Keep:
    """Takes a message by renaming a complete file into `new`: a reader, or a kill, never meets half of one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for room in ("tmp", "new", "cur"):
            (folder / room).mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        name = f"{time.time():.6f}.{secrets.token_hex(6)}.viceversa"
        content = envelope.content or b""
        (self._folder / "tmp" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (self._folder / "tmp" / name).rename(self._folder / "new" / name)
        return f"250 OK kept as {name}"


@contextmanager
def mail_server(folder: Path, *, port: int, host: str = "127.0.0.1") -> Iterator[str]:
    """`smtp://host:port` while the block runs; messages go into the Maildir `folder`."""
    controller = Controller(
        _Keep(folder), hostname=host, port=port, loop=uvloop.new_event_loop(), ready_timeout=10, ident="Viceversa"
    )
    controller.start()
    try:
        yield f"smtp://{host}:{port}"
    finally:
        controller.stop()


def count(folder: Path) -> int:
    """How many messages arrived."""
    return sum(1 for _ in (folder / "new").glob("*"))


def messages(folder: Path) -> list[Message]:
    """The headers of every message that arrived, oldest first; bodies are left unparsed."""
    return [headers(file) for file in sorted((folder / "new").glob("*"))]


def headers(file: Path) -> Message:
    """The headers of one message; its body is left unparsed."""
    with file.open("rb") as content:
        return BytesHeaderParser().parse(content)


def doubled(folder: Path) -> dict[str, int]:
    """Message-IDs that arrived more than once, with how often."""
    counts = Counter(str(message["Message-ID"]) for message in messages(folder))
    return {message_id: times for message_id, times in counts.items() if times > 1}
