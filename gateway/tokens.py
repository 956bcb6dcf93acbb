"""Access tokens → who asks: issuer → organization → person. What a token says is believed only after its issuer's key verified it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from chassis.database import Transaction
from chassis.identity import KeySource, TokenRefused, claimed_issuer, verify_access_token
from contracts.base import SYSTEM, Actor, Role
from gateway.changes import Changes
from gateway.store import people as people_store

ANONYMOUS = Actor()
_MOST_REMEMBERED = 10_000
_REMEMBERED_SECONDS = 30.0  # even when nothing was heard that speaks against it

Begin = Callable[[Actor], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Who asks, and until when their token holds (real time, seconds since 1970)."""

    viewer: Actor
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Whom an issuer's subject was found to be: as long as nothing changed about anybody's identity, and not for long."""

    known: people_store.Known
    identities: int
    until: float  # monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """Knows the issuers: the operators' own, and those of the organizations in the read model."""

    keys: KeySource
    audience: str
    operator_issuer: str
    begin: Begin
    changes: Changes
    trusted: set[str] = field(
        default_factory=set
    )  # issuers of which a token was valid; asked again with each token all the same
    remembered: dict[tuple[str, str], Remembered] = field(default_factory=dict)  # by issuer and subject

    async def authenticate(self, authorization: str) -> Authenticated:
        """The holder of an ``Authorization: Bearer …`` header, or TokenRefused with what is wrong."""
        scheme, _, token = authorization.partition(" ")
        if not authorization:
            raise TokenRefused("an access token is required: send `Authorization: Bearer <token>`")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused("the authorization is not a bearer token: send `Authorization: Bearer <token>`")
        token = token.strip()
        issuer, _key_id = claimed_issuer(token)
        if issuer == self.operator_issuer:
            claims = await verify_access_token(
                token, keys=self.keys, audience=self.audience, issuers=[self.operator_issuer]
            )
            operator = Actor(roles=(Role.OPERATOR,), subject=claims.subject)
            return Authenticated(viewer=operator, until=claims.expires_at)
        if issuer not in self.trusted:
            # An issuer that no organization has is refused before anything is fetched from it.
            await self._known(issuer, subject="")
        claims = await verify_access_token(token, keys=self.keys, audience=self.audience, issuers=[issuer])
        known = self._recalled(issuer, claims.subject) or await self._known(issuer, subject=claims.subject)
        self.trusted.add(issuer)
        roles = []
        if known.person_id is not None:
            roles.append(Role.PERSON)
        if claims.subject in known.organization.admins:
            roles.append(Role.ADMIN)
        viewer = Actor(
            roles=tuple(roles),
            organization_id=known.organization.organization_id,
            person_id=known.person_id,
            subject=claims.subject,
        )
        return Authenticated(viewer=viewer, until=claims.expires_at)

    def _recalled(self, issuer: str, subject: str) -> people_store.Known | None:
        found = self.remembered.get((issuer, subject))
        if found is None or not self.changes.hearing:
            return None
        current = found.identities == self.changes.identities and time.monotonic() < found.until
        return found.known if current else None

    async def _known(self, issuer: str, *, subject: str) -> people_store.Known:
        # What is heard from here on speaks against what we are about to read.
        hearing, identities = self.changes.hearing, self.changes.identities
        # Read by the system: who asks is what we are about to find out.
        async with self.begin(SYSTEM) as tx:
            known = await people_store.known_subject(tx, issuer=issuer, subject=subject)
        if known is None:
            raise TokenRefused("no organization of this platform has the token's issuer")
        if hearing:
            if len(self.remembered) >= _MOST_REMEMBERED:
                self.remembered.clear()
            self.remembered[issuer, subject] = Remembered(
                known=known, identities=identities, until=time.monotonic() + _REMEMBERED_SECONDS
            )
        return known
