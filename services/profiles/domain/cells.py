"""The small languages inside CSV cells: ``en:C1;pl:C2``, ``Mon 09:00-11:00; …``, ``text (level, setting) | …``.

Each function returns what could be read and, for each part that could not, what is wrong with it. Ranges and counts are the
profile's own rules and are not checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from contracts.profiles import Cefr, Criticism, Language, Need, NeedKind, Offer, Setting, Window
from services.profiles.domain import formulas
from services.profiles.domain.profile import DAYS

LARGEST_CAPACITY = 10  # pairs at once

_TOPIC = re.compile(r"(?P<text>.*?) ?\( ?(?P<number>[^(),]*?) ?, ?(?P<word>[^(),]*?) ?\)")
_WINDOW = re.compile(
    r"(?P<day>[a-z]+)\.? (?P<from>\d{1,2}:\d{2}) ?[-–—] ?(?P<to>\d{1,2}:\d{2})", re.ASCII | re.IGNORECASE
)
_FULL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST_NUMBER = 9

Word = TypeVar("Word", bound=StrEnum)
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class CellProblem:
    """A part of a cell that cannot be read."""

    value: str
    message: str
    remedy: str


class _Unreadable(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


Read = tuple[tuple[Part, ...], tuple[CellProblem, ...]]


def languages(cell: str) -> Read[Language]:
    """``en:C1;pl:C2``."""
    return _each(cell, ";", _language)


def availability(cell: str) -> Read[Window]:
    """``Mon 09:00-11:00; Thu 16:00-18:30``, in the person's own zone."""
    return _each(cell, ";", _window)


def offers(cell: str) -> Read[Offer]:
    """``text (level, setting) | text (level, setting)``."""
    return _each(cell, "|", _offer)


def needs(cell: str) -> Read[Need]:
    """``text (priority, KIND) | text (priority, KIND)``."""
    return _each(cell, "|", _need)


def criticism(cell: str) -> Read[Criticism]:
    """``direct``, ``gentle`` or ``ask_first``."""
    return _each(cell, None, lambda part: _word(Criticism, part.casefold().replace(" ", "_")))


def problems_of_enrolment(*, role: str, capacity: str) -> dict[str, CellProblem]:
    """What is wrong with the two cells that speak of enrolling, by column; both are somebody else's to keep."""
    problems = {}
    if role and role.casefold() not in ("gives", "receives", "both"):
        problems["role"] = CellProblem(role, "is not a role", "Use gives, receives or both.")
    if capacity and not (_is_number(capacity) and 1 <= int(capacity) <= LARGEST_CAPACITY):
        problems["capacity"] = CellProblem(
            capacity, "is not a number of pairs", f"Use a whole number from 1 to {LARGEST_CAPACITY}."
        )
    return problems


def _each(cell: str, separator: str | None, read: Callable[[str], Part]) -> Read[Part]:
    """Every part of a cell; a separator at the end is forgiven, an empty part between two is not worth a problem either."""
    # One blank at most between words: what follows looks for brackets and must not wander through blanks.
    parts = [" ".join(part.split()) for part in (cell.split(separator) if separator else [cell])]
    good: list[Part] = []
    bad: list[CellProblem] = []
    for part in filter(None, parts):
        try:
            good.append(read(part))
        except _Unreadable as error:
            bad.append(CellProblem(part, error.message, error.remedy))
    return tuple(good), tuple(bad)


def _language(part: str) -> Language:
    code, colon, level = part.partition(":")
    if not colon:
        raise _Unreadable("names no level", "Write code:level, like en:C1.")
    return Language(code=code.strip(), level=_word(Cefr, level.strip().upper()))


def _window(part: str) -> Window:
    match = _WINDOW.fullmatch(part)
    if not match:
        raise _Unreadable("is not a weekly window", "Write a day and two times, like Mon 09:00-11:00.")
    day = match["day"].casefold()
    weekday = next((index for index, full in enumerate(_FULL_DAYS) if day in (full, DAYS[index].casefold())), None)
    if weekday is None:
        raise _Unreadable("begins with no day of the week", f"Use {', '.join(DAYS)}.")
    return Window(weekday=weekday, start=_minutes(match["from"]), end=_minutes(match["to"]))


def _minutes(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise _Unreadable(f"has {clock}, which is no time of day", "Use 00:00 to 24:00.")
    return hours * 60 + minutes


def _offer(part: str) -> Offer:
    text, level, setting = _topic(part, "text (level, setting), like Sushi (4, life)")
    return Offer(text=text, level=_number(level, "level"), setting=_word(Setting, setting.casefold()))


def _need(part: str) -> Need:
    text, priority, kind = _topic(part, "text (priority, KIND), like Kubernetes (3, SHOW_ME)")
    return Need(text=text, priority=_number(priority, "priority"), kind=_word(NeedKind, kind.upper().replace(" ", "_")))


def _topic(part: str, form: str) -> tuple[str, str, str]:
    match = _TOPIC.fullmatch(part)
    if not match or not match["text"]:
        raise _Unreadable("has not the form that it should", f"Write {form}; put | between several.")
    if formulas.is_formula(match["text"]):
        raise _Unreadable("is a formula to a spreadsheet", "Begin the text with a letter or a digit.")
    return match["text"], match["number"], match["word"]


def _number(text: str, called: str) -> int:
    if not _is_number(text):
        raise _Unreadable(f"has no whole number as its {called}", "Write the number first inside the brackets.")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER


def _word(kind: type[Word], text: str) -> Word:
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(kind)
        raise _Unreadable(f"has none of the words {allowed}", f"Use one of: {allowed}.") from None
