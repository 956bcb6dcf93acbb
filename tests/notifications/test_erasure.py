"""Erasure: no word of the person stays, whatever else happens at the same moment."""

from __future__ import annotations

import asyncio

from chassis.service import react
from contracts.base import SYSTEM
from contracts.feedback import SessionStatus
from contracts.matching import EnrolmentStatus, PairStatus
from contracts.notifications import ChangePreferences, DeliveryStatus, Preferences, PreferencesChanged
from services.notifications.app import app
from services.notifications.handlers import forget_person
from services.notifications.store import metadata
from tests.notifications.builders import World
from tests.notifications.conftest import Service
from tests.notifications.occasions import whole_story
from tests.probes import held_up


class TestErasure:
    async def test_leaves_no_word_of_the_person(self, service: Service) -> None:
        world = World(ada_name="Canary Okoro")
        await service.hear(*world.people())
        await service.hear(*whole_story(world))
        await service.do(world.ada.actor, ChangePreferences, preferences=Preferences(person_id=world.ada_id))
        facts = await service.hear(world.ada.erased())
        for table in metadata.tables:
            for row in await service.rows(f"SELECT {table}::text AS all FROM {table}"):
                for canary in ("Canary", "ada@acme.example", "containers", "Would evenings", "s-" + str(world.ada_id)):
                    assert canary not in row.all, table
        assert all("Canary" not in str(each) for each in service.inbox.values())
        for mine in service.of(world.ada_id):
            assert (mine.title, mine.body) == ("", "")
            assert mine.email is DeliveryStatus.SKIPPED
        assert {each.title for each in service.of(world.bo_id)} == {
            "Eine Nachricht über jemanden, der nicht mehr da ist"
        }
        assert any(isinstance(each, PreferencesChanged) for each in facts)
        assert await service.rows("SELECT 1 FROM mail WHERE person_id = :id", id=world.ada_id) == []

    async def test_keeps_what_has_nothing_to_do_with_them(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.enrolment(EnrolmentStatus.INVITED), world.pair())
        await service.hear(world.bo.erased())
        invited, proposed = service.of(world.ada_id)
        assert "Spring Edition" in invited.body
        assert "Bo" not in proposed.title + proposed.body

    async def test_is_not_undone_by_late_facts(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.ada.erased())
        assert await service.hear(world.ada.erased()) == []
        await service.hear(world.ada.profile(version=50), world.ada.contact(version=50))
        assert await service.hear(world.pair()) == []
        assert await service.time_passes() == []
        assert [
            row.email for row in await service.rows("SELECT email FROM person WHERE person_id = :id", id=world.ada_id)
        ] == [""]

    async def test_the_other_one_still_hears_how_it_ended(self, service: Service, world: World) -> None:
        await service.hear(*world.people())
        await service.hear(world.pair(PairStatus.ACTIVE))
        await service.hear(world.ada.erased())
        await service.hear(
            world.pair(PairStatus.ENDED_EARLY, version=2), world.session(SessionStatus.CANCELLED, version=2)
        )
        titles = {each.title for each in service.of(world.bo_id)}
        assert titles == {
            "Jemand, der nicht mehr da ist und du: eure Zeit als Paar ist zu Ende",
            "Abgesagt: Treffen 1 mit jemand, der nicht mehr da ist",
        }
        assert await service.rows("SELECT 1 FROM message WHERE details::text LIKE '%Room 4%'") == []

    async def test_is_waited_for_by_who_finds_the_words(self, service: Service) -> None:
        world = World(ada_name="Canary Okoro")
        await service.hear(*world.people())
        async with service.database.begin(SYSTEM) as tx:
            await forget_person(world.ada.erased(), tx)
            # While that is not committed, her name is still there for everybody else, and somebody is to be told of her.
            await react(app.spec, service.database, [world.pair()])
            writing = asyncio.create_task(service.write())
            await held_up(writing, service.database)
        await writing
        assert [
            row for row in await service.rows("SELECT title || body AS all FROM message") if "Canary" in row.all
        ] == []
        assert [each for each in service.inbox.values() if "Canary" in each.title + each.body] == []
