"""A world per test; the engine in this process; and how many generated cases each property really ran."""

from collections.abc import Iterator
from typing import Any

import pytest

from chassis.clock import FixedClock
from tests.conftest import ServiceDatabase
from tests.matching import nearby
from tests.matching.properties import DRAWN, declared
from tests.matching.world import SETTINGS, START, World


@pytest.fixture
async def world(service_database: ServiceDatabase) -> World:
    """Two organizations, nobody yet; the clock stands at START."""
    clock = FixedClock(START)
    made = World(database=await service_database("matching", clock=clock, settings=SETTINGS), clock=clock)
    await made.organization()
    await made.organization()
    return made


@pytest.fixture
def without_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are carried out in this process, models and all."""
    for room in ("runs", "meaning"):
        monkeypatch.setattr(f"services.matching.jobs.{room}.compute", nearby.compute)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Count how often hypothesis really calls a property: less than it declares is a failure, not a quiet pass."""
    asked = declared(pyfuncitem.obj)
    if not asked:
        return (yield)
    handle, ran = pyfuncitem.obj.hypothesis, 0
    inner = handle.inner_test

    def counted(*args: Any, **named: Any) -> Any:
        nonlocal ran
        ran += 1
        return inner(*args, **named)

    handle.inner_test = counted
    try:
        result = yield
    finally:
        handle.inner_test = inner
    pyfuncitem.user_properties.append((DRAWN, ran))
    if ran < asked:
        pytest.fail(f"Only {ran} of the {asked} cases that this property declares exist or were run.")
    return result
