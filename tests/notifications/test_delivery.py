"""Mail over real SMTP: sent once, tried again, given up, held back at night, and never doubled by a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from icalendar import Calendar

from chassis.service import Running
from contracts.base import SYSTEM
from contracts.feedback import SessionStatus
from contracts.matching import EnrolmentStatus, PairStatus
from contracts.notifications import (
    ChangePreferences,
    DeliveryStatus,
    NotificationDelivered,
    NotificationFailed,
    Preferences,
    Unsubscribe,
)
from services.notifications.clients import ServerAway, mail_server, smtp_address
from services.notifications.domain.mail import DOUBTFUL, RETRY_AFTER, WrongMailSetting
from services.notifications.jobs.delivery import deliver_mail, deliver_once, post_of
from services.notifications.store import mails
from tests.notifications.builders import World
from tests.notifications.conftest import Service
from tests.probes import eventually


@dataclass
class PostOffice:
    """A mail server in this process: what it took, and what it says to recipients and mails."""

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    rcpt: Callable[[str], str] = lambda address: "250 OK"
    data: Callable[[str], str] = lambda address: "250 queued as 17"
    before_data: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    hang_up: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for recipient, message in self.taken if recipient == address]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.rcpt(address)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (address,) = envelope.rcpt_tos
        said = self.data(address)
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append((address, message))
        self.before_data.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.hang_up:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return said


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    """Open until the test ends."""
    office = PostOffice()
    server = await listen(office)
    yield office
    server.close()
    await server.wait_closed()


async def listen(office: PostOffice, *, port: int = 0) -> asyncio.Server:
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(office, hostname="post.example"), "127.0.0.1", port
    )
    office.port = server.sockets[0].getsockname()[1]
    return server


async def deliver(service: Service, office: PostOffice) -> int:
    """What the worker does until there is nothing due."""
    running = service.running(smtp_url=office.url)
    post, total = post_of(running.settings), 0
    while done := await deliver_once(running, post):
        total += done
    await service.said()
    return total


async def states(service: Service) -> list[str]:
    return sorted(row.state for row in await service.rows("SELECT state FROM mail"))


class TestDelivery:
    async def test_sends_each_mail_once_and_says_so(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        assert await deliver(service, post_office) == 2
        assert await deliver(service, post_office) == 0
        (mail,) = post_office.to("ada@acme.example")
        (message,) = service.of(world.ada_id)
        assert (message.email, message.email_sent_at, message.attempts) == (DeliveryStatus.DELIVERED, service.now, 1)
        assert service.versions[message.notification_id] == 2
        assert mail["Subject"] == "Bo Lindqvist and you: a proposal"
        assert mail["Message-ID"] == f"<{message.notification_id}@viceversa.example>"
        assert mail["From"] == "Viceversa <hello@viceversa.example>"
        plain = mail.get_body(("plain",))
        assert plain is not None
        assert message.body in plain.get_content().replace("\r\n", "\n")
        assert f"https://viceversa.example/pair/{world.pair_id}" in plain.get_content()
        assert post_office.to("bo@berg.example")[0]["Subject"] == "Ada Okoro und du: ein Vorschlag"

    async def test_the_worker_does_it_by_itself_and_stops(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        running = service.running(smtp_url=post_office.url)
        work = asyncio.create_task(deliver_mail(running))
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        await eventually(lambda: len(post_office.taken) == 1, describe="the invitation arrives")
        await service.hear(world.pair())
        await eventually(lambda: len(post_office.taken) == 3, describe="the proposals arrive")
        running.stopping.set()
        await asyncio.wait_for(work, 5)
        assert await states(service) == ["sent"] * 3

    async def test_its_link_unsubscribes_from_that_kind_only(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        await deliver(service, post_office)
        (mail,) = post_office.to("ada@acme.example")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = str(mail["List-Unsubscribe"]).strip("<>")
        assert link.startswith("https://viceversa.example/unsubscribe/")
        await service.do(SYSTEM, Unsubscribe, token=link.rpartition("/")[2])
        await service.hear(world.enrolment(EnrolmentStatus.ADMITTED, version=2), world.pair())
        await deliver(service, post_office)
        assert [each["Subject"] for each in post_office.to("ada@acme.example")[1:]] == [
            "Bo Lindqvist and you: a proposal"
        ]

    async def test_two_workers_do_not_send_the_same(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(), world.enrolment(EnrolmentStatus.INVITED), world.session())
        await asyncio.gather(*(deliver(service, post_office) for _ in range(3)))
        assert len(post_office.taken) == 5
        assert len({str(message["Message-ID"]) for _, message in post_office.taken}) == 5


class TestRefusals:
    async def test_a_server_that_is_away_blames_no_mail(self, service: Service, world: World) -> None:
        office = PostOffice()
        server = await listen(office)
        server.close()
        await server.wait_closed()
        await service.hear(*world.people())
        await service.hear(world.pair())
        running = service.running(smtp_url=office.url)
        with pytest.raises(ServerAway):
            await deliver_once(running, post_of(running.settings))
        assert await states(service) == ["pending", "pending"]
        server = await listen(office, port=office.port)
        try:
            await deliver(service, office)
        finally:
            server.close()
            await server.wait_closed()
        assert len(office.taken) == 2
        assert {each.attempts for each in service.inbox.values()} == {1}

    async def test_the_worker_outlives_a_server_that_is_away(self, service: Service, world: World) -> None:
        office = PostOffice()
        server = await listen(office)
        server.close()
        await server.wait_closed()
        running = service.running(smtp_url=office.url)
        work = asyncio.create_task(deliver_mail(running))
        await service.hear(*world.people())
        await service.hear(world.pair())
        server = await listen(office, port=office.port)
        await eventually(lambda: len(office.taken) == 2, describe="both proposals arrive after the server came back")
        running.stopping.set()
        await asyncio.wait_for(work, 5)
        server.close()
        await server.wait_closed()

    async def test_a_no_for_ever_fails_and_the_others_go(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        post_office.rcpt = lambda address: "550 5.1.1 <ada@acme.example> unknown" if "ada" in address else "250 OK"
        await service.hear(*world.people())
        await service.hear(world.pair())
        await deliver(service, post_office)
        assert len(post_office.to("bo@berg.example")) == 1
        (message,) = service.of(world.ada_id)
        assert (message.email, message.attempts) == (DeliveryStatus.FAILED, 1)
        assert message.error == "550 5.1.1 <address> unknown", "no address in a fact"
        assert isinstance((await service.said())[-1], NotificationFailed | NotificationDelivered)
        assert any(isinstance(each, NotificationFailed) for each in await service.said())
        await service.time_passes(timedelta(days=30))
        assert await deliver(service, post_office) == 0

    async def test_a_no_for_the_text_fails_too(self, service: Service, post_office: PostOffice, world: World) -> None:
        post_office.data = lambda address: "554 5.7.1 spam" if "ada" in address else "250 OK"
        await service.hear(*world.people())
        await service.hear(world.pair())
        await deliver(service, post_office)
        assert service.of(world.ada_id)[0].error == "554 5.7.1 spam"
        assert service.of(world.bo_id)[0].email is DeliveryStatus.DELIVERED

    async def test_not_now_is_tried_again_later(self, service: Service, post_office: PostOffice, world: World) -> None:
        post_office.rcpt = lambda address: "451 4.7.1 greylisted"
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        await deliver(service, post_office)
        assert service.of(world.ada_id)[0].email is DeliveryStatus.PENDING
        post_office.rcpt = lambda address: "250 OK"
        assert await deliver(service, post_office) == 0, "not at once"
        service.clock.forward(RETRY_AFTER[0] * 1.2)
        assert await deliver(service, post_office) == 1
        (message,) = service.of(world.ada_id)
        assert (message.email, message.attempts) == (DeliveryStatus.DELIVERED, 2)

    async def test_not_now_too_often_is_given_up(self, service: Service, post_office: PostOffice, world: World) -> None:
        post_office.data = lambda address: "452 4.2.2 mailbox full"
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        tries = 0
        for _ in range(len(RETRY_AFTER) + 3):
            tries += await deliver(service, post_office)
            service.clock.forward(timedelta(days=1))
        assert tries == len(RETRY_AFTER) + 1
        (message,) = service.of(world.ada_id)
        assert (message.email, message.error) == (DeliveryStatus.FAILED, "452 4.2.2 mailbox full")

    async def test_a_bad_address_fails_without_a_word_to_the_server(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.ada.contact(version=2, email="ada@acme.example\r\nRCPT TO:<all@x.example>"))
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        await deliver(service, post_office)
        assert post_office.taken == []
        assert service.of(world.ada_id)[0].email is DeliveryStatus.FAILED
        assert "acme" not in service.of(world.ada_id)[0].error

    async def test_our_own_sender_refused_blames_no_mail(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        async def refuse(server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
            return "550 5.7.1 not you"

        post_office.handle_MAIL = refuse  # type: ignore[attr-defined]
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        running = service.running(smtp_url=post_office.url)
        with pytest.raises(ServerAway, match="sender"):
            await deliver_once(running, post_of(running.settings))
        assert await states(service) == ["pending"]


class TestWishes:
    async def test_mail_waits_until_the_person_is_awake(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        service.clock.forward(timedelta(hours=7, minutes=30))  # 19:30 in London, 20:30 in Berlin
        await service.hear(*world.people())
        await service.hear(world.pair())
        await deliver(service, post_office)
        assert (len(post_office.to("ada@acme.example")), len(post_office.to("bo@berg.example"))) == (1, 0)
        assert service.of(world.bo_id)[0].body, "the inbox does not wait"
        service.clock.forward(timedelta(hours=11, minutes=29))
        await deliver(service, post_office)
        assert post_office.to("bo@berg.example") == []
        service.clock.forward(timedelta(minutes=1))  # 8:00 in Berlin
        await deliver(service, post_office)
        assert len(post_office.to("bo@berg.example")) == 1

    async def test_a_wish_that_comes_before_the_mail_goes_counts(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        service.clock.forward(timedelta(hours=9))
        await service.hear(*world.people())
        await service.hear(world.pair())
        off = Preferences(person_id=world.ada_id, email_enabled=False)
        await service.do(world.ada.actor, ChangePreferences, preferences=off)
        service.clock.forward(timedelta(hours=14))
        await deliver(service, post_office)
        assert post_office.to("ada@acme.example") == []
        (message,) = service.of(world.ada_id)
        assert (message.email, message.error) == (DeliveryStatus.SKIPPED, "This person wants no e-mail.")
        assert await states(service) == ["sent", "skipped"]

    async def test_an_address_that_comes_a_little_later_is_waited_for(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        people = [each for each in world.people() if type(each).__name__ != "ContactChanged"]
        await service.hear(*people)
        await service.hear(world.pair())
        await deliver(service, post_office)
        assert {each.email for each in service.inbox.values()} == {DeliveryStatus.PENDING}
        await service.hear(world.ada.contact())
        service.clock.forward(timedelta(minutes=1))
        await deliver(service, post_office)
        assert len(post_office.to("ada@acme.example")) == 1
        service.clock.forward(timedelta(hours=1))
        await deliver(service, post_office)
        assert service.of(world.bo_id)[0].email is DeliveryStatus.SKIPPED


class TestErasure:
    async def test_a_mail_that_has_not_gone_does_not_go(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        await service.hear(world.ada.erased())
        await deliver(service, post_office)
        assert post_office.taken == []
        assert await states(service) == []


class TestCalendar:
    def events(self, office: PostOffice, address: str) -> list[tuple[str, int, str, set[str]]]:
        found = []
        for message in office.to(address):
            for part in message.walk():
                if part.get_content_type() == "text/calendar":
                    assert isinstance(part, EmailMessage)
                    calendar = Calendar.from_ical(part.get_content())
                    (event,) = calendar.walk("VEVENT")
                    assert part.get_param("method") == calendar["METHOD"]
                    attendees = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
                    found.append(
                        (
                            str(event["UID"]),
                            int(str(event.decoded("SEQUENCE"))),
                            str(calendar["METHOD"]),
                            {str(each) for each in attendees},
                        )
                    )
        return found

    async def test_asks_moves_and_cancels_with_both_as_attendees(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACTIVE))
        for step in (
            world.session(version=1),
            world.session(SessionStatus.RESCHEDULED, sequence=1, version=2),
            world.session(SessionStatus.CANCELLED, sequence=1, version=3),
        ):
            await service.hear(step)
            await deliver(service, post_office)
        both = {"MAILTO:ada@acme.example", "MAILTO:bo@berg.example"}
        uid = str(world.session().session.session_id)
        expected = [(uid, 0, "REQUEST", both), (uid, 1, "REQUEST", both), (uid, 2, "CANCEL", both)]
        assert self.events(post_office, "ada@acme.example") == expected
        assert self.events(post_office, "bo@berg.example") == expected

    @pytest.mark.parametrize("status", [None, PairStatus.PROPOSED, PairStatus.ENDED_EARLY])
    async def test_shows_the_others_address_only_while_they_are_matched(
        self, service: Service, post_office: PostOffice, world: World, status: PairStatus | None
    ) -> None:
        await service.hear(*world.people())
        if status is not None:
            await service.hear(world.pair(status))
        await service.hear(world.session())
        await deliver(service, post_office)
        ((_, _, _, attendees),) = self.events(post_office, "ada@acme.example")
        assert attendees == {"MAILTO:ada@acme.example"}
        for message in post_office.to("ada@acme.example"):
            assert b"bo@berg.example" not in message.as_bytes()


async def expire_leases(service: Service) -> None:
    await service.rows(
        "UPDATE mail SET lease_until = clock_timestamp() - interval '1 second' WHERE lease_until IS NOT NULL RETURNING 1"
    )


class TestCrash:
    """The worker is killed at a step: its task is cancelled there and its connection to the mail server cut."""

    async def killed(self, running: Running, *, when: asyncio.Event) -> None:
        work = asyncio.create_task(deliver_once(running, post_of(running.settings)))
        await asyncio.wait_for(when.wait(), 5)
        # As SIGKILL would: nothing of the clean-up reaches the database.
        running.database = None  # type: ignore[assignment]
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def test_before_the_server_was_asked_the_mail_goes_later(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        async with service.database.begin(SYSTEM) as tx:
            jobs = await mails.lock_due(tx, most=10)
            await mails.claim(tx, [each.notification_id for each in jobs], by=uuid4(), seconds=30)
        assert await deliver(service, post_office) == 0, "somebody else has it"
        await expire_leases(service)
        assert await deliver(service, post_office) == 1
        assert len(post_office.taken) == 1

    async def test_while_the_server_takes_it_the_mail_is_not_repeated_and_the_doubt_is_said(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        post_office.hold = asyncio.Event()
        await self.killed(service.running(smtp_url=post_office.url), when=post_office.before_data)
        post_office.hold.set()
        assert len(post_office.taken) == 1, "the server had it"
        assert await states(service) == ["sending"]
        await expire_leases(service)
        (fact,) = await service.time_passes()
        assert isinstance(fact, NotificationFailed)
        assert fact.notification.error == DOUBTFUL
        service.clock.forward(timedelta(days=3))
        assert await deliver(service, post_office) == 0
        assert len(post_office.taken) == 1

    async def test_a_claim_that_was_taken_over_may_not_send_any_more(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        slow, quick = uuid4(), uuid4()

        async def begins(claim: UUID) -> bool:
            async with service.database.begin(SYSTEM) as tx:
                return await mails.hand_over_next(
                    tx, job.notification_id, taken=None, reply="", by=claim, seconds=30, keep=30
                )

        for claim in (slow, quick):
            async with service.database.begin(SYSTEM) as tx:
                (job,) = await mails.lock_due(tx, most=10)
                await mails.claim(tx, [job.notification_id], by=claim, seconds=-1)
        assert [await begins(slow), await begins(quick), await begins(quick)] == [False, True, False]

    async def test_after_the_next_step_was_written_the_mail_counts_as_sent(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        second = asyncio.Event()

        def on_data(address: str) -> str:
            if post_office.taken:
                second.set()
            return "250 OK"

        post_office.data, post_office.hold = on_data, asyncio.Event()
        running = service.running(smtp_url=post_office.url)
        work = asyncio.create_task(deliver_once(running, post_of(running.settings)))
        await asyncio.wait_for(post_office.before_data.wait(), 5)
        post_office.hold.set()
        post_office.hold = asyncio.Event()
        await asyncio.wait_for(second.wait(), 5)
        running.database = None  # type: ignore[assignment]
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        post_office.hold.set()
        assert await states(service) == ["sending", "taken"]
        await expire_leases(service)
        facts = await service.time_passes()
        assert sorted(type(each).__name__ for each in facts) == ["NotificationDelivered", "NotificationFailed"]
        assert await deliver(service, post_office) == 0
        assert len(post_office.taken) == 2

    async def test_a_late_answer_of_the_server_settles_the_doubt(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        post_office.hold = asyncio.Event()
        running = service.running(smtp_url=post_office.url)
        work = asyncio.create_task(deliver_once(running, post_of(running.settings)))
        await asyncio.wait_for(post_office.before_data.wait(), 5)
        await expire_leases(service)
        await service.time_passes()
        assert service.of(world.ada_id)[0].email is DeliveryStatus.FAILED
        post_office.hold.set()
        await work
        await service.said()
        assert service.of(world.ada_id)[0].email is DeliveryStatus.DELIVERED
        assert len(post_office.taken) == 1

    async def test_a_server_that_hangs_up_without_a_yes_is_asked_again(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED))
        post_office.hang_up = True
        running = service.running(smtp_url=post_office.url)
        with pytest.raises(ServerAway):
            await deliver_once(running, post_of(running.settings))
        assert await states(service) == ["pending"]
        post_office.hang_up = False
        service.clock.forward(timedelta(minutes=2))
        assert await deliver(service, post_office) == 1
        assert service.of(world.ada_id)[0].attempts == 2
        assert len({str(message["Message-ID"]) for _, message in post_office.taken}) == 1

    async def test_a_stop_between_two_mails_gives_the_rest_back(
        self, service: Service, post_office: PostOffice, world: World
    ) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(), world.session(), world.enrolment(EnrolmentStatus.INVITED))
        running = service.running(smtp_url=post_office.url)

        def stop(address: str) -> str:
            running.stopping.set()
            return "250 OK"

        post_office.rcpt = stop
        assert await deliver_once(running, post_of(running.settings)) == 1
        assert await states(service) == ["pending"] * 4 + ["sent"]


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        ["", "localhost:25", "http://mail", "smtp://", "smtp://mail:port", "smtp://user:secret@mail:25", "smtp://[::1"],
    )
    def test_a_wrong_mail_server_is_named_without_its_password(self, url: str) -> None:
        with pytest.raises(WrongMailSetting, match="VICEVERSA_SMTP_URL") as wrong:
            smtp_address(url)
        assert "secret" not in str(wrong.value)

    def test_a_password_is_taken_apart_and_not_shown(self) -> None:
        address = smtp_address("smtps://me%40x:p%40ss@mail.example")
        assert (address.host, address.port, address.username, address.password) == ("mail.example", 465, "me@x", "p@ss")
        assert "p@ss" not in repr(address)

    async def test_starttls_is_insisted_on(self, post_office: PostOffice) -> None:
        with pytest.raises(ServerAway):
            async with mail_server(smtp_address(f"smtp+starttls://127.0.0.1:{post_office.port}")):
                pass
