"""Collects what the oracle judges: every outbox, inbox, table, topic and the mailbox, read from outside when all is quiet."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from chassis.service import Spec
from contracts import feedback, matching, notifications, profiles
from contracts.base import Event, topics
from tests.drill.erasing import forgotten_facts, pairs_of, words_left
from tests.drill.oracle import Answer, Consequence, Consumer, Fact, Ledger, Mail, Mirror, Seen
from tests.drill.plan import OWNERS
from tests.drill.shadow import differences
from tests.drill.stubborn import Journal
from tests.probes import Topics

_OWN_CLOCK = "advanceClock"  # the gateway's own; no service knows it


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that keeps versions of aggregates: in which database, its columns, and the facts that it follows."""

    service: str
    table: str
    key: str
    wires: tuple[type[Event], ...]
    version: str = "version"
    partial: bool = False
    where: str = "true"
    drafts: bool = True  # whether it keeps pairs that are drafts


_REAL = "NOT mailbox"  # an organization's admins have rows of their own, made from its address book
_ORGANIZATIONS = (profiles.OrganizationRegistered, profiles.OrganizationUpdated)
_COHORTS = (matching.CohortOpened, matching.CohortAdvanced)
_PAIRS = (
    matching.PairProposed,
    matching.PairAccepted,
    matching.PairDeclined,
    matching.PairActivated,
    matching.PairChanged,
    matching.PairEnded,
)
_SESSIONS = (feedback.SessionScheduled, feedback.SessionCancelled, feedback.SessionLogged)
_FEEDBACK = (feedback.FeedbackRequested, feedback.FeedbackSubmitted, feedback.FeedbackReleased)
_MESSAGES = (notifications.NotificationDelivered, notifications.NotificationFailed)

# What each owner keeps of its own aggregates, and what others keep of them. The gateway's tables are compared whole (see shadow).
KEPT = (
    Kept("profiles", "organization", "organization_id", _ORGANIZATIONS),
    Kept("profiles", "person", "person_id", (profiles.ProfileUpdated,)),
    Kept("profiles", "contact", "person_id", (profiles.ContactChanged,)),
    Kept("matching", "cohort", "cohort_id", _COHORTS),
    Kept("matching", "enrolment", "enrolment_id", (matching.EnrolmentChanged,)),
    Kept("matching", "pair", "pair_id", _PAIRS),
    Kept("feedback", "agreement", "agreement_id", (feedback.AgreementDrafted, feedback.AgreementSigned)),
    Kept("feedback", "agenda", "agenda_id", (feedback.AgendaChanged,)),
    Kept("feedback", "session", "session_id", _SESSIONS),
    Kept("feedback", "feedback", "feedback_id", _FEEDBACK),
    Kept("feedback", "reciprocity", "reciprocity_id", (feedback.ReciprocityAssessed,)),
    Kept("notifications", "message", "notification_id", _MESSAGES),
    Kept("matching", "organization", "organization_id", _ORGANIZATIONS),
    Kept("matching", "candidate", "person_id", (profiles.ProfileUpdated,)),
    Kept("feedback", "cohort", "cohort_id", _COHORTS),
    Kept("feedback", "person", "person_id", (profiles.ProfileUpdated,)),
    Kept("feedback", "pair", "pair_id", _PAIRS, partial=True),  # from the day on that both said yes
    Kept("notifications", "organization", "organization_id", _ORGANIZATIONS),
    Kept("notifications", "person", "person_id", (profiles.ProfileUpdated,), version="profile_version", where=_REAL),
    Kept("notifications", "person", "person_id", (profiles.ContactChanged,), version="contact_version", where=_REAL),
    Kept("notifications", "cohort", "cohort_id", _COHORTS),
    Kept("notifications", "pair", "pair_id", _PAIRS, drafts=False),
    Kept("notifications", "meeting", "session_id", _SESSIONS),
)

_FACTS = "SELECT seq, fact_id, topic, key, wire, payload, extract(epoch FROM recorded_at)::float AS at FROM outbox ORDER BY seq"
_SEEN = "SELECT fact_id, extract(epoch FROM seen_at)::float AS at, xmin::text::bigint AS batch FROM inbox WHERE generation = 0"


@dataclass(frozen=True, slots=True)
class Books:
    """Where to look. ``admin_dsn``: of the database's superuser; ``app_dsns``: each service's own login."""

    admin_dsn: str
    app_dsns: Mapping[str, str]
    kafka: str
    specs: Mapping[str, Spec]

    def app_dsn(self, service: str) -> str:
        """A service's own login."""
        return self.app_dsns[service]

    @asynccontextmanager
    async def open(self, service: str) -> AsyncIterator[asyncpg.Connection[Any]]:
        """A connection to a service's database."""
        connection = await asyncpg.connect(self.admin_dsn, database=f"viceversa_{service}", timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


async def collect(
    books: Books, *, journal: Journal, arrived: Mapping[str, int], meddled: frozenset[UUID], topics_whole: bool
) -> Ledger:
    """All of it. ``topics_whole``: whether topics may be judged (they hold what was published since the broker last forgot)."""
    facts, payloads = await _facts(books)
    erased = {UUID(person_id): journal.guests[person_id] for person_id in journal.erased}
    mails, strange = await _mails(books, arrived)
    return Ledger(
        facts=facts,
        consumers=[await _consumer(books, name) for name in books.specs if books.specs[name].consumes],
        mirrors=[await _mirror(books, kept, drafts=_drafts(payloads.values())) for kept in KEPT],
        differences=await differences(
            books.specs["gateway"], books, [payloads[fact.fact_id] for fact in facts if not fact.forgotten]
        ),
        consequences=await _consequences(books, payloads.values(), without=_touched(payloads.values(), erased)),
        mails=mails,
        strange_mails=strange,
        answers=await _answers(books, journal),
        newest_on_topics=await _newest_on_topics(books) if topics_whole else {},
        unpublished={name: await _count(books, name, "unpublished") for name in OWNERS},
        parked={name: await _count(books, name, "parked WHERE redriven_at IS NULL") for name in books.specs},
        meddled=meddled,
        erased=frozenset(erased),
        leaping=frozenset(erased)
        | {profiles.consent_id_of(person_id, purpose=each) for person_id in erased for each in profiles.Purpose},
        words_left=await words_left(books, erased),
    )


async def count_facts(books: Books) -> int:
    """How many facts all owners have committed."""
    return sum([await _count(books, name, "outbox") for name in OWNERS])


async def _count(books: Books, service: str, what: str) -> int:
    async with books.open(service) as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {what}"))


async def _facts(books: Books) -> tuple[list[Fact], dict[UUID, tuple[str, bytes]]]:
    facts: list[Fact] = []
    payloads: dict[UUID, tuple[str, bytes]] = {}
    for owner in OWNERS:
        async with books.open(owner) as connection:
            for row in await connection.fetch(_FACTS):
                version = json.loads(row["payload"])["version"]
                fact_id = UUID(str(row["fact_id"]))
                key = UUID(str(row["key"]))
                facts.append(Fact(owner, row["seq"], fact_id, row["topic"], key, row["wire"], version, row["at"]))
                payloads[fact_id] = (row["wire"], bytes(row["payload"]))
            facts += await forgotten_facts(connection, owner)
    return facts, payloads


async def _consumer(books: Books, name: str) -> Consumer:
    async with books.open(name) as connection:
        rows = await connection.fetch(_SEEN)
    seen = [Seen(UUID(str(row["fact_id"])), row["at"], row["batch"]) for row in rows]
    return Consumer(name, _wires(books.specs[name].consumes), seen, ordered=name != "gateway")


def _drafts(payloads: Iterable[tuple[str, bytes]]) -> frozenset[UUID]:
    """Pairs that were never more than a draft: a run's organizer may give it up before anything is published."""
    wires = _wires(_PAIRS)
    ever: dict[str, set[str]] = {}
    for pair in (json.loads(payload)["pair"] for wire, payload in payloads if wire in wires):
        ever.setdefault(pair["pair_id"], set()).add(pair["status"])
    return frozenset(UUID(pair_id) for pair_id, statuses in ever.items() if statuses == {"draft"})


async def _mirror(books: Books, kept: Kept, *, drafts: frozenset[UUID]) -> Mirror:
    async with books.open(kept.service) as connection:
        rows = await connection.fetch(
            f"SELECT {kept.key} AS key, {kept.version} AS version FROM {kept.table} WHERE {kept.where}"
        )
    # Version 0: the row was made for something else and waits for its first fact.
    versions = {UUID(str(row["key"])): row["version"] for row in rows if row["version"]}
    name = f"{kept.service}.{kept.table}.{kept.version}"
    passed_over = frozenset() if kept.drafts else drafts
    return Mirror(name, _wires(kept.wires), versions, partial=kept.partial, passed_over=passed_over)


def _wires(kinds: Iterable[type[Event]]) -> frozenset[str]:
    return frozenset(kind.WIRE for kind in kinds)


def _touched(payloads: Iterable[tuple[str, bytes]], erased: Iterable[UUID]) -> frozenset[str]:
    """Pairs of people who were erased, and what hangs on those pairs by an id of its own: nobody counts what follows from them."""
    told = [(wire, json.loads(payload)) for wire, payload in payloads]
    pairs = pairs_of(erased, [fact["pair"] for wire, fact in told if wire in _wires(_PAIRS)])
    hanging = {
        fact["key"]
        for wire, fact in told
        for what in ("agreement", "feedback", "session", "reciprocity")
        if fact.get(what, {}).get("pair_id") in pairs
    }
    return pairs | hanging


async def _consequences(
    books: Books, payloads: Iterable[tuple[str, bytes]], *, without: frozenset[str]
) -> list[Consequence]:
    """What one owner's fact must have made another one do, counted."""
    told: dict[str, list[dict[str, Any]]] = {}
    for wire, payload in payloads:
        told.setdefault(wire, []).append(json.loads(payload))
    agreed = {each["key"] for each in told.get(matching.PairAccepted.WIRE, ()) if each["pair"]["status"] == "accepted"}
    drafts = [
        each["agreement"]["pair_id"] for each in told.get(feedback.AgreementDrafted.WIRE, ()) if each["version"] == 1
    ]
    agreements = {each["key"] for each in told.get(feedback.AgreementDrafted.WIRE, ())}
    signed = {
        each["agreement"]["pair_id"]
        for each in told.get(feedback.AgreementSigned.WIRE, ())
        if each["agreement"]["complete"]
    }
    active = [each["key"] for each in told.get(matching.PairActivated.WIRE, ())]
    async with books.open("feedback") as connection:
        logged = await connection.fetch(
            "SELECT pair_id, count(*) AS n FROM session WHERE state->>'status' = 'logged' GROUP BY 1"
        )
        tallied = await connection.fetch("SELECT pair_id, (state->>'sessions_logged')::int AS n FROM reciprocity")
    asked = {each["key"]: 1 for each in told.get(feedback.FeedbackRequested.WIRE, ())}
    async with books.open("notifications") as connection:
        drafted = await connection.fetch(_MESSAGES_OF, "agreement_drafted")
        requested = await connection.fetch(_MESSAGES_OF, "feedback_requested")
    followed = partial(_followed, without=without)
    return [
        followed("an agreement for each pair of which both said yes", dict.fromkeys(agreed, 1), Counter(drafts)),
        followed("an active pair for each agreement that both signed", dict.fromkeys(signed, 1), Counter(active)),
        followed("sessions in the tally of a pair", _rows(logged), _rows(tallied)),
        followed("messages about a drafted agreement", dict.fromkeys(agreements, 2), _rows(drafted)),
        followed("messages that ask for feedback", asked, _rows(requested)),
    ]


_MESSAGES_OF = (
    "SELECT substring(cause FROM '[0-9a-f-]{36}') AS pair_id, count(*) AS n FROM message WHERE occasion = $1 GROUP BY 1"
)


def _followed(
    what: str, expected: Mapping[str, int], found: Mapping[str, int], *, without: frozenset[str]
) -> Consequence:
    return Consequence(
        what,
        {UUID(key): number for key, number in expected.items() if key not in without},
        {UUID(key): number for key, number in found.items() if key not in without},
    )


def _rows(rows: Sequence[Any]) -> dict[str, int]:
    return {str(row["pair_id"]): row["n"] for row in rows if row["n"]}


async def _mails(books: Books, arrived: Mapping[str, int]) -> tuple[list[Mail], list[str]]:
    async with books.open("notifications") as connection:
        # What was sent, or was about to be, when somebody was erased counts, too.
        rows = await connection.fetch(
            "SELECT notification_id, state FROM mail UNION ALL SELECT notification_id, state FROM drill.mail"
        )
    mails = [
        Mail(UUID(str(row["notification_id"])), row["state"], arrived.get(str(row["notification_id"]), 0))
        for row in rows
    ]
    known = {str(mail.notification_id) for mail in mails}
    return mails, [name for name in arrived if name not in known]


async def _answers(books: Books, journal: Journal) -> list[Answer]:
    logged: Counter[UUID] = Counter()
    for owner in OWNERS:
        async with books.open(owner) as connection:
            logged.update(
                UUID(str(row["command_id"])) for row in await connection.fetch("SELECT command_id FROM command_log")
            )
    return [
        Answer(each.command_id, each.mutation, each.done, each.at, logged[each.command_id])
        for each in journal.answers
        if each.mutation != _OWN_CLOCK
    ]


async def _newest_on_topics(books: Books) -> dict[tuple[str, UUID], int]:
    newest: dict[tuple[str, UUID], int] = {}
    reader = Topics(books.kafka)
    for topic in topics():
        for record in await reader.read(topic):
            try:
                newest[topic, UUID((record.key or b"").decode())] = json.loads(record.value or b"")["version"]
            except (ValueError, KeyError, TypeError):
                continue  # the drill's own garbage
        await asyncio.sleep(0)
    return newest
