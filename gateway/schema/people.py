"""Organizations and people, each at the viewer's tier."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import profiles
from contracts.notifications import NotificationKind, Preferences as PreferencesState
from contracts.profiles import Cefr, Criticism, NeedKind, ProposedField, Purpose, Setting
from gateway import policy
from gateway.policy import Tier
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.views import ConsentSeen, OrganizationSeen, PersonSeen

if TYPE_CHECKING:
    from gateway.schema.cohorts import Enrolment
    from gateway.schema.pairs import Pair

LazyEnrolment = Annotated["Enrolment", strawberry.lazy("gateway.schema.cohorts")]
LazyPair = Annotated["Pair", strawberry.lazy("gateway.schema.pairs")]


async def the_organization(info: Info, organization_id: UUID | None) -> Organization | None:
    """An organization; None for no id, and where there is none."""
    seen = await info.context.loaders.organizations.load(organization_id) if organization_id else None
    return organization(seen) if seen else None


async def the_person(info: Info, person_id: UUID | None) -> Person | None:
    """A person at the viewer's tier; None for no id, and for whoever the viewer may not see."""
    seen = await info.context.loaders.people.load(person_id) if person_id else None
    return person(seen) if seen else None


@strawberry.type(description="A partner organization: an employer, a school, an association.")
class Organization(Node):
    name: str = strawberry.field(description="Its name.")
    slug: str = strawberry.field(description="Its short name in addresses and files; never changes.")
    locale: str | None = strawberry.field(
        description="The language that its people read unless they say otherwise. For its own people and operators."
    )
    time_zone: str | None = strawberry.field(description="Its time zone (IANA). For its own people and operators.")
    proposed_fields: list[ProposedField] | None = strawberry.field(
        description="What its people may show to proposed partners. For its own people and operators."
    )
    issuer: str | None = strawberry.field(
        description="Who issues the tokens of its people. For its admins and operators."
    )
    admins: list[str] | None = strawberry.field(
        description="The subjects that administer it. For its admins and operators."
    )
    admin_emails: list[str] | None = strawberry.field(
        description="Where its organizers are written to. For its admins and operators."
    )

    @field("Its people by name, everyone who is not erased. For its admins; null for everybody else.")
    async def people(self, info: Info, first: First = 20, after: After = None) -> Connection[Person] | None:
        organization_id = UUID(self.id)
        sight = policy.organization_sight(info.context.viewer, organization_id)
        if sight not in policy.ORGANIZATION["people"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.people_of(organization_id, page=page)
        return connection(found, person, asked=page)


def organization(seen: OrganizationSeen) -> Organization:
    """What this viewer may see of the organization."""
    state, sight = seen.organization, seen.sight
    house = sight in policy.ORGANIZATION["locale"]
    office = sight in policy.ORGANIZATION["issuer"]
    return Organization(
        id=strawberry.ID(str(state.organization_id)),
        name=state.name,
        slug=state.slug,
        locale=state.locale if house else None,
        time_zone=state.zone if house else None,
        proposed_fields=list(state.proposed_fields) if house else None,
        issuer=state.issuer if office else None,
        admins=list(state.admins) if office else None,
        admin_emails=list(state.admin_emails) if office else None,
    )


@strawberry.type(description="A topic that a person can teach.")
class Offer:
    text: str = strawberry.field(description="The topic, in the person's own words.")
    level: int = strawberry.field(description="How deeply: 1 (a little) to 5 (deeply).")
    setting: Setting = strawberry.field(description="Where it was learned.")


@strawberry.type(description="Something that a person wants.")
class Need:
    text: str = strawberry.field(description="What, in the person's own words.")
    priority: int = strawberry.field(description="How much: 1 (nice) to 3 (most).")
    kind: NeedKind = strawberry.field(description="How the person wants to be helped.")


@strawberry.type(description="A language that a person speaks.")
class Language:
    code: str = strawberry.field(description="ISO 639-1: `en`.")
    level: Cefr = strawberry.field(description="How well.")


@strawberry.type(description="A weekly window in which a person is free, in their own time zone.")
class Window:
    weekday: int = strawberry.field(description="0 is Monday.")
    start: int = strawberry.field(description="Minutes after midnight.")
    end: int = strawberry.field(description="Minutes after midnight; later than start.")


@strawberry.type(description="Background that a person chose to state. Never age, gender or ethnicity.")
class Facets:
    career_stage: str | None = strawberry.field(description="Where in the career: `early`, `senior` …")
    industry: str | None = strawberry.field(description="The industry.")
    function: str | None = strawberry.field(description="What the person does there.")
    education: str | None = strawberry.field(description="What was learned or studied.")
    region: str | None = strawberry.field(description="Where the person lives or comes from.")


@strawberry.type(description="A person's word for one purpose.")
class Consent:
    purpose: Purpose = strawberry.field(description="What for.")
    granted: bool = strawberry.field(description="Whether it was given and not taken back.")
    until: datetime | None = strawberry.field(description="When it ends by itself; null: when taken back.")
    in_force: bool = strawberry.field(description="Whether it holds now.")


def consent(seen: ConsentSeen) -> Consent:
    """A consent as its person sees it."""
    return Consent(
        purpose=seen.consent.purpose,
        granted=seen.consent.granted,
        until=seen.consent.until,
        in_force=seen.in_force,
    )


@strawberry.type(description="How a person wishes to be written to.")
class Preferences:
    email_enabled: bool = strawberry.field(description="Whether mail is wanted at all; the inbox gets everything.")
    muted_kinds: list[NotificationKind] = strawberry.field(description="No mail about these.")
    quiet_from: time = strawberry.field(description="No mail from this hour on, in the person's own zone.")
    quiet_until: time = strawberry.field(description="Mail again from this hour on.")


def preferences(state: PreferencesState) -> Preferences:
    """A person's wishes."""
    return Preferences(
        email_enabled=state.email_enabled,
        muted_kinds=list(state.muted_kinds),
        quiet_from=state.quiet_from,
        quiet_until=state.quiet_until,
    )


@strawberry.type(
    description="Somebody, as far as the viewer may see them: `visibleAs` says how far. Null means: not for this viewer, or not stated."
)
class Person(Node):
    state: strawberry.Private[PersonSeen]
    visible_as: Tier = strawberry.field(description="How much of this person the viewer sees.")
    display_name: str = strawberry.field(description="The name, as the person writes it.")
    job_title: str = strawberry.field(description="What the person does, in the person's own words.")
    offers: list[Offer] | None = strawberry.field(description="What the person can teach.")
    needs: list[Need] | None = strawberry.field(description="What the person wants.")
    languages: list[Language] | None = strawberry.field(description="The languages that the person speaks.")
    time_zone: str | None = strawberry.field(description="The person's time zone (IANA).")
    facets: Facets | None = strawberry.field(description="The background that the person stated.")
    criticism: Criticism | None = strawberry.field(
        description="How the person likes to be criticized. Read it before writing a critique."
    )
    email: str | None = strawberry.field(
        description="The contact address: for the person, their admins, and a partner once both accepted."
    )
    out_of_office_until: date | None = strawberry.field(description="The day until which the person is away.")
    availability: list[Window] | None = strawberry.field(description="When the person is free, week by week.")
    locale: str | None = strawberry.field(description="The language that the person reads.")
    subject: str | None = strawberry.field(description="Who the person is at their organization's token issuer.")
    team: str | None = strawberry.field(description="The team; people of one team are never paired.")
    proposed_fields: list[ProposedField] | None = strawberry.field(
        description="What the person shows to proposed partners; their organization must allow it too."
    )
    active: bool | None = strawberry.field(description="Whether the person takes part at all.")

    @field("The organization that the person belongs to.")
    async def organization(self, info: Info) -> Organization | None:
        return await the_organization(info, self.state.profile.organization_id)

    @field("Whom the person reports to; the two are never paired. For the person and their admins.")
    async def manager(self, info: Info) -> Person | None:
        manager_id = self.state.profile.manager_id
        if "manager" not in self.state.fields or manager_id is None:
            return None
        return await the_person(info, manager_id)

    @field("The person's places in cohorts. For the person and their admins.")
    async def enrolments(self, info: Info) -> list[LazyEnrolment] | None:
        from gateway.schema.cohorts import enrolment

        if "enrolments" not in self.state.fields:
            return None
        found = await info.context.loaders.enrolments_of.load(self.state.profile.person_id)
        return [enrolment(each) for each in found]

    @field("The person's pairs, the newest first. For the person and their admins.")
    async def pairs(self, info: Info, first: First = 20, after: After = None) -> Connection[LazyPair] | None:
        from gateway.schema.pairs import pair

        if "pairs" not in self.state.fields:
            return None
        page = asked(first, after)
        found = await info.context.loaders.pairs_of(self.state.profile.person_id, page=page)
        return connection(found, pair, asked=page)

    @field("What the person agreed to. For the person only.")
    async def consents(self, info: Info) -> list[Consent] | None:
        if "consents" not in self.state.fields:
            return None
        found = await info.context.loaders.consents_of.load(self.state.profile.person_id)
        return [consent(each) for each in found]

    @field("How the person wishes to be written to. For the person only.")
    async def preferences(self, info: Info) -> Preferences | None:
        if "preferences" not in self.state.fields:
            return None
        return preferences(await info.context.loaders.preferences_of.load(self.state.profile.person_id))


def person(seen: PersonSeen) -> Person:
    """What this viewer may see of the person."""
    state, fields = seen.profile, seen.fields
    return Person(
        state=seen,
        id=strawberry.ID(str(state.person_id)),
        visible_as=seen.tier,
        display_name=state.display_name,
        job_title=state.job_title,
        offers=[_offer(each) for each in state.offers] if "offers" in fields else None,
        needs=[_need(each) for each in state.needs] if "needs" in fields else None,
        languages=(
            [Language(code=each.code, level=each.level) for each in state.languages] if "languages" in fields else None
        ),
        time_zone=state.zone if "time_zone" in fields else None,
        facets=_facets(state.facets) if "facets" in fields else None,
        criticism=state.criticism if "criticism" in fields else None,
        email=(seen.email or None) if "email" in fields else None,
        out_of_office_until=state.out_of_office_until if "out_of_office_until" in fields else None,
        availability=(
            [Window(weekday=each.weekday, start=each.start, end=each.end) for each in state.availability]
            if "availability" in fields
            else None
        ),
        locale=state.locale if "locale" in fields else None,
        subject=state.subject if "subject" in fields else None,
        team=state.team if "team" in fields else None,
        proposed_fields=list(state.proposed_fields) if "proposed_fields" in fields else None,
        active=state.active if "active" in fields else None,
    )


def _offer(state: profiles.Offer) -> Offer:
    return Offer(text=state.text, level=state.level, setting=state.setting)


def _need(state: profiles.Need) -> Need:
    return Need(text=state.text, priority=state.priority, kind=state.kind)


def _facets(state: profiles.Facets) -> Facets:
    return Facets(
        career_stage=state.career_stage,
        industry=state.industry,
        function=state.function,
        education=state.education,
        region=state.region,
    )
