"""Words: one template per occasion and language, dates on the reader's own calendar and clock, names escaped.

The templates are part of the program and are read once. A template's first line is the title, the rest is the body in plain text; the
small HTML of a mail is made from the same words, so the two can never say different things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from contracts.notifications import NotificationKind
from contracts.profiles import ProposedField
from services.notifications.domain.people import LONGEST_NAME, Organization, Person, one_line, reading_locale, zone_of

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
FORGOTTEN = "forgotten"
_SEVERAL_BLANK_LINES = re.compile(r"\n{3,}")
_LONGEST_WORDS = 600  # of somebody's own words inside a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message in one language; ``locale`` is a BCP 47 tag."""

    title: str
    body: str
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """A whole mail: plain and HTML say the same."""

    subject: str
    plain: str
    html: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortWords:
    """What messages say of a cohort."""

    cohort_id: UUID
    name: str
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody named in a message, with what they let proposed partners see."""

    name: str
    organization: str
    shows_offers: bool
    shows_needs: bool
    shows_background: bool
    gone: bool = False  # erased: named by the reader's language instead


def party(person: Person, *, organization: Organization | None) -> Party:
    """Name a person; shown is what both the person and their organization allow."""
    shown = person.shows & (organization.shows if organization else frozenset())
    return Party(
        name=one_line(person.name, longest=LONGEST_NAME),
        organization=one_line(organization.name, longest=LONGEST_NAME) if organization else "",
        shows_offers=ProposedField.OFFERS in shown,
        shows_needs=ProposedField.NEEDS in shown,
        shows_background=ProposedField.FACETS in shown,
        gone=person.erased,
    )


def write(
    occasion: str,
    *,
    to: Person,
    people: Mapping[str, Party],
    organizations: Mapping[str, str],
    cohort: CohortWords | None,
    values: Mapping[str, object],
) -> Text:
    """The words for one reader. A value that the template needs and does not get is an error (StrictUndefined)."""
    locale = reading_locale(to.locale)
    words = _words(locale)
    context: dict[str, object] = {
        **{name: _tidy(value) for name, value in values.items()},
        **{name: one_line(value, longest=LONGEST_NAME) for name, value in organizations.items()},
        **{role: replace(each, name=words.somebody) if each.gone else each for role, each in people.items()},
        "you": one_line(to.name, longest=LONGEST_NAME),
        "locale": locale,
        "zone": zone_of(to.zone),
        "words": words,
    }
    if cohort is not None:
        context["cohort"] = _tidy_cohort(cohort)
    rendered = _ENVIRONMENT.get_template(f"{locale.language}/{occasion}.txt").render(context)
    title, _, body = rendered.strip().partition("\n")
    if title.startswith(words.somebody):  # no name: an ordinary word, which begins a line with a capital letter
        title = title[0].upper() + title[1:]
    return Text(
        title=one_line(title, longest=200),
        body=_SEVERAL_BLANK_LINES.sub("\n\n", body.strip()),
        locale=str(locale).replace("_", "-"),
    )


def forgotten_text(to: Person) -> Text:
    """What remains of a message about somebody who was erased."""
    return write(FORGOTTEN, to=to, people={}, organizations={}, cohort=None, values={})


def mail_text(text: Text, *, kind: NotificationKind, open_url: str, unsubscribe_url: str) -> MailText:
    """Frame a message for mail: how to open it, why it came, how to stop such mails."""
    locale = reading_locale(text.locale)
    words = _words(locale)
    frame = {
        "title": text.title,
        "paragraphs": [paragraph.split("\n") for paragraph in text.body.split("\n\n")],
        "body": text.body,
        "words": words,
        "kind": words.kinds[kind.value],
        "open_url": open_url,
        "unsubscribe_url": unsubscribe_url,
        "language": locale.language,
    }
    return MailText(
        subject=text.title,
        plain=_ENVIRONMENT.get_template("mail.txt").render(frame).strip() + "\n",
        html=_ENVIRONMENT.get_template("mail.html").render(frame).strip() + "\n",
        language=text.locale,
    )


def _tidy(value: object) -> object:
    if isinstance(value, str):
        return one_line(value, longest=_LONGEST_WORDS)
    if isinstance(value, Mapping):
        return {name: _tidy(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value]
    return value


def _tidy_cohort(cohort: CohortWords) -> dict[str, object]:
    return {
        "name": one_line(cohort.name, longest=LONGEST_NAME),
        "closes_at": cohort.closes_at,
        "starts_at": cohort.starts_at,
        "ends_at": cohort.ends_at,
    }


@pass_context
def _moment(context: Context, value: datetime | str) -> str:
    """A point in time on the reader's calendar and clock, with the zone's name."""
    locale, zone = context["locale"], context["zone"]
    shown = _as_moment(value).astimezone(zone)
    day, clock = format_date(shown, "full", locale=locale), format_time(shown, "short", tzinfo=zone, locale=locale)
    return f"{day}, {clock} ({get_timezone_name(shown, locale=locale)})"


@pass_context
def _day(context: Context, value: datetime | date | str) -> str:
    """A day on the reader's calendar."""
    if isinstance(value, str) and len(value) == len("2026-01-01"):
        value = date.fromisoformat(value)
    if isinstance(value, datetime | str):
        value = _as_moment(value).astimezone(context["zone"])
    return format_date(value, "long", locale=context["locale"])


@pass_context
def _language(context: Context, code: str) -> str:
    """A language's name in the reader's language; an unknown code stays as it is."""
    locale: Locale = context["locale"]
    return str(locale.languages.get(code, code))


def _as_moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words(locale: Locale) -> Any:
    """The names that ``words.jinja`` of a language sets."""
    return _ENVIRONMENT.get_template(f"{locale.language}/words.jinja").module


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"moment": _moment, "day": _day, "language": _language}
    return environment


_ENVIRONMENT = _environment()
