"""The embedded mail server, spoken to by the standard library's client and by hand."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from deploy.embedded import free_port
from deploy.mailbox import count, doubled, mail_server, messages

PLAIN = b"MAIL FROM:<a@x.example> SIZE=20\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    chosen = free_port()
    with mail_server(tmp_path, port=chosen):
        yield chosen


def _mail(number: int) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@x.example", "b@x.example", f"Grüße {number}"
    mail["Message-ID"] = f"<{number}@x.example>"
    mail.set_content(".a dot begins this line\n..and two this one\n\nThe end.\n")
    return mail


def _kept(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / "new").iterdir())]


def _say(port: int, *said: bytes) -> bytes:
    """All answers, once everything was said and the client has finished."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        for each in said:
            client.sendall(each)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_mails_of_one_dialogue_are_kept_as_they_were_sent(port: int, tmp_path: Path) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        for number in (1, 2, 2):
            client.send_message(_mail(number))
    assert count(tmp_path) == 3
    assert [str(each["Message-ID"]) for each in messages(tmp_path)] == [f"<{n}@x.example>" for n in (1, 2, 2)]
    assert doubled(tmp_path) == {"<2@x.example>": 2}
    assert b".a dot begins this line\r\n..and two this one\r\n\r\nThe end.\r\n" in _kept(tmp_path)[0]
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 1_000])
def test_however_the_bytes_come_the_message_is_the_same(port: int, tmp_path: Path, at_once: int) -> None:
    said = b"EHLO me\r\n" + PLAIN + b"Subject: x\r\n\r\n..\r\n.\r\n" + PLAIN + b".\r\nQUIT\r\n"
    answers = _say(port, *(said[start : start + at_once] for start in range(0, len(said), at_once)))
    assert [line[:3] for line in answers.split(b"\r\n") if line[3:4] == b" "] == (
        [b"220", b"250"] + [b"250", b"250", b"354", b"250"] * 2 + [b"221"]
    )
    assert _kept(tmp_path) == [b"Subject: x\r\n\r\n.\r\n", b""]


def test_half_a_message_is_not_kept(port: int, tmp_path: Path) -> None:
    _say(port, PLAIN + b"Subject: x\r\n\r\nand then no")
    assert count(tmp_path) == 0


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"HOW ARE YOU\r\n", b"500 5.5.1"),
        (b"DATA\r\n", b"503 5.5.1"),
        (b"RCPT TO:<b@x.example>\r\n", b"503 5.5.1"),
        (b"MAIL FROM nobody\r\n", b"501 5.5.4"),
        (b"MAIL FROM:<a@x.example>\r\nMAIL FROM:<a@x.example>\r\n", b"503 5.5.1"),
        (b"MAIL FROM:<>\r\nRCPT TO:<>\r\n", b"501 5.5.4"),
        (b"x" * 5_000, b"500 5.5.2"),
    ],
)
def test_what_makes_no_sense_is_refused(port: int, said: bytes, answer: bytes) -> None:
    assert _say(port, said).split(b"\r\n")[-2].startswith(answer)


def test_a_port_that_is_taken_is_said_at_once(port: int, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"), mail_server(tmp_path, port=port):
        pass


def test_a_client_that_stays_does_not_keep_the_server(tmp_path: Path) -> None:
    port = free_port()
    with mail_server(tmp_path, port=port):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        assert client.recv(100).startswith(b"220")
    with client, suppress(ConnectionError):
        assert client.recv(100) == b""
    with mail_server(tmp_path, port=port):
        pass
