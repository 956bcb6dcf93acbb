"""Silence is noticed: no answer, no session planned, no log. First the people, then, if it lasts, the organizers; each cause once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from contracts.feedback import SessionStatus
from contracts.matching import Pair, PairStatus
from services.notifications.domain.messages import Notice, Occasion

DEFAULT_CADENCE_DAYS = 14
_LEAST_PLANNING = timedelta(days=3)
_LOG_WITHIN = timedelta(hours=24)
_LOG_ESCALATES_AFTER = timedelta(days=6)
_TO_LOG = frozenset((SessionStatus.SCHEDULED, SessionStatus.RESCHEDULED, SessionStatus.HELD))
_ASKED = frozenset((PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED))
_TOGETHER = frozenset((PairStatus.ACTIVE, PairStatus.ON_HOLD))


class SilenceKind(StrEnum):
    """What is missing."""

    UNANSWERED = "unanswered"
    UNPLANNED = "unplanned"
    UNLOGGED = "unlogged"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedMember:
    """One of the two of a pair."""

    person_id: UUID
    organization_id: UUID
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPair:
    """What has to be known of a pair in order to notice its silence. ``status`` None: its facts have not come yet."""

    pair_id: UUID
    cohort_id: UUID | None = None
    status: PairStatus | None = None
    members: tuple[WatchedMember, ...] = ()
    proposed_at: datetime | None = None
    expires_at: datetime | None = None
    active_since: datetime | None = None
    cadence_days: int = DEFAULT_CADENCE_DAYS
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedMeeting:
    """A session of a pair; ``changed_at`` is when its last fact happened."""

    session_id: UUID
    status: SessionStatus
    number: int
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime
    logged_by: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Something that is due and missing. ``spacing`` lies between the people's nudge and the organizers'; nothing goes after ``until``."""

    cause: str
    kind: SilenceKind
    people: tuple[UUID, ...]
    since: datetime
    nudge_at: datetime
    spacing: timedelta
    until: datetime | None = None
    meeting: WatchedMeeting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was done about a silence."""

    nudged_at: datetime | None = None
    escalated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The outcome of looking after one pair: who is written to now, what is remembered, and when to look again."""

    notices: tuple[Notice, ...]
    escalate: tuple[Silence, ...]
    heard: Mapping[str, Heard]
    again_at: datetime | None


def follow(watched: WatchedPair, *, pair: Pair, version: int, at: datetime) -> WatchedPair:
    """The pair after a newer fact. Work counts from the moment it became ACTIVE, again after a hold."""
    begins = pair.status is PairStatus.ACTIVE and watched.status is not PairStatus.ACTIVE
    return replace(
        watched,
        cohort_id=pair.cohort_id,
        status=pair.status,
        members=tuple(
            WatchedMember(
                person_id=member.person_id,
                organization_id=member.organization_id,
                accepted=member.accepted_at is not None,
            )
            for member in pair.members
        ),
        proposed_at=pair.proposed_at,
        expires_at=pair.expires_at,
        active_since=at if begins else watched.active_since,
        version=version,
    )


def look(pair: WatchedPair, *, meetings: Sequence[WatchedMeeting], heard: Mapping[str, Heard], now: datetime) -> Look:
    """Nudge and escalate what is due now. The organizers hear of it only as long after the people as the silence's spacing says, so
    that nobody is reported before they had time to react, however late the nudge went."""
    notices: list[Notice] = []
    escalate: list[Silence] = []
    after = dict(heard)
    for silence in silences(pair, meetings=meetings):
        due, done = _due(silence, after, now=now), after.get(silence.cause, Heard())
        if due is None or now < due:
            continue
        if done.nudged_at is None:
            notices += _nudges(pair, silence)
            after[silence.cause] = Heard(nudged_at=now)
        else:
            escalate.append(silence)
            after[silence.cause] = replace(done, escalated_at=now)
    return Look(
        notices=tuple(notices),
        escalate=tuple(escalate),
        heard={cause: done for cause, done in after.items() if done != heard.get(cause)},
        again_at=when_to_look(pair, meetings=meetings, heard=after, now=now),
    )


def when_to_look(
    pair: WatchedPair, *, meetings: Sequence[WatchedMeeting], heard: Mapping[str, Heard], now: datetime
) -> datetime | None:
    """When something will be due if nothing happens until then; None: never. A moment that has passed means at once."""
    return min((due for each in silences(pair, meetings=meetings) if (due := _due(each, heard, now=now))), default=None)


def _due(silence: Silence, heard: Mapping[str, Heard], *, now: datetime) -> datetime | None:
    done = heard.get(silence.cause, Heard())
    if done.nudged_at is None:
        due = silence.nudge_at
    elif done.escalated_at is None:
        due = done.nudged_at + silence.spacing
    else:
        return None
    return due if silence.until is None or (due < silence.until and now < silence.until) else None


def may_owe(pair: WatchedPair) -> bool:
    """Whether a pair in this status can be silent at all."""
    return pair.status in _ASKED | _TOGETHER


def silences(pair: WatchedPair, *, meetings: Sequence[WatchedMeeting]) -> list[Silence]:
    """All that this pair owes, now or later, if nothing happens."""
    found: list[Silence] = []
    if pair.status in _ASKED and pair.proposed_at is not None and pair.expires_at is not None:
        time = pair.expires_at - pair.proposed_at
        found.append(
            Silence(
                cause=f"pair:{pair.pair_id}:unanswered",
                kind=SilenceKind.UNANSWERED,
                people=tuple(member.person_id for member in pair.members if not member.accepted),
                since=pair.proposed_at,
                nudge_at=pair.proposed_at + time / 2,
                spacing=time / 4,
                until=pair.expires_at,
            )
        )
    if pair.status is PairStatus.ACTIVE and pair.active_since is not None:
        found.append(_unplanned(pair, meetings, active_since=pair.active_since))
    if pair.status in _TOGETHER:
        found += [silence for meeting in meetings if (silence := _unlogged(pair, meeting))]
    return found


def _unplanned(pair: WatchedPair, meetings: Sequence[WatchedMeeting], *, active_since: datetime) -> Silence:
    """Half the cadence after the last thing that happened between the two, the next session should be in the calendar."""
    happened = [(active_since, f"active:{int(active_since.timestamp())}")]
    for meeting in meetings:
        # A cancelled meeting is no meeting, but whoever cancelled was not silent.
        last = meeting.changed_at if meeting.status is SessionStatus.CANCELLED else meeting.ends_at
        happened.append((last, f"{meeting.session_id}:{meeting.status is SessionStatus.CANCELLED:d}"))
    since, what = max(happened)
    within = max(timedelta(days=pair.cadence_days) / 2, _LEAST_PLANNING)
    return Silence(
        cause=f"pair:{pair.pair_id}:unplanned:{what}",
        kind=SilenceKind.UNPLANNED,
        people=tuple(member.person_id for member in pair.members),
        since=since,
        nudge_at=since + within,
        spacing=within,
    )


def _unlogged(pair: WatchedPair, meeting: WatchedMeeting) -> Silence | None:
    missing = tuple(member.person_id for member in pair.members if member.person_id not in meeting.logged_by)
    if meeting.status not in _TO_LOG or not missing:
        return None
    return Silence(
        cause=f"session:{meeting.session_id}:unlogged",
        kind=SilenceKind.UNLOGGED,
        people=missing,
        since=meeting.ends_at,
        nudge_at=meeting.ends_at + _LOG_WITHIN,
        spacing=_LOG_ESCALATES_AFTER,
        meeting=meeting,
    )


_OCCASIONS: Mapping[SilenceKind, Occasion] = {
    SilenceKind.UNANSWERED: Occasion.NUDGE_UNANSWERED,
    SilenceKind.UNPLANNED: Occasion.NUDGE_UNPLANNED,
    SilenceKind.UNLOGGED: Occasion.NUDGE_UNLOGGED,
}


def _nudges(pair: WatchedPair, silence: Silence) -> list[Notice]:
    values: dict[str, object] = {}
    if silence.until is not None:
        values["expires_at"] = silence.until.isoformat()
    if silence.meeting is not None:
        values |= {"number": silence.meeting.number, "starts_at": silence.meeting.starts_at.isoformat()}
    return [
        Notice(
            person_id=person,
            occasion=_OCCASIONS[silence.kind],
            cause=silence.cause,
            link=_link(pair, silence),
            people={"other": next(member.person_id for member in pair.members if member.person_id != person)},
            cohort_id=pair.cohort_id,
            values=values,
        )
        for person in silence.people
    ]


def escalation(pair: WatchedPair, silence: Silence, *, organizers: Sequence[UUID]) -> list[Notice]:
    """Tell the organizers of both organizations, except one who is of the pair and was nudged already."""
    one, other = (member.person_id for member in pair.members)
    return [
        Notice(
            person_id=organizer,
            occasion=Occasion.ESCALATION,
            cause=f"{silence.cause}:organizers",
            link=_link(pair, silence),
            people={"one": one, "other": other},
            cohort_id=pair.cohort_id,
            values={"silence": silence.kind.value, "since": silence.since.isoformat()},
        )
        for organizer in organizers
        if organizer not in (one, other)
    ]


def _link(pair: WatchedPair, silence: Silence) -> str:
    return f"session/{silence.meeting.session_id}" if silence.meeting else f"pair/{pair.pair_id}"
