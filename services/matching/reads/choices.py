"""Private reads about choices: suggestions, why not somebody, one's own rankings, a cohort's vetoes.

What advice needs is read in the transaction, and answered by the advisor once it has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from chassis.database import Transaction
from chassis.service import Afterwards
from contracts.base import Actor
from contracts.errors import Conflict, Invalid, NotFound, Problem
from contracts.matching import (
    Cohort,
    CohortStatus,
    EnrolmentStatus,
    ExplainWhyNot,
    ListVetoes,
    PairStatus,
    Rankings,
    ReadRankings,
    RuleKind,
    Suggestion,
    Suggestions,
    SuggestPartners,
    Vetoes,
    WhyNot,
    WhyNotCode,
)
from services.matching import store
from services.matching.domain import drafts, enrolments
from services.matching.domain.authority import no_cohort, partner_of, person_of
from services.matching.domain.freeze import everybody
from services.matching.domain.pairs import ANSWERABLE, SEATED
from services.matching.engine.model import Phrase, PlannedPair
from services.matching.engine.scoring.sentences import ENGLISH, LOCALES, phrase, say
from services.matching.jobs.advice import Question, RoomMaterial, RunMaterial, advisor
from services.matching.jobs.frames import texts_of
from services.matching.jobs.meaning import meaning_of, name_of

MOST_SUGGESTED = 20
ADVISABLE = {
    CohortStatus.OPEN,
    CohortStatus.CLOSED,
    CohortStatus.MATCHING,
    CohortStatus.REVIEW,
    CohortStatus.ACTIVE,
}


class TooManySuggestions(Invalid):
    """Between one and twenty are given."""


class NoAdviceNow(Conflict):
    """The cohort is not open yet, or over."""


class NotTogetherInThis(NotFound):
    """One of the two takes no part in the cohort, or it is not the actor's."""


class WhyNotOneself(Invalid):
    """Nobody is their own partner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """What names a cohort's state for the advisor, and its material where the advisor has not got it."""

    name: str
    material: RoomMaterial | None
    here: dict[UUID, UUID]  # organizations of those who are there


async def suggest_partners(query: SuggestPartners, tx: Transaction) -> object:
    """By a person who takes part: whom they would suit, for reasons that both directions show."""
    person_id = person_of(query.actor)
    if not 1 <= query.first <= MOST_SUGGESTED:
        raise TooManySuggestions(
            f"Between 1 and {MOST_SUGGESTED} people are suggested.",
            remedy="Ask for fewer.",
            problems=(Problem("first", "not within its bounds", str(query.first), f"write 1 to {MOST_SUGGESTED}"),),
        )
    cohort = await _cohort(tx, query.cohort_id, actor=query.actor)
    await _require_taking_part(tx, cohort, people=(person_id,))
    ranked = await store.ranking_of(tx, cohort.cohort_id, person_id=person_id)
    room = await _room(tx, cohort)
    if person_id not in room.here:  # paused, on the waiting list, or without consent
        why, wordings = _told((phrase("not_available"),))
        return Suggestions(cohort_id=cohort.cohort_id, person_id=person_id, why=why, wordings=wordings)
    question = Question(
        room=room.name,
        person=str(person_id),
        most=query.first,
        ranked=tuple(map(str, ranked)),
        room_material=room.material,
    )
    organizations = room.here

    async def finish() -> Suggestions:
        answer = await advisor.ask(question)
        why, wordings = _told(answer.why)
        return Suggestions(
            cohort_id=cohort.cohort_id,
            person_id=person_id,
            suggestions=tuple(
                _suggestion(pair, to=person_id, rank=rank, organizations=organizations)
                for pair, rank in zip(answer.pairs, answer.ranks, strict=True)
            ),
            unread=answer.unread,
            unread_of_others=answer.unread_of_others,
            why=why,
            wordings=wordings,
        )

    return Afterwards(finish)


async def explain_why_not(query: ExplainWhyNot, tx: Transaction) -> object:
    """By a person about another one, or by an admin of a partner about any two: what keeps them apart."""
    cohort = await _cohort(tx, query.cohort_id, actor=query.actor)
    person_id = query.actor.person_id if query.person_id is None else query.person_id
    organizer = person_id is None or person_id != query.actor.person_id
    if organizer:
        partner_of(cohort, actor=query.actor)
    if person_id is None:
        raise NotTogetherInThis("About whom?", remedy="Name the two people.")
    if person_id == query.other_id:
        raise WhyNotOneself("Nobody is their own partner.", remedy="Name two people.")
    await _require_taking_part(tx, cohort, people=(person_id, query.other_id))
    room = await _room(tx, cohort)
    run, run_material = await _run(tx, cohort, person_id=person_id, organizer=organizer)
    question = Question(
        room=room.name,
        person=str(person_id),
        other=str(query.other_id),
        organizer=organizer,
        run=run,
        room_material=room.material,
        run_material=run_material,
    )

    async def finish() -> WhyNot:
        answer = await advisor.ask(question)
        why, wordings = _told(answer.why)
        return WhyNot(
            cohort_id=cohort.cohort_id,
            person_id=person_id,
            other_id=query.other_id,
            code=WhyNotCode(answer.code),
            why=why,
            rules=tuple(RuleKind(kind) for kind in answer.rules),
            value=answer.value,
            wordings=wordings,
        )

    return Afterwards(finish)


async def read_rankings(query: ReadRankings, tx: Transaction) -> Rankings:
    """By a person: their own and nobody else's."""
    found = await store.rankings_by(tx, person_of(query.actor))
    return Rankings(rankings=tuple(each for each in found if query.cohort_id in {None, each.cohort_id}))


async def list_vetoes(query: ListVetoes, tx: Transaction) -> Vetoes:
    """By an admin of a partner."""
    cohort = await store.load_cohort(tx, query.cohort_id)
    partner_of(cohort.state if cohort else None, actor=query.actor)
    return Vetoes(vetoes=await store.vetoes_of(tx, query.cohort_id))


async def _cohort(tx: Transaction, cohort_id: UUID, *, actor: Actor) -> Cohort:
    kept = await store.load_cohort(tx, cohort_id)
    if kept is None or actor.organization_id not in {each.organization_id for each in kept.state.partners}:
        raise no_cohort()
    if kept.state.status not in ADVISABLE:
        raise NoAdviceNow(
            f"This cohort is {kept.state.status.value}.", remedy="Ask from its opening until it wraps up."
        )
    return kept.state


async def _require_taking_part(tx: Transaction, cohort: Cohort, *, people: tuple[UUID, ...]) -> None:
    found = await store.enrolments_of_cohort(
        tx, cohort.cohort_id, people=people, statuses=enrolments.ENROLLED | {EnrolmentStatus.UNMATCHED}
    )
    if {kept.state.person_id for kept in found} != set(people):
        raise NotTogetherInThis(
            "Nobody like that takes part in this cohort.", remedy="Enrol first, and choose among its participants."
        )


async def _room(tx: Transaction, cohort: Cohort) -> _Room:
    """The cohort as it is now. Blocks, consents and other organizations' profiles are read for the advisor alone: what it lets out
    is what ``engine.advising`` does, and what the gateway's policy lets through."""
    meaning = meaning_of(tx.settings)
    async with store.seeing_all(tx):
        material = await store.material_for(tx, cohort, now=tx.now)
        learned = await store.learned_for(tx, cohort, rules=cohort.rules)
        snapshot = replace(everybody(cohort, material=material, now=tx.now), learned=learned)
        here = {UUID(person.id): UUID(person.organization) for person in snapshot.people}
        content = msgspec.json.encode(snapshot)
        read = await store.understood_by(tx, here, meaning=name_of(meaning))
        name = hashlib.sha256(content + f" {read} {name_of(meaning)}".encode()).hexdigest()
        if advisor.knows(name):
            return _Room(name=name, material=None, here=here)
        vectors = await store.vectors_of(tx, texts_of(snapshot))
    return _Room(name=name, material=RoomMaterial(snapshot=content, meaning=meaning, vectors=vectors), here=here)


async def _run(tx: Transaction, cohort: Cohort, *, person_id: UUID, organizer: bool) -> tuple[str, RunMaterial | None]:
    """The run whose prices explain why this person has the partner that they have; nothing while they have none."""
    has = ANSWERABLE | SEATED | ({PairStatus.DRAFT} if organizer else set())
    if not await store.pairs_of_people(tx, [person_id], cohort_id=cohort.cohort_id, statuses=has, lock=False):
        return "", None
    async with store.seeing_all(tx):
        run_id = await store.latest_proven(tx, cohort.cohort_id, published=not organizer)
        if run_id is None or advisor.knows(str(run_id)):
            return str(run_id or ""), None
        frozen = await store.load_snapshot(tx, run_id)
    if frozen is None or frozen.near is None or frozen.proof is None:
        return "", None
    return str(run_id), RunMaterial(snapshot=frozen.content, near=frozen.near, proof=frozen.proof)


def _suggestion(pair: PlannedPair, *, to: UUID, rank: int, organizations: dict[UUID, UUID]) -> Suggestion:
    first, second = UUID(pair.first), UUID(pair.second)
    other = second if first == to else first
    return Suggestion(
        person_id=other,
        organization_id=organizations[other],
        value=pair.value,
        terms=drafts.terms_of(pair),
        directions=drafts.directions_of(pair),
        language=pair.language,
        shared_minutes=pair.shared_minutes,
        common_ground=pair.common_ground,
        bridge=pair.bridge,
        one_way_reason=pair.one_way_reason,
        wordings=drafts.wordings_of(pair),
        rank=rank,
    )


def _told(why: Iterable[Phrase]) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Sentences in English, and by locale in the other languages."""
    said = tuple(why)
    others = tuple(
        (locale, tuple(say(each, locale=locale) for each in said)) for locale in LOCALES if locale != ENGLISH
    )
    return tuple(say(each) for each in said), others if said else ()
