"""The service as a whole: facts in any order come in, messages go out, each cause once; wishes, reading, erasure, tenants."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from contracts.base import SYSTEM, Actor, Event, Role
from contracts.errors import NotFound
from contracts.feedback import SessionStatus
from contracts.matching import CohortStatus, EnrolmentStatus, PairStatus
from contracts.notifications import (
    ChangePreferences,
    DeliveryStatus,
    MarkRead,
    NotificationDelivered,
    NotificationKind,
    Preferences,
    PreferencesChanged,
    Unsubscribe,
)
from contracts.profiles import ProposedField
from services.notifications.commands import NoSuchMessage
from services.notifications.domain.people import mailbox_id
from services.notifications.domain.preferences import UnknownUnsubscribeLink, unsubscribe_token
from services.notifications.store import current_facts, metadata
from tests.notifications.builders import World
from tests.notifications.conftest import SETTINGS, Service
from tests.notifications.occasions import whole_story

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def causes(service: Service, person_id: UUID) -> list[str]:
    """The last words of each cause, without ids."""
    return sorted(":".join(part for part in each.cause.split(":") if "-" not in part) for each in service.of(person_id))


ADA_HEARS = [
    "agreement:complete:1",
    "agreement:drafted:1",
    "enrolment:admitted",
    "enrolment:invited",
    "feedback:requested",
    "introduction:consented",
    "pair:accepted",
    "pair:answer",
    "pair:one_way:0",
    "pair:proposed",
    "session:cancelled",
    "session:moved:1",
    "session:scheduled:0",
    "session:scheduled:0",
]


class TestStory:
    async def test_each_is_told_their_part_once(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        for fact in whole_story(world):
            await service.hear(fact)
        assert causes(service, world.ada_id) == ADA_HEARS
        assert causes(service, world.cy_id) == ["introduction:asked", "introduction:made"]
        assert {each.email for each in service.inbox.values()} == {DeliveryStatus.PENDING}
        titles = {each.title for each in service.of(world.bo_id)}
        assert "Treffen 1 mit Ada Okoro" in titles, "Bo reads German"

    @pytest.mark.parametrize("seed", range(4))
    async def test_nothing_is_lost_or_told_twice_in_another_order_of_topics(
        self, service: Service, world: World, seed: int
    ) -> None:
        """Facts of one aggregate keep their order; everything else is shuffled, profiles included, and comes twice."""
        rng = random.Random(seed)
        queues: dict[UUID, list[Event]] = {}
        for fact in (*world.people(), *whole_story(world)):
            lane = fact.key if type(fact).__name__ != "ContactChanged" else UUID(int=fact.key.int ^ 99)
            queues.setdefault(lane, []).append(fact)
        order: list[Event] = []
        while queues:
            lane = rng.choice(sorted(queues))
            order.append(queues[lane].pop(0))
            if not queues[lane]:
                del queues[lane]
        size = rng.randint(1, 9)
        for start in range(0, len(order), size):
            await service.hear(*order[start : start + size])
        await service.time_passes()
        assert causes(service, world.ada_id) == ADA_HEARS
        assert all(each.title and each.body for each in service.inbox.values())
        before = dict(service.versions)
        await service.hear(*order)
        await service.time_passes()
        assert service.versions == before, "the same facts again, under new ids, say nothing new"

    async def test_a_message_waits_until_all_its_names_are_known(self, service: Service, world: World) -> None:
        assert await service.hear(world.pair()) == []
        assert await service.time_passes() == []
        people = world.people()
        for fact in people[:-1]:
            await service.hear(fact)
        assert await service.time_passes() == [], "the cohort's name is missing"
        assert len(await service.hear(people[-1])) == 2
        assert "Spring Edition" in service.of(world.ada_id)[0].body
        assert await service.rows("SELECT 1 FROM mail") == [(1,), (1,)]

    async def test_a_fact_says_who_and_where(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        (message,) = service.of(world.bo_id)
        assert message.organization_id == world.berg
        assert (message.kind, message.link) == (NotificationKind.PROPOSAL, f"pair/{world.pair_id}")
        assert (message.locale, message.created_at) == ("de-DE", service.now)

    async def test_an_older_state_of_a_pair_is_passed_over(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACCEPTED, version=5))
        await service.hear(world.pair(PairStatus.EXPIRED, version=4))
        assert causes(service, world.ada_id) == ["pair:accepted"]


class TestDisclosure:
    async def test_a_proposal_keeps_what_person_or_organization_keep(self, service: Service) -> None:
        world = World(bo_shows=(ProposedField.OFFERS,))
        await service.hear(*world.people())
        await service.hear(world.organization(world.acme, shows=(ProposedField.NEEDS,)))
        await service.hear(replace(world.organization(world.acme, shows=(ProposedField.NEEDS,)), version=2))
        await service.hear(world.pair())
        (to_ada,) = service.of(world.ada_id)
        assert "twenty years of board meetings" in to_ada.body
        assert "Kubernetes" not in to_ada.body
        (to_bo,) = service.of(world.bo_id)
        assert "how to say no to a board" in to_bo.body
        assert "running services in containers" not in to_bo.body


class TestOrganizers:
    async def test_are_asked_to_accept_a_partnership(self, service: Service, world: World) -> None:
        draft = world.cohort(status=CohortStatus.DRAFT, accepted=False, version=1)
        await service.hear(draft)
        assert await service.time_passes() == []
        await service.hear(*world.people()[:-1])
        await service.time_passes()
        office = mailbox_id(world.berg, email="buero@berg.example")
        (asked,) = service.of(office)
        assert asked.title == "Acme lädt deine Organisation zu Spring Edition ein"
        assert set(service.inbox) == {asked.notification_id}, "Acme drafted it and need not be asked"
        await service.hear(replace(draft, version=2))
        assert await service.time_passes() == []

    async def test_hear_of_a_silence_that_lasts(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACTIVE))
        await service.time_passes(7 * DAY)
        assert [cause.split(":")[1] for cause in causes(service, world.ada_id)] == ["unplanned"]
        assert service.of(world.cy_id) == []
        await service.time_passes(6 * DAY)
        assert service.of(world.cy_id) == []
        await service.time_passes(DAY)
        (to_cy,) = service.of(world.cy_id)
        assert to_cy.kind is NotificationKind.NUDGE
        assert "Ada Okoro (Acme)" in to_cy.body
        assert len(service.of(mailbox_id(world.berg, email="buero@berg.example"))) == 1
        assert service.of(mailbox_id(world.acme, email="cy@acme.example")) == [], "Cy has a profile with that address"
        assert await service.time_passes(60 * DAY) == []


class TestNudges:
    async def test_a_proposal_unanswered_for_half_its_time(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        await service.hear(world.pair(PairStatus.HALF_ACCEPTED, version=2, accepted=(world.ada_id,)))
        assert await service.time_passes(35 * HOUR) == []
        (nudge,) = await service.time_passes(HOUR)
        assert isinstance(nudge, NotificationDelivered)
        assert nudge.notification.person_id == world.bo_id
        assert await service.time_passes(HOUR) == []

    async def test_a_session_that_nobody_wrote_down(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        # The session's fact overtakes the pair's.
        await service.hear(world.session(starts_at=world.now + HOUR))
        await service.hear(world.pair(PairStatus.ACTIVE))
        await service.time_passes(25 * HOUR)
        assert "session:unlogged" not in causes(service, world.ada_id)
        await service.time_passes(HOUR)
        assert "session:unlogged" in causes(service, world.ada_id)
        assert "session:unlogged" in causes(service, world.bo_id)

    async def test_a_log_in_time_prevents_it(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACTIVE), world.session(starts_at=world.now + HOUR))
        both = (world.ada_id, world.bo_id)
        await service.hear(world.session(SessionStatus.LOGGED, version=2, starts_at=world.now + HOUR, logged=both))
        await service.time_passes(3 * DAY)
        assert "session:unlogged" not in causes(service, world.ada_id)

    async def test_a_slow_cadence_waits_longer(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.agreement(signed_by=(world.ada_id, world.bo_id), cadence_days=28))
        await service.hear(world.pair(PairStatus.ACTIVE))
        assert await service.time_passes(13 * DAY) == []
        assert len(await service.time_passes(DAY)) == 2

    async def test_each_only_once_though_the_clock_leaps(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACTIVE))
        for _ in range(5):
            await service.time_passes(400 * DAY)
        assert len(causes(service, world.ada_id)) == 1
        assert len(service.of(world.cy_id)) == 1


class TestWishes:
    async def test_change_and_hold_for_the_next_mail(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        wishes = Preferences(person_id=world.ada_id, muted_kinds=(NotificationKind.PROPOSAL,))
        (fact,) = await service.do(world.ada.actor, ChangePreferences, preferences=wishes)
        assert isinstance(fact, PreferencesChanged)
        assert (fact.preferences, fact.actor_id) == (wishes, world.ada_id)
        await service.hear(world.pair())
        (to_ada,), (to_bo,) = service.of(world.ada_id), service.of(world.bo_id)
        assert (to_ada.email, to_bo.email) == (DeliveryStatus.SKIPPED, DeliveryStatus.PENDING)
        assert to_ada.body, "the inbox has it"
        assert [row.person_id for row in await service.rows("SELECT person_id FROM mail")] == [world.bo_id]

    async def test_some_leave_the_others(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        old = Preferences(person_id=world.ada_id)
        off, dnd = replace(old, email_enabled=False), replace(old, muted_kinds=(NotificationKind.PROPOSAL,))
        await service.do(world.ada.actor, ChangePreferences, preferences=off, only=("email_enabled",))
        (fact,) = await service.do(world.ada.actor, ChangePreferences, preferences=dnd, only=("muted_kinds",))
        assert isinstance(fact, PreferencesChanged)
        assert fact.preferences == replace(off, muted_kinds=dnd.muted_kinds)

    async def test_somebody_elses_are_not_there(self, service: Service, world: World) -> None:
        with pytest.raises(NotFound):
            await service.do(world.bo.actor, ChangePreferences, preferences=Preferences(person_id=world.ada_id))
        mine = Preferences(person_id=world.ada_id)
        with pytest.raises(NotFound):
            await service.do(world.bo.actor, ChangePreferences, preferences=mine, only=("email_enabled",))
        admin = Actor(roles=(Role.ADMIN,), organization_id=world.acme, subject="boss")
        with pytest.raises(NotFound):
            await service.do(admin, ChangePreferences, preferences=Preferences(person_id=world.ada_id))

    async def test_no_address_means_no_mail(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.ada.contact(version=2, email=""))
        await service.hear(world.pair())
        assert service.of(world.ada_id)[0].email is DeliveryStatus.SKIPPED

    async def test_one_click_unsubscribes_whoever_clicks(self, service: Service, world: World) -> None:
        token = unsubscribe_token(world.ada_id, kind=NotificationKind.NUDGE, key=SETTINGS["UNSUBSCRIBE_SECRET"])
        (fact,) = await service.do(SYSTEM, Unsubscribe, token=token)
        assert isinstance(fact, PreferencesChanged)
        assert fact.preferences == Preferences(person_id=world.ada_id, muted_kinds=(NotificationKind.NUDGE,))
        assert await service.do(SYSTEM, Unsubscribe, token=token) == []
        assert await service.do(world.ada.actor, Unsubscribe, token=token) == []

    async def test_a_wrong_token_unsubscribes_nobody(self, service: Service, world: World) -> None:
        token = unsubscribe_token(world.ada_id, kind=NotificationKind.NUDGE, key="another key of other tests")
        for wrong in (token, "", "x" * 5000, "ä"):
            with pytest.raises(UnknownUnsubscribeLink):
                await service.do(SYSTEM, Unsubscribe, token=wrong)
        good = unsubscribe_token(world.ada_id, kind=NotificationKind.NUDGE, key=SETTINGS["UNSUBSCRIBE_SECRET"])
        with pytest.raises(UnknownUnsubscribeLink):
            await service.do(world.bo.actor, Unsubscribe, token=good)
        assert await service.rows("SELECT 1 FROM preferences") == []


class TestRead:
    async def test_marks_these_or_all(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED), world.pair())
        first, second = service.of(world.ada_id)
        (fact,) = await service.do(world.ada.actor, MarkRead, notifications=(first.notification_id,))
        assert isinstance(fact, NotificationDelivered)
        assert (fact.version, fact.notification.read_at) == (2, service.now)
        (other,) = await service.do(world.ada.actor, MarkRead)
        assert other.key == second.notification_id
        assert await service.do(world.ada.actor, MarkRead) == []
        assert await service.do(world.ada.actor, MarkRead, notifications=(first.notification_id,)) == []
        assert service.of(world.bo_id)[0].read_at is None

    async def test_somebody_elses_message_is_not_there(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair())
        (to_bo,), (to_ada,) = service.of(world.bo_id), service.of(world.ada_id)
        refusals = []
        for absent in (to_bo.notification_id, uuid4()):
            with pytest.raises(NoSuchMessage) as refused:
                await service.do(world.ada.actor, MarkRead, notifications=(to_ada.notification_id, absent))
            assert refused.value.problems[0].path == "notifications[1]"
            refusals.append(str(refused.value))
        assert refusals[0] == refusals[1], "forbidden looks exactly like absent"
        assert await service.rows("SELECT 1 FROM message WHERE read_at IS NOT NULL") == [], "nothing half done"


class TestTenants:
    async def test_a_person_sees_only_their_own(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(*whole_story(world))
        await service.do(world.bo.actor, ChangePreferences, preferences=Preferences(person_id=world.bo_id))
        filled = {}
        for table in metadata.tables:
            filled[table] = len(await service.rows(f"SELECT 1 FROM {table}"))
            seen = await service.rows(f"SELECT * FROM {table}", actor=world.ada.actor)
            assert {getattr(row, "person_id", None) for row in seen} <= {world.ada_id}, table
            assert len(seen) < filled[table] or filled[table] == 0
            boss = Actor(roles=(Role.ADMIN,), organization_id=world.acme, subject="boss")
            assert await service.rows(f"SELECT * FROM {table}", actor=boss) == []
        assert {table for table, count in filled.items() if not count} == {"silence"}


async def test_the_catalog_says_everything_again_as_it_is(service: Service, world: World) -> None:
    await service.hear(*world.people())
    await service.hear(*whole_story(world))
    await service.do(world.ada.actor, MarkRead)
    (wishes,) = await service.do(world.ada.actor, ChangePreferences, preferences=Preferences(person_id=world.ada_id))
    async with service.database.begin(SYSTEM) as tx:
        again = [fact async for fact in current_facts(tx)]
    messages = {fact.key: fact for fact in again if isinstance(fact, NotificationDelivered)}
    assert {key: fact.notification for key, fact in messages.items()} == service.inbox
    assert {key: fact.version for key, fact in messages.items()} == service.versions
    (said,) = [fact for fact in again if isinstance(fact, PreferencesChanged)]
    assert isinstance(wishes, PreferencesChanged)
    assert (said.key, said.version, said.preferences) == (wishes.key, wishes.version, wishes.preferences)
