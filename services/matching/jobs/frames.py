"""What the service and its computing process say to each other: orders in, lines out, each a length and that many bytes.

Loads nothing: the service imports it, and must stay small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from services.matching.engine.model import Groups, Plan, Rounds, RuleCost, Snapshot, SoFar

LENGTH = 8  # bytes, big-endian
LIGHT, FULL, SERVER = "light", "full", "server"
MODES = (LIGHT, FULL, SERVER)
STOP = b"s"
"""Said to a computing process after its order: take the best plan so far. No order begins with it: none is that long."""
IDLE_SECONDS = 30.0
"""How long a computing process waits for another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """How texts are to be understood: a mode of the engine, and for ``server`` its address."""

    mode: str
    url: str = ""
    model: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to compute: the plan for a ``snapshot`` (JSON), or, without one, the vectors of ``texts``.

    ``vectors``: what is known of the texts already, by model and digest. ``near``: frozen by an earlier attempt. ``seconds``: that the
    search for a plan may take; 0: as long as it needs.
    """

    meaning: Meaning
    snapshot: bytes = b""
    seed: int = 0
    near: bytes = b""
    texts: tuple[str, ...] = ()
    vectors: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing said: how far it is with the best plan so far, new vectors, the near texts, the plan with its proof and the prices of
    its rules, the rounds or the groups with theirs, or a refusal. ``stays``: the process waits for another order."""

    stage: str = ""
    done: float = 0.0
    vectors: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    near: bytes = b""
    plan: Plan | None = None
    proof: bytes = b""
    rounds: Rounds | None = None
    so_far: SoFar | None = None
    prices: tuple[RuleCost, ...] = ()
    groups: Groups | None = None
    refused: str = ""
    finished: bool = False
    stays: bool = False


def framed(message: Order | Line) -> bytes:
    """Length and bytes."""
    content = msgspec.msgpack.encode(message)
    return len(content).to_bytes(LENGTH, "big") + content


def texts_of(snapshot: Snapshot) -> list[str]:
    """Every need and offer in it."""
    needs = {need.text for person in snapshot.people for need in person.needs}
    return sorted(needs | {offer.text for person in snapshot.people for offer in person.offers})
