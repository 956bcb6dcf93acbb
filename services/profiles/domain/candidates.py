"""One row of a file on its way to becoming a person: what it states, what is wrong with it, who the person will be.

A file that is imported again changes only what changed *in the file* since the last time: what people meanwhile wrote about
themselves stays. The last file's values are kept with each person (``Person.imported``) for that comparison.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec

from contracts.profiles import Organization, Profile, RowProblem, person_id_of
from services.profiles.domain import cells, profile as profiles, spreadsheet, values
from services.profiles.domain.people import Person
from services.profiles.domain.spreadsheet import Row

IDENTITY = "external_id"

# Columns that fill a profile's field of another name; the address belongs to the contact.
_FIELD_OF = {IDENTITY: "subject", "name": "display_name", "manager": "manager_id"}
_COLUMN_OF = {field: column for column, field in _FIELD_OF.items()}
_FACETS = ("career_stage", "industry", "function", "education", "region")
_NOT_KEPT = (IDENTITY, "role", "capacity")
_ENTRY = re.compile(r"\[(\d+)\]")
_NEVER_EMPTY = ("locale", "zone", "criticism")  # an empty cell states nothing about these


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A row, whom it is about, and how far it has come. ``person`` is who they will be, once the row is found good."""

    row: Row
    profile: Profile
    person_id: UUID | None  # None: the row has no usable external id
    known: Person | None  # who they are now
    manager: str  # external id
    stated: dict[str, object]  # what the row says, by field, as JSON values
    problems: list[RowProblem] = field(default_factory=list)
    person: Person | None = None

    @property
    def number(self) -> int:
        """The row's number in the file."""
        return self.row.number

    def refuse(self, column: str, value: str, message: str, remedy: str) -> None:
        """Note what is wrong; a row with any problem is not taken at all."""
        self.person = None
        self.problems.append(
            RowProblem(row=self.row.number, column=column, value=values.shown(value), message=message, remedy=remedy)
        )


def read(row: Row, *, columns: Sequence[str], organization: Organization, known: Mapping[UUID, Person]) -> Candidate:
    """Understand one row by itself; everything that is wrong with its cells is found at once."""
    cell = row.cells.get
    external_id = cell(IDENTITY, "")
    person_id = person_id_of(organization.organization_id, subject=external_id) if external_id else None
    languages, bad_languages = cells.languages(cell("languages", ""))
    availability, bad_windows = cells.availability(cell("availability", ""))
    offers, bad_offers = cells.offers(cell("offers", ""))
    needs, bad_needs = cells.needs(cell("needs", ""))
    criticism, bad_criticism = cells.criticism(cell("criticism", ""))
    blank = Profile(
        person_id=person_id or organization.organization_id,
        organization_id=organization.organization_id,
        subject=external_id,
        display_name=cell("name", ""),
    )
    profile = replace(
        blank,
        job_title=cell("job_title", ""),
        locale=cell("locale", "") or organization.locale,
        zone=cell("zone", "") or organization.zone,
        languages=languages,
        availability=availability,
        offers=offers,
        needs=needs,
        facets=replace(blank.facets, **{name: cell(name) or None for name in _FACETS}),
        criticism=criticism[0] if criticism else blank.criticism,
        team=cell("team") or None,
    )
    candidate = Candidate(
        row=row,
        profile=profiles.tidy(profile),
        person_id=person_id,
        known=known.get(person_id) if person_id else None,
        manager=cell("manager", ""),
        stated={},
        problems=list(row.problems),
    )
    if not row.cells:
        return candidate  # broken; there is nothing to understand
    for column, bad in (
        ("languages", bad_languages),
        ("availability", bad_windows),
        ("offers", bad_offers),
        ("needs", bad_needs),
        ("criticism", bad_criticism),
    ):
        for part in bad:
            candidate.refuse(column, part.value, part.message, part.remedy)
    for column, wrong in cells.problems_of_enrolment(role=cell("role", ""), capacity=cell("capacity", "")).items():
        candidate.refuse(column, wrong.value, wrong.message, wrong.remedy)
    _check(candidate)
    candidate.stated = {
        name: value
        for name, value in _stated(candidate.profile, cell("email", "")).items()
        if _column(name) in columns and (name not in _NEVER_EMPTY or cell(name))
    }
    return candidate


def link_manager(candidate: Candidate, *, manager_id: UUID) -> None:
    """The row's manager is this person; whether that person can be taken is seen later."""
    candidate.profile = replace(candidate.profile, manager_id=manager_id)
    candidate.stated["manager_id"] = str(manager_id)


def merge(candidate: Candidate) -> None:
    """Who a good row's person will be: as known, with everything that changed in the file since the last import."""
    if candidate.problems:
        return
    known = candidate.known
    if known is None:
        candidate.person = Person(
            profile=candidate.profile,
            version=0,
            email=str(candidate.stated["email"]),
            imported=candidate.stated,
        )
        return
    current = _stated(known.profile, known.email)
    empty = _stated(_nobody_yet(known.profile), "")
    merged = dict(current)
    for name, value in candidate.stated.items():
        if name in known.imported:
            if value != known.imported[name]:
                merged[name] = value
        elif current[name] == empty[name]:
            # The organization says this for the first time: it fills what is empty and overwrites nobody's own words.
            merged[name] = value
    facets = {name: merged.pop(name) for name in _FACETS}
    email = str(merged.pop("email"))
    built = msgspec.to_builtins(known.profile) | merged | {"facets": facets}
    candidate.person = replace(
        known,
        profile=msgspec.convert(built, Profile),
        email=email,
        imported=dict(known.imported) | candidate.stated,
    )


def _nobody_yet(profile: Profile) -> Profile:
    """The same identity before anybody said anything about it."""
    return Profile(
        person_id=profile.person_id, organization_id=profile.organization_id, subject=profile.subject, display_name=""
    )


def _check(candidate: Candidate) -> None:
    """The profile's own rules, said in the file's words; a cell that has a problem already is not blamed twice."""
    blamed = {problem.column for problem in candidate.problems}
    email = candidate.row.cells.get("email", "")
    wrong_email = values.email_problem("email", email) if email else None
    for problem in (*profiles.problems_of(candidate.profile), *((wrong_email,) if wrong_email else ())):
        head = problem.path.removeprefix("facets.").partition("[")[0].partition(".")[0]
        if head == "person_id":
            continue  # follows from a missing external id, which has its own problem
        column = _column(head)
        if column not in blamed:
            entry = _ENTRY.search(problem.path)
            message = f"{problem.message} (entry {int(entry[1]) + 1})" if entry else problem.message
            candidate.refuse(column, problem.value, message, problem.remedy)


def _stated(profile: Profile, email: str) -> dict[str, object]:
    """A row's or a person's values by field, as JSON values; identity and what is not kept left out."""
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(profile))
    own = (
        _FIELD_OF.get(column, column) for column in spreadsheet.COLUMNS if column not in (*_NOT_KEPT, *_FACETS, "email")
    )
    return {**{name: built[name] for name in own}, **built["facets"], "email": email}


def _column(name: str) -> str:
    return _COLUMN_OF.get(name, name)
