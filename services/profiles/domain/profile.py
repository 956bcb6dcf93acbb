"""What a profile must look like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from contracts.errors import Problem
from contracts.profiles import Facets, Profile, Window, person_id_of
from services.profiles.domain import values

MOST_OFFERS = 12
MOST_NEEDS = 12
MOST_LANGUAGES = 10
MOST_WINDOWS = 28
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def tidy(profile: Profile) -> Profile:
    """The same profile with its texts written one way, so that equal words compare equal; ids and subject stay as they are."""
    return replace(
        profile,
        display_name=values.tidy(profile.display_name),
        job_title=values.tidy(profile.job_title),
        offers=tuple(replace(offer, text=values.tidy(offer.text)) for offer in profile.offers),
        needs=tuple(replace(need, text=values.tidy(need.text)) for need in profile.needs),
        facets=Facets(**{name: _tidy_or_none(value) for name, value in stated_facets(profile.facets)}),
        team=_tidy_or_none(profile.team),
        availability=tuple(sorted(profile.availability, key=_when)),
    )


def stated_facets(facets: Facets) -> tuple[tuple[str, str | None], ...]:
    """Name and value of each facet, in order."""
    return tuple((field.name, getattr(facets, field.name)) for field in fields(facets))


def problems_of(profile: Profile) -> tuple[Problem, ...]:
    """Everything that is wrong with a tidied profile by itself; paths as in ``offers[1].level``."""
    return tuple(_problems(profile))


def _problems(profile: Profile) -> Iterator[Problem]:
    yield from _present(
        _subject_problem(profile.subject),
        values.text_problem("display_name", profile.display_name, least=1, most=120),
        values.text_problem("job_title", profile.job_title, most=120),
        values.locale_problem("locale", profile.locale),
        values.zone_problem("zone", profile.zone),
        values.text_problem("team", profile.team or "", most=100),
        *(values.text_problem(f"facets.{name}", value or "", most=80) for name, value in stated_facets(profile.facets)),
    )
    if profile.person_id != person_id_of(profile.organization_id, subject=profile.subject):
        yield Problem(
            "person_id",
            "is not the id of this subject in this organization",
            str(profile.person_id),
            "Derive it: uuid5 of the organization's id and the subject.",
        )
    if profile.manager_id == profile.person_id:
        yield Problem("manager_id", "is the person themselves", "", "Name somebody else, or nobody.")
    yield from _languages(profile)
    yield from _availability(profile)
    yield from _topics("offers", [offer.text for offer in profile.offers], most=MOST_OFFERS)
    yield from _topics("needs", [need.text for need in profile.needs], most=MOST_NEEDS)
    for index, offer in enumerate(profile.offers):
        if not 1 <= offer.level <= 5:
            yield Problem(
                f"offers[{index}].level", "is not a level", str(offer.level), "Use 1 (a little) to 5 (deeply)."
            )
    for index, need in enumerate(profile.needs):
        if not 1 <= need.priority <= 3:
            yield Problem(
                f"needs[{index}].priority", "is not a priority", str(need.priority), "Use 1 (nice) to 3 (most)."
            )
    double = values.first_double(profile.proposed_fields)
    if double is not None:
        yield Problem(f"proposed_fields[{double}]", "is there twice", profile.proposed_fields[double], "Name it once.")


def _subject_problem(subject: str) -> Problem | None:
    if subject != subject.strip():
        return Problem("subject", "has blanks around it", values.shown(subject), "Write it as the token issuer does.")
    return values.text_problem("subject", subject, least=1, most=200)


def _languages(profile: Profile) -> Iterator[Problem]:
    yield from _too_many("languages", len(profile.languages), most=MOST_LANGUAGES)
    yield from _present(
        *(
            values.language_problem(f"languages[{index}].code", language.code)
            for index, language in enumerate(profile.languages)
        )
    )
    double = values.first_double(language.code for language in profile.languages)
    if double is not None:
        yield Problem(
            f"languages[{double}].code", "is there twice", profile.languages[double].code, "Name each language once."
        )


def _availability(profile: Profile) -> Iterator[Problem]:
    yield from _too_many("availability", len(profile.availability), most=MOST_WINDOWS)
    before: Window | None = None
    for index, window in enumerate(profile.availability):
        path = f"availability[{index}]"
        if not 0 <= window.weekday <= 6:
            yield Problem(f"{path}.weekday", "is not a day", str(window.weekday), "Use 0 (Monday) to 6 (Sunday).")
        elif not 0 <= window.start < window.end <= 24 * 60:
            yield Problem(path, "does not end after it starts", written(window), "Stay within one day, up to 24:00.")
        elif before and before.weekday == window.weekday and window.start < before.end:
            yield Problem(path, f"overlaps {written(before)}", written(window), "Join the two into one window.")
        else:
            before = window


def _topics(path: str, texts: Sequence[str], *, most: int) -> Iterator[Problem]:
    yield from _too_many(path, len(texts), most=most)
    yield from _present(
        *(values.text_problem(f"{path}[{index}].text", text, least=3, most=200) for index, text in enumerate(texts))
    )
    double = values.first_double(text.casefold() for text in texts)
    if double is not None:
        yield Problem(f"{path}[{double}].text", "is there twice", values.shown(texts[double]), "Say it once.")


def _too_many(path: str, count: int, *, most: int) -> Iterator[Problem]:
    if count > most:
        yield Problem(path, f"has {count} entries", str(count), f"Keep the {most} that matter most.")


def _present(*problems: Problem | None) -> Iterator[Problem]:
    return (problem for problem in problems if problem)


def written(window: Window) -> str:
    """A window as people write it: ``Mon 09:00-11:00``; numbers that make no sense are shown all the same."""
    day = DAYS[window.weekday] if 0 <= window.weekday <= 6 else f"day {window.weekday}"
    return f"{day} {window.start // 60:02}:{window.start % 60:02}-{window.end // 60:02}:{window.end % 60:02}"


def _when(window: Window) -> tuple[int, int, int]:
    return window.weekday, window.start, window.end


def _tidy_or_none(text: str | None) -> str | None:
    return (values.tidy(text) or None) if text is not None else None
