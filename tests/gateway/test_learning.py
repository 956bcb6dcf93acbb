"""Who sees what released feedback taught: the admins of those whose feedback it is, and operators."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.service import react
from contracts.base import SYSTEM, Event
from contracts.matching import (
    Calibration,
    CalibrationUsed,
    CalibrationVersion,
    Fit,
    FitOutcome,
    MatchRun,
    ReliabilityBin,
    RuleSet,
    RunStatus,
    calibration_id_of,
)
from gateway.app import app
from tests.conftest import ServiceDatabase
from tests.gateway.making import NOON, World, a_world, admin_of, person_of
from tests.gateway.serving import Client
from tests.gateway.test_projections import rows

SEEN = """
id shared shares changedAt organization { id }
inUse { number curve { models learned } fit { outcome lossBefore loss error } }
versions { number }
latestFit { fittedAt outcome meaning directions people reliability { promised learned reported low high directions } }
"""
OWN = f"{{ calibration {{ {SEEN} }} }}"
SHARED = f"{{ calibration(shared: true) {{ {SEEN} }} }}"
OF = f"query($id: ID!) {{ calibration(organizationId: $id) {{ {SEEN} }} }}"


def a_fit(*organizations: UUID, **changes: Any) -> Fit:
    values: dict[str, Any] = {
        "fitted_at": NOON,
        "outcome": FitOutcome.ADOPTED,
        "meaning": "models",
        "directions": 120,
        "people": 100,
        "organizations": organizations,
        "loss_before": 0.6361,
        "loss": 0.6114,
        "error": 0.004,
        "reliability": (ReliabilityBin(promised=0.9, learned=0.8, reported=0.78, low=0.7, high=0.84, directions=115),),
    }
    return Fit(**values | changes)


def a_calibration(*organizations: UUID, organization_id: UUID | None = None, **changes: Any) -> Calibration:
    fit = a_fit(*organizations)
    versions = tuple(
        CalibrationVersion(number=number, at=(1, 500, 1000), curve=(1, 400, 800), fit=fit) for number in (1, 2)
    )
    values: dict[str, Any] = {
        "calibration_id": calibration_id_of(organization_id),
        "organization_id": organization_id,
        "organizations": organizations,
        "in_use": 2,
        "fitted": 2,
        "versions": versions,
        "latest_fit": fit,
    }
    return Calibration(**values | changes)


def taught(world: World) -> list[Event]:
    """North learned by itself; North and South share."""
    north, south = world.north.organization_id, world.south.organization_id
    return world.ledger.of(
        a_calibration(north, organization_id=north, shares=True), a_calibration(*sorted((north, south)))
    )


@pytest.fixture
def tell(service_database: ServiceDatabase, client: Client) -> Any:
    """Tell the gateway facts."""

    async def told(*facts: Event) -> None:
        database = await service_database("gateway")
        await react(app.spec, database, facts)

    return told


class TestCalibration:
    async def test_is_shown_whole_to_an_admin_of_the_organization(self, client: Client, tell: Any) -> None:
        world = a_world()
        await tell(*world.facts(), *taught(world))
        admin = client.token(world.north, world.north.admins[0])
        found = (await client.ask(OWN, admin))["calibration"]
        assert (found["shared"], found["shares"]) == (False, True)
        assert found["organization"] == {"id": str(world.north.organization_id)}
        assert found["inUse"]["number"] == 2
        assert found["inUse"]["curve"][1] == {"models": 0.5, "learned": 0.4}
        assert found["inUse"]["fit"] == {"outcome": "ADOPTED", "lossBefore": 0.6361, "loss": 0.6114, "error": 0.004}
        assert [each["number"] for each in found["versions"]] == [2, 1]
        assert found["latestFit"]["reliability"] == [
            {"promised": 0.9, "learned": 0.8, "reported": 0.78, "low": 0.7, "high": 0.84, "directions": 115}
        ]
        again = await client.ask("query($id: ID!) { node(id: $id) { __typename id } }", admin, id=found["id"])
        assert again["node"] == {"__typename": "Calibration", "id": found["id"]}

    async def test_is_shown_to_nobody_else_but_operators(self, client: Client, tell: Any) -> None:
        world = a_world()
        await tell(*world.facts(), *taught(world))
        north = str(world.north.organization_id)
        for organization, subject in (
            (world.north, world.ada.subject),
            (world.south, world.south.admins[0]),
            (world.far, world.far.admins[0]),
        ):
            token = client.token(organization, subject)
            assert (await client.ask(OF, token, id=north))["calibration"] is None
            node = await client.ask(
                "query($id: ID!) { node(id: $id) { id } }", token, id=str(calibration_id_of(UUID(north)))
            )
            assert node["node"] is None
        assert (await client.ask(OF, client.token("operator", "olga"), id=north))["calibration"] is not None

    async def test_among_organizations_is_shown_to_those_that_share(self, client: Client, tell: Any) -> None:
        world = a_world()
        await tell(*world.facts(), *taught(world))
        for organization, subject, shown in (
            (world.north, world.north.admins[0], True),
            (world.south, world.south.admins[0], True),
            (world.far, world.far.admins[0], False),
            (world.north, world.ada.subject, False),
        ):
            found = (await client.ask(SHARED, client.token(organization, subject)))["calibration"]
            assert (found is not None) is shown
            if found is not None:
                assert (found["shared"], found["organization"]) == (True, None)

    async def test_is_off_without_a_version(self, client: Client, tell: Any) -> None:
        world = a_world()
        north = world.north.organization_id
        await tell(*world.facts(), *world.ledger.of(a_calibration(north, organization_id=north, in_use=0)))
        found = (await client.ask(OWN, client.token(world.north, world.north.admins[0])))["calibration"]
        assert found["inUse"] is None
        assert (await client.ask(OWN, client.token(world.south, world.south.admins[0])))["calibration"] is None


class TestTheSecondWall:
    async def test_hides_calibrations_of_others(self, service_database: ServiceDatabase) -> None:
        database, world = await service_database("gateway"), a_world()
        await react(app.spec, database, [*world.facts(), *taught(world)])
        counted = {
            name: len((await rows(database, actor))["calibrations"])
            for name, actor in (
                ("system", SYSTEM),
                ("north", admin_of(world.north)),
                ("south", admin_of(world.south)),
                ("far", admin_of(world.far)),
                ("zoe", person_of(world.zoe)),
            )
        }
        assert counted == {"system": 2, "north": 2, "south": 1, "far": 0, "zoe": 0}


class TestRun:
    async def test_names_what_it_heeds(self, client: Client, tell: Any) -> None:
        world = a_world()
        used = CalibrationUsed(calibration_id=calibration_id_of(None), version=2)
        run = MatchRun(
            run_id=calibration_id_of(world.cohort.cohort_id),
            cohort_id=world.cohort.cohort_id,
            status=RunStatus.COMPLETED,
            calibration=used,
            rules=RuleSet(learned=True),
        )
        world.ledger.at += timedelta(minutes=1)
        await tell(*world.facts(), *taught(world), *world.ledger.of(run))
        query = "query($id: ID!) { matchRun(id: $id) { rules { learned } calibration { version calibration { id } } } }"
        found = await client.ask(query, client.token(world.north, world.north.admins[0]), id=str(run.run_id))
        assert found["matchRun"] == {
            "rules": {"learned": True},
            "calibration": {"version": 2, "calibration": {"id": str(used.calibration_id)}},
        }
