"""Private reads: words, for those who wrote them and those for whom they were written. Nobody else learns that there are any."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.feedback import (
    FeedbackStatus,
    FeedbackText,
    ReadFeedback,
    ReadSessionLogs,
    SessionLogText,
    SessionLogTexts,
)
from services.feedback import store
from services.feedback.domain.pulses import NoSuchFeedback
from services.feedback.domain.sessions import NoSuchSession


async def read_feedback(query: ReadFeedback, tx: Transaction) -> FeedbackText:
    """The addressee after the release, the author always. NoSuchFeedback for everybody else, and when there are no words."""
    found = await store.feedback_by_id(tx, query.feedback_id)
    reader = tx.actor.person_id
    for kept in found:
        feedback = kept.state
        released = feedback.status is FeedbackStatus.RELEASED
        if reader == feedback.author_id or (reader == feedback.addressee_id and released):
            words = await store.feedback_words(tx, query.feedback_id)
            if words is not None:
                return FeedbackText(
                    feedback_id=query.feedback_id,
                    author_id=words.author_id,
                    usefulness=words.usefulness,
                    praise=words.praise,
                    critique=words.critique,
                )
    raise NoSuchFeedback("There is no such feedback for you.", remedy="It may not be released yet.")


async def read_session_logs(query: ReadSessionLogs, tx: Transaction) -> SessionLogTexts:
    """What the two wrote about a session, for the two. NoSuchSession for everybody else."""
    kept = await store.session_by_id(tx, query.session_id)
    if kept is None or tx.actor.person_id not in kept.state.people:
        raise NoSuchSession("You have no such session.", remedy="Look it up in your list of sessions.")
    return SessionLogTexts(
        session_id=query.session_id,
        logs=tuple(
            SessionLogText(person_id=words.author_id, taught=words.taught, learned=words.learned)
            for words in await store.session_words(tx, query.session_id)
        ),
    )
