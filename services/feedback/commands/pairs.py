"""The pair behind a command: held, and only for its two people."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from services.feedback import store
from services.feedback.domain.pair import KnownPair, NoSuchPair, member


async def hold_pair(tx: Transaction, *, pair_id: UUID) -> tuple[KnownPair, UUID]:
    """The pair, locked, and the actor, who is one of its two people; NoSuchPair for everybody else."""
    person_id = tx.actor.person_id
    pair = member(await store.pair_by_id(tx, pair_id, lock=True), person_id=person_id)
    if person_id is None or person_id in await store.departed_of(tx, [person_id]):
        raise NoSuchPair("You have no such pair.", remedy="Look the pair up in your list of pairs.")
    return pair, person_id
