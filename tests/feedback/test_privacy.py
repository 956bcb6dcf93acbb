"""Who may read which words, what the facts carry, and what is left of a person who went."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.base import SYSTEM, Actor, Event, Role, encode
from contracts.errors import NotFound, Refusal
from contracts.feedback import (
    AddTopic,
    AgendaChanged,
    AgreementSigned,
    AnswerIntroduction,
    ChangeAgreement,
    CloseIntroduction,
    FeedbackKind,
    FeedbackReleased,
    FeedbackRequested,
    FeedbackStatus,
    IntroductionAdvanced,
    IntroductionStatus,
    LogSession,
    MakeIntroduction,
    OfferIntroduction,
    ReadFeedback,
    ReadSessionLogs,
    ReciprocityAssessed,
    ScheduleSession,
    Session,
    SessionScheduled,
    SignAgreement,
    SubmitFeedback,
)
from services.feedback.domain.pulses import pulse_id
from services.feedback.store import metadata
from tests.feedback.builders import Two, a_person, a_profile, erased, id_of
from tests.feedback.conftest import Service, all_of, only

DAY = timedelta(days=1)
ADAS, BOS = "canary-of-ada", "canary-of-bo"
OWN_TABLES = sorted(metadata.tables)


async def logged_and_answered(service: Service, two: Two, *, by_bo: bool = True) -> tuple[Session, UUID, UUID]:
    """A session about which both wrote, and Ada (and Bo) answered the pulse."""
    session, _ = await service.met(
        two, ada=(f"{ADAS} taught", f"{ADAS} learned"), bo=(f"{BOS} taught", f"{BOS} learned")
    )
    of_ada = pulse_id(session.session_id, author_id=id_of(two.ada))
    of_bo = pulse_id(session.session_id, author_id=id_of(two.bo))
    for actor, feedback_id, word in ((two.ada, of_ada, ADAS), (two.bo, of_bo, BOS))[: 1 + by_bo]:
        await service.do(
            actor,
            SubmitFeedback,
            feedback_id=feedback_id,
            usefulness=4,
            praise=f"{word} praise",
            critique=f"{word} critique",
        )
    return session, of_ada, of_bo


async def texts(service: Service, table: str) -> str:
    """All rows of a table, as the system sees them."""
    return "\n".join(str(row[0]) for row in await service.rows(f"SELECT {table}::text FROM {table}"))


class TestPrivateWords:
    async def test_are_in_no_fact_and_in_no_other_table(self, service: Service, two: Two) -> None:
        await service.active(two)
        await logged_and_answered(service, two)
        await service.hear(two.ended())
        await service.time_passes(30 * DAY)
        told = await service.told()
        assert len(told) > 10
        assert [wire for wire, payload in told if ADAS in payload or BOS in payload] == []
        log = await service.rows("SELECT encode(facts, 'escape') AS facts FROM command_log")
        assert [row for row in log if ADAS in row.facts or BOS in row.facts] == []
        where = [table for table in OWN_TABLES if ADAS in await texts(service, table)]
        assert where == ["feedback_words", "session_words"]

    async def test_of_a_session_are_for_the_two(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, _, _ = await logged_and_answered(service, two)
        for actor in (two.ada, two.bo):
            answer = await service.read(actor, ReadSessionLogs(session_id=session.session_id))
            assert {each.person_id: each.taught for each in answer.logs} == {
                id_of(two.ada): f"{ADAS} taught",
                id_of(two.bo): f"{BOS} taught",
            }

    async def test_are_walled_off_in_the_database_itself(self, service: Service, two: Two) -> None:
        await service.active(two)
        await logged_and_answered(service, two)
        organization = two.ada.organization_id
        strangers = [
            a_person(organization or uuid4()),
            Actor(roles=(Role.ADMIN,), organization_id=organization),
            Actor(roles=(Role.PERSON,)),
        ]
        for stranger in strangers:
            for table in OWN_TABLES:
                if table in ("person", "cohort"):  # who exists, and when an edition of theirs takes place
                    continue
                assert await service.rows(f"SELECT * FROM {table}", actor=stranger) == [], table
        for table, count in (("session_words", 2), ("feedback_words", 2), ("session", 1), ("pair", 1)):
            for actor in (two.ada, two.bo):
                assert len(await service.rows(f"SELECT * FROM {table}", actor=actor)) == count, table

    async def test_are_sealed_in_the_database_itself(self, service: Service, two: Two) -> None:
        await service.active(two)
        await logged_and_answered(service, two, by_bo=False)
        assert len(await service.rows("SELECT * FROM feedback_words", actor=two.ada)) == 1
        assert await service.rows("SELECT * FROM feedback_words", actor=two.bo) == []
        await service.time_passes(4 * DAY)
        assert len(await service.rows("SELECT * FROM feedback_words", actor=two.bo)) == 1

    async def test_cannot_be_changed_or_written_in_anothers_name(self, service: Service, two: Two) -> None:
        await service.active(two)
        await logged_and_answered(service, two)
        for table in ("feedback_words", "session_words"):
            changed = await service.rows(
                f"UPDATE {table} SET addressee_id = addressee_id WHERE author_id = '{id_of(two.ada)}' RETURNING 1",
                actor=two.bo,
            )
            assert changed == []
        with pytest.raises(Exception, match="row-level security"):
            await service.rows(
                "INSERT INTO session_words (session_id, author_id, addressee_id, taught, learned) "
                f"VALUES ('{uuid4()}', '{id_of(two.ada)}', '{id_of(two.bo)}', 'x', 'y') RETURNING 1",
                actor=two.bo,
            )

    async def test_of_my_partners_other_pair_are_not_mine(self, service: Service, two: Two) -> None:
        other = Two(bo=two.bo)
        await service.active(two)
        await service.active(other)
        session, of_ada, _ = await logged_and_answered(service, two)
        ahead = await service.session(other)
        for query in (ReadSessionLogs(session_id=session.session_id), ReadFeedback(feedback_id=of_ada)):
            with pytest.raises(NotFound):
                await service.read(other.ada, query)
        # Of Bo's time she sees when it is taken, and nothing about what or with whom.
        seen = await service.rows("SELECT session_id, person_id FROM busy", actor=other.ada)
        assert {row.person_id for row in seen} == {id_of(other.ada), id_of(other.bo)}
        visible = await service.rows("SELECT session_id FROM session", actor=other.ada)
        assert [row.session_id for row in visible] == [ahead.session_id]


async def everything(service: Service, two: Two, third: Actor) -> dict[str, UUID]:
    """Ada and Bo have used every feature; Ada's canary is in each text of hers and each text to her. Doors by status."""
    await service.active(two)
    await service.hear(a_profile(third), a_profile(two.ada), a_profile(two.bo))
    await logged_and_answered(service, two)
    await service.do(
        two.ada,
        ScheduleSession,
        session_id=uuid4(),
        pair_id=two.pair_id,
        starts_at=service.now + 5 * DAY,
        place=f"{ADAS} home",
        focus=f"{ADAS} focus",
    )
    # A second session with a sealed answer and an open one.
    session, _ = await service.met(two, ada=(f"{ADAS} 2", ""), bo=(f"about {ADAS}", ""))
    second = pulse_id(session.session_id, author_id=id_of(two.bo))
    await service.do(two.bo, SubmitFeedback, feedback_id=second, usefulness=1, critique=f"to {ADAS}")
    await service.do(
        two.ada, AddTopic, pair_id=two.pair_id, item_id=uuid4(), text=f"{ADAS} topic", learner_id=id_of(two.bo)
    )
    await service.do(
        two.bo, AddTopic, pair_id=two.pair_id, item_id=uuid4(), text=f"for {ADAS}", learner_id=id_of(two.ada)
    )
    told = await service.do(
        two.ada, ChangeAgreement, pair_id=two.pair_id, goals=(f"{ADAS} goal",), ground_rules=f"{ADAS} rule"
    )
    version = told[0].agreement.terms_version  # type: ignore[attr-defined]
    for actor in (two.ada, two.bo):
        await service.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=version)
    doors: dict[str, UUID] = {}
    for status in ("offered", "consented", "closed"):
        door: dict[str, Any] = {"introduction_id": uuid4()}
        doors[status] = door["introduction_id"]
        offer = {"pair_id": two.pair_id, "third_person_id": id_of(third), "about": f"for {ADAS}"}
        await service.do(two.bo, OfferIntroduction, **door, **offer)
        if status != "offered":
            await service.do(third, AnswerIntroduction, **door, consent=True)
        if status == "closed":
            await service.do(two.bo, MakeIntroduction, **door)
            await service.do(two.ada, CloseIntroduction, **door, outcome=f"{ADAS} got a job")
    return doors


def latest(told: list[Event]) -> dict[UUID, Event]:
    """The newest fact of each aggregate."""
    return {fact.key: fact for fact in told}


class TestErasedPerson:
    async def test_leaves_no_word_behind(self, service: Service) -> None:
        two, third = Two(ada_wants=f"{ADAS} need"), a_person(uuid4())
        await everything(service, two, third)
        # Newer terms, not signed yet: the signed ones are kept beside them.
        await service.do(two.bo, ChangeAgreement, pair_id=two.pair_id, cadence_days=7)
        where = {table for table in OWN_TABLES if ADAS in await texts(service, table)}
        assert where == {
            "agenda",
            "agreement",
            "feedback_words",
            "introduction",
            "pair",
            "session",
            "session_words",
        }
        told = await service.hear(erased(two.ada))
        assert [table for table in OWN_TABLES if ADAS in await texts(service, table)] == []
        assert [fact for fact in told if ADAS in encode(fact).decode()] == []
        # Whoever keeps only the newest fact per key keeps nothing of hers either.
        newest = await service.rows(
            "SELECT DISTINCT ON (key) convert_from(payload, 'UTF8') AS payload FROM outbox ORDER BY key, seq DESC"
        )
        assert len(newest) > 10
        assert [row for row in newest if ADAS in row.payload] == []

    async def test_leaves_the_numbers_and_the_other_ones_goals(self, service: Service) -> None:
        two, third = Two(), a_person(uuid4())
        await everything(service, two, third)
        (before,) = await service.rows("SELECT state FROM reciprocity")
        told = await service.hear(erased(two.ada))
        terms = only(told, AgreementSigned).agreement
        assert {goal.text for goal in terms.goals} == {"", two.bo_wants}
        assert set(terms.signed_by) == set(two.people)
        assert [meeting.minutes for meeting in terms.plan] == [60, 60, 45, 45, 30, 30]
        kept = [item.text for item in only(told, AgendaChanged).agenda.items if item.text]
        assert kept == [two.bo_wants]
        assert (await service.rows("SELECT state FROM reciprocity"))[0].state == before.state
        assert all_of(told, ReciprocityAssessed) == []

    async def test_gets_and_gives_no_more_feedback(self, service: Service) -> None:
        two, third = Two(), a_person(uuid4())
        await everything(service, two, third)
        told = await service.hear(erased(two.ada))
        states = [fact.feedback for fact in all_of(told, FeedbackReleased)]
        assert {(each.status, each.usefulness) for each in states} == {
            (FeedbackStatus.RELEASED, None),
            (FeedbackStatus.EXPIRED, None),
        }
        later = await service.time_passes(30 * DAY) + await service.hear(two.ended())
        assert all_of(later, FeedbackRequested) == []
        for actor in (two.ada, two.bo):
            for feedback in states:
                with pytest.raises(NotFound):
                    await service.read(actor, ReadFeedback(feedback_id=feedback.feedback_id))

    async def test_closes_every_door_that_was_still_opening(self, service: Service) -> None:
        two, third = Two(), a_person(uuid4())
        doors = await everything(service, two, third)
        told = latest(list(await service.hear(erased(third))))
        seen = {status: told[key] for status, key in doors.items()}
        for status, expected in (
            ("offered", IntroductionStatus.DECLINED),
            ("consented", IntroductionStatus.DECLINED),
            ("closed", IntroductionStatus.CLOSED),
        ):
            fact = seen[status]
            assert isinstance(fact, IntroductionAdvanced)
            assert fact.introduction.status is expected
            assert str(id_of(third)) not in encode(fact).decode()

    async def test_can_write_nothing_and_be_written_nothing(self, service: Service, two: Two) -> None:
        await service.active(two)
        session = await service.session(two)
        await service.hear(erased(two.ada))
        service.clock.forward(DAY)
        for actor in (two.ada, two.bo):
            with pytest.raises(Refusal):
                await service.do(actor, LogSession, session_id=session.session_id, taught=ADAS)
            with pytest.raises(Refusal):
                await service.do(
                    actor, AddTopic, pair_id=two.pair_id, item_id=uuid4(), text=ADAS, learner_id=id_of(two.bo)
                )
        assert [table for table in OWN_TABLES if ADAS in await texts(service, table)] == []

    async def test_is_erased_also_of_what_is_being_written_at_that_moment(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, _ = await service.met(two, ada=None, bo=None)
        async with service.during(two.bo, LogSession, session_id=session.session_id, taught=ADAS):
            erasure = asyncio.create_task(service.hear(erased(two.ada)))
            assert await service.waits(erasure)
        await erasure
        assert [table for table in OWN_TABLES if ADAS in await texts(service, table)] == []

    async def test_stays_erased_when_older_facts_arrive_afterwards(self, service: Service) -> None:
        two = Two(ada_wants=f"{ADAS} need")
        told = await service.hear(
            erased(two.ada), a_profile(two.ada, version=3), two.accepted(), two.cohort(), two.activated()
        )
        assert told == []
        assert [table for table in OWN_TABLES if ADAS in await texts(service, table)] == []

    async def test_never_comes_back(self, service: Service, two: Two) -> None:
        third = a_person(uuid4())
        await service.active(two)
        for fact in (a_profile(third), erased(third, version=2), a_profile(third, version=3)):
            await service.hear(fact)
        with pytest.raises(NotFound):
            await service.do(
                two.bo,
                OfferIntroduction,
                introduction_id=uuid4(),
                pair_id=two.pair_id,
                third_person_id=id_of(third),
                about="x",
            )

    async def test_is_erased_again_without_telling_anything(self, service: Service) -> None:
        two, third = Two(), a_person(uuid4())
        await everything(service, two, third)
        first = await service.hear(erased(two.ada))
        assert all_of(first, SessionScheduled)
        assert await service.hear(erased(two.ada, version=10)) == []


async def test_a_review_of_the_end_is_asked_of_both(service: Service, two: Two) -> None:
    await service.active(two)
    told = await service.hear(two.ended())
    assert {(fact.feedback.kind, fact.feedback.author_id) for fact in all_of(told, FeedbackRequested)} == {
        (FeedbackKind.FINAL, person) for person in two.people
    }


async def test_the_system_sees_every_row(service: Service, two: Two) -> None:
    await service.active(two)
    await logged_and_answered(service, two)
    assert len(await service.rows("SELECT * FROM feedback_words", actor=SYSTEM)) == 2
