"""Which faults come when: everything follows from the seed, so that a drill can be repeated.

Faults are dealt from shuffled decks. A deck has every kind, so that also a short drill meets each; several faults may come at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

DEPLOYABLES = ("profiles", "matching", "feedback", "notifications", "gateway")
OWNERS = DEPLOYABLES[:-1]
BROKER, DATABASE = "broker", "database"


class Kind(StrEnum):
    """What can happen."""

    KILL = "kill"  # SIGKILL of a whole process
    KILL_RELAY = "kill relay"  # its session ends, at the server
    AWAY = "away"  # SIGKILL, and nobody starts it again for a while
    PAUSE = "pause"  # SIGSTOP, later SIGCONT
    DUPLICATE = "duplicate"  # records that were on a topic come again, old ones after newer ones
    REORDER = "reorder"  # the facts of a person arrive newest first
    GARBAGE = "garbage"  # bytes on a topic that nobody can decode
    POISON = "poison"  # one person's facts fail in one service until somebody mends the cause


KILLS = frozenset({Kind.KILL, Kind.KILL_RELAY, Kind.AWAY})


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them. ``seconds``: how long the part is gone or stands still."""

    kind: Kind
    part: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.part}{lasting}"


@dataclass(frozen=True, slots=True)
class Burst:
    """Faults that come together. ``quiet``: seconds of undisturbed load before; ``gap``: between one fault and the next."""

    number: int
    quiet: float
    gap: float
    faults: tuple[Fault, ...]

    @property
    def kills(self) -> int:
        """How many of them are kills."""
        return sum(fault.kind in KILLS for fault in self.faults)


def plan(seed: int, *, kills: int) -> Iterator[Burst]:
    """Bursts until so many kills have come; the same seed gives the same ones. The last burst may be cut short."""
    random = Random(seed)
    cards: list[Fault] = []
    left, number = kills, 0
    while left > 0:
        number += 1
        faults: list[Fault] = []
        for _ in range(random.choice((1, 1, 2, 2, 3))):
            cards = cards or _deck(random)
            faults.append(cards.pop())
        burst = Burst(number, random.uniform(0.2, 1.5), random.choice((0.0, random.uniform(0.0, 1.5))), tuple(faults))
        left -= burst.kills
        yield burst


def _deck(random: Random) -> list[Fault]:
    """One of every kind, shuffled: ten of them are kills."""
    cards = [
        *(Fault(Kind.KILL, name, _gone(random)) for name in DEPLOYABLES),
        Fault(Kind.KILL, BROKER, _gone(random)),
        Fault(Kind.KILL, DATABASE, _gone(random)),
        Fault(Kind.KILL_RELAY, random.choice(OWNERS)),
        Fault(Kind.AWAY, BROKER, random.uniform(2.0, 5.0)),
        Fault(Kind.AWAY, DATABASE, random.uniform(2.0, 5.0)),
        Fault(Kind.PAUSE, random.choice(DEPLOYABLES), random.uniform(1.0, 5.0)),
        Fault(Kind.PAUSE, random.choice((BROKER, DATABASE)), random.uniform(1.0, 8.0)),
        Fault(Kind.DUPLICATE, random.choice(OWNERS)),
        Fault(Kind.REORDER, "profiles"),
        Fault(Kind.GARBAGE, random.choice(OWNERS)),
        Fault(Kind.POISON, random.choice(("matching", "notifications", "feedback")), random.uniform(0.5, 2.0)),
    ]
    random.shuffle(cards)
    return cards


def _gone(random: Random) -> float:
    """How long until whoever looks after the platform starts it again: mostly at once."""
    return random.choice((0.0, 0.0, random.uniform(0.0, 1.5)))
