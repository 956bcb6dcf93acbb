"""Access tokens cannot be forged; an issuer's address is never fetched unchecked, nor too often, and an issuer may be down."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import oidc_provider_mock
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chassis import identity
from chassis.identity import DevelopmentIssuer, KeySource, TokenRefused, verify_access_token

AUDIENCE = "viceversa"


@dataclass
class Issuer:
    """An OIDC issuer on 127.0.0.1 whose documents a test may change; counts what is fetched."""

    keys: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    fetched: list[str] = field(default_factory=list)
    answer: Callable[[str], tuple[int, bytes, dict[str, str]]] | None = None

    def documents(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if self.answer is not None:
            return self.answer(path)
        if path.endswith("openid-configuration"):
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode(), {}
        jwks = [{**json.loads(_public_jwk(key)), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        return 200, json.dumps({"keys": jwks}).encode(), {}

    def token(self, kid: str = "one", algorithm: str = "RS256", typ: str = "at+jwt", **claims: Any) -> str:
        now = int(time.time())
        told = {"iss": self.url, "sub": "ann", "aud": AUDIENCE, "iat": now, "exp": now + 60} | claims
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, self.keys[kid], algorithm=algorithm, headers={"typ": typ, "kid": kid})


def _public_jwk(key: Any) -> str:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return str(kind.to_jwk(key.public_key()))


RSA, RSA_2 = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer({"one": RSA, "curve": EC})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/health/"):  # somebody waits for a service that is to have this port after us
                self.send_error(404)
                return
            made.fetched.append(self.path)
            status, content, headers = made.documents(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def keys() -> KeySource:
    return KeySource(allowed_hosts=frozenset({"127.0.0.1", "localhost"}))


class TestAccessToken:
    async def test_of_a_known_issuer_is_accepted(self, issuer: Issuer, keys: KeySource) -> None:
        for token in (issuer.token(), issuer.token("curve", "ES256"), issuer.token(typ="JWT")):
            claims = await verify_access_token(token, keys=keys, audience=AUDIENCE, issuers=[issuer.url])
            assert (claims.issuer, claims.subject) == (issuer.url, "ann")
            assert claims.expires_at > time.time()

    async def test_of_a_real_provider_is_accepted(self, keys: KeySource) -> None:
        """An independent implementation of OIDC issues the token."""
        with oidc_provider_mock.run_server_in_thread() as server:
            url = f"http://localhost:{server.server_port}"
            async with httpx.AsyncClient() as client:
                await client.put(f"{url}/users/ann", json={"sub": "ann"})
                granted = await client.post(
                    f"{url}/oauth2/authorize",
                    params={
                        "client_id": AUDIENCE,
                        "redirect_uri": f"{url}/back",
                        "response_type": "code",
                        "scope": "openid",
                    },
                    data={"sub": "ann"},
                )
                code = httpx.URL(granted.headers["location"]).params["code"]
                answer = await client.post(
                    f"{url}/oauth2/token",
                    data={"grant_type": "authorization_code", "code": code, "redirect_uri": f"{url}/back"},
                    auth=(AUDIENCE, "secret"),
                )
            token = answer.json()["id_token"]
            claims = await verify_access_token(token, keys=keys, audience=AUDIENCE, issuers=[url])
            assert claims.subject == "ann"
            with pytest.raises(TokenRefused, match="Audience"):
                await verify_access_token(token, keys=keys, audience="somebody else", issuers=[url])

    @pytest.mark.parametrize(
        ("claims", "why"),
        [
            ({"aud": "another"}, "[Aa]udience"),
            ({"aud": None}, "aud"),
            ({"exp": 1_000_000}, "expired"),
            ({"exp": None}, "exp"),
            ({"exp": "soon"}, "not valid"),
            ({"iat": None}, "iat"),
            ({"iat": 32_503_680_000}, "not yet valid"),
            ({"nbf": 32_503_680_000}, "not yet valid"),
            ({"sub": None}, "sub"),
            ({"sub": 7}, "not valid"),
            ({"iss": "http://127.0.0.1:1"}, "not known here"),
            ({"typ": "id+jwt"}, "type is not"),
            ({"typ": "viceversa-internal+jwt"}, "type is not"),
        ],
        ids=str,
    )
    async def test_with_wrong_claims_is_refused(
        self, claims: dict[str, Any], why: str, issuer: Issuer, keys: KeySource
    ) -> None:
        with pytest.raises(TokenRefused, match=why):
            await verify_access_token(issuer.token(**claims), keys=keys, audience=AUDIENCE, issuers=[issuer.url])

    async def test_within_the_leeway_is_accepted(self, issuer: Issuer, keys: KeySource) -> None:
        just = issuer.token(exp=int(time.time()) - identity.LEEWAY + 10)
        await verify_access_token(just, keys=keys, audience=AUDIENCE)
        late = issuer.token(exp=int(time.time()) - identity.LEEWAY - 10)
        with pytest.raises(TokenRefused, match="expired"):
            await verify_access_token(late, keys=keys, audience=AUDIENCE)

    async def test_that_is_forged_is_refused(self, issuer: Issuer, keys: KeySource) -> None:
        good = issuer.token()
        claims = jwt.decode(good, options={"verify_signature": False})
        pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        one = {"typ": "at+jwt", "kid": "one"}
        head, body, signature = good.split(".")
        forged = {
            "no algorithm": jwt.encode(claims, "", algorithm="none", headers=one),
            "public key as a secret": _hs256(claims, pem, one),
            "another key": jwt.encode(claims, RSA_2, algorithm="RS256", headers=one),
            "another curve's key": jwt.encode(claims, EC, algorithm="ES256", headers=one),
            "weaker family": jwt.encode(claims, RSA, algorithm="RS512", headers=one),
            "changed body": f"{head}.{jwt.encode(claims | {'sub': 'bo'}, RSA_2, algorithm='RS256').split('.')[1]}.{signature}",
            "no signature": f"{head}.{body}.",
            "rubbish": "rubbish",
            "empty": "",
        }
        accepted = []
        for what, token in forged.items():
            with suppress(TokenRefused):
                accepted.append((what, await verify_access_token(token, keys=keys, audience=AUDIENCE)))
        assert accepted == []


def _hs256(claims: dict[str, Any], pem: bytes, headers: dict[str, str]) -> str:
    # By hand: the library refuses to sign with a public key.
    def part(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    signing = part(json.dumps(headers | {"alg": "HS256"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (signing + b"." + part(hmac.digest(pem, signing, hashlib.sha256))).decode()


class TestKeys:
    async def test_are_fetched_once_for_many(self, issuer: Issuer, keys: KeySource) -> None:
        await asyncio.gather(*(verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE) for _ in range(50)))
        assert len(issuer.fetched) == 2

    async def test_that_nobody_knows_do_not_make_us_fetch_again_and_again(
        self, issuer: Issuer, keys: KeySource
    ) -> None:
        await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        claims = jwt.decode(issuer.token(), options={"verify_signature": False})

        async def unknown(n: int) -> None:
            token = jwt.encode(claims, RSA_2, algorithm="RS256", headers={"typ": "at+jwt", "kid": f"unknown {n}"})
            with pytest.raises(TokenRefused):
                await verify_access_token(token, keys=keys, audience=AUDIENCE)

        await asyncio.gather(*(unknown(n) for n in range(200)))
        assert len(issuer.fetched) == 2

    async def test_that_are_new_are_fetched_after_a_while(
        self, issuer: Issuer, keys: KeySource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        issuer.keys["two"] = RSA_2
        monkeypatch.setattr(identity, "_KEYS_RETRY", 0.0)
        await verify_access_token(issuer.token("two"), keys=keys, audience=AUDIENCE)

    async def test_are_served_stale_and_at_once_while_the_issuer_is_down(
        self, issuer: Issuer, keys: KeySource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        monkeypatch.setattr(identity, "_KEYS_FRESH", 0.0)
        monkeypatch.setattr(identity, "_KEYS_RETRY", 0.0)
        hanging = threading.Event()

        def hang(_: str) -> tuple[int, bytes, dict[str, str]]:
            hanging.wait(10)
            return 500, b"", {}

        issuer.answer = hang
        started = time.monotonic()
        for _ in range(20):
            await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        assert time.monotonic() - started < 2
        hanging.set()

    async def test_of_an_issuer_that_never_answered_are_not_there(self, keys: KeySource) -> None:
        for _ in range(3):
            with pytest.raises(TokenRefused, match="could not be reached"):
                await keys.key("http://127.0.0.1:1", key_id="one")


class TestFetching:
    @pytest.mark.parametrize(
        "url",
        [
            "https://127.0.0.1",
            "https://10.0.0.1",
            "https://169.254.169.254",
            "https://[::1]",
            "https://[::ffff:127.0.0.1]",
            "https://localhost",
            "https://0.0.0.0",
            "https://100.64.0.1",
            "http://93.184.216.34",
            "file:///etc/passwd",
            "ftp://example.org",
            "https://",
            "",
            "javascript:alert(1)",
        ],
    )
    async def test_refuses_other_schemes_and_private_addresses(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        connected: list[object] = []

        async def connect(*arguments: object, **_: object) -> None:
            connected.append(arguments)
            raise ConnectionError

        monkeypatch.setattr("httpcore.AsyncConnectionPool.handle_async_request", connect)
        with pytest.raises(TokenRefused):
            await KeySource().key(url, key_id="one")
        assert connected == []

    async def test_connects_to_the_address_that_was_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that turns to a private address after the check (DNS rebinding) gains nothing."""
        connected: list[Any] = []

        async def connect(_: object, request: Any) -> None:
            connected.append((request.url.host, dict(request.headers)[b"host"], request.extensions["sni_hostname"]))
            raise ConnectionError

        async def resolve(*_: object, **__: object) -> list[Any]:
            return [(2, 1, 6, "", ("93.184.216.34", 443))]

        monkeypatch.setattr("httpcore.AsyncConnectionPool.handle_async_request", connect)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        with pytest.raises(TokenRefused):
            await KeySource().key("https://issuer.example/tenant", key_id="one")
        assert connected == [(b"93.184.216.34", b"issuer.example", "issuer.example")]

    @pytest.mark.parametrize(
        "private_keys", ["https://10.0.0.1/keys", "http://169.254.169.254/latest", "file:///etc/passwd"]
    )
    async def test_refuses_a_private_address_in_the_discovery_document(
        self, private_keys: str, issuer: Issuer, keys: KeySource
    ) -> None:
        issuer.answer = lambda _: (200, json.dumps({"issuer": issuer.url, "jwks_uri": private_keys}).encode(), {})
        with pytest.raises(TokenRefused):
            await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        assert issuer.fetched == ["/.well-known/openid-configuration"]

    @pytest.mark.parametrize(
        "answer",
        [
            (302, b"", {"location": "/elsewhere"}),
            (200, b"not json", {}),
            (200, b"[]", {}),
            (200, b'{"issuer": "http://somebody.else", "jwks_uri": "http://127.0.0.1/keys"}', {}),
            (200, b'{"jwks_uri": 7}', {}),
            (500, b"", {}),
            (200, b'{"padding": "' + b"x" * 300_000 + b'"}', {}),
        ],
        ids=["redirect", "no json", "no object", "another issuer", "no issuer", "error", "huge"],
    )
    async def test_refuses_a_document_that_is_wrong(
        self, answer: tuple[int, bytes, dict[str, str]], issuer: Issuer, keys: KeySource
    ) -> None:
        issuer.answer = lambda _: answer
        with pytest.raises(TokenRefused):
            await verify_access_token(issuer.token(), keys=keys, audience=AUDIENCE)
        assert len(issuer.fetched) == 1


def _make_token(key_file: Path) -> str:
    return DevelopmentIssuer(key_file).token(organization="tallgrass", subject="ann")


class TestDevelopmentIssuer:
    async def test_is_believed_where_it_belongs_only(self, tmp_path: Path) -> None:
        issuer = DevelopmentIssuer(tmp_path / "issuer.pem")
        token = issuer.token(organization="tallgrass", subject="ann")
        claims = await verify_access_token(token, keys=KeySource(development=issuer), audience=AUDIENCE)
        assert (claims.organization, claims.subject) == ("tallgrass", "ann")
        assert (tmp_path / "issuer.pem").stat().st_mode & 0o777 == 0o600
        with pytest.raises(TokenRefused, match="embedded platform only"):
            await verify_access_token(token, keys=KeySource(), audience=AUDIENCE)
        stranger = DevelopmentIssuer(tmp_path / "other.pem")
        with pytest.raises(TokenRefused):
            await verify_access_token(token, keys=KeySource(development=stranger), audience=AUDIENCE)

    async def test_has_one_key_however_many_make_it_at_once(self, tmp_path: Path) -> None:
        file = tmp_path / "issuer.pem"
        tokens = await asyncio.gather(*(asyncio.to_thread(_make_token, file) for _ in range(16)))
        keys = KeySource(development=DevelopmentIssuer(file))
        for token in tokens:
            await verify_access_token(token, keys=keys, audience=AUDIENCE)
        assert [file] == await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
