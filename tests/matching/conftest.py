"""A world per test."""

import pytest

from chassis.clock import FixedClock
from tests.conftest import ServiceDatabase
from tests.matching.world import SETTINGS, START, World


@pytest.fixture
async def world(service_database: ServiceDatabase) -> World:
    """Two organizations, nobody yet; the clock stands at START."""
    clock = FixedClock(START)
    made = World(database=await service_database("matching", clock=clock, settings=SETTINGS), clock=clock)
    await made.organization()
    await made.organization()
    return made
