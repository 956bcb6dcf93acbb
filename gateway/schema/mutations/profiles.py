"""Mutations of organizations, people, consents and imports."""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import date, datetime
from uuid import UUID, uuid5

import strawberry

from contracts import profiles as contract
from contracts.base import Actor
from contracts.errors import Problem
from contracts.profiles import Cefr, Criticism, NeedKind, ProposedField, Purpose, Setting
from gateway.policy import OrganizationSight, Tier
from gateway.schema import imports, people
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations import carrying, results
from gateway.schema.mutations.carrying import CommandInput, Done, InputIsWrong
from gateway.schema.refusals import absent, needs_a_person, refused

NOWHERE = UUID(int=0)  # the organization of somebody without one: owners refuse it


@strawberry.input(description="A partner organization to register.")
class RegisterOrganizationInput(CommandInput):
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="A UUID made by the client; left out: made here."
    )
    slug: str = strawberry.field(description="Its short name in addresses and files: `nordlicht`.")
    name: str = strawberry.field(description="Its name.")
    issuer: str = strawberry.field(description="The OpenID issuer of its people's tokens; no two have the same.")
    admins: list[str] = strawberry.field(description="Subjects of its issuer that administer it; at least one.")
    locale: str | None = strawberry.field(default=None, description="The language of its people; left out: `en`.")
    time_zone: str | None = strawberry.field(default=None, description="Its time zone (IANA); left out: `UTC`.")
    proposed_fields: list[ProposedField] | None = strawberry.field(
        default=None, description="What its people may show to proposed partners; left out: everything."
    )
    admin_emails: list[str] | None = strawberry.field(default=None, description="Where its organizers are written to.")


@strawberry.input(description="Settings of an organization. What is left out stays as it is.")
class UpdateOrganizationInput(CommandInput):
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str | None = strawberry.field(default=None, description="Its name.")
    admins: list[str] | None = strawberry.field(
        default=None, description="Subjects of its issuer that administer it; at least one."
    )
    locale: str | None = strawberry.field(default=None, description="The language of its people.")
    time_zone: str | None = strawberry.field(default=None, description="Its time zone (IANA).")
    proposed_fields: list[ProposedField] | None = strawberry.field(
        default=None, description="What its people may show to proposed partners."
    )
    admin_emails: list[str] | None = strawberry.field(default=None, description="Where its organizers are written to.")


@strawberry.input(description="A topic that a person can teach.")
class OfferInput:
    text: str = strawberry.field(description="The topic, in the person's own words.")
    level: int = strawberry.field(default=3, description="How deeply: 1 (a little) to 5 (deeply).")
    setting: Setting = strawberry.field(default=Setting.WORK, description="Where it was learned.")


@strawberry.input(description="Something that a person wants.")
class NeedInput:
    text: str = strawberry.field(description="What, in the person's own words.")
    priority: int = strawberry.field(default=2, description="How much: 1 (nice) to 3 (most).")
    kind: NeedKind = strawberry.field(default=NeedKind.EXPLAIN, description="How the person wants to be helped.")


@strawberry.input(description="A language that a person speaks.")
class LanguageInput:
    code: str = strawberry.field(description="ISO 639-1: `en`.")
    level: Cefr = strawberry.field(default=Cefr.B2, description="How well.")


@strawberry.input(description="A weekly window in which a person is free, in their own time zone.")
class WindowInput:
    weekday: int = strawberry.field(description="0 is Monday.")
    start: int = strawberry.field(description="Minutes after midnight.")
    end: int = strawberry.field(description="Minutes after midnight; later than start.")


@strawberry.input(description="Background that a person chooses to state. Never age, gender or ethnicity.")
class FacetsInput:
    career_stage: str | None = strawberry.field(default=None, description="Where in the career: `early`, `senior` …")
    industry: str | None = strawberry.field(default=None, description="The industry.")
    function: str | None = strawberry.field(default=None, description="What the person does there.")
    education: str | None = strawberry.field(default=None, description="What was learned or studied.")
    region: str | None = strawberry.field(default=None, description="Where the person lives or comes from.")


@strawberry.input(description="A profile. What is left out stays as it is; a list that is given replaces the old one.")
class SaveProfileInput(CommandInput):
    person_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The person. Left out: whoever has the subject; without a subject: the viewer.",
    )
    subject: str | None = strawberry.field(
        default=None, description="Who the person is at the organization's token issuer. Needed for a new person."
    )
    display_name: str | None = strawberry.field(default=None, description="The name. Needed for a new person.")
    job_title: str | None = strawberry.field(default=None, description="What the person does.")
    email: str | None = strawberry.field(default=None, description="The contact address.")
    locale: str | None = strawberry.field(default=None, description="The language that the person reads.")
    time_zone: str | None = strawberry.field(default=None, description="The person's time zone (IANA).")
    languages: list[LanguageInput] | None = strawberry.field(
        default=None, description="The languages that the person speaks."
    )
    availability: list[WindowInput] | None = strawberry.field(
        default=None, description="When the person is free, week by week."
    )
    offers: list[OfferInput] | None = strawberry.field(default=None, description="What the person can teach.")
    needs: list[NeedInput] | None = strawberry.field(default=None, description="What the person wants.")
    facets: FacetsInput | None = strawberry.field(
        default=None, description="The background that the person states; replaces the old one as a whole."
    )
    criticism: Criticism | None = strawberry.field(default=None, description="How the person likes to be criticized.")
    team: str | None = strawberry.field(default=None, description="The team; people of one team are never paired.")
    manager_id: strawberry.ID | None = strawberry.field(default=None, description="Whom the person reports to.")
    out_of_office_until: date | None = strawberry.field(
        default=None, description="The day until which the person is away."
    )
    proposed_fields: list[ProposedField] | None = strawberry.field(
        default=None, description="What the person shows to proposed partners."
    )
    active: bool | None = strawberry.field(default=None, description="Whether the person takes part at all.")


@strawberry.input(description="A CSV file of people. See the query `previewImport` for a dry run.")
class ImportPeopleInput(CommandInput):
    import_id: strawberry.ID | None = strawberry.field(
        default=None, description="A UUID made by the client, by which `importReport` finds the report again."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="The organization; left out: the viewer's."
    )
    file_name: str = strawberry.field(description="The file's name, for the report.")
    content: str = strawberry.field(description="The file's bytes in base64.")


@strawberry.input(description="The viewer's word for one purpose.")
class ChangeConsentInput(CommandInput):
    purpose: Purpose = strawberry.field(description="What for.")
    granted: bool = strawberry.field(description="True gives it, false takes it back.")
    until: datetime | None = strawberry.field(
        default=None, description="When it ends by itself; left out: when taken back."
    )


@strawberry.input(description="A person to erase.")
class ErasePersonInput(CommandInput):
    person_id: strawberry.ID | None = strawberry.field(default=None, description="The person; left out: the viewer.")


def file_bytes(content: str) -> bytes:
    """The bytes of a file that a client sent in base64; InputIsWrong when it is not."""
    try:
        return b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise InputIsWrong(
            "content is not base64.",
            problems=(Problem("content", "not base64", content[:40], "encode the file's bytes as standard base64"),),
        ) from None


def own_organization(info: Info, given: str | None, *, otherwise: UUID) -> UUID:
    """The organization that an input names, or the viewer's."""
    return carrying.id_of(given, path="organizationId", otherwise=info.context.viewer.organization_id or otherwise)


async def _profile(info: Info, given: SaveProfileInput) -> tuple[contract.Profile, tuple[str, ...]]:
    """The profile as it shall be, and the fields that were given: over what is there as far as this viewer may see it."""
    viewer = info.context.viewer
    organization_id = viewer.organization_id or NOWHERE
    subject = given.subject or viewer.subject
    derived = contract.person_id_of(organization_id, subject=subject)
    otherwise = derived if given.subject or viewer.person_id is None else viewer.person_id
    person_id = carrying.id_of(given.person_id, path="personId", otherwise=otherwise)
    plain = carrying.as_plain(given)
    if "time_zone" in plain:
        plain["zone"] = plain.pop("time_zone")
    plain.pop("email", None)
    only = tuple(name for name in plain if name != "person_id")
    seen = await info.context.loaders.people.load(person_id)
    if seen is not None and seen.tier in {Tier.SELF, Tier.ADMINISTERED}:
        return carrying.overlaid(seen.profile, plain), only
    if "display_name" not in plain:
        raise InputIsWrong(
            "There is no such person yet, and a new one needs a name.",
            problems=(Problem("displayName", "needed for a new person", "", "add it, or check personId and subject"),),
        )
    ids = {"person_id": person_id, "organization_id": organization_id, "subject": subject}
    return carrying.converted({**plain, **ids}, contract.Profile), only


async def _organization(
    info: Info, given: UpdateOrganizationInput
) -> tuple[contract.Organization, tuple[str, ...]] | None:
    """The organization as it shall be, and the fields that were given; None when this viewer may not see all of it."""
    plain = carrying.as_plain(given)
    organization_id = carrying.id_of(plain.pop("organization_id"), path="organizationId")
    if "time_zone" in plain:
        plain["zone"] = plain.pop("time_zone")
    seen = await info.context.loaders.organizations.load(organization_id)
    if seen is None or seen.sight not in {OrganizationSight.ADMIN, OrganizationSight.OPERATOR}:
        return None
    return carrying.overlaid(seen.organization, plain), tuple(plain)


async def _read_person(done: Done[contract.SaveProfile]) -> people.Person | None:
    seen = await done.info.context.loaders.people.load(done.command.profile.person_id)
    return people.person(seen) if seen else None


async def _read_consent(done: Done[contract.ChangeConsent]) -> people.Consent | None:
    found = await done.info.context.loaders.consents_of.load(done.command.consent.person_id)
    mine = next((each for each in found if each.consent.purpose is done.command.consent.purpose), None)
    return people.consent(mine) if mine else None


async def _read_import(done: Done[contract.ImportPeople]) -> results.PeopleImported | None:
    report = await done.info.context.platform.ask(
        contract.ReadImport(import_id=done.command.import_id),
        answer=contract.ImportReport,
        actor=done.info.context.viewer,
    )
    return results.PeopleImported(report=imports.import_report(report))


def _own_id(viewer: Actor) -> UUID | None:
    """The viewer's person, also when there is none any more: an erasure that is asked for again must mean the same."""
    if viewer.organization_id is None:
        return None
    return viewer.person_id or contract.person_id_of(viewer.organization_id, subject=viewer.subject)


async def _erased(done: Done[contract.ErasePerson]) -> results.PersonErased:
    return results.PersonErased(person_id=strawberry.ID(str(done.command.person_id)))


@strawberry.type
class ProfilesMutations:
    @mutation("Register a partner organization. By an operator.")
    async def register_organization(
        self, info: Info, given: Given[RegisterOrganizationInput]
    ) -> results.OrganizationPayload:
        try:
            command_id = carrying.command_id_of(given)
            plain = carrying.as_plain(given)
            plain.setdefault("organization_id", uuid5(command_id, "organization_id"))
            plain["zone"] = plain.pop("time_zone", "UTC")
            organization = carrying.converted(plain, contract.Organization)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.RegisterOrganization(command_id=command_id, organization=organization)
        return await carrying.send(info, command, results.read_organization)

    @mutation("Change an organization's settings. By one of its admins, or an operator.")
    async def update_organization(
        self, info: Info, given: Given[UpdateOrganizationInput]
    ) -> results.OrganizationPayload:
        try:
            changed = await _organization(info, given)
            command_id = carrying.command_id_of(given)
        except InputIsWrong as wrong:
            return refused(wrong)
        if changed is None:
            return absent("organization")
        organization, only = changed
        command = contract.UpdateOrganization(command_id=command_id, organization=organization, only=only)
        return await carrying.send(info, command, results.read_organization)

    @mutation("Save a profile, or onboard one person. By the person, or an admin of their organization.")
    async def save_profile(self, info: Info, given: Given[SaveProfileInput]) -> results.PersonPayload:
        try:
            command_id = carrying.command_id_of(given)
            profile, only = await _profile(info, given)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.SaveProfile(command_id=command_id, profile=profile, email=given.email, only=only)
        return await carrying.send(info, command, _read_person)

    @mutation("Onboard people from a CSV file: good rows are taken, each bad one is reported. By an admin.")
    async def import_people(self, info: Info, given: Given[ImportPeopleInput]) -> results.ImportPayload:
        try:
            command_id = carrying.command_id_of(given)
            command = contract.ImportPeople(
                command_id=command_id,
                import_id=carrying.id_of(given.import_id, path="importId", otherwise=uuid5(command_id, "import_id")),
                organization_id=own_organization(info, given.organization_id, otherwise=command_id),
                file_name=given.file_name,
                content=file_bytes(given.content),
            )
        except InputIsWrong as wrong:
            return refused(wrong)
        return await carrying.send(info, command, _read_import)

    @mutation("Give or take back a consent. By the person only.")
    async def change_consent(self, info: Info, given: Given[ChangeConsentInput]) -> results.ConsentPayload:
        if info.context.viewer.person_id is None:
            return needs_a_person()
        try:
            command_id = carrying.command_id_of(given)
            plain = {**carrying.as_plain(given), "person_id": info.context.viewer.person_id}
            consent = carrying.converted(plain, contract.Consent)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.ChangeConsent(command_id=command_id, consent=consent)
        return await carrying.send(info, command, _read_consent)

    @mutation("Erase a person everywhere. By the person, or an admin of their organization. There is no way back.")
    async def erase_person(self, info: Info, given: Given[ErasePersonInput]) -> results.ErasurePayload:
        try:
            command_id = carrying.command_id_of(given)
            person_id = carrying.id_of(
                given.person_id, path="personId", otherwise=_own_id(info.context.viewer) or command_id
            )
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.ErasePerson(command_id=command_id, person_id=person_id)
        return await carrying.send(info, command, _erased)
