"""After a broker lost its memory: what consumers have not confirmed is queued again, whatever a relay still wanted to note down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from contracts.profiles import ProfileUpdated
from deploy.contracts import specs
from deploy.embedded import Infrastructure
from deploy.provision import SERVICES, ServiceDsns
from deploy.reconcile import reconcile

_RECORD = "INSERT INTO outbox (fact_id, topic, key, wire, payload, occurred_at) VALUES ($1, $2, $3, $4, '{}', now())"


async def test_queues_again_what_a_relay_was_about_to_note_down(
    service_dsns: Callable[[str], Awaitable[ServiceDsns]], infrastructure: Infrastructure
) -> None:
    apps = {name: (await service_dsns(name)).app for name in SERVICES}
    rows = await asyncpg.connect(infrastructure.postgres_admin_dsn, database="viceversa_profiles")
    relay = await asyncpg.connect(apps["profiles"], server_settings={"application_name": "viceversa-profiles-relay"})
    try:
        noted, told = uuid4(), uuid4()
        for fact_id in (noted, told):
            await rows.execute(_RECORD, fact_id, ProfileUpdated.TOPIC, uuid4(), ProfileUpdated.WIRE)
        await rows.execute(
            "DELETE FROM unpublished USING outbox WHERE outbox.seq = unpublished.seq AND fact_id = $1", noted
        )
        await relay.execute("SET ROLE profiles_system")

        # The old broker said yes to both; the relay has noted down the one, and stands still before the other.
        found = await reconcile(apps, specs=specs())
        assert [each.requeued for each in found if each.owner == "profiles"] == [1]
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await relay.execute("DELETE FROM unpublished")
        assert await rows.fetchval("SELECT count(*) FROM unpublished") == 2
    finally:
        relay.terminate()
        await rows.close()
