"""Imports that were carried out, with their reports: SQL."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, select

from chassis.database import Transaction
from contracts.profiles import ImportReport, RowProblem
from services.profiles.domain.export import ImportMention
from services.profiles.domain.onboarding import KeptImport, Plan
from services.profiles.store.tables import import_problem, import_row, people_import

_COUNTS = ("rows", "created", "updated", "unchanged", "rejected")


async def load(tx: Transaction, import_id: UUID, *, organization_id: UUID) -> KeptImport | None:
    """An import of this organization, with its whole report."""
    found = (
        (
            await tx.connection.execute(
                select(people_import).where(
                    people_import.c.organization_id == organization_id, people_import.c.import_id == import_id
                )
            )
        )
        .mappings()
        .first()
    )
    if not found:
        return None
    problems = (
        select(
            import_problem.c.row,
            import_problem.c.column,
            import_problem.c.value,
            import_problem.c.message,
            import_problem.c.remedy,
        )
        .where(import_problem.c.organization_id == organization_id, import_problem.c.import_id == import_id)
        .order_by(import_problem.c.position)
    )
    return KeptImport(
        organization_id=organization_id,
        report=ImportReport(
            import_id=import_id,
            file_name=found["file_name"],
            dry_run=False,
            **{count: found[count] for count in _COUNTS},
            problems=tuple(RowProblem(**row) for row in (await tx.connection.execute(problems)).mappings()),
            notes=tuple(found["notes"]),
        ),
        digest=found["digest"],
        imported_at=found["imported_at"],
    )


async def add(tx: Transaction, kept: KeptImport) -> None:
    """Keep an import and the counts of its report, before the people whom it brings."""
    await tx.connection.execute(
        insert(people_import).values(
            organization_id=kept.organization_id,
            import_id=kept.report.import_id,
            file_name=kept.report.file_name,
            digest=kept.digest,
            **{count: getattr(kept.report, count) for count in _COUNTS},
            notes=list(kept.report.notes),
            imported_at=kept.imported_at,
        )
    )


async def add_rows(tx: Transaction, plan: Plan, *, organization_id: UUID) -> None:
    """Keep who was in the file and what was wrong with it, after the people were saved."""
    key = {"organization_id": organization_id, "import_id": plan.report.import_id}
    if plan.taken:
        await tx.connection.execute(
            insert(import_row),
            [
                {**key, "person_id": each.person_id, "row": each.row, "outcome": each.outcome.value}
                for each in plan.taken
            ],
        )
    if plan.problems:
        await tx.connection.execute(
            insert(import_problem),
            [
                {
                    **key,
                    "position": position,
                    "row": found.problem.row,
                    "column": found.problem.column,
                    "value": found.problem.value,
                    "message": found.problem.message,
                    "remedy": found.problem.remedy,
                    "person_id": found.person_id,
                }
                for position, found in enumerate(plan.problems)
            ],
        )


async def mentions_of(tx: Transaction, person_id: UUID, *, organization_id: UUID) -> list[ImportMention]:
    """Every row of an import that was about this person: taken ones, and one entry for each problem of refused ones."""
    taken = (
        select(people_import.c.file_name, people_import.c.imported_at, import_row.c.row, import_row.c.outcome)
        .join(import_row, import_row.c.import_id == people_import.c.import_id)
        .where(
            people_import.c.organization_id == organization_id,
            import_row.c.organization_id == organization_id,
            import_row.c.person_id == person_id,
        )
        .order_by(people_import.c.imported_at)
    )
    refused = (
        select(
            people_import.c.file_name,
            people_import.c.imported_at,
            import_problem.c.row,
            import_problem.c.column,
            import_problem.c.value,
            import_problem.c.message,
        )
        .join(import_problem, import_problem.c.import_id == people_import.c.import_id)
        .where(
            people_import.c.organization_id == organization_id,
            import_problem.c.organization_id == organization_id,
            import_problem.c.person_id == person_id,
        )
        .order_by(people_import.c.imported_at, import_problem.c.position)
    )
    return [
        *(ImportMention(**row) for row in (await tx.connection.execute(taken)).mappings()),
        *(ImportMention(outcome="refused", **row) for row in (await tx.connection.execute(refused)).mappings()),
    ]
