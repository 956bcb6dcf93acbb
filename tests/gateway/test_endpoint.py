"""The door: who is let in, what is refused, and how it says so."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from graphql import get_introspection_query

from chassis.identity import DEVELOPMENT_ISSUER
from chassis.service import react
from contracts.profiles import OrganizationUpdated
from gateway.app import app
from tests.conftest import ServiceDatabase
from tests.gateway.making import World, a_world
from tests.gateway.serving import Client
from tests.probes import eventually

VIEWER = "{ viewer { subject roles person { displayName } organization { name issuer } } }"


@pytest.fixture
async def world(service_database: ServiceDatabase) -> World:
    """Known organizations and people."""
    world = a_world()
    await react(app.spec, await service_database("gateway"), world.facts())
    return world


def error_of(answer: Any) -> dict[str, Any]:
    """The first error."""
    found: dict[str, Any] = answer["errors"][0]
    return found


class TestTokens:
    async def test_make_a_person(self, client: Client, world: World) -> None:
        data = await client.ask(VIEWER, client.token(world.north, world.ada.subject))
        assert data["viewer"]["roles"] == ["PERSON"]
        assert data["viewer"]["person"] == {"displayName": "Ada"}
        assert data["viewer"]["organization"] == {"name": "North", "issuer": None}

    async def test_make_an_admin(self, client: Client, world: World) -> None:
        data = await client.ask(VIEWER, client.token(world.north, world.north.admins[0]))
        assert data["viewer"]["roles"] == ["ADMIN"]
        assert data["viewer"]["organization"]["issuer"] == world.north.issuer

    async def test_make_an_operator(self, client: Client, world: World) -> None:
        data = await client.ask(VIEWER, client.token("operator", "olga"))
        assert data["viewer"] == {"subject": "olga", "roles": ["OPERATOR"], "person": None, "organization": None}

    async def test_make_somebody_without_a_role_of_an_unknown_subject(self, client: Client, world: World) -> None:
        data = await client.ask(VIEWER, client.token(world.north, "new here"))
        assert data["viewer"]["roles"] == []

    async def test_lose_what_their_holder_loses(
        self, client: Client, world: World, service_database: ServiceDatabase
    ) -> None:
        token = client.token(world.north, world.north.admins[0])
        assert (await client.ask(VIEWER, token))["viewer"]["roles"] == ["ADMIN"]
        north = replace(world.north, admins=("somebody else",))
        changed = OrganizationUpdated(
            key=north.organization_id, version=9, occurred_at=datetime.now(UTC), organization=north
        )
        await react(app.spec, await service_database("gateway"), [changed])  # as another replica would

        async def roles() -> bool:
            return not (await client.ask(VIEWER, token))["viewer"]["roles"]

        await eventually(roles, describe="whoever is no admin any more is none to the gateway", within=5)

    async def test_are_asked_for(self, client: Client, world: World) -> None:
        response = await client.post(VIEWER)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert "access token is required" in error_of(response.json())["message"]
        assert error_of(response.json())["extensions"]["code"] == "Unauthenticated"

    async def test_of_an_unknown_issuer_are_refused(self, client: Client, world: World) -> None:
        response = await client.post(VIEWER, client.token("nobodys", "x"))
        assert response.status_code == 401
        assert "issuer" in error_of(response.json())["message"]

    async def test_that_have_expired_are_refused(self, client: Client, world: World) -> None:
        response = await client.post(VIEWER, client.token(world.north, world.ada.subject, life=-120))
        assert response.status_code == 401
        assert "expired" in error_of(response.json())["message"]

    async def test_for_another_audience_are_refused(self, client: Client, world: World) -> None:
        token = client.token(world.north, world.ada.subject, audience="something else")
        assert (await client.post(VIEWER, token)).status_code == 401

    @pytest.mark.parametrize("forgery", ["none", "HS256 with the public key", "another key", "garbage"])
    async def test_that_are_forged_are_refused(self, client: Client, world: World, forgery: str) -> None:
        claims = {
            "iss": f"{DEVELOPMENT_ISSUER}north",
            "sub": world.ada.subject,
            "aud": "viceversa",
            "iat": int(time.time()),
            "exp": int(time.time()) + 600,
        }
        headers = {"typ": "at+jwt", "kid": "development"}
        public = client.issuer.public_key().public_bytes_raw()
        forgeries: dict[str, Callable[[], str]] = {
            "none": lambda: jwt.encode(claims, "", algorithm="none", headers=headers),
            "HS256 with the public key": lambda: jwt.encode(claims, public, algorithm="HS256", headers=headers),
            "another key": lambda: jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=headers),
            "garbage": lambda: "not.a.token",
        }
        assert (await client.post(VIEWER, forgeries[forgery]())).status_code == 401

    async def test_of_another_scheme_are_refused(self, client: Client, world: World) -> None:
        response = await client.http.post(
            "/graphql", json={"query": VIEWER}, headers={"authorization": "Basic YWRhOng="}
        )
        assert response.status_code == 401


class TestHttp:
    async def test_takes_no_queries_by_get(self, client: Client, world: World) -> None:
        token = client.token(world.north, world.ada.subject)
        response = await client.http.get(
            "/graphql", params={"query": VIEWER}, headers={"authorization": f"Bearer {token}"}
        )
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
    )
    async def test_takes_nothing_that_browsers_send_across_sites(self, client: Client, world: World, kind: str) -> None:
        token = client.token(world.north, world.ada.subject)
        headers = {"authorization": f"Bearer {token}"} | ({"content-type": kind} if kind else {})
        response = await client.http.post("/graphql", content=b'{"query": "{viewer{subject}}"}', headers=headers)
        assert response.status_code == 415

    async def test_lets_no_page_of_another_site_read_answers(self, client: Client) -> None:
        response = await client.http.options(
            "/graphql",
            headers={
                "origin": "https://evil.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,content-type",
            },
        )
        assert "access-control-allow-origin" not in response.headers

    async def test_shows_graphiql_to_browsers_of_the_embedded_platform(self, client: Client) -> None:
        response = await client.http.get("/graphql", headers={"accept": "text/html"})
        assert response.status_code == 200
        assert "graphiql" in response.text.lower()

    async def test_lets_anybody_read_the_schema_of_the_embedded_platform(self, client: Client) -> None:
        response = await client.post(get_introspection_query())
        assert response.status_code == 200
        assert response.json()["data"]["__schema"]["queryType"]["name"] == "Query"

    async def test_lets_nobody_hide_a_query_in_an_introspection(self, client: Client) -> None:
        for query in (
            "{ __typename viewer { subject } }",
            "{ ...F } fragment F on Query { viewer { subject } }",
            "query A { __typename } query B { viewer { subject } }",
        ):
            assert (await client.post(query)).status_code == 401

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"query": 1}', b'{"variables": {}}', b"\xff\xfe"])
    async def test_answers_nonsense_with_a_precise_error(self, client: Client, world: World, body: bytes) -> None:
        token = client.token(world.north, world.ada.subject)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        response = await client.http.post("/graphql", content=body, headers=headers)
        assert response.status_code == 400
        assert error_of(response.json())["message"]

    async def test_refuses_a_huge_body_unread(self, client: Client, world: World) -> None:
        token = client.token(world.north, world.ada.subject)
        response = await client.http.post(
            "/graphql",
            content=b'{"query": "' + b" " * (13 * 1024 * 1024),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        )
        assert response.status_code == 413


def nested(times: int) -> str:
    """A query that goes round and round."""
    return "{ viewer { person { " + "manager { " * times + "id" + " }" * times + " } } }"


HOSTILE = {
    "depth": nested(30),
    "very deep": nested(900),
    "aliases": "{ " + " ".join(f"a{n}: viewer {{ subject }}" for n in range(100)) + " }",
    "directives": "{ viewer { subject " + "@skip(if: false) " * 60 + "} }",
    "tokens": "{ viewer { " + "subject " * 3000 + "} }",
    "pages in pages": "{ cohorts(first: 100) { nodes { pairs(first: 100) { nodes { sessions(first: 100) { nodes { id } } } } } } }",
    "pages in pages by variables": "query($n: Int!) { cohorts(first: $n) { nodes { pairs(first: $n) { nodes { sessions(first: $n) "
    "{ nodes { id } } } } } } }",
    "fragment bomb": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    + " fragment F60 on Query { "
    + " ".join(f"a{n}: viewer {{ subject }}" for n in range(20))
    + " }",
    "fragment round": "{ ...F } fragment F on Query { viewer { subject } ...G } fragment G on Query { ...F }",
    "many mutations": "mutation { "
    + " ".join(f"m{n}: markRead(input: {{}}) {{ __typename }}" for n in range(20))
    + " }",
}


class TestHostileQueries:
    @pytest.mark.parametrize("name", HOSTILE)
    async def test_are_refused_at_once(self, client: Client, world: World, name: str) -> None:
        token = client.token(world.north, world.ada.subject)
        await client.post("{ __typename }", token)
        started = time.perf_counter()
        response = await client.post(HOSTILE[name], token, n=100)
        took = time.perf_counter() - started
        answer = response.json()
        assert answer.get("data") is None
        assert error_of(answer)["message"]
        assert took < 1.0  # some milliseconds; other work shares the machine

    async def test_in_batches_are_refused(self, client: Client, world: World) -> None:
        token = client.token(world.north, world.ada.subject)
        response = await client.http.post(
            "/graphql", json=[{"query": VIEWER}] * 50, headers={"authorization": f"Bearer {token}"}
        )
        assert response.status_code == 400

    async def test_name_what_is_too_much(self, client: Client, world: World) -> None:
        answer = (await client.post(HOSTILE["depth"], client.token(world.north, world.ada.subject))).json()
        assert error_of(answer)["extensions"] == {"code": "QueryTooExpensive", "limit": "deep", "most": 20}


class TestBadArguments:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ('{ node(id: "x") { id } }', "InvalidId"),
            ("{ cohorts(first: 0) { nodes { id } } }", "PageSize"),
            ("{ cohorts(first: 101) { nodes { id } } }", "PageSize"),
            ('{ cohorts(after: "nonsense") { nodes { id } } }', "InvalidCursor"),
            ('{ cohorts(after: "WyJ4IiwgInkiXQ==") { nodes { id } } }', "InvalidCursor"),
        ],
    )
    async def test_are_named(self, client: Client, world: World, query: str, code: str) -> None:
        answer = (await client.post(query, client.token(world.north, world.ada.subject))).json()
        assert error_of(answer)["extensions"]["code"] == code


class TestServicesAway:
    async def test_are_a_typed_answer(self, client: Client, world: World) -> None:
        data = await client.ask(
            "mutation { markRead(input: {}) { __typename ... on Refusal { code message remedy } } }",
            client.token(world.north, world.ada.subject),
        )
        assert data["markRead"]["__typename"] == "ServiceUnavailable"
        assert "notifications" in data["markRead"]["message"]
        assert "commandId" in data["markRead"]["remedy"]
