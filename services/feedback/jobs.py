"""Timed work: what happens because somebody did not do something in time."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from chassis.service import Tick
from contracts.base import Event
from contracts.feedback import FeedbackStatus, SessionStatus
from services.feedback import store
from services.feedback.commands.aftermath import after_session
from services.feedback.commands.feedback import release
from services.feedback.domain import pulses, sessions
from services.feedback.domain.pair import KnownPair


async def settle_sessions(_: Tick, tx: Transaction) -> list[Event]:
    """Drop longer sessions to which nobody consented in time, and close the logs of those that are over."""
    facts: list[Event] = []
    for pair_id in await store.pairs_with_sessions_due(tx):
        pair = await store.pair_by_id(tx, pair_id)
        assert pair is not None
        for session_id in await store.sessions_due(tx, pair_id):
            facts += await _settle(tx, pair=pair, session_id=session_id)
    return facts


async def release_feedback(_: Tick, tx: Transaction) -> list[Event]:
    """The time is over: what was written is opened, what was not expires."""
    facts: list[Event] = []
    due = await store.feedback_due(tx)
    for feedback in await store.feedback_by_id(tx, *due):
        if feedback.state.status is FeedbackStatus.SUBMITTED:
            facts += await release(tx, feedback)
        else:
            facts += await store.keep(tx, pulses.expire(feedback, now=tx.now))
    return facts


async def _settle(tx: Transaction, *, pair: KnownPair, session_id: UUID) -> list[Event]:
    session = await store.session_by_id(tx, session_id)
    assert session is not None
    if session.state.status is SessionStatus.PROPOSED:
        return await store.keep(tx, sessions.drop(session, now=tx.now))
    await store.settle(tx, [session_id])
    return await after_session(tx, pair=pair, session=session.state)
