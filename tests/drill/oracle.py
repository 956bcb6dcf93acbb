"""Judges a drill: what owners committed against what became of it everywhere. Pure: it is given everything, and is proven able to fail.

*lost*: something committed has no effect somewhere. *double*: an effect happened twice, or has no cause. *out of order*: a consumer took
an aggregate's newer fact before an older one, or an older state stands where a newer one should.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from contracts.profiles import ProfileErased, ProfileUpdated


class Fault(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    DOUBLE = "double"
    OUT_OF_ORDER = "out of order"


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of an owner's outbox. ``at``: seconds since the epoch. ``forgotten``: an erasure took it out, because a later one says all."""

    owner: str
    seq: int
    fact_id: UUID
    topic: str
    key: UUID
    wire: str
    version: int
    at: float
    forgotten: bool = False

    def __str__(self) -> str:
        return f"{self.wire} {self.fact_id} (key {self.key}, version {self.version}, row {self.seq} of {self.owner}'s outbox)"


@dataclass(frozen=True, slots=True)
class Seen:
    """A row of a consumer's inbox. ``batch``: the transaction that wrote it; the order inside of one cannot be seen."""

    fact_id: UUID
    at: float
    batch: int


@dataclass(frozen=True, slots=True)
class Consumer:
    """One service's inbox. ``ordered``: it takes facts from the broker alone (the gateway also from answers, in any order)."""

    name: str
    wires: frozenset[str]
    seen: Sequence[Seen]
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Mirror:
    """A table that keeps an aggregate's state, its own or what another owner told: the version that each row is at."""

    table: str
    wires: frozenset[str]
    versions: Mapping[UUID, int]
    partial: bool = False  # it keeps some aggregates only: a row that is not there proves nothing
    passed_over: frozenset[UUID] = frozenset()  # aggregates that it rightly keeps nothing of


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of the read model that is not what the facts, applied in order to an empty one, say. Versions: None when absent."""

    table: str
    key: str
    stands: int | None
    should: int | None


@dataclass(frozen=True, slots=True)
class Consequence:
    """Things of which each must have caused so many others."""

    what: str
    expected: Mapping[UUID, int]
    found: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's job, and how often the catcher has it."""

    notification_id: UUID
    state: str
    arrived: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told about a command in the end, and in how many services it was carried out."""

    command_id: UUID
    mutation: str
    done: bool
    at: float
    logged: int


@dataclass(frozen=True, slots=True)
class Left:
    """Rows of a table that still have a word of somebody who was erased."""

    table: str
    person_id: UUID
    rows: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known after a drill. ``meddled``: aggregates whose records the drill itself duplicated or swapped on a topic;
    ``erased``: people whose erasure was answered as done; ``leaping``: aggregates of theirs whose last version is above all others that
    they had."""

    facts: Sequence[Fact] = ()
    consumers: Sequence[Consumer] = ()
    mirrors: Sequence[Mirror] = ()
    differences: Sequence[Difference] = ()
    consequences: Sequence[Consequence] = ()
    mails: Sequence[Mail] = ()
    strange_mails: Sequence[str] = ()
    answers: Sequence[Answer] = ()
    newest_on_topics: Mapping[tuple[str, UUID], int] = field(default_factory=dict)
    unpublished: Mapping[str, int] = field(default_factory=dict)
    parked: Mapping[str, int] = field(default_factory=dict)
    meddled: frozenset[UUID] = frozenset()
    erased: frozenset[UUID] = frozenset()
    leaping: frozenset[UUID] = frozenset()
    words_left: Sequence[Left] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``at``: when its cause was committed, 0 when unknown."""

    fault: Fault
    what: str
    at: float = 0.0


_UPDATE, _ERASURE = ProfileUpdated.WIRE, ProfileErased.WIRE
_PEOPLE = frozenset({_UPDATE, _ERASURE})


def judge(ledger: Ledger) -> list[Finding]:
    """All that is wrong, the earliest first."""
    found = [
        *_versions(ledger),
        *(finding for consumer in ledger.consumers for finding in _delivered(ledger, consumer)),
        *(finding for mirror in ledger.mirrors for finding in _mirrored(ledger, mirror)),
        *map(_differs, ledger.differences),
        *(finding for consequence in ledger.consequences for finding in _followed(consequence)),
        *_mailed(ledger),
        *_answered(ledger.answers),
        *_on_topics(ledger),
        *_erased(ledger),
        *_left(ledger),
    ]
    return sorted(found, key=lambda finding: (finding.at, finding.what))


def counts(findings: Iterable[Finding]) -> dict[Fault, int]:
    """How many of each."""
    counted = Counter(finding.fault for finding in findings)
    return {fault: counted[fault] for fault in Fault}


def _versions(ledger: Ledger) -> Iterator[Finding]:
    """An aggregate's facts lie in its owner's outbox with versions 1, 2, 3 …, each once, in the order of their rows."""
    last = {(fact.topic, fact.key): fact for _, fact in _steps(ledger.facts)}
    for before, fact in _steps(ledger.facts):
        step = fact.version - (before.version if before else 0)
        if step > 1 and fact.key in ledger.leaping and fact is last[fact.topic, fact.key]:
            continue
        if step > 1:
            yield Finding(Fault.LOST, f"{step - 1} versions are missing before {fact}", fact.at)
        elif step == 0:
            yield Finding(Fault.DOUBLE, f"{fact} tells the same version as {before}", fact.at)
        elif step < 0:
            yield Finding(Fault.OUT_OF_ORDER, f"{fact} was written after {before}", fact.at)


def _steps(facts: Iterable[Fact]) -> Iterator[tuple[Fact | None, Fact]]:
    last: dict[tuple[str, UUID], Fact] = {}
    for fact in sorted(facts, key=lambda each: (each.owner, each.seq)):
        yield last.get((fact.topic, fact.key)), fact
        last[fact.topic, fact.key] = fact


def _delivered(ledger: Ledger, consumer: Consumer) -> Iterator[Finding]:
    seen: dict[UUID, Seen] = {}
    for each in consumer.seen:
        if each.fact_id in seen:
            yield Finding(Fault.DOUBLE, f"{consumer.name} took the fact {each.fact_id} twice", each.at)
        seen[each.fact_id] = each
    facts = {fact.fact_id: fact for fact in ledger.facts}
    for fact_id in seen.keys() - facts.keys():
        yield Finding(Fault.DOUBLE, f"{consumer.name} took {fact_id}, which nobody recorded", seen[fact_id].at)
    wanted = [fact for fact in ledger.facts if fact.wire in consumer.wires]
    for fact in wanted:
        if fact.fact_id not in seen and not fact.forgotten:
            yield Finding(Fault.LOST, f"{consumer.name} never took {fact}", fact.at)
    if not consumer.ordered:
        return
    for before, fact in _steps(fact for fact in wanted if fact.fact_id in seen and fact.key not in ledger.meddled):
        if before is None:
            continue
        earlier, later = seen[before.fact_id], seen[fact.fact_id]
        if earlier.batch != later.batch and earlier.at > later.at:
            yield Finding(Fault.OUT_OF_ORDER, f"{consumer.name} took {fact} before {before}", fact.at)


def _mirrored(ledger: Ledger, mirror: Mirror) -> Iterator[Finding]:
    # Of somebody erased stays nothing, or a mark that they are gone: which words stay is looked at elsewhere.
    told = [fact for fact in ledger.facts if fact.wire in mirror.wires and fact.key not in ledger.erased]
    newest = _newest(told)
    for key, fact in newest.items():
        stands = mirror.versions.get(key)
        if stands is None:
            if not mirror.partial and key not in mirror.passed_over:
                yield Finding(Fault.LOST, f"{mirror.table} has no row of {fact}", fact.at)
        elif stands < fact.version:
            yield Finding(Fault.LOST, f"{mirror.table} stands at version {stands} and misses {fact}", fact.at)
        elif stands > fact.version:
            yield Finding(
                Fault.DOUBLE, f"{mirror.table} is at version {stands}, and the newest fact is {fact}", fact.at
            )
    for key in mirror.versions.keys() - newest.keys() - ledger.erased:
        yield Finding(Fault.DOUBLE, f"{mirror.table} has a row {key} that no fact tells of")


def _newest(facts: Iterable[Fact]) -> dict[UUID, Fact]:
    newest: dict[UUID, Fact] = {}
    for fact in facts:
        if fact.key not in newest or newest[fact.key].version < fact.version:
            newest[fact.key] = fact
    return newest


def _differs(difference: Difference) -> Finding:
    where = f"row {difference.key} of the read model's {difference.table}"
    if difference.stands is None:
        return Finding(Fault.LOST, f"{where} is not there; it should be at version {difference.should}")
    if difference.should is None:
        return Finding(Fault.DOUBLE, f"{where} is there, and no fact tells of it")
    if difference.stands < difference.should:
        return Finding(Fault.OUT_OF_ORDER, f"{where} stands at {difference.stands} instead of {difference.should}")
    return Finding(Fault.DOUBLE, f"{where} (version {difference.stands}) is not what its fact says")


def _followed(consequence: Consequence) -> Iterator[Finding]:
    for key in consequence.expected.keys() | consequence.found.keys():
        should, found = consequence.expected.get(key, 0), consequence.found.get(key, 0)
        if found != should:
            fault = Fault.LOST if found < should else Fault.DOUBLE
            yield Finding(fault, f"{consequence.what}: {key} has {found} instead of {should}")


# A mail that was being handed over when its sender died may have arrived: it is said to be in doubt, and never sent again.
_ONCE, _AT_MOST_ONCE = frozenset({"sent", "taken"}), frozenset({"sending", "failed", "doubtful"})


def _mailed(ledger: Ledger) -> Iterator[Finding]:
    for mail in ledger.mails:
        name = f"the mail {mail.notification_id} ({mail.state})"
        if mail.arrived > 1:
            yield Finding(Fault.DOUBLE, f"{name} arrived {mail.arrived} times")
        elif mail.arrived and mail.state not in _ONCE | _AT_MOST_ONCE:
            yield Finding(Fault.DOUBLE, f"{name} arrived")
        elif not mail.arrived and mail.state in _ONCE:
            yield Finding(Fault.LOST, f"{name} never arrived")
    for strange in ledger.strange_mails:
        yield Finding(Fault.DOUBLE, f"a mail {strange} arrived that no message asks for")


def _answered(answers: Sequence[Answer]) -> Iterator[Finding]:
    for answer in answers:
        name = f"the command {answer.command_id} ({answer.mutation})"
        if answer.done and not answer.logged:
            yield Finding(Fault.LOST, f"{name} was answered as done, and no service knows it", answer.at)
        elif not answer.done and answer.logged:
            yield Finding(Fault.DOUBLE, f"{name} was refused, and was carried out", answer.at)
        elif answer.logged > 1:
            yield Finding(Fault.DOUBLE, f"{name} was carried out by {answer.logged} services", answer.at)


def _on_topics(ledger: Ledger) -> Iterator[Finding]:
    """Topics are compacted: whoever reads one from its beginning knows an aggregate by the last record of its key."""
    newest: dict[tuple[str, UUID], Fact] = {}
    for _, fact in _steps(ledger.facts):
        newest[fact.topic, fact.key] = fact
    grouped: dict[tuple[str, UUID], int] = defaultdict(int)
    grouped.update(ledger.newest_on_topics)
    for place, version in grouped.items():
        fact_ = newest.get(place)
        if fact_ is not None and version < fact_.version and fact_.key not in ledger.meddled:
            yield Finding(
                Fault.OUT_OF_ORDER,
                f"the last record of its key on {fact_.topic} has version {version}, behind {fact_}",
                fact_.at,
            )


def _erased(ledger: Ledger) -> Iterator[Finding]:
    """Whoever was told that somebody is erased finds no word of theirs, and the erasure is the last that was said of them."""
    for left in ledger.words_left:
        yield Finding(Fault.LOST, f"{left.rows} rows of {left.table} have words of {left.person_id}, who was erased")
    last = _newest(fact for fact in ledger.facts if fact.key in ledger.erased and fact.wire in _PEOPLE)
    for person_id in ledger.erased:
        fact = last.get(person_id)
        if fact is None or fact.wire != _ERASURE:
            yield Finding(Fault.LOST, f"{person_id} was erased, and the last fact of them is {fact}")


def _left(ledger: Ledger) -> Iterator[Finding]:
    for owner, number in ledger.unpublished.items():
        if number:
            yield Finding(Fault.LOST, f"{number} facts of {owner} were never published")
    for consumer, number in ledger.parked.items():
        if number:
            yield Finding(Fault.LOST, f"{number} facts are parked in {consumer} for good")
