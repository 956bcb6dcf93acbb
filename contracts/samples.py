"""One believable instance of every message, the same in every run: the source of the golden examples."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import NAMESPACE_URL, UUID, uuid5

_MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_TEXTS = {
    "display_name": "Amina Okoye",
    "name": "Bridges 2026",
    "slug": "nordwind",
    "issuer": "https://id.nordwind.example/",
    "subject": "amina",
    "admins": "amina",
    "email": "amina@nordwind.example",
    "admin_emails": "amina@nordwind.example",
    "locale": "en",
    "zone": "Europe/Berlin",
    "code": "en",
    "language": "en",
    "file_name": "people.csv",
    "json": "{}",
    "need": "Read a balance sheet without getting lost",
    "offer": "Finance for people who fear spreadsheets",
    "added_as": "teacher",
    "confidentiality": "What is said between us stays between us.",
}


def sample(kind: Any, *, name: str = "") -> Any:
    """An instance of a contract's type; ``name`` is the field that it is for."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return sample(next(each for each in arguments if each is not types.NoneType), name=name)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return (sample(arguments[0], name=name),)
        return tuple(sample(each, name=f"{name}{number}") for number, each in enumerate(arguments))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if hasattr(kind, "__dataclass_fields__"):
        return _instance(kind)
    plain: dict[Any, Callable[[], Any]] = {
        UUID: lambda: uuid5(NAMESPACE_URL, f"viceversa/{name}"),
        datetime: lambda: _MOMENT,
        date: _MOMENT.date,
        time: lambda: time(20, 0),
        str: lambda: _TEXTS.get(name, name.replace("_", " ")),
        bytes: lambda: b"external_id,name\n1,Amina\n",
        bool: lambda: True,
        int: lambda: 1,
        float: lambda: 0.5,
    }
    return plain[kind]()


def _instance(kind: type) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for field in fields(kind):
        if field.name == "actor" and field.default is not MISSING:
            continue  # comes from the token, never from a sender
        values[field.name] = sample(hints[field.name], name=field.name)
    return kind(**values)
