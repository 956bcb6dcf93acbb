"""The embedded platform's mail server: a real SMTP server that keeps every message in a Maildir instead of sending it on."""

from __future__ import annotations

import mailbox
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from deploy.embedded import free_port


@contextmanager
def mail_server(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """`smtp://127.0.0.1:port` while the block runs; messages go into the Maildir `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    chosen = port or free_port()
    controller = Controller(Mailbox(folder), hostname="127.0.0.1", port=chosen, ready_timeout=10)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{chosen}"
    finally:
        controller.stop()


def messages(folder: Path) -> list[Message]:
    """Every message that arrived."""
    return list(mailbox.Maildir(folder)) if folder.exists() else []


def doubled(folder: Path) -> dict[str, int]:
    """Message-IDs that arrived more than once, with how often."""
    counts = Counter(str(message["Message-ID"]) for message in messages(folder))
    return {message_id: count for message_id, count in counts.items() if count > 1}
