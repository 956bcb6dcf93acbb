"""Opening a door: OFFERED → CONSENTED (by the third person) → MADE → CLOSED with what came of it; DECLINED.

Who the third person is stays between them and the one who offers until they consent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from contracts.feedback import Introduction, IntroductionStatus
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair, other
from services.feedback.domain.wording import problem_with

SHOWN = (IntroductionStatus.CONSENTED, IntroductionStatus.MADE, IntroductionStatus.CLOSED)
DONE = (IntroductionStatus.MADE, IntroductionStatus.CLOSED)


class NoSuchIntroduction(NotFound):
    """Absent, or not for this actor."""


class NoSuchPerson(NotFound):
    """Nobody on the platform has this id."""


class IntroductionIsWrong(Invalid):
    """An offer or outcome that cannot be taken; ``problems`` say why."""


class NotYoursToAdvance(NotAllowed):
    """Another of the three has the next word."""


class IntroductionHasMovedOn(Conflict):
    """Its state does not allow this."""


def offer(
    *,
    introduction_id: UUID,
    pair: KnownPair,
    third_person_id: UUID,
    third_is_here: bool,
    about: str,
    by: UUID,
    now: datetime,
) -> Kept[Introduction]:
    """Offer to introduce the other one to somebody. IntroductionIsWrong, NoSuchPerson."""
    problems = [problem for problem in [problem_with(about, path="about", most=1000, needed=True)] if problem]
    if third_person_id in pair.people:
        problems.append(
            Problem(
                "third_person_id",
                "The third person is neither of you two.",
                str(third_person_id),
                "Name somebody else.",
            )
        )
    if problems:
        raise IntroductionIsWrong(
            "This introduction cannot be offered.", remedy="Mend what is listed.", problems=tuple(problems)
        )
    if not third_is_here:
        raise NoSuchPerson("There is no such person on the platform.", remedy="Ask them to join first.")
    return Kept(
        state=Introduction(
            introduction_id=introduction_id,
            pair_id=pair.pair_id,
            cohort_id=pair.cohort_id,
            offered_by=by,
            offered_to=other(pair.people, than=by),
            third_person_id=third_person_id,
            about=about.strip(),
            status=IntroductionStatus.OFFERED,
        ),
        changed_at=now,
        changed_by=by,
    )


def answer(kept: Kept[Introduction], *, consent: bool, by: UUID | None, now: datetime) -> Kept[Introduction]:
    """The third person says yes or no. NoSuchIntroduction for anybody else, IntroductionHasMovedOn."""
    introduction = kept.state
    if by is None or by != introduction.third_person_id:
        raise NoSuchIntroduction("Nobody asked you about such an introduction.")
    if introduction.status is not IntroductionStatus.OFFERED:
        raise IntroductionHasMovedOn(f"This introduction is {introduction.status.value} already.")
    status = IntroductionStatus.CONSENTED if consent else IntroductionStatus.DECLINED
    return changed(kept, to=replace(introduction, status=status), at=now, by=by)


def make(kept: Kept[Introduction], *, by: UUID, now: datetime) -> Kept[Introduction]:
    """The one who offered has brought the two together. NotYoursToAdvance, IntroductionHasMovedOn."""
    introduction = kept.state
    if by != introduction.offered_by:
        raise NotYoursToAdvance("The one who offered it makes the introduction.")
    if introduction.status is not IntroductionStatus.CONSENTED:
        raise IntroductionHasMovedOn(
            f"This introduction is {introduction.status.value}.",
            remedy="It can be made once the third person has consented.",
        )
    return changed(kept, to=replace(introduction, status=IntroductionStatus.MADE), at=now, by=by)


def close(kept: Kept[Introduction], *, outcome: str, by: UUID, now: datetime) -> Kept[Introduction]:
    """The receiver says what came of it. IntroductionIsWrong, NotYoursToAdvance, IntroductionHasMovedOn."""
    introduction = kept.state
    problem = problem_with(outcome, path="outcome", most=1000, needed=True)
    if problem is not None:
        raise IntroductionIsWrong("This outcome cannot be taken.", remedy="Mend what is listed.", problems=(problem,))
    if by != introduction.offered_to:
        raise NotYoursToAdvance("The one who was introduced says what came of it.")
    if introduction.status is not IntroductionStatus.MADE:
        raise IntroductionHasMovedOn(
            f"This introduction is {introduction.status.value}.", remedy="It can be closed once it was made."
        )
    closed = replace(introduction, status=IntroductionStatus.CLOSED, outcome=outcome.strip())
    return changed(kept, to=closed, at=now, by=by)


def as_shown(introduction: Introduction) -> Introduction:
    """What everybody may know: the third person only once they consented."""
    return introduction if introduction.status in SHOWN else replace(introduction, third_person_id=None)
