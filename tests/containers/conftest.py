"""The chassis' fixtures on containers; every test here needs an engine."""

import pytest

from tests.chassis.conftest import (  # fixtures: found by their names  # noqa: F401
    _levers_back,
    _looker,
    database,
    http_client,
    kafka,
    parts,
    probe_dsns,
    rows,
    serve_here,
    settings,
    start_process,
)
from tests.containers.engine import missing


@pytest.fixture(autouse=True, scope="session")
def _engine() -> None:
    if reason := missing():
        pytest.skip(reason)
