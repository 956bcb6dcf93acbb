"""Writes and checks what is generated from the contracts: golden examples, the landed schema, AsyncAPI."""

from __future__ import annotations

import json
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any

from chassis.outbox import cloud_event
from chassis.service import Spec
from contracts.base import OWNERS, Event, encode, facts, topics
from contracts.samples import sample
from contracts.schema import broken_promises, json_schemas, messages, present

_CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"
EXAMPLES = _CONTRACTS / "examples"
LANDED = _CONTRACTS / "landed.json"
ASYNCAPI = _CONTRACTS / "asyncapi.json"


def write_examples() -> list[Path]:
    """A golden example for every message that has none yet; those that landed are never touched. The new files."""
    EXAMPLES.mkdir(exist_ok=True)
    written = []
    for wire, kind in messages().items():
        file = EXAMPLES / f"{wire}.json"
        if not file.exists():
            file.write_text(example(kind), encoding="utf-8")
            written.append(file)
    return written


def example(kind: type) -> str:
    """A message as it travels: for a fact its CloudEvents headers, its key and its data; for the others the data."""
    message = sample(kind)
    document: dict[str, Any] = {"data": json.loads(encode(message))}
    if isinstance(message, Event):
        headers = cloud_event(
            fact_id=sample(type(message.key), name="fact_id"),
            wire=message.WIRE,
            source=f"viceversa/{message.WIRE.split('.')[1]}",
            occurred_at=message.occurred_at,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        document = {
            "topic": message.TOPIC,
            "key": str(message.key),
            "headers": {name: value.decode() for name, value in headers},
            **document,
        }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def land() -> list[str]:
    """Write the present schema as the landed one, unless it breaks a promise; the broken promises."""
    now = present()
    if LANDED.exists():
        wrong = broken_promises(json.loads(LANDED.read_text(encoding="utf-8")), now)
        if wrong:
            return wrong
    LANDED.write_text(_pretty(now), encoding="utf-8")
    return []


def specs() -> dict[str, Spec]:
    """Every deployable's literal tables, by name."""
    modules = {name: f"services.{name}.app" for name in OWNERS} | {"gateway": "gateway.app"}
    return {name: import_module(module).app.spec for name, module in modules.items()}


def asyncapi() -> str:
    """AsyncAPI 3.0 of every topic: its messages with keys and headers, who sends and who receives them."""
    kinds = [kind for kind in facts().classes.values() if issubclass(kind, Event)]
    _, components = json_schemas(kinds, ref_template="#/components/schemas/{name}")
    channels = {
        topic: {
            "address": topic,
            "messages": {
                kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
                for kind in kinds
                if topic == kind.TOPIC
            },
            "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
        }
        for topic in topics()
    }
    operations: dict[str, Any] = {}
    for name, spec in specs().items():
        for topic in topics():
            sent = [kind for kind in kinds if topic == kind.TOPIC and kind.WIRE.split(".")[1] in (name, _alias(name))]
            received = sorted((kind for kind in spec.consumes if topic == kind.TOPIC), key=lambda kind: kind.WIRE)
            for action, chosen in (("send", sent), ("receive", received)):
                if chosen:
                    operations[f"{name}.{action}.{topic}"] = _operation(
                        action, topic, [kind.__name__ for kind in chosen]
                    )
    return _pretty(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Viceversa facts",
                "version": "1.0.0",
                "description": "Every fact on every topic. Keys are aggregate ids; each fact carries its aggregate's whole "
                "public state and its version, so a reader keeps the newest and ignores the rest.",
            },
            "defaultContentType": "application/json",
            "channels": channels,
            "operations": operations,
            "components": {
                "messages": {kind.__name__: _message(kind) for kind in kinds},
                "messageTraits": {"cloudEvent": {"headers": _HEADERS}},
                "schemas": components,
            },
        }
    )


_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "The fact's id: the same id is the same fact."},
        "ce_source": {"type": "string", "examples": ["viceversa/matching"]},
        "ce_type": {"type": "string", "description": "The wire name: decides how the data is read."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context, when the cause was traced."},
    },
}


def _alias(name: str) -> str:
    return "contacts" if name == "profiles" else name  # profiles owns a second topic


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.WIRE,
        "title": kind.__name__,
        "summary": cleandoc(kind.__doc__ or ""),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
    }


def _operation(action: str, topic: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names],
    }


def _pretty(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
