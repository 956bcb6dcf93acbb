"""Who sees what: the matrix actor × field × relationship as data, asked through GraphQL; then canaries everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type, is_leaf_type, is_required_argument

from chassis.service import react
from contracts import feedback
from contracts.base import Actor, Event
from contracts.feedback import FeedbackStatus, IntroductionAdvanced, IntroductionStatus
from contracts.matching import (
    Calibration,
    Direction,
    EnrolmentStatus,
    Group,
    GroupMember,
    GroupPlan,
    GroupsPlanned,
    MatchRun,
    PairStatus,
    RoundPlan,
    RunStatus,
    Term,
    Unmatched,
    UnmatchedReason,
    calibration_id_of,
)
from contracts.profiles import Consent, Organization, Profile, ProposedField, Purpose
from gateway.app import app
from gateway.schema import sdl
from tests.conftest import ServiceDatabase
from tests.gateway.making import (
    NOON,
    OPERATOR,
    World,
    a_feedback,
    a_notification,
    a_pair,
    a_person,
    a_reciprocity,
    a_session,
    a_world,
    admin_of,
    an_agenda,
    an_agreement,
    an_enrolment,
    an_introduction,
    email_of,
    person_of,
)
from tests.gateway.serving import Client

SCHEMA = build_schema(sdl())

# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
#
# Ben of South is looked at. y: shown; -: null. Each column is one viewer:
PERSON_COLUMNS = (
    "himself",
    "admin of South",  # his own
    "matched",  # Ada, both accepted
    "matched, nothing opted",  # … he opted into nothing
    "proposed",  # Ada, while the proposal is open
    "proposed, nothing opted",
    "proposed, org opted out",  # his organization allows nothing
    "proposed, withdrawn",  # he took back his word for matching
    "declined",  # Ada, after a no
    "listed",  # Cleo, of the same cohort
    "admin of North",  # of the other partner
)
PERSON: Mapping[str, str] = {
    "id": "yyyyyyyyyyy",
    "visibleAs": "yyyyyyyyyyy",
    "displayName": "yyyyyyyyyyy",
    "jobTitle": "yyyyyyyyyyy",
    "organization": "yyyyyyyyyyy",
    "offers": "yyy-y------",
    "needs": "yyy-y------",
    "languages": "yyy-y------",
    "facets": "yyy-y------",
    "timeZone": "yyyyy------",
    "criticism": "yyyyy------",
    "email": "yyyy-------",
    "outOfOfficeUntil": "yyyy-------",
    "availability": "yy---------",
    "locale": "yy---------",
    "subject": "yy---------",
    "team": "yy---------",
    "manager": "yy---------",
    "proposedFields": "yy---------",
    "active": "yy---------",
    "enrolments": "yy---------",
    "pairs": "yy---------",
    "consents": "y----------",
    "preferences": "y----------",
}


@dataclass
class Scene:
    """A world, who looks, and with which token organization."""

    world: World
    viewer: Actor
    of: Organization | None


def person_scene(column: str) -> Scene:
    """Who looks at Ben, in which world."""
    statuses = {"matched": PairStatus.ACTIVE, "declined": PairStatus.DECLINED}
    status = next((found for start, found in statuses.items() if column.startswith(start)), PairStatus.PROPOSED)
    world = a_world(status)
    world.ben = replace(world.ben, manager_id=world.dan.person_id)
    if column.endswith("nothing opted"):
        world.ben = replace(world.ben, proposed_fields=())
    if column.endswith("org opted out"):
        world.south = replace(world.south, proposed_fields=())
    match column:
        case "himself":
            return Scene(world, person_of(world.ben), world.south)
        case "admin of South":
            return Scene(world, admin_of(world.south), world.south)
        case "admin of North":
            return Scene(world, admin_of(world.north), world.north)
        case "listed":
            return Scene(world, person_of(world.cleo), world.north)
        case _:
            return Scene(world, person_of(world.ada), world.north)


def selection_of(name: str) -> str:
    """Every field of a type, each with one leaf inside when it has any."""
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    parts = []
    for field, what in found.fields.items():
        if any(is_required_argument(argument) for argument in what.args.values()):
            continue
        parts.append(field if is_leaf_type(get_named_type(what.type)) else f"{field} {{ __typename }}")
    return " ".join(parts)


@pytest.fixture
def tell(service_database: ServiceDatabase) -> Any:
    """Puts facts into the read model."""

    async def told(*facts: Event) -> None:
        await react(app.spec, await service_database("gateway"), facts)

    return told


class TestPerson:
    @pytest.mark.parametrize("column", PERSON_COLUMNS)
    async def test_is_shown_as_the_matrix_says(self, client: Client, tell: Any, column: str) -> None:
        scene = person_scene(column)
        withdrawn = [Consent(person_id=scene.world.ben.person_id, purpose=Purpose.MATCHING, granted=False)]
        extra = scene.world.ledger.of(*withdrawn) if column.endswith("withdrawn") else []
        await tell(*scene.world.facts(), *extra)
        data = await client.ask(
            f"query($id: ID!) {{ person(id: $id) {{ {selection_of('Person')} }} }}",
            client.token_of(scene.viewer, scene.of),
            id=str(scene.world.ben.person_id),
        )
        place = PERSON_COLUMNS.index(column)
        expected = {field: row[place] == "y" for field, row in PERSON.items()}
        assert {field: value is not None for field, value in data["person"].items()} == expected

    def test_has_a_row_for_every_field(self) -> None:
        found = SCHEMA.type_map["Person"]
        assert isinstance(found, GraphQLObjectType)
        assert set(PERSON) == set(found.fields)
        assert {len(row) for row in PERSON.values()} == {len(PERSON_COLUMNS)}

    @pytest.mark.parametrize("who", ["stranger", "colleague", "far admin", "operator", "nobody"])
    async def test_is_as_good_as_absent_for_everybody_else(self, client: Client, tell: Any, who: str) -> None:
        world = a_world(PairStatus.ACTIVE)
        await tell(*world.facts())
        token = {
            "stranger": client.token(world.far, world.zoe.subject),
            "colleague": client.token(world.north, world.eve.subject),  # Eve is of Ada's organization, in no cohort
            "far admin": client.token(world.far, world.far.admins[0]),
            "operator": client.token_of(OPERATOR),
            "nobody": client.token(world.north, "no profile"),
        }[who]
        query = "query($id: ID!) { person(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }"
        known = await client.ask(query, token, id=str(world.ada.person_id))
        unknown = await client.ask(query, token, id=str(UUID(int=1)))
        assert known == unknown == {"person": None, "node": None, "nodes": [None]}

    async def test_disappears_for_others_with_leaving_the_cohort(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.DECLINED, proposed_at=None)
        await tell(*world.facts())
        token = client.token(world.south, world.dan.subject)
        query = "query($id: ID!) { person(id: $id) { displayName } }"
        assert (await client.ask(query, token, id=str(world.cleo.person_id)))["person"] is not None
        left = an_enrolment(world.cleo, world.cohort, status=EnrolmentStatus.WITHDRAWN)
        await tell(*world.ledger.of(left))
        assert (await client.ask(query, token, id=str(world.cleo.person_id)))["person"] is None


# ── pairs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
#
# The pair of Ada (North) and Ben (South).
PAIR_COLUMNS = (
    "asked",  # Ada, while it is open
    "asked, nothing opted",  # … Ben shows nothing
    "working",  # Ada, once both accepted
    "former",  # Ada, after a no
    "admin of North",
    "admin of South",
)
PAIR: Mapping[str, str] = {
    "id": "yyyyyy",
    "cohort": "yyyyyy",
    "status": "yyyyyy",
    "members": "yyyyyy",
    "directions": "yyyyyy",
    "value": "yyyyyy",
    "terms": "yyyyyy",
    "language": "yyyyyy",
    "sharedMinutes": "yyyyyy",
    "oneWayReason": "yyyyyy",
    "wording": "yyyyyy",
    "proposedAt": "yyyyyy",
    "expiresAt": "yyyyyy",
    "partner": "yyyy--",
    "sharedWindows": "yyy---",
    "questions": "yyy---",
    "commonGround": "y-y---",
    "bridge": "y-y---",
    "agreement": "--yy--",
    "agenda": "--yy--",
    "sessions": "--yy--",
    "reciprocity": "--yy--",
    "introductions": "--yy--",
    "feedback": "--yy--",
    "endedReason": "--yy--",
    "run": "----yy",
    "pinned": "----yy",
    "declineReason": "----yy",
}
# Texts inside: (need of Ada, offer of Ada, need of Ben, offer of Ben, detail of a term)
PAIR_TEXTS: Mapping[str, str] = {
    "asked": "yyyyy",
    "asked, nothing opted": "yy---",
    "working": "yyyyy",
    "former": "yy---",
    "admin of North": "yy---",
    "admin of South": "--yy-",
}


def pair_scene(column: str) -> Scene:
    """Who looks at the pair of Ada and Ben, in which world."""
    statuses = {"working": PairStatus.ACTIVE, "former": PairStatus.DECLINED}
    world = a_world(statuses.get(column, PairStatus.PROPOSED))
    if column.endswith("nothing opted"):
        world.ben = replace(world.ben, proposed_fields=())
    match column:
        case "admin of North":
            return Scene(world, admin_of(world.north), world.north)
        case "admin of South":
            return Scene(world, admin_of(world.south), world.south)
        case _:
            return Scene(world, person_of(world.ada), world.north)


def of_the_pair(world: World) -> list[Event]:
    """Everything that a pair has."""
    pair = world.pair
    assert pair.run_id is not None
    run = MatchRun(run_id=pair.run_id, cohort_id=pair.cohort_id, status=RunStatus.COMPLETED)
    return world.ledger.of(
        run, an_agreement(pair), an_agenda(pair), a_session(pair), a_feedback(pair), a_reciprocity(pair)
    )


class TestPair:
    @pytest.mark.parametrize("column", PAIR_COLUMNS)
    async def test_is_shown_as_the_matrix_says(self, client: Client, tell: Any, column: str) -> None:
        scene = pair_scene(column)
        await tell(*scene.world.facts(), *of_the_pair(scene.world))
        data = await client.ask(
            f"query($id: ID!) {{ pair(id: $id) {{ {selection_of('Pair')} }} }}",
            client.token_of(scene.viewer, scene.of),
            id=str(scene.world.pair.pair_id),
        )
        place = PAIR_COLUMNS.index(column)
        expected = {field: row[place] == "y" for field, row in PAIR.items()}
        assert {field: value is not None for field, value in data["pair"].items()} == expected

    @pytest.mark.parametrize("column", PAIR_COLUMNS)
    async def test_has_only_texts_that_the_viewer_may_read(self, client: Client, tell: Any, column: str) -> None:
        scene = pair_scene(column)
        await tell(*scene.world.facts())
        response = await client.post(
            "query($id: ID!) { pair(id: $id) { directions { need needKind offer } terms { detail } "
            'wording(locale: "pl-PL") { locale commonGround bridge details } } }',
            client.token_of(scene.viewer, scene.of),
            id=str(scene.world.pair.pair_id),
        )
        grounds = PAIR["commonGround"][PAIR_COLUMNS.index(column)] == "y"
        assert ("common ground secret of the pair" in response.text) is grounds
        assert response.json()["data"]["pair"]["wording"]["locale"] == "pl"
        texts = (
            "need secret of Ada",
            "offer secret of Ada",
            "need secret of Ben",
            "offer secret of Ben",
            "detail secret of the pair",
        )
        found = ["y" if text in response.text else "-" for text in texts]
        assert "".join(found) == PAIR_TEXTS[column]

    def test_has_a_row_for_every_field(self) -> None:
        found = SCHEMA.type_map["Pair"]
        assert isinstance(found, GraphQLObjectType)
        assert set(PAIR) == set(found.fields)
        assert {len(row) for row in PAIR.values()} == {len(PAIR_COLUMNS)}

    @pytest.mark.parametrize("status", [PairStatus.DRAFT, PairStatus.SUPERSEDED])
    async def test_that_was_never_published_is_for_organizers_only(
        self, client: Client, tell: Any, status: PairStatus
    ) -> None:
        world = a_world(status, proposed_at=None)
        await tell(*world.facts())
        query = "query($id: ID!, $cohort: ID!) { pair(id: $id) { id } cohort(id: $cohort) { pairs { nodes { id } totalCount } } }"
        variables = {"id": str(world.pair.pair_id), "cohort": str(world.cohort.cohort_id)}
        for_ada = await client.ask(query, client.token(world.north, world.ada.subject), **variables)
        for_boss = await client.ask(query, client.token(world.south, world.south.admins[0]), **variables)
        assert for_ada == {"pair": None, "cohort": {"pairs": {"nodes": [], "totalCount": 0}}}
        assert for_boss["pair"] == {"id": variables["id"]}
        assert for_boss["cohort"]["pairs"]["totalCount"] == 1

    async def test_of_others_is_absent_for_people_of_the_cohort(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        await tell(*world.facts())
        token = client.token(world.north, world.cleo.subject)
        data = await client.ask(
            "query($id: ID!) { pair(id: $id) { id } node(id: $id) { id } }", token, id=str(world.pair.pair_id)
        )
        assert data == {"pair": None, "node": None}


class TestIntroduction:
    @pytest.mark.parametrize(
        ("status", "shown"), [(IntroductionStatus.OFFERED, False), (IntroductionStatus.CONSENTED, True)]
    )
    async def test_hides_the_third_person_from_the_receiver_until_they_agree(
        self, client: Client, tell: Any, status: IntroductionStatus, shown: bool
    ) -> None:
        world = a_world(PairStatus.ACTIVE)
        offer = an_introduction(world.pair, status=status)
        if shown:
            offer = replace(offer, third_person_id=world.cleo.person_id)
        fact = IntroductionAdvanced(
            key=offer.introduction_id,
            version=1,
            occurred_at=NOON,
            introduction=offer,
            ask_third_person_id=None if shown else world.cleo.person_id,
        )
        await tell(*world.facts(), fact)
        by_id = {each.person_id: each for each in world.people}
        giver, receiver = by_id[offer.offered_by], by_id[offer.offered_to]
        names = {}
        for who in (giver, receiver, world.cleo, world.dan):
            organization = next(o for o in (world.north, world.south) if o.organization_id == who.organization_id)
            data = await client.ask(
                "query($id: ID!) { node(id: $id) { ... on Introduction { thirdPerson { displayName } } } }",
                client.token(organization, who.subject),
                id=str(offer.introduction_id),
            )
            names[who.display_name] = data["node"]
        cleo = {"thirdPerson": {"displayName": "Cleo"}}
        assert names[giver.display_name] == cleo
        assert names["Cleo"] == cleo
        assert names[receiver.display_name] == (cleo if shown else {"thirdPerson": None})
        assert names["Dan"] is None


def a_group_plan(world: World, *, published: bool = True) -> GroupPlan:
    """A group that Ada leads, for Ben and Dan; Cleo and Eve are in none."""

    def learning(who: Profile) -> GroupMember:
        learns = Direction(
            teacher_id=world.ada.person_id,
            learner_id=who.person_id,
            need=f"need secret of {who.display_name}",
            need_kind="EXPLAIN",
            offer="offer secret of Ada",
            similarity=0.9,
            priority=3,
            level=4,
            value=0.8,
        )
        return GroupMember(person_id=who.person_id, organization_id=who.organization_id, gives=False, learns=learns)

    leader = GroupMember(person_id=world.ada.person_id, organization_id=world.north.organization_id, gives=True)
    group = Group(
        topic="offer secret of Ada",
        members=(leader, learning(world.ben), learning(world.dan)),
        value=1.5,
        terms=(Term(name="learned", amount=1.5, detail="What the topic is worth"),),
        language="en",
        language_level=5,
        shared_minutes=120,
        shared_windows=("Mon 14:00–16:00 UTC",),
        others=("Nobody else needs this topic.",),
        wordings=(("pl", ("Nikt inny nie potrzebuje tego tematu.",)),),
    )
    out = Unmatched(
        person_id=world.cleo.person_id,
        organization_id=world.north.organization_id,
        reason=UnmatchedReason.NO_SHARED_TIME,
        why=("No time.",),
    )
    return GroupPlan(
        plan_id=uuid4(),
        cohort_id=world.cohort.cohort_id,
        least=3,
        most=6,
        minutes=60,
        level=3,
        groups=(group,),
        unmatched=(out,),
        value=1.5,
        upper_bound=1.5,
        published=published,
    )


class TestGroups:
    SEEN = """groupPlan(id: $id) { value upperBound groups { topic others(locale: "pl") } unmatched { reason why }
        myGroup { topic sharedWindows members { leads gives person { displayName } learns { need offer } } } }
        myGroups { topic } cohort(id: $cohort) { groupPlans { id } }"""

    async def seen(self, client: Client, world: World, plan: GroupPlan, who: Profile | str) -> Any:
        organization = world.north if who in {"north", world.ada, world.cleo} else world.south
        subject = organization.admins[0] if isinstance(who, str) else who.subject
        query = f"query($id: ID!, $cohort: ID!) {{ {self.SEEN} }}"
        token = client.token(organization, subject)
        return await client.ask(query, token, id=str(plan.plan_id), cohort=str(plan.cohort_id))

    async def test_are_seen_by_organizers_and_once_published_by_their_members(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        draft = a_group_plan(world, published=False)
        await tell(*world.facts(), *world.ledger.of(draft))
        none: dict[str, Any] = {"groupPlan": None, "myGroups": [], "cohort": {"groupPlans": []}}
        for who in (world.ada, world.ben, world.cleo):
            assert await self.seen(client, world, draft, who) == none
        north = (await self.seen(client, world, draft, "north"))["groupPlan"]
        south = (await self.seen(client, world, draft, "south"))["groupPlan"]
        polish = ["Nikt inny nie potrzebuje tego tematu."]
        assert north["groups"] == [{"topic": "offer secret of Ada", "others": polish}]
        assert south["groups"] == [{"topic": None, "others": polish}]
        assert (north["value"], north["myGroup"]) == (1.5, None)
        assert (north["unmatched"], south["unmatched"]) == ([{"reason": "NO_SHARED_TIME", "why": ["No time."]}], [])
        await tell(*world.ledger.of(replace(draft, published=True)))
        assert await self.seen(client, world, draft, world.cleo) == none
        mine = await self.seen(client, world, draft, world.ben)
        assert mine["cohort"] == {"groupPlans": [{"id": str(draft.plan_id)}]}
        assert mine["myGroups"] == [{"topic": "offer secret of Ada"}]
        plan = mine["groupPlan"]
        assert (plan["groups"], plan["value"], plan["upperBound"], plan["unmatched"]) == (None, None, None, [])
        group = plan["myGroup"]
        assert (group["topic"], group["sharedWindows"]) == ("offer secret of Ada", ["Mon 14:00–16:00 UTC"])
        assert [(each["leads"], each["gives"], each["learns"]) for each in group["members"]] == [
            (True, True, None),
            (False, False, {"need": "need secret of Ben", "offer": "offer secret of Ada"}),
            (False, False, {"need": "need secret of Dan", "offer": "offer secret of Ada"}),
        ]
        assert [each["person"] and each["person"]["displayName"] for each in group["members"]] == ["Ada", "Ben", "Dan"]


# ── canaries ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def crawls() -> dict[str, str]:
    """For each kind of object with an id: all its leaves, and those of the objects one step further."""
    pieces = {}
    for found in SCHEMA.get_possible_types(SCHEMA.type_map["Node"]):  # type: ignore[arg-type]
        fields = []
        for name, what in found.fields.items():
            inner = get_named_type(what.type)
            if is_leaf_type(inner):
                fields.append(name)
            elif isinstance(inner, GraphQLObjectType):
                inside = inner.fields["nodes"].type if "nodes" in inner.fields else what.type
                deep = get_named_type(inside)
                assert isinstance(deep, GraphQLObjectType)
                leaves = [leaf for leaf, of in deep.fields.items() if is_leaf_type(get_named_type(of.type))]
                chosen = f"{{ {' '.join(leaves) or '__typename'} }}"
                fields.append(f"{name} {{ nodes {chosen} }}" if "nodes" in inner.fields else f"{name} {chosen}")
        pieces[found.name] = f"query($id: ID!) {{ node(id: $id) {{ ... on {found.name} {{ {' '.join(fields)} }} }} }}"
    return pieces


CRAWLS = crawls()
# Which kind of object a fact is about, by the state that it carries.
STATES = {name.lower(): name for name in CRAWLS} | {"profile": "Person", "run": "MatchRun", "plan": "RoundPlan"}


class TestCanaries:
    async def test_are_found_only_where_policy_lets_them(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        note, pulse = a_notification(world.ada), a_feedback(world.pair, usefulness=4, status=FeedbackStatus.SUBMITTED)
        meeting = a_session(world.pair)
        two = world.pair.members[0].person_id, world.pair.members[1].person_id
        rounds = RoundPlan(plan_id=uuid4(), cohort_id=world.pair.cohort_id, rounds=((two,),))
        groups = a_group_plan(world)
        learned = Calibration(
            calibration_id=calibration_id_of(world.north.organization_id),
            organization_id=world.north.organization_id,
            organizations=(world.north.organization_id,),
        )
        facts = [*world.facts(), *of_the_pair(world), *world.ledger.of(note, pulse, meeting, rounds, learned, groups)]
        await tell(*facts)
        ids = {
            (fact.key, "GroupPlan" if isinstance(fact, GroupsPlanned) else kind)
            for fact in facts
            for state, kind in STATES.items()
            if hasattr(fact, state)
        }
        assert {kind for _, kind in ids} >= set(CRAWLS) - {"Introduction"}
        viewers = {
            "zoe": (world.far, world.zoe.subject),
            "far admin": (world.far, world.far.admins[0]),
            "eve": (world.north, world.eve.subject),
            "cleo": (world.north, world.cleo.subject),
            "north admin": (world.north, world.north.admins[0]),
            "ada": (world.north, world.ada.subject),
        }
        found: dict[str, set[str]] = {}
        for name, (organization, subject) in viewers.items():
            token = client.token(organization, subject)
            texts = [(await client.post(CRAWLS[kind], token, id=str(key))).text for key, kind in ids]
            everything = "\n".join(texts)
            assert '"errors"' not in everything, everything[everything.index('"errors"') :][:500]
            found[name] = {
                who
                for who in ("Ada", "Ben", "Cleo", "Dan", "Eve", "Zoe", "the pair")
                if f"secret of {who}" in everything
            }
            for each in world.people:
                if email_of(each) in everything:
                    found[name].add(f"@{each.display_name}")
        assert found == {
            "zoe": {"Zoe", "@Zoe"},
            "far admin": {"Zoe", "@Zoe"},
            "eve": {"Eve", "@Eve"},
            "cleo": {"Cleo", "@Cleo"},
            "north admin": {"Ada", "@Ada", "Cleo", "@Cleo", "Eve", "@Eve"},
            "ada": {"Ada", "@Ada", "Ben", "@Ben", "the pair"},
        }

    async def test_of_a_sealed_feedback_stay_sealed(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        sealed = a_feedback(world.pair, usefulness=1, status=FeedbackStatus.SUBMITTED)
        await tell(*world.facts(), *world.ledger.of(sealed))
        addressee = next(each for each in world.people if each.person_id == sealed.addressee_id)
        organization = world.north if addressee is world.ada else world.south
        data = await client.ask(
            "query($id: ID!) { node(id: $id) { ... on Feedback { status usefulness } } }",
            client.token(organization, addressee.subject),
            id=str(sealed.feedback_id),
        )
        assert data["node"] == {"status": "SUBMITTED", "usefulness": None}


class TestFeedbackDue:
    async def test_is_what_can_still_be_given(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        now = datetime.now(UTC)
        over, due, given = (
            a_feedback(world.pair, due_at=now - timedelta(minutes=1)),
            a_feedback(world.pair, due_at=now + timedelta(days=1)),
            a_feedback(world.pair, due_at=now + timedelta(days=1), status=FeedbackStatus.SUBMITTED),
        )
        await tell(*world.facts(), *world.ledger.of(over, due, given))
        author = next(each for each in world.people if each.person_id == due.author_id)
        organization = world.north if author is world.ada else world.south
        seen = await client.ask("{ viewer { feedbackDue { id } } }", client.token(organization, author.subject))
        assert seen["viewer"]["feedbackDue"] == [{"id": str(due.feedback_id)}]


class TestReport:
    async def test_withholds_figures_about_few(self, client: Client, tell: Any) -> None:
        world = a_world(PairStatus.ACTIVE)
        more = [a_person(f"P{number}", world.north) for number in range(6)] + [a_person("Q", world.south)]
        places = [an_enrolment(each, world.cohort) for each in more]
        fallen = a_pair(world.cleo, more[-1], world.cohort, status=PairStatus.EXPIRED)
        second = a_pair(more[0], world.dan, world.cohort, status=PairStatus.ACTIVE)
        # North has 8 people, 2 of them in a pair that stands; South has 3.
        states = [*more, *places, fallen, second, a_reciprocity(world.pair)]
        await tell(*world.facts(), *world.ledger.of(*states))
        query = (
            "query($id: ID!) { cohort(id: $id) { report { people matchRate meanValue meanBalance pairs { status count } "
            "organizations { withheld people matchRate organization { name } } } } }"
        )
        shown = {}
        for name, token in (
            ("north", client.token(world.north, world.north.admins[0])),
            ("south", client.token(world.south, world.south.admins[0])),
            ("ada", client.token(world.north, world.ada.subject)),
        ):
            data = await client.ask(query, token, id=str(world.cohort.cohort_id))
            shown[name] = data["cohort"]["report"]
        assert shown["ada"] is None
        by_name = {each["organization"]["name"]: each for each in shown["north"]["organizations"]}
        assert by_name["North"]["matchRate"] == 0.25
        assert by_name["South"] == {
            "withheld": True,
            "people": None,
            "matchRate": None,
            "organization": {"name": "South"},
        }
        assert shown["north"]["meanBalance"] is None
        assert shown["north"]["people"] == 11
        assert {"status": "ACTIVE", "count": 2} in shown["north"]["pairs"]
        assert not {each["organization"]["name"]: each for each in shown["south"]["organizations"]}["South"]["withheld"]


def test_feedback_contract_has_no_words() -> None:
    """Should words ever be added to the public state, the read model would spread them."""
    assert not {"praise", "critique", "text"} & set(feedback.Feedback.__dataclass_fields__)


def test_proposed_fields_are_all_in_the_matrix() -> None:
    assert len(ProposedField) == sum(row == "yyy-y------" for row in PERSON.values()) + 2
