"""Whom messages are for and about, as this service knows them from the facts of profiles."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, tzinfo
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from contracts.profiles import ProposedField

LANGUAGES = ("en", "de", "es")  # of the templates; the first is the fallback
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who gets messages. A *mailbox* is an organizer's address without a profile; it gets mail and has no inbox viewer."""

    person_id: UUID
    organization_id: UUID | None = None
    subject: str = ""
    name: str = ""
    email: str = ""
    locale: str = "en"
    zone: str = "UTC"
    shows: frozenset[ProposedField] = frozenset(ProposedField)
    contact_known: bool = False  # profiles has said how to reach this person, or that there is no way
    mailbox: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A partner organization; ``shows`` is what it lets proposed partners see of its people."""

    organization_id: UUID
    name: str
    shows: frozenset[ProposedField] = frozenset(ProposedField)


def mailbox_id(organization_id: UUID, *, email: str) -> UUID:
    """The id under which an organizer's bare address is kept: the same for the same address."""
    return uuid5(organization_id, f"mailbox:{email.strip().casefold()}")


def one_line(text: str, *, longest: int = 400) -> str:
    """Words of a person on one line: no line breaks, control or direction-changing characters; cut at ``longest`` characters.

    A name can therefore neither end a header nor pose as a paragraph of ours.
    """
    visible = "".join(
        " " if unicodedata.category(each) in ("Cc", "Zl", "Zp", "Zs") else each
        for each in text
        if unicodedata.category(each) not in ("Cf", "Cs")
        or each in "\u200c\u200d"  # joiners belong to scripts and emoji
    )
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def reading_locale(tag: str) -> Locale:
    """The locale to write in: the person's own where we have its language (de-AT stays Austrian), else English."""
    try:
        found = Locale.parse(tag.strip().replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return Locale(LANGUAGES[0])
    return found if found.language in LANGUAGES else Locale(LANGUAGES[0])


def zone_of(name: str) -> tzinfo:
    """The IANA zone of this name, or UTC when there is none: a message in UTC is better than none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC
