"""POST /commands and /queries: carried out once per command id, refused as problems (RFC 9457), 503 while the database is away."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from chassis.calls import Services, ServiceUnavailable
from chassis.identity import internal_token
from chassis.wire import decode_recorded
from contracts.base import Actor, Command, encode
from contracts.errors import Full
from contracts.matching import AcceptPair
from contracts.profiles import ExportPerson, PersonExport, ProfileUpdated, SaveProfile
from tests.chassis.conftest import ADMIN, OTHER_ORG, SECRET, Client, Rows, Start, problem, save
from tests.probes import eventually

NO_BROKER = "127.0.0.1:1"
OTHER_ADMIN = replace(ADMIN, organization_id=OTHER_ORG)


@pytest.fixture
async def client(serve_here: Start) -> Client:
    """The probe without a broker: commands do not need one."""
    return await serve_here(NO_BROKER, joined=False)


class TestCommand:
    async def test_is_answered_with_its_facts(self, client: Client, rows: Rows) -> None:
        command = save("Ann")
        (recorded,) = decode_recorded((await client.send(command)).content)
        assert isinstance(recorded.fact, ProfileUpdated)
        assert recorded.fact.profile == command.profile
        assert await rows.all("SELECT fact_id FROM outbox") == [recorded.fact_id]

    async def test_repeated_gives_the_same_facts_and_does_nothing(self, client: Client, rows: Rows) -> None:
        command = save("Ann")
        first = await client.send(command)
        again = await client.send(command)
        assert decode_recorded(first.content) == decode_recorded(again.content)
        assert await rows.all("SELECT version FROM person") == [1]
        assert len(await rows.all("SELECT 1 FROM outbox")) == 1

    async def test_sent_many_times_at_once_is_carried_out_once(self, client: Client, rows: Rows) -> None:
        command = save("sleepy-command 0.1")
        answers = await asyncio.gather(*(client.send(command) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({decode_recorded(answer.content) for answer in answers}) == 1
        assert await rows.all("SELECT version FROM person") == [1]

    async def test_of_different_ids_for_one_aggregate_all_count(self, client: Client, rows: Rows) -> None:
        key = uuid4()
        await asyncio.gather(*(client.send(save(f"n{n}", key=key)) for n in range(10)))
        assert await rows.all("SELECT version FROM person") == [10]
        assert len(await rows.all("SELECT DISTINCT payload FROM outbox")) == 10

    async def test_id_for_another_content_is_a_conflict(self, client: Client, rows: Rows) -> None:
        command = save("Ann")
        await client.send(command)
        found = problem(await client.send(replace(command, profile=replace(command.profile, display_name="Bo"))))
        assert (found["status"], found["code"]) == (409, "CommandIdReused")
        assert await rows.all("SELECT display_name FROM person") == ["Ann"]

    @pytest.mark.parametrize(
        "other",
        [OTHER_ADMIN, replace(ADMIN, subject="somebody else"), replace(ADMIN, subject="", person_id=UUID(int=9))],
        ids=["organization", "subject", "person"],
    )
    async def test_id_from_another_actor_is_a_conflict(self, other: Actor, client: Client) -> None:
        command = save("Ann")
        await client.send(command)
        assert problem(await client.send(command, actor=other))["code"] == "CommandIdReused"

    async def test_is_the_same_although_its_subject_has_become_or_is_no_longer_a_person(self, client: Client) -> None:
        """Whoever erases themselves and hears no answer asks again; by then nobody has their subject any more."""
        command, person = save("Ann"), replace(ADMIN, person_id=UUID(int=9))
        first, again = await client.send(command, actor=person), await client.send(command)
        assert decode_recorded(first.content) == decode_recorded(again.content)

    async def test_that_was_refused_may_be_tried_again(self, client: Client, rows: Rows) -> None:
        command = save("full")
        assert (await client.send(command)).status_code == 409
        assert await rows.all("SELECT 1 FROM command_log") == []
        assert (await client.send(command)).status_code == 409

    async def test_takes_neither_actor_nor_time_from_the_sender(self, client: Client) -> None:
        body = json.loads(encode(save("Ann")))
        body["actor"] = {"roles": ["operator"], "person_id": str(UUID(int=7))}
        body["issued_at"] = "2001-01-01T00:00:00Z"
        answer = await client.post(f"/commands/{SaveProfile.WIRE}", json.dumps(body).encode())
        (recorded,) = decode_recorded(answer.content)
        assert recorded.fact.actor_id is None
        assert recorded.fact.occurred_at.year > 2001


class TestRefusal:
    async def test_is_a_problem_that_says_what_to_do(self, client: Client, rows: Rows) -> None:
        assert problem(await client.send(save("full"))) == {
            "title": "full",
            "status": 409,
            "detail": "There is no room.",
            "kind": "full",
            "code": "NoRoom",
            "remedy": "Wait.",
            "problems": [{"path": "profile", "message": "one too many", "value": "", "remedy": ""}],
        }
        assert await rows.all("SELECT 1 FROM person") == []

    async def test_comes_back_as_its_class_to_the_calling_service(self, client: Client) -> None:
        async with calling(client) as services:
            with pytest.raises(Full, match="There is no room") as refused:
                await services.send(save("full"), actor=ADMIN)
        assert (refused.value.code, refused.value.remedy) == ("NoRoom", "Wait.")
        assert refused.value.problems[0].path == "profile"

    async def test_hides_what_went_wrong_inside(self, client: Client, rows: Rows) -> None:
        found = problem(await client.send(save("broken")))
        assert found["status"] == 500
        assert "the command fails" not in str(found)
        assert await rows.all("SELECT 1 FROM person") == []

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            (b"{", "truncated"),
            (b"[]", "Expected"),
            (b'{"command_id": "x"}', "UUID"),
            (b"\xff", "malformed"),
            (b"", "truncated"),
        ],
    )
    async def test_names_what_is_wrong_with_the_body(self, body: bytes, where: str, client: Client) -> None:
        found = problem(await client.post(f"/commands/{SaveProfile.WIRE}", body))
        assert (found["status"], found["kind"]) == (422, "invalid")
        assert where in found["problems"][0]["message"]

    @pytest.mark.parametrize(
        "wire", ["viceversa.probe.fly-to-the-moon.v1", AcceptPair.WIRE, "%00", "viceversa.profiles.save-profile"]
    )
    async def test_of_an_unknown_command_is_not_found(self, wire: str, client: Client) -> None:
        body = encode(AcceptPair(command_id=uuid4(), pair_id=uuid4())) if wire == AcceptPair.WIRE else b"{}"
        assert problem(await client.post(f"/commands/{wire}", body))["status"] == 404
        metrics = (await client.http.get(client.url + "/metrics")).text
        assert 'command="unknown"' in metrics
        assert f'"{wire}"' not in metrics

    async def test_of_too_large_a_body_comes_before_it_has_been_read(self, client: Client) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 512 * 1024 * 1024:
                sent += 1024 * 1024
                yield b"x" * 1024 * 1024

        headers = {"authorization": f"Bearer {internal_token(ADMIN, secret=SECRET, audience='probe')}"}
        try:
            answer = await client.http.post(
                f"{client.url}/commands/{SaveProfile.WIRE}", content=endless(), headers=headers
            )
            assert problem(answer)["status"] == 413
        except (httpx.WriteError, httpx.ReadError):
            pass  # the connection was closed on us while we were still sending
        assert sent < 64 * 1024 * 1024
        assert (await client.send(save("Ann"))).status_code == 200


class TestToken:
    @pytest.mark.parametrize(
        "change",
        [
            {"exp": 1},
            {"aud": "viceversa-matching"},
            {"aud": None},
            {"iss": "somebody"},
            {"exp": None},
            {"roles": ["emperor"]},
            {"roles": None},
            {"org": "seven"},
        ],
        ids=str,
    )
    async def test_with_wrong_claims_is_refused(self, change: dict[str, object], client: Client) -> None:
        good = internal_token(ADMIN, secret=SECRET, audience="probe")
        claims = jwt.decode(good, options={"verify_signature": False}) | change
        claims = {name: value for name, value in claims.items() if value is not None}
        await self._refused(client, jwt.encode(claims, SECRET, headers={"typ": "viceversa-internal+jwt"}))

    async def test_of_another_kind_is_refused(self, client: Client) -> None:
        good = internal_token(ADMIN, secret=SECRET, audience="probe")
        claims = jwt.decode(good, options={"verify_signature": False})
        typ = {"typ": "viceversa-internal+jwt"}
        for bad in (
            jwt.encode(claims, SECRET, headers={"typ": "at+jwt"}),
            jwt.encode(claims, "x" * 40, headers=typ),
            jwt.encode(claims, "", algorithm="none", headers=typ),
            jwt.encode(claims, SECRET, algorithm="HS512", headers=typ),
            good[:-2],
            "rubbish",
        ):
            await self._refused(client, bad)

    async def _refused(self, client: Client, token: str) -> None:
        for path in (f"/commands/{SaveProfile.WIRE}", f"/queries/{ExportPerson.WIRE}", "/admin/status"):
            answer = await client.http.post(
                client.url + path, content=encode(save()), headers={"authorization": f"Bearer {token}"}
            )
            assert answer.status_code == 401
        assert (await client.http.post(client.url + "/admin/status")).status_code == 401

    async def test_lives_for_a_minute(self) -> None:
        claims = jwt.decode(internal_token(ADMIN, secret=SECRET, audience="x"), options={"verify_signature": False})
        assert 0 < claims["exp"] - time.time() <= 60


class TestQuery:
    async def test_is_answered_by_the_owner_alone(self, client: Client) -> None:
        command = save("Ann")
        await client.send(command)
        query = ExportPerson(person_id=command.profile.person_id)
        answer = await client.ask(query)
        assert json.loads(answer.content)["json"] == "Ann"
        assert problem(await client.ask(query, actor=OTHER_ADMIN))["status"] == 404
        async with calling(client) as services:
            export = await services.ask(query, answer=PersonExport, actor=ADMIN)
        assert export.json == "Ann"


class TestDatabaseAway:
    async def test_is_said_and_passes(self, client: Client, rows: Rows) -> None:
        await client.send(save("before"))
        await rows.all("ALTER ROLE probe_app NOLOGIN")
        command = save("meanwhile")
        try:
            await rows.terminate("viceversa-probe%")
            found = problem(await client.send(command))
            assert (found["status"], found["title"]) == (503, "unavailable")
            async with calling(client) as services:
                with pytest.raises(ServiceUnavailable):
                    await services.send(command, actor=ADMIN)
        finally:
            await rows.all("ALTER ROLE probe_app LOGIN")
        await eventually(lambda: _done(client, command), describe="the same command goes through")
        assert sorted(await rows.all("SELECT display_name FROM person")) == ["before", "meanwhile"]

    async def test_for_a_moment_is_not_noticed(self, client: Client, rows: Rows) -> None:
        """Connections that ended while they were idle in the pool cost nobody an answer."""
        await asyncio.gather(*(client.send(save(f"n{n}")) for n in range(6)))
        await rows.terminate("viceversa-probe%")
        answers = await asyncio.gather(*(client.send(save(f"m{n}")) for n in range(6)))
        assert {answer.status_code for answer in answers} == {200}

    async def test_in_the_middle_of_a_command_is_met_by_trying_again(self, client: Client, rows: Rows) -> None:
        sending = asyncio.create_task(client.send(save("sleepy-command 0.4")))

        async def at_work() -> bool:
            return bool(await rows.all("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"))

        await eventually(at_work, describe="the command is at work")
        await rows.terminate("viceversa-probe")
        assert (await sending).status_code == 200
        assert await rows.all("SELECT version FROM person") == [1]


class TestOwnerWhoIsSlow:
    async def test_is_said_and_the_same_command_is_carried_out_once(self, client: Client, rows: Rows) -> None:
        command = save("sleepy-command 3")
        async with calling(client, patience=0.5) as services:
            with pytest.raises(ServiceUnavailable, match="cannot be reached") as slow:
                await services.send(command, actor=ADMIN)
        assert "ReadTimeout" in slow.value.reason
        await eventually(lambda: _done(client, command), describe="the same command goes through")
        assert await rows.all("SELECT version FROM person") == [1]


async def _done(client: Client, command: Command) -> bool:
    return (await client.send(command)).status_code == 200


@asynccontextmanager
async def calling(client: Client, *, patience: float = 20) -> AsyncIterator[Services]:
    """The gateway's way of calling; the probe answers for the profiles service, so it gets tokens made for the probe."""

    async def for_the_probe(request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {internal_token(ADMIN, secret=SECRET, audience='probe')}"

    async with httpx.AsyncClient(event_hooks={"request": [for_the_probe]}, timeout=patience) as http:
        yield Services({"profiles": client.url}, SECRET, http)
