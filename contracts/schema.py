"""What the contracts promise, as data: every message's fields and types; and the rule that they only grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

import msgspec

from contracts.base import commands, facts, queries

Schemas = dict[str, Any]


def messages() -> dict[str, type]:
    """Every fact, command and private read by wire name."""
    return {**facts().classes, **commands().classes, **queries().classes}


def json_schemas(kinds: Iterable[type], *, ref_template: str = "#/$defs/{name}") -> tuple[tuple[Any, ...], Schemas]:
    """JSON Schemas (2020-12) of some classes, and of everything that they refer to by name."""
    schemas, components = msgspec.json.schema_components(tuple(kinds), ref_template=ref_template)
    for each in components.values():
        if "description" in each:  # Python keeps a docstring's indentation until 3.13, and takes it off from then on
            each["description"] = cleandoc(each["description"])
    return schemas, components


def present() -> Schemas:
    """The promise of this build: ``{"messages": {wire: class name}, "types": {class name: JSON Schema}}``."""
    by_wire = messages()
    _, components = json_schemas(by_wire.values())
    promised = {
        "messages": {wire: by_wire[wire].__name__ for wire in sorted(by_wire)},
        "types": {name: components[name] for name in sorted(components)},
    }
    # As JSON would give it back, so that it can be compared with what landed: lists for tuples.
    schemas: Schemas = msgspec.json.decode(msgspec.json.encode(promised))
    return schemas


def broken_promises(landed: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each way in which ``now`` is more than an addition to ``landed``, as a sentence; none when old and new can talk.

    Allowed: new messages, new types, new fields that are not required, new members of an enumeration.
    """
    wrong = [
        f"{wire} is gone: keep its class for as long as a topic may hold it"
        for wire in landed["messages"]
        if wire not in now["messages"]
    ]
    wrong += [
        f"{wire} is now another type: a new shape is a new version"
        for wire, name in landed["messages"].items()
        if wire in now["messages"] and now["messages"][wire] != name
    ]
    for name, before in landed["types"].items():
        after = now["types"].get(name)
        if after is None:
            wrong.append(f"{name} is gone")
            continue
        if "enum" in before:
            wrong += [f"{name} lost {member!r}" for member in before["enum"] if member not in after.get("enum", ())]
            continue
        for field, schema in before.get("properties", {}).items():
            changed = after.get("properties", {}).get(field)
            if changed is None:
                wrong.append(f"{name}.{field} is gone")
            elif _shape(changed) != _shape(schema):
                wrong.append(f"{name}.{field} changed its type: {_shape(schema)} → {_shape(changed)}")
        newly_required = set(after.get("required", ())) - set(before.get("required", ()))
        wrong += [f"{name}.{field} is newly required: give it a default" for field in sorted(newly_required)]
    return wrong


def _shape(schema: Mapping[str, Any]) -> Any:
    # Defaults and descriptions may change; what may be written may not.
    return {key: value for key, value in schema.items() if key not in ("default", "description", "title")}
