"""Onboarding from files, and a person's own data."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from contracts import profiles
from gateway.schema.context import Info
from gateway.schema.describing import field

if TYPE_CHECKING:
    from gateway.schema.choices import Ranking

LazyRanking = Annotated["Ranking", strawberry.lazy("gateway.schema.choices")]


@strawberry.type(description="One wrong cell of a file.")
class RowProblem:
    row: int = strawberry.field(description="The row as a spreadsheet counts it: the header is row 1.")
    column: str = strawberry.field(description="The column.")
    value: str = strawberry.field(description="What is there.")
    message: str = strawberry.field(description="What is wrong with it.")
    remedy: str = strawberry.field(description="What to write instead.")


@strawberry.type(description="What an import of people did, or would do.")
class ImportReport:
    import_id: strawberry.ID = strawberry.field(description="The import; `importReport` finds it again.")
    file_name: str = strawberry.field(description="The file.")
    dry_run: bool = strawberry.field(description="True: nothing was changed.")
    rows: int = strawberry.field(description="Rows without the header.")
    created: int = strawberry.field(description="People that were new.")
    updated: int = strawberry.field(description="People that changed.")
    unchanged: int = strawberry.field(description="People that were the same already.")
    rejected: int = strawberry.field(description="Rows that were not taken; see the problems.")
    problems: list[RowProblem] = strawberry.field(description="Everything that is wrong, row by row.")
    notes: list[str] = strawberry.field(description="What was found out about the file: encoding, delimiter …")


def import_report(state: profiles.ImportReport) -> ImportReport:
    """A report, as profiles wrote it."""
    return ImportReport(
        import_id=strawberry.ID(str(state.import_id)),
        file_name=state.file_name,
        dry_run=state.dry_run,
        rows=state.rows,
        created=state.created,
        updated=state.updated,
        unchanged=state.unchanged,
        rejected=state.rejected,
        problems=[
            RowProblem(
                row=each.row,
                column=each.column,
                value=each.value,
                message=each.message,
                remedy=each.remedy,
            )
            for each in state.problems
        ],
        notes=list(state.notes),
    )


@strawberry.type(description="All that the platform keeps in the viewer's profile.")
class PersonExport:
    exported_at: datetime = strawberry.field(description="When.")
    json: str = strawberry.field(description="The data as JSON text, ready to be saved.")

    @field("Whom the viewer ranked, by cohort; null while the service that keeps it does not answer.")
    async def rankings(self, info: Info) -> list[LazyRanking] | None:
        from gateway.schema.choices import all_rankings

        return await all_rankings(info)
