"""Give as much as you get: one ledger per pair, counted anew from what happened, so that it is exact however things arrived.

Whether a person taught or learned in a session is their own word; for one who left no log the other's word stands in: what the one
learned, the other taught. A session counts once both have logged it, or once one has and the other's time is over. ``balance`` is
the smaller of what the two gave divided by the larger, where giving is a session taught or an introduction made; it is 1.0 while
nobody gave anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from contracts.feedback import Introduction, PersonTally, Reciprocity, Session, SessionLog
from services.feedback.domain.introductions import DONE
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair
from services.feedback.domain.sessions import counts


def reciprocity_id(pair_id: UUID) -> UUID:
    """A pair has one ledger."""
    return uuid5(pair_id, "reciprocity")


def tally(
    pair: KnownPair, *, sessions: Sequence[Session], introductions: Sequence[Introduction], now: datetime
) -> Reciprocity:
    """The ledger of a pair, from all of its sessions (in any order) and introductions."""
    counted = sorted((each for each in sessions if counts(each, now=now)), key=lambda each: each.starts_at)
    tallies = tuple(_of(person, sessions=counted, introductions=introductions) for person in pair.people)
    given = [each.sessions_taught + each.introductions_made for each in tallies]
    return Reciprocity(
        pair_id=pair.pair_id,
        cohort_id=pair.cohort_id,
        people=pair.people,
        sessions_logged=len(counted),
        balance=round(min(given) / max(given), 4) if max(given) else 1.0,
        tallies=tallies,
    )


def assess(before: Kept[Reciprocity] | None, *, ledger: Reciprocity, now: datetime) -> Kept[Reciprocity]:
    """The next version of a ledger; the same object when it says the same."""
    return Kept(state=ledger, changed_at=now) if before is None else changed(before, to=ledger, at=now, by=None)


def taught(session: Session, *, person_id: UUID) -> bool:
    """Whether this person taught something in a session that somebody logged."""
    own, others = _words(session, person_id=person_id)
    return own.taught if own else others.learned if others else False


def learned(session: Session, *, person_id: UUID) -> bool:
    """Whether this person learned something in a session that somebody logged."""
    own, others = _words(session, person_id=person_id)
    return own.learned if own else others.taught if others else False


def _words(session: Session, *, person_id: UUID) -> tuple[SessionLog | None, SessionLog | None]:
    own = next((log for log in session.logs if log.person_id == person_id), None)
    return own, next((log for log in session.logs if log.person_id != person_id), None)


def _of(person_id: UUID, *, sessions: Sequence[Session], introductions: Sequence[Introduction]) -> PersonTally:
    gave = [taught(session, person_id=person_id) for session in sessions]
    silent = next((back for back, spoke in enumerate(reversed(gave)) if spoke), len(gave))
    return PersonTally(
        person_id=person_id,
        sessions_taught=sum(gave),
        sessions_learned=sum(learned(session, person_id=person_id) for session in sessions),
        silent_streak=silent,
        introductions_made=sum(each.offered_by == person_id and each.status in DONE for each in introductions),
    )
