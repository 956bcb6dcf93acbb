"""Mail goes out: claimed in the database, sent outside of any transaction, settled with the server's answer (see domain.mail)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from chassis.database import Transaction
from chassis.service import Running
from contracts.base import SYSTEM
from services.notifications.clients import (
    MailServer,
    Refused,
    ServerAway,
    SmtpAddress,
    Unanswered,
    mail_server,
    smtp_address,
)
from services.notifications.domain.calendar import Attendee, Invitation, has_calendar, invitation
from services.notifications.domain.mail import (
    MailState,
    Sender,
    Skip,
    Wait,
    build,
    may_go,
    public_url,
    retry_at,
    sender_of,
    wire_address,
    without_address,
)
from services.notifications.domain.people import Person
from services.notifications.domain.preferences import unsubscribe_token
from services.notifications.domain.wording import Text, mail_text
from services.notifications.store import mails
from services.notifications.store.messages import tell_outcome

_AT_ONCE = 25
_DIALOGUES = 3  # also the most mails that a crash can leave in doubt
_CLAIM_SECONDS = (
    10.0  # of real time from mail to mail; a claim that runs out is taken over, and its holder may not send any more
)
_HANDING_OVER_SECONDS = 30.0  # then it is doubtful; a later answer of the server still counts
_LOOK_EVERY = 0.25
_LONGEST_PAUSE = 15.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The mail's settings, understood."""

    server: SmtpAddress
    sender: Sender
    public_url: str
    unsubscribe_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A claimed mail, ready for the wire."""

    job: mails.Job
    address: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail that the server has taken and that the database still calls SENDING; none: there is no such mail."""

    mail: UUID | None = None
    reply: str = ""


def post_of(settings: Mapping[str, str]) -> Post:
    """Understand the settings, or WrongMailSetting naming the one that is wrong."""
    base = settings["PUBLIC_URL"]
    public_url(base, path="")
    return Post(
        server=smtp_address(settings["SMTP_URL"]),
        sender=sender_of(settings["MAIL_FROM"]),
        public_url=base,
        unsubscribe_secret=settings["UNSUBSCRIBE_SECRET"],
    )


async def deliver_mail(running: Running) -> None:
    """Send due mails until the service stops, in several dialogues at once while there are many. A server that is away is asked again
    with growing pauses; no mail is to blame for that."""
    post = post_of(running.settings)
    pause, dialogues = _LOOK_EVERY, 1
    while not running.stopping.is_set():
        done = await asyncio.gather(*(deliver_once(running, post) for _ in range(dialogues)), return_exceptions=True)
        failures = [each for each in done if isinstance(each, BaseException)]
        for failure in failures:
            if not isinstance(failure, ServerAway):
                raise failure
        most = max((each for each in done if isinstance(each, int)), default=0)
        dialogues = _DIALOGUES if most >= _AT_ONCE else 1
        if failures:
            pause = min(pause * 2, _LONGEST_PAUSE)
            log.warning("mail.server_away", error=without_address(str(failures[0]), email=""), pause=pause)
        else:
            pause = _LOOK_EVERY
            if most:
                continue
        try:
            await asyncio.wait_for(running.stopping.wait(), pause)
        except TimeoutError:
            continue


async def deliver_once(running: Running, post: Post) -> int:
    """Claim some due mails and send them in one dialogue; how many were dealt with. ServerAway gives the rest back untouched."""
    claim = uuid4()
    letters, decided = await _claim(running, post, claim=claim)
    if not letters:
        return decided
    left = {letter.job.notification_id for letter in letters}
    taken = Taken()
    try:
        async with mail_server(post.server) as server, running.database.step_by_step(SYSTEM) as steps:
            for letter in letters:
                if running.stopping.is_set():
                    break
                taken = await _send(running, server, letter, steps=steps, post=post, claim=claim, before=taken)
                left.discard(letter.job.notification_id)
    finally:
        # Whatever went wrong, what the server took last is written down; a second time does no harm.
        async with running.begin() as tx:
            await mails.hand_over_next(tx, None, taken=taken.mail, reply=taken.reply, by=claim, seconds=0, keep=0)
            sent = await mails.finish_taken(tx, by=claim)
            await running.record(tx, await tell_outcome(tx, sent, state=MailState.SENT))
            await mails.release(tx, by=claim)
    return decided + len(letters) - len(left)


async def _claim(running: Running, post: Post, *, claim: UUID) -> tuple[list[Letter], int]:
    """Decide about due mails: those that may go are built and claimed; the number counts those decided otherwise."""
    letters: list[Letter] = []
    later: dict[UUID, datetime] = {}
    async with running.begin() as tx:
        jobs = await mails.lock_due(tx, most=_AT_ONCE)
        sessions = [job for job in jobs if has_calendar(job.occasion)]
        attendees = await mails.load_attendees(tx, sessions) if sessions else {}
        for job in jobs:
            notification = job.message.notification
            verdict = may_go(
                job.to, kind=notification.kind, wants=job.wants, created_at=notification.created_at, now=tx.now
            )
            if isinstance(verdict, Wait):
                later[job.notification_id] = verdict.until
            elif isinstance(verdict, Skip):
                await _end(running, tx, job, state=MailState.SKIPPED, why=verdict.why)
            else:
                try:
                    letters.append(_write(job, post=post, attendees=attendees.get(job.notification_id, ()), now=tx.now))
                except ValueError as error:
                    why = without_address(str(error), email=job.to.email)
                    await _end(running, tx, job, state=MailState.FAILED, why=why)
        await mails.postpone(tx, later)
        if letters:
            await mails.claim(tx, [each.job.notification_id for each in letters], by=claim, seconds=_CLAIM_SECONDS)
    return letters, len(jobs) - len(letters)


def _write(job: mails.Job, *, post: Post, attendees: Sequence[Person], now: datetime) -> Letter:
    """The mail's bytes; ValueError when it cannot be addressed."""
    notification = job.message.notification
    token = unsubscribe_token(job.to.person_id, kind=notification.kind, key=post.unsubscribe_secret)
    unsubscribe_url = public_url(post.public_url, path=f"unsubscribe/{token}")
    open_url = public_url(post.public_url, path=notification.link)
    text = mail_text(
        Text(title=notification.title, body=notification.body, locale=notification.locale),
        kind=notification.kind,
        open_url=open_url,
        unsubscribe_url=unsubscribe_url,
    )
    content = build(
        text,
        notification_id=notification.notification_id,
        kind=notification.kind,
        link=notification.link,
        to=job.to,
        sender=post.sender,
        unsubscribe_url=unsubscribe_url,
        calendar=_calendar(job, post=post, open_url=open_url, attendees=attendees),
        now=now,
    )
    return Letter(job=job, address=wire_address(job.to.email), content=content)


def _calendar(job: mails.Job, *, post: Post, open_url: str, attendees: Sequence[Person]) -> Invitation | None:
    if not has_calendar(job.occasion):
        return None
    invited: list[Attendee] = []
    for each in attendees:
        try:
            invited.append(Attendee(name=each.name, email=wire_address(each.email)))
        except ValueError:
            continue  # the partner has no address that works; the reader's own is judged with the mail
    return invitation(
        job.occasion,
        values=job.values,
        title=job.message.notification.title,
        description=job.message.notification.body,
        url=open_url,
        organizer=Attendee(name=post.sender.name, email=post.sender.email),
        attendees=invited,
        stamped_at=job.message.notification.created_at,
    )


async def _send(
    running: Running,
    server: MailServer,
    letter: Letter,
    *,
    steps: Transaction,
    post: Post,
    claim: UUID,
    before: Taken,
) -> Taken:
    """One mail: offered, marked as being handed over (and the one before as taken), handed over. What the server has taken of which
    the database does not know yet."""
    job = letter.job
    try:
        await server.offer(sender=post.sender.email, recipient=letter.address)
    except Refused as refusal:
        await _refused(running, job, refusal, claim=claim)
        return before
    mine = await mails.hand_over_next(
        steps,
        job.notification_id,
        taken=before.mail,
        reply=before.reply,
        by=claim,
        seconds=_HANDING_OVER_SECONDS,
        keep=_CLAIM_SECONDS,
    )
    if not mine:
        return Taken()
    try:
        reply = await server.hand_over(letter.content)
    except Refused as refusal:
        await _refused(running, job, refusal, claim=claim)
        return Taken()
    except ServerAway as error:
        # It hung up without a yes, so it has most probably nothing: what RFC 5321 asks of a client is to try again.
        await _refused(running, job, Refused(str(error), permanent=False), claim=claim)
        raise
    except Unanswered as error:
        # It may well have the mail: the job stays as it is and is settled as doubtful.
        log.warning("mail.unanswered", notification_id=str(job.notification_id), error=str(error))
        raise ServerAway("the mail server did not say whether it took a mail") from error
    return Taken(mail=job.notification_id, reply=without_address(reply, email=job.to.email))


async def _refused(running: Running, job: mails.Job, refusal: Refused, *, claim: UUID) -> None:
    """Try again later, or give up: when the server says never, or said not now too often."""
    attempts = job.attempts + 1
    reply = without_address(refusal.reply, email=job.to.email)
    async with running.begin() as tx:
        again = None if refusal.permanent else retry_at(tx.now, attempts=attempts, notification_id=job.notification_id)
        if again is None:
            await _end(running, tx, job, state=MailState.FAILED, why=reply, claim=claim)
        else:
            await mails.try_again(tx, job.notification_id, by=claim, at=again, attempts=attempts)
    log.info("mail.refused", notification_id=str(job.notification_id), reply=reply, attempts=attempts, again=str(again))


async def _end(
    running: Running, tx: Transaction, job: mails.Job, *, state: MailState, why: str, claim: UUID | None = None
) -> None:
    """Settle a mail that does not go, and say so in a fact; nothing when the claim was lost. Without a claim this transaction has the
    mail locked."""
    if await mails.settle(tx, job.notification_id, state=state, reply=why, by=claim):
        tries = {job.notification_id: job.attempts + (state is MailState.FAILED)}
        await running.record(tx, await tell_outcome(tx, tries, state=state, why=why))
