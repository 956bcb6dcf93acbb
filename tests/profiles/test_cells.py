"""The small languages inside cells: what is written is read back, and what cannot be read is named."""

import string
from typing import Any

import pytest
from hypothesis import given, strategies as st

from contracts.profiles import Cefr, Criticism, Language, Need, NeedKind, Offer, Setting, Window
from services.profiles.domain import cells
from services.profiles.domain.languages import LANGUAGES

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# What people write, brackets, commas and semicolons included; | separates topics, and a formula's first letter is refused.
words = (
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + "ąłżüñß日本語 (),.;:/&#'\"+-=@"),
        min_size=3,
        max_size=200,
    )
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: len(text) >= 3 and text[0] not in "=+-@")
)
offers = st.builds(Offer, text=words, level=st.integers(1, 5), setting=st.sampled_from(Setting))
needs = st.builds(Need, text=words, priority=st.integers(1, 3), kind=st.sampled_from(NeedKind))
languages = st.builds(Language, code=st.sampled_from(sorted(LANGUAGES)), level=st.sampled_from(Cefr))
windows = st.tuples(st.integers(0, 6), st.integers(0, 1440), st.integers(0, 1440)).map(
    lambda w: Window(weekday=w[0], start=w[1], end=w[2])
)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@given(st.lists(offers, max_size=5))
def test_offers_are_read_as_they_were_written(written: list[Offer]) -> None:
    cell = " | ".join(f"{o.text} ({o.level}, {o.setting.value})" for o in written)
    assert cells.offers(cell) == (tuple(written), ())


@given(st.lists(needs, max_size=5))
def test_needs_are_read_as_they_were_written(written: list[Need]) -> None:
    cell = "|".join(f"{n.text}({n.priority},{n.kind.value.lower()})" for n in written)
    assert cells.needs(cell) == (tuple(written), ())


@given(st.lists(languages, max_size=5))
def test_languages_are_read_as_they_were_written(written: list[Language]) -> None:
    cell = "; ".join(f"{language.code}:{language.level.value}" for language in written)
    assert cells.languages(cell) == (tuple(written), ())


@given(st.lists(windows, max_size=5), st.sampled_from(["-", " - ", "–"]))
def test_windows_are_read_as_they_were_written(written: list[Window], dash: str) -> None:
    cell = ";".join(f"{DAYS[w.weekday]} {clock(w.start)}{dash}{clock(w.end)}" for w in written)
    assert cells.availability(cell) == (tuple(written), ())


@given(st.text(max_size=300))
def test_no_cell_is_too_strange(cell: str) -> None:
    for read in (cells.languages, cells.availability, cells.offers, cells.needs, cells.criticism):
        _, problems = read(cell)
        assert all(problem.message and problem.remedy for problem in problems)
    cells.problems_of_enrolment(role=cell, capacity=cell)


@pytest.mark.parametrize(
    ("read", "cell", "good", "value", "message"),
    [
        (cells.languages, "pl:C2;english", 1, "english", "names no level"),
        (cells.languages, "en:fluent", 0, "en:fluent", "has none of the words A1"),
        (cells.availability, "Mon 09:00-11:00; someday", 1, "someday", "not a weekly window"),
        (cells.availability, "Moon 09:00-11:00", 0, "Moon 09:00-11:00", "no day of the week"),
        (cells.availability, "Mon 09:00-25:00", 0, "Mon 09:00-25:00", "no time of day"),
        (cells.offers, "Sushi", 0, "Sushi", "not the form"),
        (cells.offers, "Sushi (4, home)", 0, "Sushi (4, home)", "none of the words work, study, life"),
        (cells.offers, "Sushi (much, life) | Go (3, life)", 1, "Sushi (much, life)", "no whole number as its level"),
        (cells.needs, "(3, EXPLAIN)", 0, "(3, EXPLAIN)", "not the form"),
        (cells.offers, "Go (3, life) | =2+3 (1, work)", 1, "=2+3 (1, work)", "is a formula"),
        (cells.needs, "Sushi (3, EAT)", 0, "Sushi (3, EAT)", "none of the words SHOW_ME"),
        (cells.criticism, "harsh", 0, "harsh", "none of the words direct"),
    ],
)
def test_a_part_that_cannot_be_read_is_named(read: Any, cell: str, good: int, value: str, message: str) -> None:
    taken, problems = read(cell)
    assert len(taken) == good
    assert problems[0].value == value
    assert message in problems[0].message


def test_criticism_takes_words_as_people_write_them() -> None:
    assert cells.criticism("Ask first") == ((Criticism.ASK_FIRST,), ())


@pytest.mark.parametrize("capacity", ["0", "11", "-1", "two", "1.5", "٣", "9" * 5000])
def test_capacity_is_a_small_whole_number(capacity: str) -> None:
    assert "capacity" in cells.problems_of_enrolment(role="gives", capacity=capacity)


def test_enrolment_cells_may_be_empty_or_good() -> None:
    assert cells.problems_of_enrolment(role="", capacity="") == {}
    assert cells.problems_of_enrolment(role="Both", capacity="3") == {}
