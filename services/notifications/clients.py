"""The outside world: one SMTP dialogue in the steps that delivery needs, with its errors by what they mean."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPReadTimeoutError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from services.notifications.domain.mail import WrongMailSetting

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_DIALOGUE_SECONDS = 30.0
_ACCEPT_SECONDS = 120.0  # a server may scan a mail before it answers for it
_SERVICE_CLOSING = 421


class ServerAway(Exception):
    """The mail server cannot be used at all now: unreachable, closing, or it wants nothing from us. No mail is to blame."""


class Refused(Exception):
    """The server refuses one mail: ``permanent`` (5xx) or for now (4xx)."""

    def __init__(self, reply: str, *, permanent: bool) -> None:
        super().__init__(reply)
        self.reply = reply
        self.permanent = permanent


class Unanswered(Exception):
    """The mail was handed over and the server did not say whether it has it."""


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """SMTP_URL taken apart. ``smtp`` takes TLS when it is offered, ``smtp+starttls`` insists, ``smtps`` begins with it."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp_address(url: str) -> SmtpAddress:
    """SMTP_URL, or WrongMailSetting (without the password)."""
    wrong = "VICEVERSA_SMTP_URL is no mail server; write smtp://host:port, smtp+starttls://user:password@host:port or smtps://…"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongMailSetting(wrong) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise WrongMailSetting(wrong)
    if parts.username and parts.scheme == "smtp":
        raise WrongMailSetting(
            "VICEVERSA_SMTP_URL would send its password in the open; use smtp+starttls:// or smtps://"
        )
    return SmtpAddress(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


@dataclass(frozen=True, slots=True)
class MailServer:
    """An open dialogue. For each mail: ``offer``, then ``hand_over``; after a refusal the dialogue goes on."""

    smtp: SMTP

    async def offer(self, *, sender: str, recipient: str) -> None:
        """Name sender and recipient; nothing is sent yet. Refused: not this recipient. ServerAway: nothing at all."""
        try:
            await self.smtp.mail(sender)
        except SMTPException as error:  # our own address is refused: the setting is wrong or we are throttled
            raise ServerAway(f"the mail server refuses our sender: {error}") from error
        except OSError as error:
            raise ServerAway(str(error)) from error
        try:
            await self.smtp.rcpt(recipient)
        except SMTPRecipientRefused as error:
            await self._forget()
            raise _refusal(error) from error
        except (SMTPException, OSError) as error:
            raise ServerAway(str(error)) from error

    async def hand_over(self, content: bytes) -> str:
        """Send the mail; what the server said when it took it. Refused: it did not. ServerAway: it hung up, and nobody heard a yes.
        Unanswered: it took too long."""
        try:
            reply = await self.smtp.data(content, timeout=_ACCEPT_SECONDS)
        except SMTPResponseException as error:
            await self._forget()
            raise _refusal(error) from error
        except SMTPReadTimeoutError as error:
            raise Unanswered(str(error)) from error
        except (SMTPException, OSError) as error:
            raise ServerAway(str(error)) from error
        return f"{reply.code} {reply.message}"

    async def _forget(self) -> None:
        with suppress(SMTPException, OSError):
            await self.smtp.rset()


@asynccontextmanager
async def mail_server(address: SmtpAddress) -> AsyncIterator[MailServer]:
    """A dialogue with the mail server, signed in and ready; ServerAway when there is none to be had."""
    secure = address.scheme != "smtp"
    smtp = SMTP(
        hostname=address.host,
        port=address.port,
        username=address.username,
        password=address.password,
        use_tls=address.scheme == "smtps",
        start_tls={"smtp": None, "smtp+starttls": True, "smtps": False}[address.scheme],
        # Where TLS is only a courtesy of the server (smtp://), a certificate of its own making is better than none.
        tls_context=_certificates(checked=secure),
        local_hostname="viceversa.invalid" if address.host in ("127.0.0.1", "localhost", "::1") else None,
        timeout=_DIALOGUE_SECONDS,
    )
    try:
        await smtp.connect()
    except (SMTPException, OSError, ValueError) as error:
        smtp.close()
        raise ServerAway(str(error)) from error
    try:
        yield MailServer(smtp)
    finally:
        with suppress(SMTPException, OSError):
            await smtp.quit(timeout=2)
        smtp.close()


@cache
def _certificates(*, checked: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()  # reads the machine's certificates, which takes 50 ms
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refusal(error: SMTPResponseException) -> Refused | ServerAway:
    said = f"{error.code} {error.message}"
    if error.code == _SERVICE_CLOSING or error.code < 0:
        return ServerAway(said)
    return Refused(said, permanent=error.code >= 500)
