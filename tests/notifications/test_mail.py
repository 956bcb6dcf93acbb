"""Mails as bytes, when they may go, and what happens after a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

from contracts.notifications import NotificationKind, Preferences
from services.notifications.domain.calendar import Invitation
from services.notifications.domain.mail import (
    IN_DOUBT,
    RETRY_AFTER,
    Send,
    Sender,
    Skip,
    Wait,
    WrongMailSetting,
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
from services.notifications.domain.wording import MailText
from tests.notifications.builders import NOON

SENDER = Sender(name="Viceversa", email="hello@viceversa.example")
BO = Person(person_id=uuid4(), name="Bo Lindqvist", email="bo@berg.example", zone="Europe/Berlin", contact_known=True)
WISHES = Preferences(person_id=BO.person_id)
URL = "https://mentoring.a-rather-long-host-name.example.org/unsubscribe/" + unsubscribe_token(
    BO.person_id, kind=NotificationKind.INTRODUCTION, key="x" * 32
)


def bytes_of(
    *, to: Person = BO, subject: str = "Hello", calendar: Invitation | None = None, plain: str = "Grüße\n"
) -> bytes:
    return build(
        MailText(subject=subject, plain=plain, html="<p>Grüße</p>\n", language="de-DE"),
        notification_id=BO.person_id,
        kind=NotificationKind.SESSION,
        link="session/17",
        to=to,
        sender=SENDER,
        unsubscribe_url=URL,
        calendar=calendar,
        now=NOON,
    )


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


class TestBuild:
    def test_says_the_same_in_plain_and_html(self) -> None:
        message = parsed(bytes_of())
        plain, html = message.get_body(("plain",)), message.get_body(("html",))
        assert plain is not None
        assert html is not None
        assert plain.get_content().strip() == "Grüße"
        assert html.get_content().strip() == "<p>Grüße</p>"
        assert message["Content-Language"] == "de-DE"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Date"].datetime == NOON

    def test_can_be_unsubscribed_from_with_one_click(self) -> None:
        raw = bytes_of()
        assert f"List-Unsubscribe: <{URL}>\r\n".encode() in raw, "on one line, not folded, not encoded"
        assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
        assert len(URL) < 900  # a line may have 998 bytes

    def test_has_an_id_that_a_repetition_keeps(self) -> None:
        assert bytes_of() == bytes_of()
        assert parsed(bytes_of())["Message-ID"] == f"<{BO.person_id}@viceversa.example>"
        assert parsed(bytes_of())["References"] == "<session.17@viceversa.example>"

    def test_carries_a_calendar_entry_that_programs_find(self) -> None:
        text = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Grüße\r\nEND:VCALENDAR\r\n"
        message = parsed(bytes_of(calendar=Invitation(method="REQUEST", text=text)))
        assert message.get_content_type() == "multipart/alternative"
        part = [*message.iter_parts()][-1]
        assert part.get_content_type() == "text/calendar"
        assert part.get_param("method") == "REQUEST"
        assert part.get_content_charset() == "utf-8"
        assert part.get_content().replace("\r\n", "\n") == text.replace("\r\n", "\n")

    @given(name=st.text(max_size=200), subject=st.text(max_size=300))
    def test_no_name_or_title_makes_a_header(self, name: str, subject: str) -> None:
        raw = bytes_of(to=replace(BO, name=name), subject=subject)
        assert raw.isascii()
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        assert b"\n" not in raw.replace(b"\r\n", b"")
        message = parsed(raw)
        assert sorted(message.keys()) == sorted(parsed(bytes_of()).keys())
        assert [each.addr_spec for each in message["To"].addresses] == ["bo@berg.example"]

    @pytest.mark.parametrize("evil", ["Bo\r\nBcc: all@x.example", "Bo\nBcc: all@x.example\n\nhi", "Bo\x0bBcc: x"])
    def test_a_line_break_in_a_name_is_a_blank(self, evil: str) -> None:
        message = parsed(bytes_of(to=replace(BO, name=evil), subject=evil))
        assert message["Bcc"] is None
        assert message["Subject"].startswith("Bo Bcc:")

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "bo",
            "@berg.example",
            "bo@",
            "bo@berg.example, all@x.example",
            "bo@berg.example\r\nBcc: x@y.example",
            "Bo <bo@berg.example>",
            "bö@berg.example",
            "a b@berg.example",
        ],
    )
    def test_refuses_what_is_no_single_address(self, address: str) -> None:
        with pytest.raises(ValueError, match="address"):
            bytes_of(to=replace(BO, email=address))

    def test_writes_a_foreign_domain_in_ascii(self) -> None:
        assert wire_address("info@bücher.example") == "info@xn--bcher-kva.example"
        assert b"info@xn--bcher-kva.example" in bytes_of(to=replace(BO, email="info@bücher.example"))


class TestMayGo:
    def verdict(self, *, person: Person = BO, wants: Preferences = WISHES, now: datetime = NOON) -> Send | Wait | Skip:
        return may_go(person, kind=NotificationKind.SESSION, wants=wants, created_at=NOON, now=now)

    def test_by_day(self) -> None:
        assert self.verdict() == Send()

    def test_not_in_quiet_hours(self) -> None:
        night = datetime(2027, 3, 3, 20, 0, tzinfo=UTC)
        assert self.verdict(now=night) == Wait(until=datetime(2027, 3, 4, 7, 0, tzinfo=UTC))
        assert self.verdict(now=night, wants=replace(WISHES, quiet_from=time(22))) == Send()

    @pytest.mark.parametrize(
        ("wants", "word"),
        [
            (replace(WISHES, email_enabled=False), "no e-mail"),
            (replace(WISHES, muted_kinds=(NotificationKind.SESSION,)), "session"),
        ],
    )
    def test_not_against_the_wishes(self, wants: Preferences, word: str) -> None:
        verdict = self.verdict(wants=wants)
        assert isinstance(verdict, Skip)
        assert word in verdict.why
        assert self.verdict(wants=replace(WISHES, muted_kinds=(NotificationKind.NUDGE,))) == Send()

    def test_not_without_an_address(self) -> None:
        assert isinstance(self.verdict(person=replace(BO, email="")), Skip)

    def test_waits_a_while_for_the_address_of_somebody_new(self) -> None:
        new = replace(BO, email="", contact_known=False)
        assert self.verdict(person=new) == Wait(until=NOON + timedelta(minutes=1))
        assert isinstance(self.verdict(person=new, now=NOON + timedelta(hours=1)), Skip)


class TestRetry:
    def test_comes_later_each_time_and_ends(self) -> None:
        notification_id = uuid4()
        times = [
            retry_at(NOON, attempts=each, notification_id=notification_id) for each in range(1, len(RETRY_AFTER) + 2)
        ]
        assert times[-1] is None
        for delay, moment in zip(RETRY_AFTER, times, strict=False):
            assert moment is not None
            assert delay <= moment - NOON <= delay * 1.2
        assert times[:-1] == sorted(times[:-1])  # type: ignore[type-var]

    def test_spreads_a_crowd(self) -> None:
        assert len({retry_at(NOON, attempts=1, notification_id=uuid4()) for _ in range(20)}) == 20

    def test_every_kind_has_a_word_about_doubt(self) -> None:
        assert set(IN_DOUBT) == set(NotificationKind)


class TestSettings:
    def test_the_sender(self) -> None:
        assert sender_of("Viceversa <hello@viceversa.example>") == SENDER
        assert sender_of("hello@viceversa.example") == Sender(name="", email="hello@viceversa.example")
        for wrong in ("", "Viceversa", "<>", "a@b@c", "Viceversa <hello>", "hällo@viceversa.example"):
            with pytest.raises(WrongMailSetting, match="MAIL_FROM"):
                sender_of(wrong)

    def test_the_public_address(self) -> None:
        assert public_url("https://v.example/", path="/pair/1") == "https://v.example/pair/1"
        for wrong in (
            "",
            "v.example",
            "ftp://v.example",
            "https://",
            "https://v.example/a b",
            "https://v.example\r\nX: y",
        ):
            with pytest.raises(WrongMailSetting, match="PUBLIC_URL"):
                public_url(wrong, path="x")


def test_an_error_never_tells_an_address() -> None:
    said = without_address(
        "550 5.1.1 <bo@berg.example>: no such\r\nuser bo@berg.example (also x.y@z.example)", email="bo@berg.example"
    )
    assert said == "550 5.1.1 <address>: no such user <address> (also <address>)"
    assert "@" not in said
