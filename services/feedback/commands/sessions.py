"""Sessions: plan, confirm, move, call off, log, report who did not come."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from chassis.holding import hold
from contracts.base import Event
from contracts.feedback import (
    AppealNoShow,
    CancelSession,
    ConfirmSession,
    LogSession,
    ReportNoShow,
    RescheduleSession,
    ScheduleSession,
    Session,
    SessionStatus,
)
from services.feedback import store
from services.feedback.commands.aftermath import after_session
from services.feedback.commands.pairs import hold_pair
from services.feedback.domain import sessions
from services.feedback.domain.kept import Kept
from services.feedback.domain.pair import KnownPair, active, other, reachable
from services.feedback.domain.sessions import NoSuchSession, Span


async def schedule_session(command: ScheduleSession, tx: Transaction) -> list[Event]:
    """Plan the next meeting of an active pair."""
    pair, person_id = await hold_pair(tx, pair_id=command.pair_id)
    agreed = await store.agreed_terms(tx, pair.pair_id)
    active(pair, signed=agreed is not None)
    assert agreed is not None  # otherwise it is not active
    agenda = await store.agenda_of(tx, pair.pair_id)
    planned = sessions.schedule(
        session_id=command.session_id,
        pair=pair,
        agreed=agreed,
        agenda=agenda.state if agenda else None,
        sessions=await _states(tx, pair),
        busy=await _busy(tx, pair, besides=command.session_id),
        starts_at=command.starts_at,
        minutes=command.minutes,
        place=command.place,
        focus=command.focus,
        by=person_id,
        now=tx.now,
    )
    return await store.keep(tx, planned)


async def confirm_session(command: ConfirmSession, tx: Transaction) -> list[Event]:
    """Consent to a longer session."""
    pair, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    active(pair, signed=True)  # a session is planned under signed terms only
    return await store.keep(tx, sessions.confirm(kept, by=person_id, now=tx.now))


async def reschedule_session(command: RescheduleSession, tx: Transaction) -> list[Event]:
    """Move a session that has not begun."""
    pair, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    agreed = await store.agreed_terms(tx, pair.pair_id)
    active(pair, signed=agreed is not None)
    assert agreed is not None  # otherwise it is not active
    moved = sessions.reschedule(
        kept,
        agreed=agreed,
        sessions=await _states(tx, pair),
        busy=await _busy(tx, pair, besides=command.session_id),
        starts_at=command.starts_at,
        by=person_id,
        now=tx.now,
    )
    return await store.keep(tx, moved)


async def cancel_session(command: CancelSession, tx: Transaction) -> list[Event]:
    """Call off a session that has not begun."""
    _, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    return await store.keep(tx, sessions.cancel(kept, by=person_id, now=tx.now))


async def log_session(command: LogSession, tx: Transaction) -> list[Event]:
    """What I taught and learned: the words stay with the two. After the second log both are asked how it was."""
    pair, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    reachable(pair)
    logged = sessions.log(
        kept,
        taught=command.taught,
        learned=command.learned,
        minutes=command.minutes,
        by=person_id,
        now=tx.now,
    )
    await store.save_session_words(
        tx,
        session_id=command.session_id,
        author_id=person_id,
        addressee_id=other(pair.people, than=person_id),
        taught=command.taught,
        learned=command.learned,
    )
    facts = await store.keep(tx, logged)
    if logged.state.status is SessionStatus.LOGGED:
        facts += await after_session(tx, pair=pair, session=logged.state)
    return facts


async def report_no_show(command: ReportNoShow, tx: Transaction) -> list[Event]:
    """The other did not come."""
    pair, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    reachable(pair)
    return await store.keep(tx, sessions.report_no_show(kept, by=person_id, now=tx.now))


async def appeal_no_show(command: AppealNoShow, tx: Transaction) -> list[Event]:
    """The one who was reported disagrees."""
    _, kept, person_id = await _hold_session(tx, session_id=command.session_id)
    return await store.keep(tx, sessions.appeal_no_show(kept, by=person_id, now=tx.now))


async def _hold_session(tx: Transaction, *, session_id: UUID) -> tuple[KnownPair, Kept[Session], UUID]:
    found = await store.session_by_id(tx, session_id)
    if found is None or tx.actor.person_id not in found.state.people:
        raise NoSuchSession("You have no such session.", remedy="Look it up in your list of sessions.")
    pair, person_id = await hold_pair(tx, pair_id=found.state.pair_id)
    again = await store.session_by_id(tx, session_id)  # it may have changed before we held its pair
    assert again is not None
    return pair, again, person_id


async def _states(tx: Transaction, pair: KnownPair) -> list[Session]:
    return [kept.state for kept in await store.sessions_of_pair(tx, pair.pair_id)]


async def _busy(tx: Transaction, pair: KnownPair, *, besides: UUID) -> list[Span]:
    # Held until the commit: somebody else of their pairs may be planning the same hour at this moment.
    await hold(tx, what="calendar", ids=pair.people)
    return await store.busy_spans(tx, pair.people, besides=besides)
