"""Organizations, people, their consents and preferences."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from strawberry.dataloader import DataLoader

from chassis.database import Transaction
from contracts.base import Role
from contracts.notifications import Preferences
from contracts.profiles import Organization
from gateway import policy
from gateway.loaders.reading import EMPTY, Reading, mapped
from gateway.policy import CohortSight
from gateway.store import people as people_store
from gateway.store.paging import Asked, Page
from gateway.views import CohortSeen, ConsentSeen, OrganizationSeen, PersonSeen


class People(Reading):
    """Organizations and people."""

    def forget(self) -> None:
        super().forget()
        self.organizations = DataLoader(load_fn=self._organizations)
        self.people = DataLoader(load_fn=self._people)
        self.consents_of = DataLoader(load_fn=self._consents_of)
        self.preferences_of = DataLoader(load_fn=self._preferences_of)

    async def _organizations(self, keys: list[UUID]) -> list[OrganizationSeen | None]:
        async with self._reading() as tx:
            found = await people_store.organizations_by_id(tx, keys)
            known = await self._known_organizations(tx, keys)
        return [self._organization(found[key]) if key in found and key in known else None for key in keys]

    async def _known_organizations(self, tx: Transaction, keys: list[UUID]) -> frozenset[UUID]:
        if self.viewer.is_a(Role.ADMIN) or self.viewer.is_a(Role.OPERATOR):
            return frozenset(keys)
        own = self.viewer.organization_id
        if own is None:
            return frozenset()
        if keys == [own]:
            return frozenset(keys)
        return await people_store.partner_organizations(tx, own, keys) | {own}

    def _organization(self, state: Organization) -> OrganizationSeen:
        sight = policy.organization_sight(self.viewer, state.organization_id)
        return OrganizationSeen(organization=state, sight=sight)

    async def organizations_by_name(self, *, page: Asked) -> Page[OrganizationSeen]:
        """The organizations that the viewer may know."""
        everywhere = self.viewer.is_a(Role.ADMIN) or self.viewer.is_a(Role.OPERATOR)
        if not everywhere and self.viewer.organization_id is None:
            return EMPTY
        partners_of = None if everywhere else self.viewer.organization_id
        async with self._reading() as tx:
            found = await people_store.organizations_by_name(tx, partners_of=partners_of, asked=page)
        return mapped(found, [self._organization(each) for each in found.rows])

    async def _people(self, keys: list[UUID]) -> list[PersonSeen | None]:
        async with self._reading() as tx:
            found = await people_store.people_by_id(tx, self.viewer, keys)
        return [self._person(found[key]) if key in found else None for key in keys]

    def _person(self, row: people_store.PersonRow) -> PersonSeen | None:
        tier = policy.tier_of(self.viewer, row.profile, row.known)
        if tier is None:
            return None
        opted = policy.opted_in(row.profile, row.organization, withdrawn=row.known.consent_withdrawn)
        fields = policy.person_fields(tier, opted)
        email = row.email if "email" in fields else ""
        return PersonSeen(profile=row.profile, tier=tier, fields=fields, opted=opted, email=email)

    async def people_of(self, organization_id: UUID, *, page: Asked) -> Page[PersonSeen]:
        """An organization's people, for its admin."""
        async with self._reading() as tx:
            found = await people_store.people_of_organization(tx, self.viewer, organization_id, asked=page)
        return self._visible(found)

    async def participants_of(self, cohort: CohortSeen, *, page: Asked) -> Page[PersonSeen] | None:
        """Who takes part in a cohort: for its organizers, and for those who take part themselves."""
        cohort_id = cohort.cohort.cohort_id
        async with self._reading() as tx:
            if cohort.sight is not CohortSight.ORGANIZER and not (
                self.viewer.person_id is not None
                and await people_store.takes_part(tx, person_id=self.viewer.person_id, cohort_id=cohort_id)
            ):
                return None
            found = await people_store.people_of_cohort(tx, self.viewer, cohort_id, asked=page)
        return self._visible(found)

    def _visible(self, found: Page[people_store.PersonRow]) -> Page[PersonSeen]:
        """Whoever policy hides is left out, with their place in the list."""
        seen = [(self._person(row), key) for row, key in zip(found.rows, found.keys, strict=True)]
        kept = [(each, key) for each, key in seen if each is not None]
        return Page(
            rows=[each for each, _ in kept],
            keys=[key for _, key in kept],
            more=found.more,
            total=found.total if len(kept) == len(seen) else None,
        )

    async def _consents_of(self, keys: list[UUID]) -> list[list[ConsentSeen]]:
        async with self._reading() as tx:
            found = await people_store.consents_of(tx, self._only_me(keys))
            now = tx.now
        return [
            [
                ConsentSeen(
                    consent=each,
                    in_force=policy.consents_hold(granted=each.granted, until=each.until, now=now),
                )
                for each in found.get(key, [])
            ]
            for key in keys
        ]

    async def _preferences_of(self, keys: list[UUID]) -> list[Preferences]:
        async with self._reading() as tx:
            found = await people_store.preferences_of(tx, self._only_me(keys))
        return [found.get(key) or Preferences(person_id=key) for key in keys]

    def _only_me(self, keys: Iterable[UUID]) -> list[UUID]:
        return [key for key in keys if key == self.viewer.person_id]
