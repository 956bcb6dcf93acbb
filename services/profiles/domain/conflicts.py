"""What rows of one file do to each other and to the people who are there: doubles, managers, circles, addresses, erasures.

A row that is refused leaves its person as they are; that can take the ground from under other rows (a manager who is not there, an
address that is not free), which are then refused too, until what is left holds together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from contracts.profiles import Organization, person_id_of
from services.profiles.domain import candidates as rows, values
from services.profiles.domain.candidates import IDENTITY, Candidate
from services.profiles.domain.people import Erasure, Person


def refuse_erased(candidates: Sequence[Candidate], *, erased: Mapping[UUID, Erasure]) -> None:
    """A file brings nobody back who was erased."""
    for candidate in candidates:
        erasure = erased.get(candidate.person_id) if candidate.person_id else None
        if erasure:
            candidate.refuse(
                IDENTITY,
                candidate.row.cells[IDENTITY],
                f"belongs to somebody who was erased on {erasure.erased_at:%Y-%m-%d}",
                "Remove the row; they come back by signing in and saving their profile themselves.",
            )


def refuse_doubles(candidates: Sequence[Candidate]) -> None:
    """Of several rows with one external id the first counts."""
    first: dict[str, int] = {}
    for candidate in candidates:
        key = candidate.row.cells.get(IDENTITY, "")
        if key and first.setdefault(key, candidate.number) != candidate.number:
            candidate.refuse(
                IDENTITY, key, f"is in row {first[key]} already", "Keep one row for each person, and remove the other."
            )


def link_managers(candidates: Sequence[Candidate], *, organization: Organization, known: Mapping[UUID, Person]) -> None:
    """From each manager's external id to their person id; they may stand later in the file, or be here already."""
    in_file = {candidate.person_id for candidate in candidates}
    for candidate in candidates:
        if not candidate.manager:
            continue
        manager_id = person_id_of(organization.organization_id, subject=candidate.manager)
        if manager_id == candidate.person_id:
            candidate.refuse("manager", candidate.manager, "is the person themselves", "Name somebody else, or nobody.")
        elif manager_id not in in_file and manager_id not in known:
            candidate.refuse(
                "manager",
                candidate.manager,
                "is the external_id of nobody in the file or in the organization",
                "Correct it, add a row for the manager, or leave the cell empty.",
            )
        else:
            rows.link_manager(candidate, manager_id=manager_id)


def settle(candidates: Sequence[Candidate], *, known: Mapping[UUID, Person]) -> None:
    """Refuse merged rows until the rest holds together. Linear in the rows, but for circles that refusals bring back."""
    first_rows = {each.person_id: each for each in reversed(candidates) if each.person_id}
    while True:
        _refuse_followers(candidates, known=known, first_rows=first_rows)
        # Addresses only once there is no circle left, so that nobody gives way to a row that is refused.
        if not _refuse_circles(candidates, after=_after(candidates, known=known)) and not _refuse_shared_addresses(
            candidates, after=_after(candidates, known=known), known=known, first_rows=first_rows
        ):
            return


def _after(candidates: Sequence[Candidate], *, known: Mapping[UUID, Person]) -> dict[UUID, Person]:
    """Everybody of the organization as they would be after the import."""
    return dict(known) | {each.person.profile.person_id: each.person for each in candidates if each.person}


def _refuse_followers(
    candidates: Sequence[Candidate], *, known: Mapping[UUID, Person], first_rows: Mapping[UUID, Candidate]
) -> None:
    """Refuse rows that count on a refused one: for a manager who is new, or for an address that it would have freed."""
    reports: dict[UUID, list[Candidate]] = {}
    takers: dict[str, list[Candidate]] = {}
    for each in candidates:
        if each.person:
            if each.person.profile.manager_id:
                reports.setdefault(each.person.profile.manager_id, []).append(each)
            takers.setdefault(values.email_key(each.person.email), []).append(each)
    refused = [each for each in first_rows.values() if not each.person]
    while refused:
        gone = refused.pop()
        assert gone.person_id is not None
        before = known.get(gone.person_id)
        if before is None:
            for report in reports.get(gone.person_id, ()):
                if report.person:
                    report.refuse(
                        "manager",
                        report.manager,
                        f"is in row {gone.number}, which cannot be taken",
                        "Mend that row and import the file again, or leave the cell empty.",
                    )
                    refused.append(report)
        elif before.email:
            for taker in takers.get(values.email_key(before.email), ()):
                if taker.person:
                    _refuse_address(taker, "is still somebody else's, because their own row cannot be taken")
                    refused.append(taker)


def _refuse_circles(candidates: Sequence[Candidate], *, after: Mapping[UUID, Person]) -> bool:
    circling = in_circles({person_id: person.profile.manager_id for person_id, person in after.items()})
    refused = False
    for candidate in candidates:
        if candidate.person and candidate.person_id in circling:
            candidate.refuse(
                "manager",
                candidate.manager,
                "reports, perhaps through others, to this very person",
                "Name somebody above both, or leave the cell empty.",
            )
            refused = True
    return refused


def in_circles(manager_of: Mapping[UUID, UUID | None]) -> set[UUID]:
    """Everybody who is, perhaps through others, their own manager."""
    circling: set[UUID] = set()
    done: set[UUID] = set()
    for start in manager_of:
        way: dict[UUID, None] = {}
        at: UUID | None = start
        while at is not None and at not in done and at not in way:
            way[at] = None
            at = manager_of.get(at)
        if at is not None and at in way:
            line = list(way)
            circling.update(line[line.index(at) :])
        done.update(way)
    return circling


def _refuse_shared_addresses(
    candidates: Sequence[Candidate],
    *,
    after: Mapping[UUID, Person],
    known: Mapping[UUID, Person],
    first_rows: Mapping[UUID, Candidate],
) -> bool:
    """Of several people with one address the one who has it now keeps it; else the first row of the file."""
    holders: dict[str, list[UUID]] = {}
    for person_id, person in after.items():
        if person.email:
            holders.setdefault(values.email_key(person.email), []).append(person_id)
    refused = False
    for key, people in holders.items():
        if len(people) == 1:
            continue
        present = [each for each in people if each in known and values.email_key(known[each].email) == key]
        keeper = present[0] if present else min(people, key=lambda each: first_rows[each].number)
        row = first_rows.get(keeper)
        in_file = row is not None and values.email_key(row.row.cells.get("email", "")) == key
        for person_id in people:
            if person_id != keeper:
                where = f"in row {row.number} already" if row and in_file else "somebody else's in this organization"
                _refuse_address(first_rows[person_id], f"is {where}")
                refused = True
    return refused


def _refuse_address(candidate: Candidate, message: str) -> None:
    candidate.refuse(
        "email",
        candidate.row.cells.get("email", ""),
        message,
        "Give each person an address of their own, or leave the cell empty.",
    )
