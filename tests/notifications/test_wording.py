"""Words: every occasion in every language, safe, and with dates as the reader reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import pytest
from jinja2 import UndefinedError

from contracts.notifications import NotificationKind
from contracts.profiles import ProposedField
from services.notifications.domain.messages import KIND_OF, Notice, Occasion
from services.notifications.domain.people import LANGUAGES, Organization, Person, one_line, reading_locale, zone_of
from services.notifications.domain.wording import (
    FORGOTTEN,
    TEMPLATES,
    CohortWords,
    Text,
    forgotten_text,
    mail_text,
    party,
    write,
)
from tests.notifications.builders import NOON, World
from tests.notifications.occasions import all_notices

WORLD = World()
READER = Person(person_id=WORLD.ada_id, name="Ada Okoro", locale="en-GB", zone="Europe/London")
ACME = Organization(organization_id=WORLD.acme, name="Acme")
COHORT = CohortWords(
    cohort_id=WORLD.cohort_id,
    name="Spring Edition",
    closes_at=NOON,
    starts_at=NOON,
    ends_at=datetime(2027, 6, 1, tzinfo=UTC),
)
LOCALES = ("en", "de-AT", "es-CO")


@cache
def notices() -> tuple[Notice, ...]:
    return tuple(all_notices(WORLD))


def words(notice: Notice, *, to: Person = READER, other: Person | None = None) -> Text:
    other = other or Person(person_id=uuid4(), name="Bo Lindqvist", organization_id=WORLD.acme)
    return write(
        notice.occasion,
        to=to,
        people={role: party(other, organization=ACME) for role in notice.people},
        organizations=dict.fromkeys(notice.organizations, "Acme"),
        cohort=COHORT if notice.cohort_id else None,
        values=notice.values,
    )


def of(occasion: Occasion) -> Notice:
    return next(each for each in notices() if each.occasion is occasion)


class TestEveryOccasion:
    def test_is_made_by_some_rule(self) -> None:
        assert {each.occasion for each in notices()} == set(Occasion)

    def test_has_a_kind(self) -> None:
        assert set(KIND_OF) == set(Occasion)
        assert set(KIND_OF.values()) == set(NotificationKind)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_has_a_template_in_each_language_and_no_template_is_left_over(self, language: str) -> None:
        found = {file.stem for file in (TEMPLATES / language).glob("*.txt")}
        assert found == {each.value for each in Occasion} | {FORGOTTEN}

    def test_languages_are_the_folders(self) -> None:
        assert {folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()} == set(LANGUAGES)

    @pytest.mark.parametrize("locale", LOCALES)
    def test_reads_whole_in_each_language(self, locale: str) -> None:
        reader = replace(READER, locale=locale)
        for notice in notices():
            text = words(notice, to=reader)
            assert text.locale == locale
            for part in (text.title, text.body):
                assert part, notice
                assert not re.search(r"[{}]|None|Undefined|<jinja|  +", part), (notice.occasion, part)
                assert not re.search(r"\n{3}", part)
            assert "Ada Okoro" in text.body, notice.occasion
            if notice.people and notice.occasion is not Occasion.PROPOSED:
                assert "Bo Lindqvist" in text.title + text.body

    def test_says_different_things_in_different_languages(self) -> None:
        for notice in notices():
            bodies = {words(notice, to=replace(READER, locale=locale)).body for locale in LOCALES}
            assert len(bodies) == len(LOCALES), notice.occasion

    def test_fails_loudly_when_a_value_is_missing(self) -> None:
        notice = of(Occasion.SESSION_SCHEDULED)
        with pytest.raises(UndefinedError, match="starts_at"):
            words(replace(notice, values={name: each for name, each in notice.values.items() if name != "starts_at"}))

    @pytest.mark.parametrize("locale", LOCALES)
    @pytest.mark.parametrize("kind", NotificationKind)
    def test_has_a_mail_frame_for_its_kind(self, kind: NotificationKind, locale: str) -> None:
        text = words(of(Occasion.PROPOSED), to=replace(READER, locale=locale))
        mail = mail_text(
            text, kind=kind, open_url="https://v.example/pair/1", unsubscribe_url="https://v.example/unsubscribe/x"
        )
        for part in (mail.plain, mail.html):
            assert "https://v.example/pair/1" in part
            assert "https://v.example/unsubscribe/x" in part
            assert not re.search(r"{[{%]|Undefined", part)


class TestLanguage:
    @pytest.mark.parametrize(
        ("tag", "reads"),
        [
            ("de-AT", "de_AT"),
            ("DE", "de"),
            ("es_MX", "es_MX"),
            ("en-GB", "en_GB"),
            ("pl", "en"),
            ("", "en"),
            ("x!", "en"),
        ],
    )
    def test_is_the_persons_own_or_english(self, tag: str, reads: str) -> None:
        assert str(reading_locale(tag)) == reads

    def test_dates_are_on_the_readers_calendar_and_clock(self) -> None:
        notice = of(Occasion.SESSION_SCHEDULED)
        notice = replace(notice, values={**notice.values, "starts_at": "2027-03-27T23:30:00+00:00"})
        vienna = words(notice, to=replace(READER, locale="de-AT", zone="Europe/Vienna")).body
        assert "Sonntag, 28. März 2027, 00:30 (Mitteleuropäische Normalzeit)" in vienna
        summer = replace(notice, values={**notice.values, "starts_at": "2027-03-28T23:30:00+00:00"})
        assert "Montag, 29. März 2027, 01:30 (Mitteleuropäische Sommerzeit)" in (
            words(summer, to=replace(READER, locale="de-AT", zone="Europe/Vienna")).body
        )
        bogota = words(notice, to=replace(READER, locale="es-CO", zone="America/Bogota")).body
        assert re.search(r"sábado, 27 de marzo de 2027, 6:30\sp\.\sm\. \(hora estándar de Colombia\)", bogota)

    def test_an_unknown_zone_is_utc(self) -> None:
        assert zone_of("Mars/Olympus") is UTC
        assert zone_of("../etc/passwd") is UTC
        assert (
            "Coordinated Universal Time"
            in words(of(Occasion.SESSION_SCHEDULED), to=replace(READER, zone="Mars/Olympus")).body
        )


class TestProposal:
    def test_explains_both_directions_in_words(self) -> None:
        ada = next(each for each in notices() if each.occasion is Occasion.PROPOSED and each.person_id == WORLD.ada_id)
        body = words(ada).body
        assert (
            "you look for “how to say no to a board”, and Bo Lindqvist offers “twenty years of board meetings”" in body
        )
        assert (
            "Bo Lindqvist looks for “what Kubernetes is for” and wants it explained, and you offer “running services in"
            in body
        )
        assert "Language: English" in body
        assert "Both free: 90 minutes a week" in body

    def test_shows_only_what_the_other_and_their_organization_allow(self) -> None:
        ada = next(each for each in notices() if each.occasion is Occasion.PROPOSED and each.person_id == WORLD.ada_id)
        shy = Person(person_id=uuid4(), name="Bo Lindqvist", shows=frozenset({ProposedField.OFFERS}))
        body = words(ada, other=shy).body
        assert "twenty years" in body
        for hidden in ("Kubernetes", "wants it explained", "drawings", "Shipping"):
            assert hidden not in body
        closed = party(
            Person(person_id=uuid4(), name="Bo"),
            organization=Organization(organization_id=WORLD.berg, name="Berg", shows=frozenset({ProposedField.NEEDS})),
        )
        assert (closed.shows_offers, closed.shows_needs, closed.shows_background) == (False, True, False)
        assert not party(Person(person_id=uuid4(), name="Bo"), organization=None).shows_offers


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.shown = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.shown += data


class TestHostileNames:
    EVIL = '<script>alert(1)</script> & "Bob"\r\nBcc: all@example.org\u2028{{ 7*7 }}\u202egnp.exe'

    def test_are_escaped_in_html_and_stay_on_one_line(self) -> None:
        text = words(of(Occasion.ACCEPTED), other=Person(person_id=uuid4(), name=self.EVIL))
        assert "\n" not in text.title
        assert "{{ 7*7 }}" in text.title, "a name is never a template"
        assert "49" not in text.title
        assert "\u202e" not in text.title + text.body
        mail = mail_text(
            text, kind=NotificationKind.PAIR, open_url="https://v.example/", unsubscribe_url="https://v.example/u"
        )
        tags = Tags()
        tags.feed(mail.html)
        assert "script" not in tags.seen
        assert "<script>alert(1)</script>" in tags.shown
        assert not any(line.startswith("Bcc:") for line in mail.plain.splitlines())

    def test_are_cut_and_keep_every_script(self) -> None:
        assert one_line("a" * 500, longest=120) == "a" * 119 + "…"
        assert one_line(" 张\t伟\u00a0 ") == "张 伟"
        assert one_line("👩\u200d💻") == "👩\u200d💻"
        assert one_line("a\x00b\ud800c") == "a bc"


def test_a_forgotten_message_has_no_names() -> None:
    for locale in LOCALES:
        text = forgotten_text(replace(READER, locale=locale))
        assert text.title
        assert text.body
        assert "Bo" not in text.title + text.body


def test_templates_do_not_reach_for_html_by_themselves() -> None:
    for file in Path(TEMPLATES).rglob("*.txt"):
        assert "|safe" not in file.read_text().replace(" ", "")
        assert "<" not in file.read_text(), f"{file}: texts are plain"
