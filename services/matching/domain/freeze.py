"""From the service's words to the engine's: everything that a run depends on, frozen, in one canonical order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.matching import Cohort, Enrolment, Keep, Rule, RuleKind, RuleSet
from contracts.profiles import Cefr
from services.matching.domain.candidates import Candidate
from services.matching.engine import model

_LEVELS = {level: number for number, level in enumerate(Cefr, start=1)}

Two = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the store found for a run.

    ``free``: free places of each admitted person. ``managers``: everybody's manager in the organizations concerned. ``met``:
    worked together in an earlier edition. ``apart``: a live or declined pair of this cohort. ``pinned``: pinned drafts.
    ``drafted``: all present drafts. ``vetoed``: by an organizer. ``rankings``: whom each would like, the first choice first.
    """

    enrolments: tuple[Enrolment, ...]
    candidates: Mapping[UUID, Candidate]
    free: Mapping[UUID, int]
    managers: Mapping[UUID, UUID | None]
    met: tuple[Two, ...] = ()
    blocked: tuple[Two, ...] = ()
    apart: tuple[Two, ...] = ()
    pinned: tuple[Two, ...] = ()
    drafted: tuple[Two, ...] = ()
    vetoed: tuple[Two, ...] = ()
    rankings: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)


def freeze(cohort: Cohort, *, material: Material, now: datetime, keep: Keep = Keep.NONE) -> model.Snapshot:
    """The snapshot of a run that keeps so much of the present drafts. Somebody whose profile is not known yet is taken along with
    an empty one, so that they get a reason."""
    starts = max(cohort.starts_at, now).date()
    people = [
        _person(
            enrolment,
            candidate=material.candidates.get(
                enrolment.person_id,
                Candidate(person_id=enrolment.person_id, organization_id=enrolment.organization_id),
            ),
            places=material.free[enrolment.person_id],
            managers=material.managers,
            starts=starts,
        )
        for enrolment in material.enrolments
        if material.free.get(enrolment.person_id, 0) > 0
    ]
    here = {person.id for person in people}
    current = () if keep is Keep.NONE else _couples(material.drafted)
    return model.Snapshot(
        people=tuple(sorted(people, key=lambda person: person.id)),
        rules=tuple(_rule(rule) for rule in cohort.rules.rules),
        difference=cohort.rules.difference,
        logistics=cohort.rules.logistics,
        week=(starts - timedelta(days=starts.weekday())).isoformat(),
        met=_couples(material.met),
        blocked=_couples(material.blocked),
        apart=_couples(material.apart),
        pinned=_couples(material.pinned),
        # A snapshot goes when somebody in it is erased: so it names nobody who is not in it.
        current=tuple(couple for couple in current if {couple.first, couple.second} <= here),
        keep=keep.value,
        vetoed=_couples(material.vetoed),
        wishes=_wishes(material.rankings, here=here),
        ranking=cohort.rules.ranking,
    )


def under(snapshot: model.Snapshot, *, rules: RuleSet) -> model.Snapshot:
    """The same snapshot under other rules and weights."""
    return replace(
        snapshot,
        rules=tuple(_rule(rule) for rule in rules.rules),
        difference=rules.difference,
        logistics=rules.logistics,
        ranking=rules.ranking,
    )


def everybody(cohort: Cohort, *, material: Material, now: datetime) -> model.Snapshot:
    """All who are admitted, with the places that are free, be it none: for advice, which knows no pins, drafts and wishes."""
    here = {enrolment.person_id for enrolment in material.enrolments}
    free = {person: material.free.get(person, 0) for person in here}
    asked = replace(
        material, free={person: max(1, free[person]) for person in here}, pinned=(), drafted=(), rankings={}
    )
    snapshot = freeze(cohort, material=asked, now=now)
    people = tuple(replace(person, places=max(0, free[UUID(person.id)])) for person in snapshot.people)
    return replace(snapshot, people=people)


def managers_above(person: UUID, *, managers: Mapping[UUID, UUID | None]) -> tuple[UUID, ...]:
    """Everybody above a person, nearest first; a circle ends where it closes."""
    above: list[UUID] = []
    manager = managers.get(person)
    while manager is not None and manager != person and manager not in above:
        above.append(manager)
        manager = managers.get(manager)
    return tuple(above)


def _person(
    enrolment: Enrolment,
    *,
    candidate: Candidate,
    places: int,
    managers: Mapping[UUID, UUID | None],
    starts: date,
) -> model.Person:
    away_until = candidate.out_of_office_until
    return model.Person(
        id=str(enrolment.person_id),
        organization=str(enrolment.organization_id),
        role=enrolment.role.value,
        places=places,
        offers=tuple(
            model.Offer(text=offer.text.strip(), level=offer.level, setting=offer.setting.value)
            for offer in candidate.offers
            if offer.text.strip()
        ),
        needs=tuple(
            model.Need(text=need.text.strip(), priority=need.priority, kind=need.kind.value)
            for need in candidate.needs
            if need.text.strip()
        ),
        languages=tuple(
            model.Speaks(code=language.code.casefold(), level=_LEVELS[language.level])
            for language in candidate.languages
        ),
        zone=candidate.zone,
        windows=tuple(
            model.Free(weekday=window.weekday, start=window.start, end=window.end) for window in candidate.availability
        ),
        facets=tuple(
            model.Facet(name=each.name, value=value)
            for each in fields(candidate.facets)
            if (value := getattr(candidate.facets, each.name))
        ),
        team=(candidate.team or "").strip(),
        managers=tuple(str(manager) for manager in managers_above(enrolment.person_id, managers=managers)),
        away=away_until is not None and away_until >= starts,
    )


def _rule(rule: Rule) -> model.Rule:
    people = [str(person) for person in rule.people]
    # The first of PARTNER_AMONG is the one whom the rule is about; elsewhere their order says nothing.
    first, group = (people[:1], people[1:]) if rule.kind is RuleKind.PARTNER_AMONG else ([], people)
    return model.Rule(
        kind=rule.kind.value,
        required=rule.required,
        parameter=rule.parameter,
        facet=rule.facet or "",
        people=(*first, *sorted(group)),
        weight=rule.weight,
        language=(rule.language or "").casefold(),
    )


def _wishes(rankings: Mapping[UUID, tuple[UUID, ...]], *, here: Collection[str]) -> tuple[model.Wish, ...]:
    """Of those who are here: whoever is not keeps their rank, and nobody moves up for it."""
    return tuple(
        sorted(
            model.Wish(by=str(by), of=str(of), rank=rank)
            for by, ranked in rankings.items()
            for rank, of in enumerate(ranked, start=1)
            if str(by) in here and str(of) in here
        )
    )


def _couples(twos: Iterable[Two]) -> tuple[model.Couple, ...]:
    found = {model.Couple(first=str(min(two)), second=str(max(two))) for two in twos}
    return tuple(sorted(found))
