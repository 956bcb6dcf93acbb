"""What all loaders stand on: one viewer, and transactions in which the viewer's rows are visible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

from chassis.database import Transaction
from contracts.base import Actor
from gateway.store.paging import Page

SeenT = TypeVar("SeenT")
Begin = Callable[[Actor], AbstractAsyncContextManager[Transaction]]
EMPTY: Page[Any] = Page(rows=(), keys=(), more=False, total=0)


class Reading:
    """One viewer's reads. A loader asks once for all keys of one level of a query."""

    def __init__(self, viewer: Actor, begin: Begin) -> None:
        self.viewer = viewer
        self._begin = begin
        self.forget()

    def forget(self) -> None:
        """Drop what was loaded: after a command, and before each event of a subscription."""

    def _reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin(self.viewer)


def aligned(keys: Sequence[UUID], found: Iterable[SeenT], key_of: Callable[[SeenT], UUID]) -> list[SeenT | None]:
    """One for each key, in the order of the keys."""
    by_key = {key_of(each): each for each in found}
    return [by_key.get(key) for key in keys]


def mapped(page: Page[Any], rows: Sequence[SeenT]) -> Page[SeenT]:
    """The same page of what these rows became."""
    return Page(rows=rows, keys=page.keys, more=page.more, total=page.total)
