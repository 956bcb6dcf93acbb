"""What a single value must look like: texts, e-mail addresses, zones, locales, language codes."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from contracts.errors import Problem
from services.profiles.domain.languages import LANGUAGES

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_EMAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@(?P<domain>[^@\s\"<>(),;:\\]{1,189})")
_DOMAIN_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_DIRECTION_SWITCHES = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
_LONGEST_SHOWN = 120


def tidy(text: str) -> str:
    """One way to write the same text: composed characters, single blanks, none around."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def shown(text: str) -> str:
    """As much of a wrong value as a report should repeat, without characters that would break it."""
    visible = "".join(each if _is_visible(each) else "�" for each in text)
    return visible if len(visible) <= _LONGEST_SHOWN else f"{visible[:_LONGEST_SHOWN]}…"


def is_visible(text: str) -> bool:
    """No control character, half surrogate pair or switch of the writing direction, by which one name shows as another."""
    return text.isprintable() or all(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    # Joiners are not printable to Python and belong to some scripts and to emoji.
    return (
        unicodedata.category(character) not in ("Cc", "Cs")
        and unicodedata.bidirectional(character) not in _DIRECTION_SWITCHES
    )


def text_problem(path: str, text: str, *, least: int = 0, most: int) -> Problem | None:
    """What is wrong with a tidied text of ``least`` to ``most`` characters, or None."""
    if not is_visible(text):
        return Problem(
            path, "contains a character that cannot be seen", shown(text), "Type it again instead of pasting it."
        )
    if len(text) < least:
        if not text:
            return Problem(path, "is missing", "", f"Write {least} to {most} characters.")
        return Problem(path, "is too short", text, f"Write at least {least} characters.")
    if len(text) > most:
        return Problem(path, f"has {len(text)} characters", shown(text), f"Use at most {most} characters.")
    return None


def email_key(email: str) -> str:
    """What two spellings of one address have in common."""
    return email.casefold()


def email_problem(path: str, email: str) -> Problem | None:
    """What is wrong with an address, or None; only a mail that arrives proves that it is right."""
    match = _EMAIL.fullmatch(email)
    labels = match["domain"].split(".") if match else []
    if len(labels) < 2 or not all(map(_DOMAIN_LABEL.fullmatch, labels)) or not is_visible(email):
        return Problem(
            path, "is not an e-mail address", shown(email), "Write it like name@example.org, one address only."
        )
    return None


def locale_problem(path: str, locale: str) -> Problem | None:
    """What is wrong with a locale, or None."""
    if _LOCALE.fullmatch(locale):
        return None
    return Problem(path, "is not a locale", shown(locale), "Write a language and perhaps a country: en, pl or pt-BR.")


def zone_problem(path: str, zone: str) -> Problem | None:
    """What is wrong with a time zone's name, or None."""
    if zone in _zones():
        return None
    place = zone.rsplit("/", 1)[-1].strip().replace(" ", "_").casefold()
    cities = _cities().get(place[:1], {})  # who misspells a city seldom misses its first letter
    near = get_close_matches(place[:40], cities, n=1, cutoff=0.75)
    remedy = f"Did you mean {cities[near[0]]}?" if near else "Write an IANA name such as Europe/Warsaw or Asia/Tokyo."
    return Problem(path, "is not a time zone", shown(zone), remedy)


def language_problem(path: str, code: str) -> Problem | None:
    """What is wrong with a language's code, or None."""
    if code in LANGUAGES:
        return None
    remedy = "Write its two letters (ISO 639-1), such as en, pl or ja; three where it has no two, such as luo."
    if code.casefold() in LANGUAGES:
        remedy = f"Write it in small letters: {code.casefold()}."
    return Problem(path, "is not the code of a language", shown(code), remedy)


def first_double(keys: Iterable[str]) -> int | None:
    """The index of the first key that was there before, or None."""
    seen: set[str] = set()
    for index, key in enumerate(keys):
        if key in seen:
            return index
        seen.add(key)
    return None


@cache
def _cities() -> dict[str, dict[str, str]]:
    """Zones by the small letters of their city, and these by their first."""
    cities: dict[str, dict[str, str]] = {}
    for name in sorted(_zones()):
        city = name.rsplit("/", 1)[-1].casefold()
        cities.setdefault(city[0], {})[city] = name
    return cities


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"})
