"""The receiving side of SMTP (RFC 5321), as much of it as a mail server needs that keeps everything: no relaying, no log-in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

LARGEST_MAIL = 32 * 1024 * 1024
_LONGEST_COMMAND = 4_096
_END = b"\r\n.\r\n"
_WHO = re.compile(rb"(FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)
_EXTENSIONS = ("viceversa", "8BITMIME", "SMTPUTF8", "PIPELINING", f"SIZE {LARGEST_MAIL}")


class Dialogue(asyncio.Protocol):
    """One client. ``keep`` takes each message's bytes and returns the name under which they are kept; ``dialogues``: all that are open."""

    def __init__(self, keep: Callable[[bytes], str], dialogues: set[Dialogue]) -> None:
        self._keep = keep
        self._dialogues = dialogues
        self._heard = bytearray()
        self._looked = 0  # so far there is no end of the message in what was heard
        self._sender = False
        self._recipients = 0
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._dialogues.add(self)
        self._say("220 Viceversa keeps all mail")

    def connection_lost(self, _error: Exception | None) -> None:
        self._dialogues.discard(self)

    def hang_up(self) -> None:
        """At once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while not self._transport.is_closing() and (self._message() if self._in_message else self._command()):
            continue

    def _say(self, *lines: str) -> None:
        self._transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def _hang_up_saying(self, line: str) -> None:
        self._say(line)
        self._transport.close()

    def _command(self) -> bool:
        """Answer one command; False when there is no whole one."""
        end = self._heard.find(b"\n")
        if max(end, len(self._heard) if end < 0 else 0) > _LONGEST_COMMAND:
            self._hang_up_saying("500 5.5.2 This line is too long")
            return False
        if end < 0:
            return False
        line = bytes(self._heard[:end]).strip()
        del self._heard[: end + 1]
        verb, _, rest = line.partition(b" ")
        answer = self._answers.get(verb.upper())
        if answer is None:
            self._say("500 5.5.1 There is no such command")
        else:
            answer(self, rest.strip())
        return True

    def _hello(self, rest: bytes) -> None:
        self._forget()
        self._say("250 viceversa")

    def _extended_hello(self, rest: bytes) -> None:
        self._forget()
        self._say(*(f"250-{each}" for each in _EXTENSIONS[:-1]), f"250 {_EXTENSIONS[-1]}")

    def _from(self, rest: bytes) -> None:
        said = _WHO.match(rest)
        if said is None or said[1].upper() != b"FROM":
            self._say("501 5.5.4 Say MAIL FROM:<address>")
        elif self._sender:
            self._say("503 5.5.1 The sender is known already")
        else:
            self._sender = True
            self._say("250 2.1.0 OK")

    def _to(self, rest: bytes) -> None:
        said = _WHO.match(rest)
        if not self._sender:
            self._say("503 5.5.1 Say MAIL FROM first")
        elif said is None or said[1].upper() != b"TO" or not said[2]:
            self._say("501 5.5.4 Say RCPT TO:<address>")
        else:
            self._recipients += 1
            self._say("250 2.1.5 OK")

    def _data(self, rest: bytes) -> None:
        if not self._recipients:
            self._say("503 5.5.1 Say RCPT TO first")
            return
        self._in_message = True
        # As if a line had ended before: so the end is found alike when the message is empty.
        self._heard[:0] = b"\r\n"
        self._looked = 0
        self._say("354 End with a line that is a dot")

    def _message(self) -> bool:
        """Take the message; False when it is not whole yet."""
        end = self._heard.find(_END, max(0, self._looked - len(_END)))
        if end < 0:
            self._looked = len(self._heard)
            if self._looked > LARGEST_MAIL:
                self._hang_up_saying("552 5.3.4 This message is too large")
            return False
        lines = bytes(self._heard[: end + 2])
        del self._heard[: end + len(_END)]
        self._in_message = False
        self._forget()
        try:
            name = self._keep(lines.replace(b"\r\n.", b"\r\n")[2:])  # a dot that begins a line was said twice
        except OSError as error:
            self._say(f"451 4.3.0 It could not be kept: {error.strerror}")
        else:
            self._say(f"250 OK kept as {name}")
        return True

    def _reset(self, rest: bytes) -> None:
        self._forget()
        self._say("250 2.0.0 OK")

    def _nothing(self, rest: bytes) -> None:
        self._say("250 2.0.0 OK")

    def _goodbye(self, rest: bytes) -> None:
        self._hang_up_saying("221 2.0.0 Goodbye")

    def _forget(self) -> None:
        self._sender, self._recipients = False, 0

    _answers = {  # noqa: RUF012 - never changed
        b"HELO": _hello,
        b"EHLO": _extended_hello,
        b"MAIL": _from,
        b"RCPT": _to,
        b"DATA": _data,
        b"RSET": _reset,
        b"NOOP": _nothing,
        b"QUIT": _goodbye,
    }
