"""The growing agenda: both add topics, who added each is kept, and the learner decides what they learn."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from contracts.errors import Conflict, Full, Invalid, NotAllowed, NotFound, Problem
from contracts.feedback import Agenda, TopicItem, TopicItemStatus
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair
from services.feedback.domain.wording import problem_with

MOST_ITEMS = 200

_NEXT: dict[TopicItemStatus, tuple[TopicItemStatus, ...]] = {
    TopicItemStatus.PROPOSED: (TopicItemStatus.ACCEPTED, TopicItemStatus.DECLINED),
    TopicItemStatus.ACCEPTED: (TopicItemStatus.DONE, TopicItemStatus.DECLINED),
    TopicItemStatus.DECLINED: (TopicItemStatus.ACCEPTED,),  # people change their minds
    TopicItemStatus.DONE: (),
}


class TopicIsWrong(Invalid):
    """A topic that cannot be added; ``problems`` say why."""


class TopicIsThere(Conflict):
    """The agenda has an item with this id."""


class AgendaIsFull(Full):
    """No more items."""


class NoSuchTopic(NotFound):
    """The agenda has no such item."""


class LearnerDecides(NotAllowed):
    """Somebody decided about what the other one learns."""


class TopicCannotMove(Conflict):
    """The item is in a state from which this one cannot be reached."""


def agenda_id(pair_id: UUID) -> UUID:
    """A pair has one agenda."""
    return uuid5(pair_id, "agenda")


def seed(pair: KnownPair, *, now: datetime) -> Kept[Agenda]:
    """An agenda with what each wants to learn: their own words, hence accepted already."""
    return Kept(
        state=Agenda(
            agenda_id=agenda_id(pair.pair_id),
            pair_id=pair.pair_id,
            cohort_id=pair.cohort_id,
            people=pair.people,
            items=tuple(
                TopicItem(
                    item_id=uuid5(pair.pair_id, f"topic:{wish.teacher_id}:{wish.learner_id}"),
                    text=wish.need,
                    added_by=wish.learner_id,
                    added_as="learner",
                    learner_id=wish.learner_id,
                    status=TopicItemStatus.ACCEPTED,
                )
                for wish in pair.wishes
                if wish.need
            ),
        ),
        changed_at=now,
    )


def add_topic(
    kept: Kept[Agenda], *, item_id: UUID, text: str, learner_id: UUID, by: UUID, now: datetime
) -> Kept[Agenda]:
    """One more line: accepted when the learner wrote it, proposed when the teacher did.

    TopicIsWrong, TopicIsThere, AgendaIsFull.
    """
    agenda = kept.state
    problems = [problem for problem in [problem_with(text, path="text", most=500, needed=True)] if problem]
    if learner_id not in agenda.people:
        problems.append(
            Problem("learner_id", "The learner is one of the two of this pair.", str(learner_id), "Name one of them.")
        )
    if problems:
        raise TopicIsWrong("This topic cannot be added.", remedy="Mend what is listed.", problems=tuple(problems))
    if any(item.item_id == item_id for item in agenda.items):
        raise TopicIsThere("The agenda has a topic with this id already.", remedy="Make a new id for a new topic.")
    if len(agenda.items) >= MOST_ITEMS:
        raise AgendaIsFull(f"An agenda has {MOST_ITEMS} topics at most.", remedy="Work through the present ones.")
    own = by == learner_id
    item = TopicItem(
        item_id=item_id,
        text=text.strip(),
        added_by=by,
        added_as="learner" if own else "teacher",
        learner_id=learner_id,
        status=TopicItemStatus.ACCEPTED if own else TopicItemStatus.PROPOSED,
    )
    return changed(kept, to=replace(agenda, items=(*agenda.items, item)), at=now, by=by)


def decide_topic(
    kept: Kept[Agenda], *, item_id: UUID, status: TopicItemStatus, by: UUID, now: datetime
) -> Kept[Agenda]:
    """The learner accepts, declines or finishes a line. NoSuchTopic, LearnerDecides, TopicCannotMove."""
    agenda = kept.state
    item = next((each for each in agenda.items if each.item_id == item_id), None)
    if item is None:
        raise NoSuchTopic("The agenda has no such topic.", remedy="Read the agenda again.")
    if by != item.learner_id:
        raise LearnerDecides("The one who learns decides about this topic.", remedy="Talk it over with them.")
    if status not in _NEXT[item.status]:
        raise TopicCannotMove(
            f"A topic that is {item.status.value} cannot become {status.value}.",
            remedy=_ways_on(item.status),
        )
    items = tuple(replace(each, status=status) if each is item else each for each in agenda.items)
    return changed(kept, to=replace(agenda, items=items), at=now, by=by)


def next_topic(agenda: Agenda, *, number: int) -> str:
    """What meeting ``number`` (from 1) could be about: the accepted lines in turn; empty when there is none."""
    open_items = [item for item in agenda.items if item.status is TopicItemStatus.ACCEPTED and item.text]
    return open_items[(number - 1) % len(open_items)].text if open_items else ""


def _ways_on(status: TopicItemStatus) -> str:
    ways = " or ".join(each.value for each in _NEXT[status])
    return f"It can become {ways}." if ways else "Add a new topic instead."
