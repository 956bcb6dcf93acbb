"""An aggregate as it is kept: its public state, how often it changed, when and by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

from contracts.feedback import Agenda, Agreement, Feedback, Introduction, Reciprocity, Session

Aggregate: TypeAlias = Agreement | Agenda | Session | Feedback | Introduction | Reciprocity
State_co = TypeVar("State_co", bound=Aggregate, covariant=True)
State = TypeVar("State", bound=Aggregate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[State_co]):
    """A state; ``version`` counts its changes from 1; ``changed_by`` None: by a reaction or by time itself.

    ``stored``: it lies in the database like this, so there is nothing to save and nothing to tell.
    """

    state: State_co
    version: int = 1
    changed_at: datetime
    changed_by: UUID | None = None
    stored: bool = field(default=False, compare=False)


def changed(kept: Kept[State], *, to: State, at: datetime, by: UUID | None) -> Kept[State]:
    """The next version; the very same object when nothing changed, so that no fact tells of nothing."""
    if to == kept.state:
        return kept
    return Kept(state=to, version=kept.version + 1, changed_at=at, changed_by=by)
