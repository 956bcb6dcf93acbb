"""A mail: when it may go, how it is built, and what an answer of the mail server means. Pure: the same mail has the same bytes.

*Once.* A mail's job goes PENDING → CLAIMED → SENDING → TAKEN → SENT, or ends as FAILED or SKIPPED. Everything before SENDING may be
repeated freely. SENDING is committed after the server has accepted sender and recipient and immediately before the text is handed over;
TAKEN, with the server's reply, before the next mail. A process that dies in between leaves one mail *in doubt*: the server may have it.
``IN_DOUBT`` says for each kind what happens then. Repeating keeps the Message-ID, so mailboxes that suppress duplicates show it once;
not repeating is settled as NotificationFailed (DOUBTFUL), and the inbox has the message in any case.
"""

from __future__ import annotations

import hashlib
import re
from base64 import encodebytes as b64encode_lines
from binascii import b2a_qp
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from contracts.notifications import NotificationKind, Preferences
from services.notifications.domain.calendar import Invitation
from services.notifications.domain.messages import no_mail
from services.notifications.domain.people import LONGEST_NAME, Person, one_line, zone_of
from services.notifications.domain.quiet import earliest_mail
from services.notifications.domain.wording import MailText

# After each transient refusal by the server; after the last one the mail has failed.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
ADDRESS_WITHIN = timedelta(
    hours=1
)  # profiles tells a person and their address on two topics; this long the second may take
_ADDRESS = re.compile(r"<?[^\s<>@()]+@[^\s<>@()]+>?")
_SPREAD = 0.2  # of a retry's delay, different for each mail, so that a crowd does not come back at once


class MailState(StrEnum):
    """Where a mail's job stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    TAKEN = "taken"  # the server has it; its fact is still to be written
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    DOUBTFUL = "doubtful"  # settled as failed, because nobody knows


class Doubt(StrEnum):
    """What becomes of a mail that was being handed over when its sender died."""

    LEAVE = (
        "leave"  # at most once: an annoying repetition is worse than a mail that is missing beside its inbox message
    )
    REPEAT = "repeat"  # at least once: the mail is worth more than the annoyance


# Everything is in the inbox, an unanswered proposal or unplanned session is nudged about later, and a repeated reminder is exactly what
# the platform promises not to send: so no kind repeats. The table is per kind because that is the choice an operator may see otherwise.
IN_DOUBT: Mapping[NotificationKind, Doubt] = dict.fromkeys(NotificationKind, Doubt.LEAVE)
DOUBTFUL = "The sender stopped while the mail server was taking this mail; it may have arrived and is not sent again."


class WrongMailSetting(ValueError):
    """A setting of the platform's mail is unusable; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """It may go now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not before this moment."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """It will not go."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The platform as an author of mail: MAIL_FROM taken apart."""

    name: str
    email: str

    @property
    def domain(self) -> str:
        """The right side of the address."""
        return self.email.rpartition("@")[2]


def may_go(
    person: Person, *, kind: NotificationKind, wants: Preferences, created_at: datetime, now: datetime
) -> Send | Wait | Skip:
    """Decide about a due mail by the wishes, the address and the clock as they are at this moment."""
    if why := no_mail(person, kind=kind, wants=wants):
        return Skip(why=why)
    if not person.contact_known:
        if now >= created_at + ADDRESS_WITHIN:
            return Skip(why="There is no e-mail address.")
        return Wait(until=min(now + timedelta(minutes=1), created_at + ADDRESS_WITHIN))
    goes_at = after_quiet(now, person=person, wants=wants)
    return Send() if goes_at <= now else Wait(until=goes_at)


def after_quiet(moment: datetime, *, person: Person, wants: Preferences) -> datetime:
    """The first moment from this one on outside of the person's quiet hours."""
    return earliest_mail(moment, zone=zone_of(person.zone), begin=wants.quiet_from, end=wants.quiet_until)


def retry_at(now: datetime, *, attempts: int, notification_id: UUID) -> datetime | None:
    """When to try again after ``attempts`` transient refusals; None: never."""
    if attempts > len(RETRY_AFTER):
        return None
    delay = RETRY_AFTER[attempts - 1]
    share = int.from_bytes(hashlib.sha256(notification_id.bytes + bytes([attempts])).digest()[:4]) / 2**32
    return now + delay * (1 + _SPREAD * share)


def sender_of(mail_from: str) -> Sender:
    """MAIL_FROM as ``Name <address>`` or an address alone; WrongMailSetting otherwise."""
    name, email = parseaddr(mail_from)
    try:
        address = Address(addr_spec=email)
    except (ValueError, IndexError, MessageError):
        address = Address()
    if not address.username or not address.domain or not email.isascii():
        raise WrongMailSetting(f"VICEVERSA_MAIL_FROM is {mail_from!r}; write: Viceversa <viceversa@your-domain>")
    return Sender(name=one_line(name, longest=LONGEST_NAME), email=email)


def public_url(base: str, *, path: str) -> str:
    """An address of the platform for people; WrongMailSetting when PUBLIC_URL is none."""
    parts = urlsplit(base)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or not base.isascii()
        or any(each.isspace() for each in base)
    ):
        raise WrongMailSetting(
            f"VICEVERSA_PUBLIC_URL is {base!r}; write the address of the gateway, like https://viceversa.example.org"
        )
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def message_id(notification_id: UUID, *, sender: Sender) -> str:
    """The idempotency key that travels with the mail."""
    return f"<{notification_id}@{sender.domain}>"


def build(
    text: MailText,
    *,
    notification_id: UUID,
    kind: NotificationKind,
    link: str,
    to: Person,
    sender: Sender,
    unsubscribe_url: str,
    calendar: Invitation | None,
    now: datetime,
) -> bytes:
    """The mail as it goes over the wire: plain text, the same as small HTML, and a calendar entry where there is one.

    ValueError when the address is not one. Written by hand: the standard library's builder takes ten times as long, and folds a long
    List-Unsubscribe into encoded words, which no mail program follows. Seven-bit throughout, so that any server takes it.
    """
    if not unsubscribe_url.isascii() or any(each.isspace() or each in "<>" for each in unsubscribe_url):
        raise WrongMailSetting(f"the unsubscribe address {unsubscribe_url!r} cannot stand in a header")
    boundary = f"=_{notification_id.hex}"
    headers = [
        f"From: {_mailbox(sender.name, sender.email)}",
        f"To: {_mailbox(one_line(to.name, longest=LONGEST_NAME), wire_address(to.email))}",
        f"Subject: {_words(one_line(text.subject, longest=200), header='Subject')}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id(notification_id, sender=sender)}",
        f"References: {_thread(link, sender=sender)}",
        "Auto-Submitted: auto-generated",
        f"Content-Language: {text.language}",
        f"List-Id: <{kind.value}.viceversa.{sender.domain}>",
        f"List-Unsubscribe: <{unsubscribe_url}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
    ]
    parts = [
        ("text/plain; charset=utf-8", "quoted-printable", _quoted_printable(text.plain)),
        ("text/html; charset=utf-8", "quoted-printable", _quoted_printable(text.html)),
    ]
    if calendar is not None:
        content = b64encode_lines(calendar.text.encode()).replace(b"\n", b"\r\n")
        parts.append((f"text/calendar; charset=utf-8; method={calendar.method}", "base64", content))
    mail = ["\r\n".join(headers).encode("ascii") + b"\r\n"]
    for content_type, encoding, content in parts:
        head = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        mail.append(head.encode("ascii") + content)
    return b"\r\n".join((*mail, f"--{boundary}--\r\n".encode("ascii")))


def _mailbox(name: str, address: str) -> str:
    if not name:
        return address
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_words(name, header='To')} <{address}>"


def _words(text: str, *, header: str) -> str:
    """Words of any script for a header: as they are when they are plain, else as encoded words, folded."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _quoted_printable(text: str) -> bytes:
    return b2a_qp(text.encode(), istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def wire_address(email: str) -> str:
    """An address for the wire: the domain in its ASCII form; ValueError when this is no single plain address."""
    local, at, domain = email.strip().rpartition("@")
    if not at or not local or not domain or any(each.isspace() or each in '<>,;:"' for each in local + domain):
        raise ValueError("not an e-mail address")
    if not local.isascii():
        raise ValueError("an address whose left side is not ASCII cannot be delivered everywhere")
    return f"{local}@{domain.encode('idna').decode()}"


def without_address(reply: str, *, email: str) -> str:
    """What a mail server said, fit for a fact: one line, and no e-mail address, because facts go where addresses must not."""
    said = _ADDRESS.sub("<address>", one_line(reply, longest=300))
    return said.replace(email, "<address>") if email else said


def _thread(link: str, *, sender: Sender) -> str:
    """Mails about one thing form one conversation."""
    return f"<{link.replace('/', '.') or 'viceversa'}@{sender.domain}>"
