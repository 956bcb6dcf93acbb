"""Commands that mean some fields of a state: whoever sends one fills in the others from what they last read, which may be old."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from contracts.errors import Invalid, Problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

StateT = TypeVar("StateT", bound="DataclassInstance")


class NoSuchField(Invalid):
    """A command means a field that its state has not."""


def meant(given: StateT, *, over: StateT | None, only: tuple[str, ...] | None) -> StateT:
    """``over`` with the fields of ``given`` that ``only`` names; ``given`` when it means all of it (None), or nothing is there.

    Raises ``NoSuchField``."""
    changes = _named(given, only)
    return given if only is None or over is None else replace(over, **changes)


def asked_of(given: StateT, *, only: tuple[str, ...] | None) -> object:
    """What makes two commands the same: the fields that are meant, whatever the others were filled in with. Raises ``NoSuchField``."""
    return given if only is None else _named(given, only)


def _named(given: StateT, only: tuple[str, ...] | None) -> dict[str, object]:
    known = {each.name for each in fields(given)}
    unknown = sorted(set(only or ()) - known)
    if unknown:
        raise NoSuchField(
            f"{type(given).__name__} has no {', '.join(unknown)}.",
            remedy="Name fields that it has.",
            problems=tuple(Problem("only", "no such field", name, ", ".join(sorted(known))) for name in unknown),
        )
    return {name: getattr(given, name) for name in sorted(only or ())}
