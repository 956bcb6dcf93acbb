"""The embedded platform's mail server: a real SMTP server that keeps every message in a Maildir instead of sending it on."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path

import uvloop

from deploy.receiving import Dialogue


@contextmanager
def mail_server(folder: Path, *, port: int, host: str = "127.0.0.1") -> Iterator[str]:
    """`smtp://host:port` while the block runs; messages go into the Maildir `folder`. OSError when nobody can listen there."""
    for room in ("tmp", "new", "cur"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    dialogues: set[Dialogue] = set()
    loop = uvloop.new_event_loop()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: Dialogue(partial(_keep, folder), dialogues), host, port)

    async def close(server: asyncio.Server) -> None:
        server.close()
        for each in tuple(dialogues):
            each.hang_up()

    # A thread of its own: whoever uses the server need not have an event loop.
    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(timeout=10)
        try:
            yield f"smtp://{host}:{port}"
        finally:
            asyncio.run_coroutine_threadsafe(close(server), loop).result(timeout=10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _keep(folder: Path, content: bytes) -> str:
    # By renaming a complete file into `new`: a reader, or a kill, never meets half of one.
    name = f"{time.time():.6f}.{secrets.token_hex(6)}.viceversa"
    (folder / "tmp" / name).write_bytes(content)
    (folder / "tmp" / name).rename(folder / "new" / name)
    return name


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
