"""Who asks. Access tokens of per-organization issuers at the gateway; short-lived internal tokens between gateway and services."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jwt
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.base import Actor, Role

if TYPE_CHECKING:
    import httpx  # imported where it is used: only the gateway fetches keys

ALGORITHMS = ("EdDSA", "RS256", "ES256")  # pinned: never none, never a symmetric one under a public key
LEEWAY = 30  # seconds of clock difference that we forgive
DEVELOPMENT_ISSUER = "https://dev.viceversa.local/"
DEVELOPMENT_KEY_ID = "development"
_INTERNAL_LIFE = 60
_KEYS_FRESH = 300.0  # seconds before keys are fetched again
_KEYS_RETRY = 10.0  # not more often than this for an unknown key id or a failing issuer
_FETCH_SECONDS = 10.0
_LARGEST_DOCUMENT = 256 * 1024

log = structlog.get_logger(__name__)


class TokenRefused(Exception):
    """The token proves nothing; the message says why, for the token's holder."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says."""

    issuer: str
    subject: str
    expires_at: float  # real time, seconds since 1970
    organization: str = ""


# ---- internal tokens -------------------------------------------------------------------------------------------------------


def internal_token(actor: Actor, *, secret: str, audience: str) -> str:
    """A token for one service that says on whose behalf the gateway calls; it lives for a minute."""
    now = int(time.time())
    return jwt.encode(
        {
            "iss": "viceversa-gateway",
            "aud": f"viceversa-{audience}",
            "iat": now,
            "exp": now + _INTERNAL_LIFE,
            "sub": actor.subject,
            "roles": [str(role) for role in actor.roles],
            "org": str(actor.organization_id) if actor.organization_id else None,
            "person": str(actor.person_id) if actor.person_id else None,
        },
        secret,
        algorithm="HS256",
        headers={"typ": "viceversa-internal+jwt"},
    )


def internal_actor(token: str, *, secret: str, audience: str) -> Actor:
    """The actor of an internal token, or TokenRefused."""
    try:
        if jwt.get_unverified_header(token).get("typ") != "viceversa-internal+jwt":
            raise TokenRefused("this is not an internal token")
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=f"viceversa-{audience}",
            issuer="viceversa-gateway",
            leeway=5,
            options={"require": ["exp", "iat", "aud", "iss"]},
        )
        return Actor(
            roles=tuple(Role(role) for role in claims["roles"]),
            organization_id=UUID(claims["org"]) if claims.get("org") else None,
            person_id=UUID(claims["person"]) if claims.get("person") else None,
            subject=claims.get("sub") or "",
        )
    except (jwt.PyJWTError, ValueError, KeyError) as error:
        raise TokenRefused(f"the internal token is not valid: {error}") from error


# ---- access tokens ---------------------------------------------------------------------------------------------------------


@dataclass
class DevelopmentIssuer:
    """Signs tokens for every organization of an embedded platform, or of a trial; its key lies in the data directory.

    ``base``: what the organizations' slugs follow in the issuers' names.
    """

    key_file: Path
    base: str = DEVELOPMENT_ISSUER
    _loaded: Ed25519PrivateKey | None = field(default=None, repr=False)

    def token(self, *, organization: str, subject: str, audience: str = "viceversa", life: int = 3600) -> str:
        """An access token for a subject of an organization (by slug)."""
        now = int(time.time())
        return jwt.encode(
            {
                "iss": self.of(organization),
                "sub": subject,
                "aud": audience,
                "org": organization,
                "iat": now,
                "exp": now + life,
            },
            self._key(),
            algorithm="EdDSA",
            headers={"typ": "at+jwt", "kid": DEVELOPMENT_KEY_ID},
        )

    def of(self, organization: str) -> str:
        """The issuer of one organization (by slug)."""
        return self.base + organization

    def public_key(self) -> Any:
        """What verifies its tokens."""
        return self._key().public_key()

    def _key(self) -> Ed25519PrivateKey:
        if self._loaded is None:
            if not self.key_file.exists():
                _make_key(self.key_file)
            loaded = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
            assert isinstance(loaded, Ed25519PrivateKey)
            self._loaded = loaded
        return self._loaded


def _make_key(file: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # Written elsewhere and linked: of several that make it at once one wins, and nobody reads half a key.
    with tempfile.NamedTemporaryFile(dir=file.parent) as whole:  # readable by its owner alone
        whole.write(pem)
        whole.flush()
        with suppress(FileExistsError):
            os.link(whole.name, file)


@dataclass
class _Fetched:
    keys: Mapping[str, Any]
    at: float  # monotonic, of the last success
    tried_at: float


@dataclass
class KeySource:
    """The verifying keys of issuers: OIDC discovery, cached, refreshed in the background, served stale while an issuer is down.

    An issuer's URL comes from a tenant, so it is never fetched unchecked: https only, no redirects, no private addresses, and
    the address that was checked is the one that is connected to. ``allowed_hosts`` are exempt (an issuer in the same network).
    """

    development: DevelopmentIssuer | None = None
    allowed_hosts: frozenset[str] = frozenset()
    _cache: dict[str, _Fetched] = field(default_factory=dict)
    _refreshing: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def key(self, issuer: str, *, key_id: str | None) -> Any:
        """The key that verifies tokens of this issuer, or TokenRefused."""
        if issuer.startswith(DEVELOPMENT_ISSUER):
            if self.development is None:
                raise TokenRefused("development tokens are for the embedded platform only")
            return self.development.public_key()
        found = self._cache.get(issuer)
        key = _pick(found.keys, key_id) if found else None
        now = time.monotonic()
        due = found is None or now - found.at > _KEYS_FRESH or key is None
        if due and (found is None or now - found.tried_at > _KEYS_RETRY):
            refreshing = self._refreshing.get(issuer)
            if refreshing is None:
                refreshing = self._refreshing[issuer] = asyncio.create_task(self._refresh(issuer))
            if key is None:  # otherwise the one we have is good enough meanwhile
                await asyncio.shield(refreshing)
                key = _pick(self._cache[issuer].keys, key_id)
        if key is None:
            raise TokenRefused("the token's issuer could not be reached, or does not know the token's key")
        return key

    async def _refresh(self, issuer: str) -> None:
        found = self._cache.get(issuer)
        try:
            keys = await self._fetch(issuer)
            self._cache[issuer] = _Fetched(keys, time.monotonic(), time.monotonic())
        except Exception as error:
            # Whatever an issuer answers must not take more than its own tokens down.
            log.warning("identity.issuer_unreachable", issuer=issuer, error=repr(error), stale=found is not None)
            known = found or _Fetched({}, -_KEYS_FRESH, 0.0)
            self._cache[issuer] = _Fetched(known.keys, known.at, time.monotonic())
        finally:
            del self._refreshing[issuer]

    async def _fetch(self, issuer: str) -> Mapping[str, Any]:
        import httpx

        async with asyncio.timeout(_FETCH_SECONDS), httpx.AsyncClient(timeout=5, follow_redirects=False) as client:
            discovery = await self._document(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
            if str(discovery.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
                raise ValueError("the discovery document names another issuer")
            keys = await self._document(client, str(discovery["jwks_uri"]))
        return {
            str(key.key_id or number): key.key
            for number, key in enumerate(jwt.PyJWKSet.from_dict(dict(keys)).keys)
            if key.public_key_use in (None, "sig")
        }

    async def _document(self, client: httpx.AsyncClient, url: str) -> Mapping[str, Any]:
        import httpx

        target, host = httpx.URL(url), httpx.URL(url).host
        content = bytearray()
        async with client.stream(
            "GET",
            target.copy_with(host=await self._address(target)),
            headers={"host": target.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"{url} answered {response.status_code}")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LARGEST_DOCUMENT:
                    raise ValueError(f"{url} is too large")
        document = json.loads(content)
        if not isinstance(document, dict):
            raise ValueError(f"{url} is no JSON object")
        return document

    async def _address(self, url: httpx.URL) -> str:
        """The address to connect to: checked here, so that a second look-up cannot give another."""
        if url.host in self.allowed_hosts:
            return url.host
        if url.scheme != "https" or not url.host:
            raise ValueError(f"{url}: issuers are reached by https only")
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        for address in addresses:
            if not ipaddress.ip_address(address).is_global:
                raise ValueError(f"{url.host} is at a private address")
        return addresses[0]


def _pick(keys: Mapping[str, Any], key_id: str | None) -> Any:
    if key_id is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(key_id)


def claimed_issuer(token: str) -> tuple[str, str | None]:
    """Issuer and key id as the unverified token claims them: only good for finding the key."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise TokenRefused("the token is not a JSON Web Token") from error
    if str(header.get("typ", "")).lower() not in ("at+jwt", "jwt", "application/at+jwt"):
        raise TokenRefused("the token's type is not at+jwt")
    return str(claims.get("iss", "")), header.get("kid")


async def verify_access_token(
    token: str, *, keys: KeySource, audience: str, issuers: Sequence[str] | None = None
) -> Claims:
    """Check signature, algorithm, audience, issuer and times of an access token, or TokenRefused.

    ``issuers``: those that the platform knows; None when the caller checks the issuer itself before calling.
    """
    issuer, key_id = claimed_issuer(token)
    if issuers is not None and issuer not in issuers:
        raise TokenRefused("the token's issuer is not known here")
    key = await keys.key(issuer, key_id=key_id)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused("the token has expired: ask for a new one") from error
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise TokenRefused(f"the token is not valid: {error}") from error
    return Claims(issuer, str(claims["sub"]), float(claims["exp"]), str(claims.get("org", "")))
