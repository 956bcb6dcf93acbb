"""Registering and updating organizations."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.base import Actor, Role
from contracts.errors import NotFound
from contracts.profiles import (
    Organization,
    OrganizationRegistered,
    OrganizationUpdated,
    ProposedField,
    RegisterOrganization,
    UpdateOrganization,
)
from services.profiles.domain import organizations
from services.profiles.domain.organizations import (
    IdentityIsFixed,
    InvalidOrganization,
    OnlyOperatorsRegister,
    OrganizationTaken,
)
from tests.profiles.conftest import Profiles
from tests.profiles.making import NOON, OPERATOR, an_admin, an_organization, new_id


def registering(organization: Organization) -> RegisterOrganization:
    return RegisterOrganization(command_id=new_id(), organization=organization)


def updating(organization: Organization, *, only: tuple[str, ...] | None = None) -> UpdateOrganization:
    return UpdateOrganization(command_id=new_id(), organization=organization, only=only)


class TestRegistering:
    async def test_tells_of_the_organization(self, profiles: Profiles) -> None:
        (fact,) = await profiles.do(registering(an_organization()), by=OPERATOR)
        assert isinstance(fact, OrganizationRegistered)
        assert (fact.organization, fact.version, fact.occurred_at) == (an_organization(), 1, NOON)

    @pytest.mark.parametrize("role", [Role.PERSON, Role.ADMIN, Role.SYSTEM])
    async def test_is_for_operators(self, profiles: Profiles, role: Role) -> None:
        with pytest.raises(OnlyOperatorsRegister):
            await profiles.do(registering(an_organization()), by=Actor(roles=(role,)))

    @pytest.mark.parametrize("same", ["organization_id", "slug", "issuer"])
    async def test_refuses_what_another_one_has_and_names_it(self, profiles: Profiles, same: str) -> None:
        first = await profiles.register("hanka")
        with pytest.raises(OrganizationTaken, match=same) as refused:
            await profiles.do(
                registering(replace(an_organization("other"), **{same: getattr(first, same)})), by=OPERATOR
            )
        assert [problem.path for problem in refused.value.problems] == [same]

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"slug": "No Spaces"}, "slug"),
            ({"slug": "-x-"}, "slug"),
            ({"name": " "}, "name"),
            ({"issuer": "http://login.example.org"}, "issuer"),
            ({"issuer": "https://user:secret@login.example.org"}, "issuer"),
            ({"issuer": "https://login.example.org/?a=b"}, "issuer"),
            ({"issuer": "https://login.example.org:99999/"}, "issuer"),
            ({"issuer": "https://dev.viceversa.local/"}, "issuer"),
            ({"issuer": "https://[::1"}, "issuer"),
            ({"issuer": "file:///etc/passwd"}, "issuer"),
            ({"locale": "polski"}, "locale"),
            ({"zone": "Warsaw"}, "zone"),
            ({"admins": ()}, "admins"),
            ({"admins": ("boss", "boss")}, "admins[1]"),
            ({"admins": ("",)}, "admins[0]"),
            ({"admin_emails": ("people@hanka.example", "nobody")}, "admin_emails[1]"),
            ({"proposed_fields": (ProposedField.ZONE, ProposedField.ZONE)}, "proposed_fields[1]"),
        ],
    )
    def test_refuses_wrong_settings_and_names_them(self, changes: dict[str, Any], path: str) -> None:
        with pytest.raises(InvalidOrganization) as refused:
            organizations.register(replace(an_organization(), **changes), actor=OPERATOR, now=NOON)
        assert [problem.path for problem in refused.value.problems] == [path]
        assert all(problem.remedy for problem in refused.value.problems)

    @pytest.mark.parametrize(
        "issuer",
        ["https://login.example.org", "https://login.example.org:8443/realms/a", "https://dev.viceversa.local/a"],
    )
    def test_takes_any_https_issuer(self, issuer: str) -> None:
        registered = organizations.register(an_organization(issuer=issuer), actor=OPERATOR, now=NOON)
        assert registered.kept.organization.issuer == issuer


class TestUpdating:
    async def test_tells_of_the_change_with_the_next_version(self, profiles: Profiles, hanka: Organization) -> None:
        for version, by in ((2, an_admin(hanka)), (3, OPERATOR)):
            changed = replace(hanka, name=f"Hanka {version}", proposed_fields=(ProposedField.OFFERS,))
            (fact,) = await profiles.do(updating(changed), by=by)
            assert isinstance(fact, OrganizationUpdated)
            assert (fact.organization, fact.version) == (changed, version)

    async def test_of_some_fields_leaves_the_others(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.do(updating(replace(hanka, name="Hanka II"), only=("name",)), by=OPERATOR)
        (fact,) = await profiles.do(updating(replace(hanka, zone="Asia/Tokyo"), only=("zone",)), by=OPERATOR)
        assert isinstance(fact, OrganizationUpdated)
        assert fact.organization == replace(hanka, name="Hanka II", zone="Asia/Tokyo")

    async def test_without_a_change_tells_nothing(self, profiles: Profiles, hanka: Organization) -> None:
        assert await profiles.do(updating(replace(hanka, name=f" {hanka.name} ")), by=an_admin(hanka)) == []

    @pytest.mark.parametrize("name", ["slug", "issuer"])
    async def test_keeps_identity(self, profiles: Profiles, hanka: Organization, name: str) -> None:
        with pytest.raises(IdentityIsFixed) as refused:
            await profiles.do(updating(replace(hanka, **{name: getattr(an_organization("other"), name)})), by=OPERATOR)
        assert [problem.path for problem in refused.value.problems] == [name]

    async def test_of_another_organization_looks_like_of_none(self, profiles: Profiles, hanka: Organization) -> None:
        other = await profiles.register("other")
        refusals = []
        for target in (hanka, an_organization("nowhere")):
            with pytest.raises(NotFound) as refused:
                await profiles.do(updating(replace(target, name="Mine now")), by=an_admin(other))
            refusals.append((refused.value.code, refused.value.message, refused.value.remedy))
        assert refusals[0] == refusals[1]
