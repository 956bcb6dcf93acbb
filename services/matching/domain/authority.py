"""Who may act: forbidden looks exactly like absent."""

from __future__ import annotations

from uuid import UUID

from contracts.base import Actor, Role
from contracts.errors import NotAllowed, NotFound
from contracts.matching import Cohort, Pair


class CohortNotFound(NotFound):
    """There is no such cohort, or it is not the actor's."""


class RunNotFound(NotFound):
    """There is no such match run, or it is not the actor's."""


class PairNotFound(NotFound):
    """There is no such pair, or it is not the actor's, or it is still a draft."""


class PeopleOnly(NotAllowed):
    """Somebody without a person tried what only people do."""


def no_cohort() -> CohortNotFound:
    """The refusal for an absent cohort; the same for a foreign one."""
    return CohortNotFound(
        "There is no such cohort.", remedy="Check its id, and that your organization takes part in it."
    )


def no_run() -> RunNotFound:
    """The refusal for an absent run; the same for a foreign one."""
    return RunNotFound("There is no such match run.", remedy="Check its id, and that your organization takes part.")


def no_pair() -> PairNotFound:
    """The refusal for an absent pair; the same for somebody else's."""
    return PairNotFound(
        "There is no such pair.", remedy="Check its id; only the two people of a pair can answer for it."
    )


def partner_of(cohort: Cohort | None, *, actor: Actor) -> UUID:
    """The partner organization that this actor administers in the cohort; CohortNotFound otherwise."""
    if cohort is not None and actor.organization_id is not None and actor.is_a(Role.ADMIN):
        for partner in cohort.partners:
            if partner.organization_id == actor.organization_id:
                return partner.organization_id
    raise no_cohort()


def person_of(actor: Actor) -> UUID:
    """The person who acts; PeopleOnly for anybody else."""
    if actor.person_id is None or not actor.is_a(Role.PERSON):
        raise PeopleOnly("Only a person can do this.", remedy="Sign in as the person whom it concerns.")
    return actor.person_id


def member_of(pair: Pair | None, *, actor: Actor) -> UUID:
    """The member of the pair who acts; PairNotFound for everybody else."""
    person_id = person_of(actor)
    if pair is None or person_id not in people_of(pair):
        raise no_pair()
    return person_id


def people_of(pair: Pair) -> tuple[UUID, UUID]:
    """The two people, sorted by id."""
    first, second = pair.members
    return first.person_id, second.person_id
