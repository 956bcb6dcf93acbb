"""What the engine reads and writes: frozen dataclasses of plain values, so that a snapshot has one canonical text.

Ids are opaque strings. They never influence who is matched with whom, except as the last resort between people who say
exactly the same about themselves. Organizations, teams and managers are labels that are only ever compared for equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

GIVES = "gives"
RECEIVES = "receives"
BOTH = "both"

NONE, LOCKED, STICKY = "none", "locked", "sticky"
"""What a run keeps of the couples that are now."""

SMALLEST_GROUP, LARGEST_GROUP = 3, 6

NO_LEGAL_PARTNER = "no_legal_partner"
NO_SHARED_TIME = "no_shared_time"
NO_SHARED_LANGUAGE = "no_shared_language"
NOTHING_IN_COMMON = "nothing_in_common"
CAPACITY = "capacity"
INCOMPLETE_PROFILE = "incomplete_profile"
OUT_OF_OFFICE = "out_of_office"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What somebody can teach; level 1 to 5; ``setting``: where it was learned (work, study, life), "" when unsaid."""

    text: str
    level: int
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What somebody wants; priority 1 to 3; ``kind``: how they want to be helped, "" when unsaid (see ``scoring/aptness``)."""

    text: str
    priority: int
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaks:
    """A language; level 1 (A1) to 6 (C2)."""

    code: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A weekly window in the person's own zone: weekday 0 is Monday; minutes from midnight; end > start."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """A background attribute that the person stated."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A candidate with at least one free place. ``managers``: everybody above them, as ids."""

    id: str
    organization: str
    role: str = BOTH
    places: int = 1
    offers: tuple[Offer, ...] = ()
    needs: tuple[Need, ...] = ()
    languages: tuple[Speaks, ...] = ()
    zone: str = "UTC"
    windows: tuple[Free, ...] = ()
    facets: tuple[Facet, ...] = ()
    team: str = ""
    managers: tuple[str, ...] = ()
    away: bool = False  # out of office when the cohort starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; ``kind`` as the cohort names it. Required: never broken. Preferred: ``weight`` off the value when broken."""

    kind: str
    required: bool = True
    parameter: float | None = None
    facet: str = ""
    people: tuple[str, ...] = ()
    weight: float = 0.1
    language: str = ""  # the rule is about this one; "": any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Couple:
    """Two people, in the order of their ids."""

    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Wish:
    """Somebody ranked somebody else: ``rank`` 1 is the first choice, 5 the last."""

    by: str
    of: str
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Groups to plan: of how many people, sharing how many minutes a week at least, led by offers of which level on (1 to 5)."""

    least: int = SMALLEST_GROUP
    most: int = LARGEST_GROUP
    minutes: int = 60
    level: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A correction of chances that feedback taught (``learning/curve``): which, and what becomes of the chances at its knots.

    It was learned about the models ``meaning``, and corrects no others.
    """

    calibration: str
    version: int
    meaning: str
    curve: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a run depends on, besides its seed. ``week``: ISO date of the Monday whose clock counts."""

    people: tuple[Person, ...]
    rules: tuple[Rule, ...] = ()
    difference: float = 0.12
    logistics: float = 0.1
    week: str = "2026-01-05"
    met: tuple[Couple, ...] = ()  # worked together in an earlier edition
    blocked: tuple[Couple, ...] = ()  # one of the two blocked the other
    apart: tuple[Couple, ...] = ()  # already a pair of this cohort, or they said no to each other
    vetoed: tuple[Couple, ...] = ()  # an organizer does not want these two
    pinned: tuple[Couple, ...] = ()  # an organizer wants these two
    current: tuple[Couple, ...] = ()  # couples that are now, of people who are still here
    keep: str = NONE  # of ``current``: NONE, all that may be (LOCKED), or as far as it costs little (STICKY)
    rounds: int = 0  # so many speed rounds are planned, and no pairs
    rounds_met: tuple[Couple, ...] = ()  # met in a round that stays
    worst_off_floor: float = 0.0  # how far the worst pair is lifted, of the way to the best worst pair; 0: not at all
    organization_floor: float = 0.0  # the share of their best that every organization gets at least
    wishes: tuple[Wish, ...] = ()  # what people ranked, of those who are here
    ranking: float = 0.0  # what two first choices of each other are worth to the planner, see ``scoring/wishes``
    grouping: Grouping | None = None  # groups are planned, and no pairs
    learned: Learned | None = None  # what feedback changes; None: nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A sentence as its code and what it is about, so that it can be said in the reader's language (``scoring/sentences``)."""

    code: str
    given: tuple[tuple[str, str | int | float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """The need that a teacher meets second best, and what it adds to the direction."""

    need: str
    need_kind: str
    offer: str
    similarity: float
    priority: int
    level: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """One direction of a pair: the need that is met best, and by which offer. Similarity and value are 0 to 1.

    ``similarity``: the probability that the offer meets the need; ``unlearned``: as the models say, where feedback corrected it.
    ``aptness``: of the offer for how the need wants to be met. The whole direction is worth ``value`` plus what ``also`` adds.
    """

    teacher: str
    learner: str
    need: str
    need_kind: str
    offer: str
    similarity: float
    priority: int
    level: int
    value: float
    setting: str = ""
    also: Also | None = None
    unlearned: float | None = None
    aptness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A named part of a pair's value. ``why``: the same as ``detail``, which is English."""

    name: str
    amount: float
    detail: str = ""
    why: Phrase | None = None


def summed(terms: Iterable[Term]) -> float:
    """What terms are worth together, to the millionth: Python's versions add floats each in their own way."""
    return round(sum(term.amount for term in terms), 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPair:
    """A pair with its explanation. ``value`` is what the terms sum to, to the millionth that all are whole numbers of.

    ``told``: common ground, bridge and the reason for one way as phrases; the texts beside it are the same in English.
    """

    first: str
    second: str
    value: float
    terms: tuple[Term, ...]
    directions: tuple[Teaching, ...]
    language: str
    shared_minutes: int
    shared_windows: tuple[str, ...]
    common_ground: str
    bridge: str
    one_way_reason: str = ""
    pinned: bool = False
    first_windows: tuple[str, ...] = ()  # the shared time on the first one's clock
    second_windows: tuple[str, ...] = ()
    told: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A person without a pair; ``reason`` is one of the codes above; ``why``: which rule, and what would change it."""

    person: str
    reason: str
    why: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the people of one organization fared. The values are those of the matched: each counts with their best pair.

    ``best_mean``: the mean of what each person's best possible partner would be worth, taken alone; nobody can all have theirs.
    """

    organization: str
    people: int
    matched: int
    mean_value: float
    worst_value: float
    best_mean: float = 0.0
    share_of_best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What every pair is worth at least, or which share of its best every organization gets at least. ``asked``: how much of it the
    rules ask for, 0 to 1. ``reached``: None when it was not planned. No plan that leaves as few people alone has more than
    ``highest``. It costs ``price`` of the value, and at most ``price_at_most``."""

    asked: float
    reached: float | None
    highest: float | None
    price: float
    price_at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """How evenly a plan serves people: everybody counts with their best pair, and with 0 without one. ``gini``: 0 when all get the same,
    towards 1 when one gets everything; ``worst``, ``best`` and their ``gap`` are of those who have a pair. ``blocking``: pairs who
    would both rather be with each other by more than ``threshold``; None when they were not counted, in large cohorts."""

    gini: float
    worst: float
    best: float
    gap: float
    blocking: int | None
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Why not this ``partner``: together with ``person`` they would be worth ``value``, more than the ``own`` pair of the person (0:
    none), but their place is worth ``price`` to others."""

    person: str
    partner: str
    value: float
    own: float
    price: float
    why: Phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCost:
    """What dropping one rule (its place in the snapshot, from 0) would change: more people with a pair, and more value."""

    number: int
    kind: str
    required: bool
    people: int
    value: float
    why: Phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpinned:
    """A pin that a hard rule or a missing place forbids."""

    couple: Couple
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The result of a run, sorted by ids.

    No plan that leaves as few people alone, sends as few pairs one way and keeps the floors is worth more than ``upper_bound``; none
    leaves fewer alone than ``unmatched_bound``. ``exact``: both are met, and no higher floor could be had.
    ``meaning``: the models that read the texts. ``learned``: whether the snapshot's
    correction applied to them.
    """

    pairs: tuple[PlannedPair, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    unpinned: tuple[Unpinned, ...] = ()
    value: float = 0.0
    upper_bound: float | None = None
    unmatched_bound: int | None = None
    exact: bool = False
    engine: str = ""
    meaning: str = ""
    ended: str = ""  # optimal, gap (near enough), time or cancelled
    worst_off_floor: Floor | None = None
    organization_floor: Floor | None = None
    fairness: Fairness | None = None
    passed_over: tuple[PassedOver, ...] = ()
    learned: bool = False
    free_value: float = 0.0  # what the best plan without floors is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """The best plan at some moment of a run, as people see values; the bounds hold for every plan to come."""

    pairs: int
    value: float
    upper_bound: float
    unmatched: int
    unmatched_bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Speed rounds: who meets whom in each, sorted by ids, and what each is worth.

    No schedule without repeats that leaves as few people without any meeting is worth more than ``upper_bound``.
    """

    rounds: tuple[tuple[Couple, ...], ...] = ()
    values: tuple[float, ...] = ()
    upper_bound: float = 0.0
    engine: str = ""
    meaning: str = ""
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """Somebody in a group. ``learns``: what they get out of it, and from whom; None for one who gives and learns nothing there.
    ``windows``: the time that all share, on this person's clock."""

    person: str
    gives: bool
    learns: Teaching | None = None
    windows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGroup:
    """A group around a topic, which is an offer of the first member, who leads; the others by ids. ``value`` is the sum of its terms.

    ``level``: of the weakest speaker, 1 (A1) to 6 (C2). ``others``: how it stands with everybody else who needs the topic.
    """

    topic: str
    members: tuple[GroupMember, ...]
    value: float
    terms: tuple[Term, ...]
    language: str
    level: int
    shared_minutes: int
    shared_windows: tuple[str, ...]
    others: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Disjoint groups, the most valuable first, and who is in none.

    No plan of groups that leaves as few people out is worth more than ``upper_bound``; none leaves fewer out than ``unmatched_bound``.
    Both are about ALL possible groups. ``exact``: both are met.
    """

    groups: tuple[PlannedGroup, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    value: float = 0.0
    upper_bound: float | None = None
    unmatched_bound: int | None = None
    exact: bool = False
    engine: str = ""
    meaning: str = ""


class Cancelled(Exception):
    """The caller asked to stop."""


class RulesContradict(ValueError):
    """Required rules that cannot hold together for these people; the message names them."""


OnProgress = Callable[[str, float], None]
"""Called with a stage and how far the run is, 0 to 1."""
OnSoFar = Callable[[SoFar], None]
"""Called with the best plan so far."""
IsCancelled = Callable[[], bool]
