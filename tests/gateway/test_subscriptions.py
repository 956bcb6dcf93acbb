"""What is told as it happens: over a real websocket and Server-Sent Events, to every replica, under today's rights."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chassis.database import Database
from chassis.identity import DevelopmentIssuer
from chassis.service import react
from contracts.base import Event
from contracts.matching import MatchRun, PairStatus, PlanSoFar, RunStatus
from deploy.embedded import Infrastructure
from deploy.provision import ServiceDsns
from gateway.app import app, create_app
from gateway.changes import LARGEST_BACKLOG, Changes, Subscriber, SubscriptionEnded
from gateway.store.changes import Change
from tests.conftest import ServiceDatabase
from tests.gateway.conftest import gateway_environment
from tests.gateway.making import World, a_notification, a_pair, a_session, a_world
from tests.gateway.serving import Client, Served, serving

PATIENCE = 10.0
PROPOSALS = "subscription { proposals { id status partner { displayName } } }"
PAIRS = "subscription($id: ID) { pairs(cohortId: $id) { id status partner { displayName } } }"
SO_FAR = (
    "subscription($id: ID!) { matchRunProgress(cohortId: $id) { stage "
    "soFar { pairs value upperBound unmatched unmatchedBound } } }"
)
RUNS = "subscription($id: ID!) { matchRunProgress(cohortId: $id) { progress } }"
NOTIFICATIONS = "subscription { notifications { title } }"
SESSIONS = "subscription { sessions { id status } }"


@dataclass
class Socket:
    """A graphql-transport-ws connection."""

    connection: ClientConnection

    async def say(self, kind: str, **message: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **message}))

    async def hear(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            received = await self.connection.recv()
        assert isinstance(received, str), "the protocol's messages are text frames"
        return json.loads(received)

    async def subscribe(self, query: str, name: str = "1", **variables: Any) -> None:
        await self.say("subscribe", id=name, payload={"query": query, "variables": variables})

    async def event(self) -> Any:
        """The data of the next event, which must not be an error."""
        message = await self.hear()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def end(self) -> tuple[int, str]:
        """How the server closes the connection."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def socket(served: Served, token: str | None, *, by_header: bool = False) -> AsyncIterator[Socket]:
    """A connection whose client has said who it is."""
    async with connect(
        served.url.replace("http", "ws") + "/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers={"authorization": f"Bearer {token}"} if by_header else None,
    ) as connection:
        open_socket = Socket(connection)
        payload = {"authorization": f"Bearer {token}"} if token and not by_header else {}
        await open_socket.say("connection_init", payload=payload)
        yield open_socket


@asynccontextmanager
async def accepted(served: Served, token: str, **options: Any) -> AsyncIterator[Socket]:
    """A connection that was acknowledged."""
    async with socket(served, token, **options) as opened:
        assert (await opened.hear())["type"] == "connection_ack"
        yield opened


@dataclass
class Stage:
    """A world in the read model, and more facts for it. Each is written past the served gateway, as another replica would."""

    database: Database
    world: World

    async def tell(self, *facts: Event) -> None:
        await react(app.spec, self.database, facts)

    async def tell_until_heard(self, opened: Socket, *states: Any) -> Any:
        """The first event after a subscription; told again until the subscription, which takes a moment, is there."""
        listening = asyncio.create_task(opened.event())
        while not listening.done():
            await self.tell(*self.world.ledger.of(*states))
            await asyncio.wait([listening], timeout=0.2)
        return listening.result()


@pytest.fixture
async def stage(service_database: ServiceDatabase) -> Stage:
    """Ada's and Ben's open proposal."""
    stage = Stage(await service_database("gateway"), a_world())
    await stage.tell(*stage.world.facts())
    return stage


@pytest.fixture
def ada(client: Client, stage: Stage) -> str:
    """Ada's token."""
    return client.token(stage.world.north, stage.world.ada.subject)


class TestWebsocket:
    async def test_tells_of_a_proposal(self, gateway: Served, stage: Stage, ada: str) -> None:
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(PROPOSALS)
            event = await stage.tell_until_heard(opened, stage.world.pair)
        assert event["proposals"] == {
            "id": str(stage.world.pair.pair_id),
            "status": "PROPOSED",
            "partner": {"displayName": "Ben"},
        }

    async def test_tells_of_sessions_and_messages(self, gateway: Served, stage: Stage, ada: str) -> None:
        meeting, message = a_session(stage.world.pair), a_notification(stage.world.ada)
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(SESSIONS)
            assert (await stage.tell_until_heard(opened, meeting))["sessions"]["status"] == "SCHEDULED"
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(NOTIFICATIONS)
            assert (await stage.tell_until_heard(opened, message))["notifications"]["title"] == message.title

    async def test_tells_organizers_how_a_run_goes(self, client: Client, gateway: Served, stage: Stage) -> None:
        run = MatchRun(run_id=uuid4(), cohort_id=stage.world.cohort.cohort_id, status=RunStatus.RUNNING, progress=0.5)
        async with accepted(gateway, client.token(stage.world.south, stage.world.south.admins[0])) as opened:
            await opened.subscribe(RUNS, id=str(run.cohort_id))
            assert await stage.tell_until_heard(opened, run) == {"matchRunProgress": {"progress": 0.5}}

    async def test_tells_organizers_the_best_plan_so_far(self, client: Client, gateway: Served, stage: Stage) -> None:
        run = a_run_with_a_plan(stage)
        async with accepted(gateway, client.token(stage.world.south, stage.world.south.admins[0])) as opened:
            await opened.subscribe(SO_FAR, id=str(run.cohort_id))
            assert await stage.tell_until_heard(opened, run) == {"matchRunProgress": SEEN_SO_FAR}

    async def test_takes_the_token_of_the_handshake(self, gateway: Served, stage: Stage, ada: str) -> None:
        async with accepted(gateway, ada, by_header=True) as opened:
            await opened.subscribe("{ viewer { person { displayName } } }")
            assert await opened.event() == {"viewer": {"person": {"displayName": "Ada"}}}

    async def test_shows_a_later_operation_nothing_that_an_earlier_one_loaded(
        self, gateway: Served, stage: Stage, ada: str
    ) -> None:
        query = "{ viewer { person { jobTitle } } }"
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(query, name="1")
            assert (await opened.event())["viewer"]["person"]["jobTitle"] == "Title of Ada"
            assert (await opened.hear())["type"] == "complete"
            await stage.tell(*stage.world.ledger.of(replace(stage.world.ada, job_title="Another")))
            await opened.subscribe(query, name="2")
            assert (await opened.event())["viewer"]["person"]["jobTitle"] == "Another"

    @pytest.mark.parametrize("token", [None, "not.a.token"])
    async def test_is_closed_without_a_valid_token(self, gateway: Served, stage: Stage, token: str | None) -> None:
        async with socket(gateway, token) as opened:
            code, reason = await opened.end()
        assert code == 4403
        assert "token" in reason

    async def test_is_closed_when_the_token_ends(self, client: Client, gateway: Served, stage: Stage) -> None:
        brief = client.token(stage.world.north, stage.world.ada.subject, life=1)
        async with accepted(gateway, brief) as opened:
            await opened.subscribe(PROPOSALS)
            code, reason = await opened.end()
        assert (code, reason) == (4401, "the token has expired")

    async def test_refuses_hostile_subscriptions(self, gateway: Served, stage: Stage, ada: str) -> None:
        deep = "subscription { proposals { " + "cohort { latestRun { " * 15 + "id" + " } }" * 15 + " } }"
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(deep)
            message = await opened.hear()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "QueryTooExpensive"

    async def test_refuses_pages_of_other_sites(self, gateway: Served, stage: Stage) -> None:
        async with httpx.AsyncClient() as http:
            response = await http.get(
                f"{gateway.url}/graphql",
                headers={
                    "origin": "https://evil.example",
                    "connection": "upgrade",
                    "upgrade": "websocket",
                    "sec-websocket-version": "13",
                    "sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw==",
                    "sec-websocket-protocol": "graphql-transport-ws",
                },
            )
        assert response.status_code == 403


class TestRights:
    async def test_of_today_decide_about_each_event(self, client: Client, gateway: Served, stage: Stage) -> None:
        world = stage.world
        other = replace(world.cohort, cohort_id=uuid4(), name="Other")
        run = MatchRun(run_id=uuid4(), cohort_id=other.cohort_id, status=RunStatus.RUNNING, progress=0.1)
        await stage.tell(*world.ledger.of(other))
        async with accepted(gateway, client.token(world.south, world.south.admins[0])) as opened:
            await opened.subscribe(PAIRS, name="pairs", id=str(world.cohort.cohort_id))
            event = await stage.tell_until_heard(opened, world.pair)
            assert event["pairs"] == {"id": str(world.pair.pair_id), "status": "PROPOSED", "partner": None}
            left = replace(world.cohort, partners=world.cohort.partners[:1])
            await stage.tell(*world.ledger.of(left))
            await stage.tell(*world.ledger.of(replace(world.pair, status=PairStatus.ACTIVE)))
            await opened.subscribe(RUNS, name="runs", id=str(other.cohort_id))
            told: list[Any] = []
            while not told or told[-1]["id"] != "runs":
                await stage.tell(*world.ledger.of(run))
                told.append(await opened.hear())
        later = [each for each in told if each["id"] == "pairs"]
        assert "ACTIVE" not in json.dumps(later)

    async def test_keep_others_pairs_and_drafts_away(self, client: Client, gateway: Served, stage: Stage) -> None:
        world = stage.world
        mine = a_pair(world.cleo, world.dan, world.cohort)
        draft = a_pair(world.cleo, world.ben, world.cohort, status=PairStatus.DRAFT, proposed_at=None)
        async with accepted(gateway, client.token(world.north, world.cleo.subject)) as opened:
            await opened.subscribe(PAIRS)
            await stage.tell(*world.ledger.of(world.pair, draft))
            event = await stage.tell_until_heard(opened, world.pair, draft, mine)
        assert event["pairs"]["id"] == str(mine.pair_id)


def a_run_with_a_plan(stage: Stage) -> MatchRun:
    """A run that searches on."""
    return MatchRun(
        run_id=uuid4(),
        cohort_id=stage.world.cohort.cohort_id,
        status=RunStatus.RUNNING,
        stage="pairing: prices",
        so_far=PlanSoFar(pairs=7, value=5.5, upper_bound=6.0, unmatched=3, unmatched_bound=1),
    )


SEEN_SO_FAR = {
    "stage": "pairing: prices",
    "soFar": {"pairs": 7, "value": 5.5, "upperBound": 6.0, "unmatched": 3, "unmatchedBound": 1},
}


class TestServerSentEvents:
    async def test_tell_the_same(self, gateway: Served, stage: Stage, ada: str) -> None:
        told = await self.told(gateway, stage, ada, PROPOSALS, state=stage.world.pair)
        assert told["data"]["proposals"]["partner"] == {"displayName": "Ben"}

    async def test_tell_organizers_the_best_plan_so_far(self, client: Client, gateway: Served, stage: Stage) -> None:
        token = client.token(stage.world.north, stage.world.north.admins[0])
        run = a_run_with_a_plan(stage)
        told = await self.told(gateway, stage, token, SO_FAR, state=run, id=str(run.cohort_id))
        assert told["data"]["matchRunProgress"] == SEEN_SO_FAR

    async def told(self, gateway: Served, stage: Stage, token: str, query: str, *, state: Any, **about: str) -> Any:
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        asked = {"query": query, "variables": about}
        async with (
            httpx.AsyncClient(base_url=gateway.url, timeout=PATIENCE) as http,
            http.stream("POST", "/graphql", json=asked, headers=headers) as response,
        ):
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()

            async def data() -> Any:
                async for line in lines:
                    if line.startswith("data:") and line != "data:":
                        return json.loads(line.removeprefix("data:"))
                raise AssertionError("the stream ended")

            listening = asyncio.create_task(data())
            while not listening.done():
                await stage.tell(*stage.world.ledger.of(state))
                await asyncio.wait([listening], timeout=0.2)
        return listening.result()


class TestReplicas:
    async def test_all_hear_what_any_of_them_wrote(
        self,
        infrastructure: Infrastructure,
        provisioned: dict[str, ServiceDsns],
        issuer: DevelopmentIssuer,
        gateway: Served,
        stage: Stage,
        ada: str,
        tmp_path: Any,
    ) -> None:
        environment = gateway_environment(infrastructure, provisioned, issuer, folder=tmp_path)
        async with (
            serving(create_app(), environment) as second,
            accepted(gateway, ada) as one,
            accepted(second, ada) as other,
        ):
            await one.subscribe(PROPOSALS)
            await other.subscribe(PROPOSALS)
            first = await stage.tell_until_heard(one, stage.world.pair)
            assert await stage.tell_until_heard(other, stage.world.pair) == first

    async def test_say_so_when_they_may_have_missed_something(
        self, infrastructure: Infrastructure, gateway: Served, stage: Stage, ada: str
    ) -> None:
        async with accepted(gateway, ada) as opened:
            await opened.subscribe(PROPOSALS)
            await stage.tell_until_heard(opened, stage.world.pair)
            admin = await asyncpg.connect(infrastructure.postgres_admin_dsn)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%gateway_changes%'"
                " OR (datname = 'viceversa_gateway' AND state = 'idle' AND query = 'SELECT 1')"
            )
            await admin.close()
            message = await opened.hear()
            while message["type"] == "next" and "errors" not in message["payload"]:
                message = await opened.hear()
            assert "ChangesMissed" in json.dumps(message)
            assert (await opened.hear())["type"] == "complete"
            await opened.subscribe(PROPOSALS, name="again")
            assert await stage.tell_until_heard(opened, stage.world.pair)


class TestSlowSubscribers:
    async def test_are_told_that_they_are(self) -> None:
        subscriber = Subscriber(until=None)
        for _ in range(LARGEST_BACKLOG + 1):
            subscriber.tell(uuid4())
        with pytest.raises(SubscriptionEnded) as ended:
            await subscriber.next()
        assert ended.value.extensions == {"code": "TooSlow"}
        assert subscriber.waiting == {}

    async def test_read_an_object_that_changed_often_once(self) -> None:
        subscriber, key = Subscriber(until=None), uuid4()
        for _ in range(LARGEST_BACKLOG * 2):
            subscriber.tell(key)
        assert await subscriber.next() == key
        assert subscriber.waiting == {}

    async def test_leave_nothing_behind(self) -> None:
        changes, person = Changes(), uuid4()
        changes.hear()
        async with changes.subscription(("pair", person), until=None) as subscriber:
            changes.heard([Change("pair", key := uuid4(), (person,))])
            assert await subscriber.next() == key
        assert changes.subscribers == {}
        assert changes.count == 0
