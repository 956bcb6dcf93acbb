"""Onboarding from a CSV file: which rows are taken, what they change, and what the report says.

Planning is everything but writing: a dry run plans, and a real run writes what the same plan says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor, Event
from contracts.errors import Conflict, NotFound
from contracts.profiles import ImportReport, Organization, RowProblem
from services.profiles.domain import candidates as rows, conflicts, people, spreadsheet, values
from services.profiles.domain.candidates import Candidate
from services.profiles.domain.organizations import NoSuchOrganization
from services.profiles.domain.people import Erasure, Person

MOST_PROBLEMS = 1_000


class Outcome(StrEnum):
    """What became of a good row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRow:
    """A row that was taken, whose it was, and what it did."""

    row: int
    person_id: UUID
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProblem:
    """A problem with the id of whom its row is about, so that it can go when they go; None: the row does not say."""

    problem: RowProblem
    person_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an import will do: its report, whom to write, and the facts."""

    report: ImportReport
    people: tuple[Person, ...]
    facts: tuple[Event, ...]
    taken: tuple[TakenRow, ...]
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImport:
    """An import that was carried out; ``digest`` is of the file's content, which itself is not kept."""

    organization_id: UUID
    report: ImportReport
    digest: bytes
    imported_at: datetime


class NoSuchImport(NotFound):
    """There is no import with this id, or it is another organization's: the two look alike."""

    def __init__(self) -> None:
        super().__init__(
            "There is no such import.", remedy="Check its id; a dry run and a refused file leave none behind."
        )


class ImportIdIsTaken(Conflict):
    """Another file was imported under this id."""


def may_import(actor: Actor, *, organization_id: UUID) -> None:
    """Nothing for the organization's admins; NoSuchOrganization for everybody else."""
    if not actor.administers(organization_id):
        raise NoSuchOrganization


def digest_of(content: bytes) -> bytes:
    """What tells one file's content from another's, 32 bytes."""
    return hashlib.sha256(content).digest()


def is_repetition(kept: KeptImport, *, content: bytes) -> bool:
    """True: this very file was imported under this id; ImportIdIsTaken when it was another file."""
    if kept.digest != digest_of(content):
        raise ImportIdIsTaken(
            "Another file was imported under this import id.", remedy="Make a new import id for each file."
        )
    return True


def plan(
    content: bytes,
    *,
    import_id: UUID,
    file_name: str,
    organization: Organization,
    known: Sequence[Person],
    erased: Sequence[Erasure],
    dry_run: bool,
    actor: Actor,
    now: datetime,
) -> Plan:
    """What importing this file would do. ``known`` and ``erased`` are all of the organization's; the refusals of ``spreadsheet.read``."""
    sheet = spreadsheet.read(content)
    here = {person.profile.person_id: person for person in known}
    candidates = [rows.read(row, columns=sheet.columns, organization=organization, known=here) for row in sheet.rows]
    conflicts.refuse_erased(candidates, erased={each.person_id: each for each in erased if each.person_id not in here})
    conflicts.refuse_doubles(candidates)
    conflicts.link_managers(candidates, organization=organization, known=here)
    for candidate in candidates:
        rows.merge(candidate)
    conflicts.settle(candidates, known=here)
    changes = [_change(each, import_id=import_id, actor=actor, now=now) for each in candidates if each.person]
    problems = tuple(
        FoundProblem(problem=problem, person_id=each.person_id) for each in candidates for problem in each.problems
    )
    return Plan(
        report=_report(
            [change.taken for change in changes],
            rows=len(candidates),
            problems=problems,
            blank=ImportReport(
                import_id=import_id,
                file_name=values.shown(file_name),
                dry_run=dry_run,
                rows=0,
                created=0,
                updated=0,
                unchanged=0,
                rejected=0,
                notes=sheet.notes,
            ),
        ),
        people=tuple(change.person for change in changes if change.person),
        facts=tuple(fact for change in changes for fact in change.facts),
        taken=tuple(change.taken for change in changes),
        problems=problems[:MOST_PROBLEMS],
    )


@dataclass(frozen=True, slots=True)
class _Change:
    taken: TakenRow
    person: Person | None  # None: nothing to write
    facts: tuple[Event, ...]


def _change(candidate: Candidate, *, import_id: UUID, actor: Actor, now: datetime) -> _Change:
    """What a row that is taken does to its person."""
    person, known = candidate.person, candidate.known
    assert person is not None
    change = people.changed(
        known, profile=person.profile, email=person.email, least_version=0, actor_id=actor.person_id, now=now
    )
    outcome = Outcome.CREATED if known is None else Outcome.UPDATED if change.facts else Outcome.UNCHANGED
    taken = TakenRow(row=candidate.number, person_id=person.profile.person_id, outcome=outcome)
    if known and not change.facts and known.imported == person.imported:
        return _Change(taken, None, ())
    written = replace(
        change.person,
        imported=person.imported,
        onboarded_by=known.onboarded_by if known else import_id,
    )
    return _Change(taken, written, change.facts)


def _report(
    taken: Sequence[TakenRow], *, rows: int, problems: Sequence[FoundProblem], blank: ImportReport
) -> ImportReport:
    def count(outcome: Outcome) -> int:
        return sum(each.outcome is outcome for each in taken)

    return replace(
        blank,
        rows=rows,
        created=count(Outcome.CREATED),
        updated=count(Outcome.UPDATED),
        unchanged=count(Outcome.UNCHANGED),
        rejected=rows - len(taken),
        problems=tuple(each.problem for each in problems[:MOST_PROBLEMS]),
        notes=(*blank.notes, *_more(len(problems) - MOST_PROBLEMS)),
    )


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"Problems not listed: {count}; mend these first."
