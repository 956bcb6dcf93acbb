"""Mutations against the real services: a client reads its own writes, repeats without harm, and is told what is wrong."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.identity import DevelopmentIssuer, internal_token
from contracts.base import SYSTEM
from contracts.notifications import NotificationKind
from deploy.embedded import Infrastructure
from deploy.provision import ServiceDsns
from gateway.app import create_app
from gateway.store import READ_MODEL
from services.notifications.domain.preferences import unsubscribe_token
from tests.gateway.conftest import gateway_environment
from tests.gateway.serving import SECRET, Client, serving
from tests.probes import eventually
from tests.profiles.making import a_file, a_row

UNSUBSCRIBE_SECRET = "another secret that is long enough for tests"
SERVICES = ("profiles", "matching", "feedback", "notifications")
REFUSAL = (
    "... on Refusal { __typename code message remedy } ... on InvalidInput { problems { path message value remedy } }"
)


@dataclass
class House:
    """The whole platform, and a partner organization of this test."""

    client: Client
    slug: str
    organization_id: str = ""

    @property
    def operator(self) -> str:
        return self.client.token("operator", "olga")

    @property
    def admin(self) -> str:
        return self.client.token(self.slug, "boss")

    def person(self, subject: str) -> str:
        return self.client.token(self.slug, subject)

    async def do(self, name: str, kind: str, answer: str, token: str, /, **given: Any) -> Any:
        """Send one mutation; what it answers."""
        query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ __typename {answer} {REFUSAL} }} }}"
        return (await self.client.ask(query, token, input=given))[name]

    async def onboard(self, subject: str, **changes: Any) -> Any:
        """A person of the organization."""
        given = {"subject": subject, "displayName": subject.title(), "email": f"{subject}@example.org"} | changes
        answer = await self.do(
            "saveProfile",
            "SaveProfile",
            "... on Person { id displayName email visibleAs offers { text } }",
            self.admin,
            **given,
        )
        assert answer["__typename"] == "Person", answer
        return answer

    async def draft(self, want: str, **given: Any) -> Any:
        """A cohort, as soon as matching has heard of the organization."""

        async def drafted() -> Any:
            answer = await self.do("draftCohort", "DraftCohort", want, self.admin, **given)
            return answer if answer["__typename"] == "Cohort" else None

        return await eventually(drafted, describe="the cohort is drafted", within=30)


@pytest.fixture(scope="module")
async def whole(
    infrastructure: Infrastructure,
    provisioned: dict[str, ServiceDsns],
    made_topics: None,
    issuer: DevelopmentIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """All five deployables."""
    folder = tmp_path_factory.mktemp("whole")
    async with AsyncExitStack() as stack:
        urls = {}
        for name in SERVICES:
            environment = {
                "MODE": "embedded",
                "DATABASE_URL": provisioned[name].app,
                "KAFKA": infrastructure.kafka_bootstrap,
                "INTERNAL_SECRET": SECRET,
                "CLOCK_FILE": str(folder / "clock"),
                "LOG_LEVEL": "warning",
                "SMTP_URL": "smtp://127.0.0.1:9",
                "UNSUBSCRIBE_SECRET": UNSUBSCRIBE_SECRET,
                "PUBLIC_URL": "http://127.0.0.1:9",
                "MEANING": "light",
            }
            app = import_module(f"services.{name}.app").app
            urls[name] = (await stack.enter_async_context(serving(app, environment))).url
        environment = gateway_environment(infrastructure, provisioned, issuer, folder=folder, urls=urls)
        served = await stack.enter_async_context(serving(create_app(), environment))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=20))
        for url in (*urls.values(), served.url):
            ready = partial(_ready, http, url)
            await eventually(ready, describe=f"{url} is ready", within=30)
        yield Client(http, issuer)


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    return (await http.get(f"{url}/health/ready")).status_code == httpx.codes.OK


@pytest.fixture
async def house(whole: Client) -> House:
    """An organization of its own for each test."""
    house = House(whole, f"org-{uuid4().hex[:8]}")
    answer = await house.do(
        "registerOrganization",
        "RegisterOrganization",
        "... on Organization { id slug issuer admins }",
        house.operator,
        slug=house.slug,
        name=house.slug.title(),
        issuer=f"https://dev.viceversa.local/{house.slug}",
        admins=["boss"],
        timeZone="Europe/Berlin",
    )
    assert answer["__typename"] == "Organization", answer
    house.organization_id = answer["id"]
    return house


class TestReadingYourWrites:
    async def test_works_at_once_for_an_organization(self, house: House) -> None:
        data = await house.client.ask("{ viewer { roles organization { slug timeZone } } }", house.admin)
        assert data["viewer"] == {"roles": ["ADMIN"], "organization": {"slug": house.slug, "timeZone": "Europe/Berlin"}}

    async def test_works_at_once_for_a_profile(self, house: House) -> None:
        saved = await house.onboard("ada", offers=[{"text": "Sourdough"}])
        assert saved["offers"] == [{"text": "Sourdough"}]
        assert saved["visibleAs"] == "ADMINISTERED"
        data = await house.client.ask("{ viewer { roles person { id email offers { text } } } }", house.person("ada"))
        assert data["viewer"]["roles"] == ["PERSON"]
        assert data["viewer"]["person"] == {
            "id": saved["id"],
            "email": "ada@example.org",
            "offers": [{"text": "Sourdough"}],
        }

    async def test_keeps_what_a_change_leaves_out(self, house: House) -> None:
        await house.onboard("ada", offers=[{"text": "Sourdough"}], jobTitle="Baker")
        answer = await house.do(
            "saveProfile",
            "SaveProfile",
            "... on Person { jobTitle offers { text } needs { text kind priority } }",
            house.person("ada"),
            needs=[{"text": "Taxes", "kind": "SHOW_ME", "priority": 3}],
        )
        assert answer == {
            "__typename": "Person",
            "jobTitle": "Baker",
            "offers": [{"text": "Sourdough"}],
            "needs": [{"text": "Taxes", "kind": "SHOW_ME", "priority": 3}],
        }

    async def test_works_at_once_for_consents_and_wishes(self, house: House) -> None:
        await house.onboard("ada")
        token = house.person("ada")
        answer = await house.do(
            "changeConsent",
            "ChangeConsent",
            "... on Consent { purpose granted inForce }",
            token,
            purpose="MATCHING",
            granted=True,
        )
        assert answer == {"__typename": "Consent", "purpose": "MATCHING", "granted": True, "inForce": True}
        wishes = await house.do(
            "changePreferences",
            "ChangePreferences",
            "... on Preferences { emailEnabled mutedKinds quietFrom quietUntil }",
            token,
            mutedKinds=["NUDGE"],
            quietFrom="22:00:00",
        )
        assert wishes["mutedKinds"] == ["NUDGE"]
        assert wishes["quietFrom"] == "22:00:00"
        assert wishes["quietUntil"] == "08:00:00"

    async def test_works_at_once_for_a_cohort_and_a_place_in_it(self, house: House) -> None:
        await house.onboard("ada", offers=[{"text": "Sourdough"}], needs=[{"text": "Taxes"}])
        await house.do("changeConsent", "ChangeConsent", "", house.person("ada"), purpose="MATCHING", granted=True)
        now = datetime.now(UTC)
        drafted = await house.draft(
            "... on Cohort { id status partners { accepted organization { slug } } rules { version } }",
            name="Alone",
            partners=[{"organizationId": house.organization_id}],
            opensAt=(now - timedelta(days=1)).isoformat(),
            closesAt=(now + timedelta(days=1)).isoformat(),
            startsAt=(now + timedelta(days=2)).isoformat(),
            endsAt=(now + timedelta(days=60)).isoformat(),
        )
        assert drafted["__typename"] == "Cohort", drafted
        assert drafted["partners"] == [{"accepted": True, "organization": {"slug": house.slug}}]
        if drafted["status"] == "DRAFT":
            drafted = await house.do(
                "advanceCohort",
                "AdvanceCohort",
                "... on Cohort { id status }",
                house.admin,
                cohortId=drafted["id"],
                to="OPEN",
            )
        assert drafted["status"] == "OPEN"

        async def enrolled() -> Any:
            answer = await house.do(
                "enrol",
                "Enrol",
                "... on Enrolment { status person { displayName } cohort { name } }",
                house.person("ada"),
                cohortId=drafted["id"],
            )
            return answer if answer["__typename"] == "Enrolment" else None

        # Matching hears of the person through the broker.
        place = await eventually(enrolled, describe="matching lets Ada enrol", within=30, every=0.2)
        assert place["status"] in {"APPLIED", "ADMITTED"}
        assert place["person"] == {"displayName": "Ada"}
        mine = await house.client.ask(
            "query($id: ID!) { cohort(id: $id) { myEnrolment { status } enrolments { totalCount } } }",
            house.person("ada"),
            id=drafted["id"],
        )
        assert mine["cohort"] == {"myEnrolment": {"status": place["status"]}, "enrolments": None}

    async def test_counts_its_facts(self, house: House) -> None:
        data = await house.client.ask("{ platform { mode factsPerTopic { topic facts } } }", house.operator)
        counts = {each["topic"]: each["facts"] for each in data["platform"]["factsPerTopic"]}
        assert counts["viceversa.profiles"] >= 1
        hidden = await house.client.ask("{ platform { factsPerTopic { facts } } }", house.admin)
        assert hidden["platform"]["factsPerTopic"] is None


PAIR = "... on Pair { id status value directions { need offer } members { acceptedAt } partner { displayName email } }"
SIMULATED = (
    "... on MatchRun { id simulated baseRun { id } "
    "rules { difference rules { kind parameter language people { id } } } }"
)
LATEST = "query($id: ID!) { cohort(id: $id) { latestRun { id } runs { nodes { id } } } }"
COMPARED = (
    "query($run: ID!, $other: ID!) { compareRuns(runId: $run, otherId: $other) { __typename ... on RunComparison { "
    "moved moves { person { displayName } partners { displayName } } pairsInBoth sameSnapshot "
    "run { run { id } rules { difference } value matched unmatched organizations { matchRate } } "
    "other { rules { difference } } } } }"
)
FAIR = (
    "query($id: ID!) { matchRun(id: $id) { ended stopping soFar { pairs unmatched } "
    "worstOffFloor { asked reached highest price priceAtMost } organizationFloor { reached } "
    "fairness { gini worst best gap blockingPairs blockingThreshold } "
    'rulePrices { number kind required people value why(locale: "pl") } organizations { shareOfBest bestMean worstValue } } }'
)
CHECKED = (
    "query($id: ID!, $rules: RuleSetInput) { rulesCheck(cohortId: $id, rules: $rules) { __typename ... on RulesCheck { "
    "people contradictions { rules fatal why } } ... on InvalidInput { problems { path } } } }"
)
PASSED = (
    "query($pair: ID, $cohort: ID) { passedOver(pairId: $pair, cohortId: $cohort) { __typename ... on PassedOverList { "
    "people { person { displayName } value own price why } } } }"
)
WAITING = "{ viewer { pairs(openProposals: true) { nodes { id } } feedbackDue { id kind } introductionsAsked { id } } }"


class TestTheWayOfAPair:
    """Every object that a mutation of two people answers with, in the order in which people meet them."""

    async def test_is_seen_step_by_step(self, house: House) -> None:
        token = {name: house.person(name) for name in ("ada", "ben", "cleo")}
        wishes = {
            "ada": ("Baking sourdough bread", "Filing a tax return"),
            "ben": ("Filing a tax return", "Baking bread"),
        }
        ids = {}
        for name, (offer, need) in wishes.items():
            saved = await house.onboard(
                name,
                offers=[{"text": offer, "level": 5}],
                needs=[{"text": need, "priority": 3}],
                languages=[{"code": "en", "level": "C2"}],
                availability=[{"weekday": 0, "start": 540, "end": 720}],
                timeZone="Europe/Berlin",
                team=name,
            )
            ids[name] = saved["id"]
        ids["cleo"] = (await house.onboard("cleo"))["id"]
        for each in token.values():
            await house.do("changeConsent", "ChangeConsent", "", each, purpose="MATCHING", granted=True)
        cohort_id = await self.opened(house, token)
        await self.met_in_rounds(house, cohort_id, token)
        pair_id = await self.matched(house, cohort_id, token)
        await self.accepted(house, pair_id, token)
        await self.signed(house, pair_id, token)
        await self.agreed_on_topics(house, pair_id, token, ids)
        session_id = await self.met(house, pair_id, token)
        await self.told_each_other(house, session_id, token)
        await self.introduced(house, pair_id, token, ids)
        ended = await house.do(
            "endPair", "EndPair", "... on Pair { status endedReason }", token["ada"], pairId=pair_id, reason="Done"
        )
        assert ended == {"__typename": "Pair", "status": "ENDED_EARLY", "endedReason": "Done"}

    async def opened(self, house: House, token: dict[str, str]) -> str:
        now = datetime.fromisoformat((await house.client.ask("{ platform { now } }", house.admin))["platform"]["now"])
        drafted = await house.draft(
            "... on Cohort { id status }",
            name="Two",
            partners=[{"organizationId": house.organization_id}],
            opensAt=(now - timedelta(days=1)).isoformat(),
            closesAt=(now + timedelta(days=1)).isoformat(),
            startsAt=(now + timedelta(days=1)).isoformat(),
            endsAt=(now + timedelta(days=90)).isoformat(),
            rules={"rules": [], "difference": 0.0},
        )
        assert drafted["status"] == "OPEN", drafted
        for name, of in token.items():

            async def enrolled(of: str = of) -> Any:
                answer = await house.do("enrol", "Enrol", "", of, cohortId=drafted["id"])
                return answer["__typename"] == "Enrolment"

            await eventually(enrolled, describe=f"{name} can enrol", within=30, every=0.2)
        paused = await house.do(
            "pauseEnrolment", "Cohort", "... on Enrolment { status }", token["cleo"], cohortId=drafted["id"]
        )
        assert paused == {"__typename": "Enrolment", "status": "PAUSED"}
        return str(drafted["id"])

    async def met_in_rounds(self, house: House, cohort_id: str, token: dict[str, str]) -> None:
        schedule = "mySchedule { number sitsOut partner { displayName } }"
        seen = "status roundCount value error rounds { number meetings { people { displayName } } }"
        refused = await house.do("planRounds", "PlanRounds", "", token["ada"], cohortId=cohort_id, rounds=1)
        assert refused["__typename"] == "NotFound"
        many = await house.do("planRounds", "PlanRounds", "", house.admin, cohortId=cohort_id, rounds=13)
        assert many["__typename"] == "InvalidInput"
        asked = await house.do(
            "planRounds",
            "PlanRounds",
            "... on RoundPlan { id status roundCount cohort { id } }",
            house.admin,
            cohortId=cohort_id,
            rounds=1,
        )
        assert (asked["roundCount"], asked["cohort"]) == (1, {"id": cohort_id}), asked

        async def planned(of: str = house.admin) -> Any:
            query = f"query($id: ID!) {{ roundPlan(id: $id) {{ {seen} {schedule} }} }}"
            found = (await house.client.ask(query, of, id=asked["id"]))["roundPlan"]
            assert found is None or found["status"] != "FAILED", found
            return found if found is None or found["status"] == "COMPLETED" else None

        plan = await eventually(planned, describe="the rounds are planned", within=60, every=0.2)
        (only,) = plan["rounds"]
        assert {each["displayName"] for each in only["meetings"][0]["people"]} == {"Ada", "Ben"}
        assert plan["value"] > 0
        assert plan["mySchedule"] == []
        own = await planned(token["ada"])
        assert own["mySchedule"] == [{"number": 1, "sitsOut": False, "partner": {"displayName": "Ben"}}]
        assert (own["rounds"], own["value"], own["error"]) == (None, None, None)
        of_cohort = "query($id: ID!) { cohort(id: $id) { roundPlans { id } latestRun { id } } }"
        for name, found in (("ada", [{"id": asked["id"]}]), ("cleo", [])):
            answer = await house.client.ask(of_cohort, token[name], id=cohort_id)
            assert answer["cohort"]["roundPlans"] == found, name
        assert (
            await planned(token["cleo"]) is None
        )  # she pauses, so she is in no round, and the plan is not hers to see
        everything = await house.client.ask(of_cohort, house.admin, id=cohort_id)
        assert everything["cohort"] == {"roundPlans": [{"id": asked["id"]}], "latestRun": None}
        again = await house.do(
            "replanRounds",
            "ReplanRounds",
            "... on RoundPlan { id status }",
            house.admin,
            planId=asked["id"],
            fromRound=1,
        )
        assert again == {"__typename": "RoundPlan", "id": asked["id"], "status": "QUEUED"}
        await eventually(planned, describe="the rounds are planned anew", within=60, every=0.2)

    async def matched(self, house: House, cohort_id: str, token: dict[str, str]) -> str:
        closed = await house.do(
            "advanceCohort",
            "AdvanceCohort",
            "... on Cohort { status }",
            house.admin,
            cohortId=cohort_id,
            to="CLOSED",
        )
        assert closed == {"__typename": "Cohort", "status": "CLOSED"}
        run = await house.do(
            "requestMatching",
            "RequestMatching",
            "... on MatchRun { id status keep moved cohort { id } }",
            house.admin,
            cohortId=cohort_id,
            keep="LOCKED",
        )
        assert (run["cohort"], run["keep"], run["moved"]) == ({"id": cohort_id}, "LOCKED", 0), run

        async def completed() -> Any:
            found = await house.client.ask(
                "query($id: ID!) { matchRun(id: $id) { status error pairs } }", house.admin, id=run["id"]
            )
            assert found["matchRun"]["status"] != "FAILED", found
            return found["matchRun"] if found["matchRun"]["status"] == "COMPLETED" else None

        assert (await eventually(completed, describe="the run completes", within=30, every=0.2))["pairs"] == 1
        await self.fair(house, cohort_id, run["id"])
        adopted = await self.thought_over(house, cohort_id, run["id"])
        published = await house.do(
            "publishProposals", "Run", "... on MatchRun { published }", house.admin, runId=adopted
        )
        assert published == {"__typename": "MatchRun", "published": True}

        async def proposed() -> Any:
            return (await house.client.ask(WAITING, token["ada"]))["viewer"]["pairs"]["nodes"]

        pair_id = str((await eventually(proposed, describe="Ada sees the proposal", within=30, every=0.2))[0]["id"])
        for about in ({"pair": pair_id}, {"cohort": cohort_id}):
            passed = await house.client.ask(PASSED, token["ada"], **about)
            assert passed["passedOver"] == {"__typename": "PassedOverList", "people": []}
        foreign = await house.client.ask(PASSED, token["cleo"], pair=pair_id)
        assert foreign["passedOver"]["__typename"] == "NotFound"
        return pair_id

    async def fair(self, house: House, cohort_id: str, run_id: str) -> None:
        """What the run says of its fairness, and what the rules say before the next one."""
        found = (await house.client.ask(FAIR, house.admin, id=run_id))["matchRun"]
        assert (found["ended"], found["stopping"], found["soFar"]) == ("OPTIMAL", False, {"pairs": 1, "unmatched": 0})
        assert (found["worstOffFloor"], found["organizationFloor"]) == (None, None)
        fairness = found["fairness"]
        assert (fairness["gini"], fairness["gap"], fairness["blockingPairs"]) == (0.0, 0.0, 0)
        assert [each["number"] for each in found["rulePrices"]] == list(range(1, len(found["rulePrices"]) + 1))
        assert all("reguły" in each["why"] for each in found["rulePrices"])
        assert 0 < found["organizations"][0]["shareOfBest"] <= 1
        over = await house.do("cancelMatching", "CancelMatching", "", house.admin, runId=run_id, keepBest=True)
        assert over["__typename"] == "Conflict"
        checked = await house.client.ask(CHECKED, house.admin, id=cohort_id)
        assert checked["rulesCheck"] == {"__typename": "RulesCheck", "people": 2, "contradictions": []}
        rules = {"rules": [{"kind": "SHARED_MINUTES", "parameter": 10_000.0}]}
        checked = await house.client.ask(CHECKED, house.admin, id=cohort_id, rules=rules)
        (contradiction,) = checked["rulesCheck"]["contradictions"]
        assert (contradiction["rules"], contradiction["fatal"]) == ([1], False)
        wrong = await house.client.ask(CHECKED, house.admin, id=cohort_id, rules={"worstOffFloor": 2.0})
        assert [each["path"] for each in wrong["rulesCheck"]["problems"]] == ["worst_off_floor"]
        hidden = await house.client.ask(CHECKED, house.person("ada"), id=cohort_id)
        assert hidden["rulesCheck"]["__typename"] != "RulesCheck"

    async def thought_over(self, house: House, cohort_id: str, run_id: str) -> str:
        """A what-if beside the run, compared with it and adopted; the adopted run."""

        async def latest() -> Any:
            found = await house.client.ask(LATEST, house.admin, id=cohort_id)
            return found["cohort"]["latestRun"], [each["id"] for each in found["cohort"]["runs"]["nodes"]]

        async def simulate(base: str, **rules: Any) -> Any:
            return await house.do(
                "simulateMatching", "SimulateMatching", SIMULATED, house.admin, baseRunId=base, rules=rules
            )

        nowhere = await simulate(str(uuid4()), rules=[])
        assert (nowhere["__typename"], nowhere["code"]) == ("NotFound", "RunNotFound")
        wrong = await simulate(run_id, rules=[{"kind": "SHARED_MINUTES", "language": "en"}])
        assert [each["path"] for each in wrong["problems"]] == ["rules[0].parameter", "rules[0].language"]
        rule = {"kind": "SHARED_LANGUAGE", "parameter": 4.0, "language": "en"}
        run = await simulate(run_id, rules=[rule], difference=0.3)
        assert run == {
            "__typename": "MatchRun",
            "id": run["id"],
            "simulated": True,
            "baseRun": {"id": run_id},
            "rules": {"difference": 0.3, "rules": [rule | {"people": []}]},
        }

        async def completed() -> Any:
            found = await house.client.ask(
                "query($id: ID!) { matchRun(id: $id) { status error } }", house.admin, id=run["id"]
            )
            assert found["matchRun"]["status"] != "FAILED", found
            return found["matchRun"]["status"] == "COMPLETED"

        await eventually(completed, describe="the simulation completes", within=30, every=0.2)
        assert await latest() == ({"id": run_id}, [run["id"], run_id])
        early = await house.do("publishProposals", "Run", "", house.admin, runId=run["id"])
        assert (early["__typename"], early["code"]) == ("Conflict", "NothingToPublish")
        compared = await house.client.ask(COMPARED, house.admin, run=run_id, other=run["id"])
        figures = compared["compareRuns"]
        assert (figures["moved"], figures["moves"], figures["pairsInBoth"], figures["sameSnapshot"]) == (0, [], 1, True)
        assert figures["run"] | {"value": 0} == {
            "run": {"id": run_id},
            "rules": None,
            "value": 0,
            "matched": 2,
            "unmatched": 0,
            "organizations": [{"matchRate": 1.0}],
        }
        assert figures["other"]["rules"] == {"difference": 0.3}
        hidden = await house.client.ask(COMPARED, house.person("ada"), run=run_id, other=run["id"])
        assert hidden["compareRuns"]["__typename"] == "NotFound"
        adopted = await house.do("adoptRun", "Run", SIMULATED, house.admin, runId=run["id"])
        assert (adopted["simulated"], adopted["baseRun"]) == (False, {"id": run_id}), adopted
        assert (await latest())[0] == {"id": run["id"]}
        found = await house.client.ask(
            "query($id: ID!) { cohort(id: $id) { status rules { version difference rules { language } } } }",
            house.admin,
            id=cohort_id,
        )
        assert found["cohort"] == {
            "status": "REVIEW",
            "rules": {"version": 2, "difference": 0.3, "rules": [{"language": "en"}]},
        }
        return str(run["id"])

    async def accepted(self, house: House, pair_id: str, token: dict[str, str]) -> None:
        asked = await house.do(
            "askQuestion",
            "AskQuestion",
            "... on Pair { questions { id text answer } }",
            token["ada"],
            pairId=pair_id,
            text="Rye?",
        )
        assert asked["questions"][0]["text"] == "Rye?", asked
        answered = await house.do(
            "answerQuestion",
            "AnswerQuestion",
            "... on Pair { questions { answer } }",
            token["ben"],
            pairId=pair_id,
            questionId=asked["questions"][0]["id"],
            answer="Please.",
        )
        assert answered["questions"] == [{"answer": "Please."}]
        first = await house.do("acceptPair", "Pair", PAIR, token["ada"], pairId=pair_id)
        assert (first["status"], first["partner"]) == ("HALF_ACCEPTED", {"displayName": "Ben", "email": None})
        second = await house.do("acceptPair", "Pair", PAIR, token["ben"], pairId=pair_id)
        assert (second["status"], second["partner"]) == ("ACCEPTED", {"displayName": "Ada", "email": "ada@example.org"})
        assert len(second["directions"]) == 2
        assert all(each["need"] and each["offer"] for each in second["directions"])

    async def signed(self, house: House, pair_id: str, token: dict[str, str]) -> None:
        async def drafted() -> Any:
            found = await house.client.ask(
                "query($id: ID!) { pair(id: $id) { agreement { termsVersion } } }", token["ada"], id=pair_id
            )
            return found["pair"]["agreement"]

        await eventually(drafted, describe="an agreement is drafted", within=30, every=0.2)
        changed = await house.do(
            "changeAgreement",
            "ChangeAgreement",
            "... on Agreement { termsVersion goals { text } plan { minutes } complete }",
            token["ada"],
            pairId=pair_id,
            goals=["Bread that rises"],
        )
        assert {"text": "Bread that rises"} in changed["goals"], changed
        for name, complete in (("ada", False), ("ben", True)):
            signed = await house.do(
                "signAgreement",
                "SignAgreement",
                "... on Agreement { complete signedBy { displayName } }",
                token[name],
                pairId=pair_id,
                termsVersion=changed["termsVersion"],
            )
            assert signed["complete"] is complete, signed

    async def agreed_on_topics(self, house: House, pair_id: str, token: dict[str, str], ids: dict[str, str]) -> None:
        added = await house.do(
            "addTopic",
            "AddTopic",
            "... on Agenda { items { id text addedAs status addedBy { displayName } } }",
            token["ada"],
            pairId=pair_id,
            text="Crust",
            learnerId=ids["ben"],
        )
        item = next(each for each in added["items"] if each["text"] == "Crust")
        assert (item["addedAs"], item["status"], item["addedBy"]) == ("teacher", "PROPOSED", {"displayName": "Ada"})
        decided = await house.do(
            "decideTopic",
            "DecideTopic",
            "... on Agenda { items { id status } }",
            token["ben"],
            pairId=pair_id,
            itemId=item["id"],
            status="ACCEPTED",
        )
        assert {"id": item["id"], "status": "ACCEPTED"} in decided["items"]

    async def met(self, house: House, pair_id: str, token: dict[str, str]) -> str:
        now = datetime.fromisoformat((await house.client.ask("{ platform { now } }", house.admin))["platform"]["now"])

        async def scheduled() -> Any:
            # The pair becomes active once matching has heard of both signatures.
            answer = await house.do(
                "scheduleSession",
                "ScheduleSession",
                "... on Session { id status startsAt endsAt number }",
                token["ada"],
                pairId=pair_id,
                startsAt=(now + timedelta(hours=30)).isoformat(),
            )
            return answer if answer["__typename"] == "Session" else None

        session = await eventually(scheduled, describe="a session can be planned", within=30, every=0.2)
        moved = await house.do(
            "rescheduleSession",
            "RescheduleSession",
            "... on Session { status sequence }",
            token["ben"],
            sessionId=session["id"],
            startsAt=(now + timedelta(hours=31)).isoformat(),
        )
        assert (moved["status"], moved["sequence"]) == ("RESCHEDULED", 1), moved
        await house.client.ask(TestClock.QUERY, house.operator, hours=34)
        for name, status in (("ada", "HELD"), ("ben", "LOGGED")):
            logged = await house.do(
                "logSession",
                "LogSession",
                "... on Session { status logs { person { displayName } taught } }",
                token[name],
                sessionId=session["id"],
                taught=f"words of {name}",
                learned="Something",
            )
            assert logged["status"] == status, logged
        return str(session["id"])

    async def told_each_other(self, house: House, session_id: str, token: dict[str, str]) -> None:
        query = "query($id: ID!) { sessionLogs(id: $id) { __typename ... on SessionLogTexts { logs { taught } } } }"
        texts = await house.client.ask(query, token["ben"], id=session_id)
        assert {each["taught"] for each in texts["sessionLogs"]["logs"]} == {"words of ada", "words of ben"}
        assert (await house.client.ask(query, token["cleo"], id=session_id))["sessionLogs"]["__typename"] == "NotFound"
        given = {}
        for name in ("ada", "ben"):

            async def due(name: str = name) -> Any:
                return (await house.client.ask(WAITING, token[name]))["viewer"]["feedbackDue"]

            given[name] = (await eventually(due, describe=f"{name} is asked for a pulse", within=30, every=0.2))[0][
                "id"
            ]
        for name, status in (("ada", "SUBMITTED"), ("ben", "RELEASED")):
            submitted = await house.do(
                "submitFeedback",
                "SubmitFeedback",
                "... on Feedback { status usefulness author { displayName } }",
                token[name],
                feedbackId=given[name],
                usefulness=5,
                praise=f"praise by {name}",
            )
            assert submitted["status"] == status, submitted

        text = "query($id: ID!) { feedbackText(id: $id) { __typename ... on FeedbackText { praise } } }"
        read = await house.client.ask(text, token["ben"], id=given["ada"])
        assert read["feedbackText"] == {"__typename": "FeedbackText", "praise": "praise by ada"}
        assert (await house.client.ask(text, house.admin, id=given["ada"]))["feedbackText"][
            "__typename"
        ] != "FeedbackText"

    async def introduced(self, house: House, pair_id: str, token: dict[str, str], ids: dict[str, str]) -> None:
        offered = await house.do(
            "offerIntroduction",
            "OfferIntroduction",
            "... on Introduction { id status thirdPerson { displayName } }",
            token["ada"],
            pairId=pair_id,
            thirdPersonId=ids["cleo"],
            about="Flour",
        )
        assert (offered["status"], offered["thirdPerson"]) == ("OFFERED", {"displayName": "Cleo"}), offered
        asked = (await house.client.ask(WAITING, token["cleo"]))["viewer"]["introductionsAsked"]
        assert asked == [{"id": offered["id"]}]
        steps: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
            ("answerIntroduction", "AnswerIntroduction", "cleo", "CONSENTED", {"consent": True}),
            ("makeIntroduction", "Introduction", "ada", "MADE", {}),
            ("closeIntroduction", "CloseIntroduction", "ben", "CLOSED", {"outcome": "A recipe"}),
        )
        for name, kind, who, status, more in steps:
            step = await house.do(
                name, kind, "... on Introduction { status }", token[who], introductionId=offered["id"], **more
            )
            assert step == {"__typename": "Introduction", "status": status}, step


class TestImporting:
    FILE = a_file([a_row("ada", name="Ada", email="ada@example.org"), a_row("ben", name="", zone="Mars")])

    async def test_previews_without_a_trace_and_reports_each_problem(self, house: House) -> None:
        data = await house.client.ask(
            'query($content: String!) { previewImport(fileName: "people.csv", content: $content) { __typename '
            "... on ImportReport { dryRun rows created rejected problems { row column value message remedy } } } }",
            house.admin,
            content=b64encode(self.FILE).decode(),
        )
        report = data["previewImport"]
        assert report["__typename"] == "ImportReport", report
        assert report["dryRun"] is True
        assert (report["rows"], report["rejected"]) == (2, 1)
        assert {each["row"] for each in report["problems"]} == {3}
        people = await house.client.ask("{ viewer { organization { people { totalCount } } } }", house.admin)
        assert people["viewer"]["organization"]["people"]["totalCount"] == 0

    async def test_takes_the_good_rows_and_keeps_the_report(self, house: House) -> None:
        answer = await house.do(
            "importPeople",
            "ImportPeople",
            "... on PeopleImported { report { importId created rejected } }",
            house.admin,
            fileName="people.csv",
            content=b64encode(self.FILE).decode(),
        )
        assert answer["__typename"] == "PeopleImported", answer
        assert (answer["report"]["created"], answer["report"]["rejected"]) == (1, 1)
        data = await house.client.ask(
            "query($id: ID!) { importReport(id: $id) { ... on ImportReport { created } } "
            "viewer { organization { people { nodes { displayName email } totalCount } } } }",
            house.admin,
            id=answer["report"]["importId"],
        )
        assert data["importReport"] == {"created": 1}
        assert data["viewer"]["organization"]["people"] == {
            "nodes": [{"displayName": "Ada", "email": "ada@example.org"}],
            "totalCount": 1,
        }

    async def test_refuses_what_is_not_base64(self, house: House) -> None:
        answer = await house.do("importPeople", "ImportPeople", "", house.admin, fileName="x.csv", content="ä")
        assert answer["__typename"] == "InvalidInput"
        assert answer["problems"][0]["path"] == "content"


class TestRepeating:
    async def test_answers_the_same_command_with_the_same_object(self, house: House) -> None:
        command = {"commandId": str(uuid4()), "subject": "ada", "displayName": "Ada"}
        first = await house.do("saveProfile", "SaveProfile", "... on Person { id }", house.admin, **command)
        again = await house.do("saveProfile", "SaveProfile", "... on Person { id }", house.admin, **command)
        assert first == again
        assert first["__typename"] == "Person"

    async def test_derives_the_ids_that_the_client_left_out(self, house: House) -> None:
        command_id, slug = str(uuid4()), f"org-{uuid4().hex[:8]}"
        given = {
            "commandId": command_id,
            "slug": slug,
            "name": slug,
            "issuer": f"https://dev.viceversa.local/{slug}",
            "admins": ["boss"],
        }
        answers = [
            await house.do(
                "registerOrganization", "RegisterOrganization", "... on Organization { id }", house.operator, **given
            )
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert answers[0]["__typename"] == "Organization"


class TestRefusals:
    async def test_name_the_place_in_the_input(self, house: House) -> None:
        answer = await house.do(
            "scheduleSession",
            "ScheduleSession",
            "",
            house.admin,
            pairId="not an id",
            startsAt="2026-03-01T10:00:00Z",
        )
        assert answer["__typename"] == "InvalidInput"
        assert answer["problems"] == [
            {
                "path": "pairId",
                "message": answer["problems"][0]["message"],
                "value": "not an id",
                "remedy": answer["problems"][0]["remedy"],
            }
        ]

    async def test_ask_for_an_offset_from_utc(self, house: House) -> None:
        answer = await house.do(
            "scheduleSession", "ScheduleSession", "", house.admin, pairId=str(uuid4()), startsAt="2026-03-01T10:00:00"
        )
        assert answer["__typename"] == "InvalidInput"
        assert answer["problems"][0]["path"] == "startsAt"

    async def test_of_the_owner_come_through_with_their_problems(self, house: House) -> None:
        answer = await house.do(
            "saveProfile",
            "SaveProfile",
            "",
            house.admin,
            subject="ada",
            displayName="Ada",
            timeZone="Mars/Olympus",
            offers=[{"text": "x", "level": 9}],
        )
        assert answer["__typename"] == "InvalidInput"
        assert answer["message"]
        assert answer["remedy"]
        assert len(answer["problems"]) >= 2
        assert any("offers[0]" in each["path"] for each in answer["problems"])

    async def test_are_not_found_for_what_is_not_there(self, house: House) -> None:
        await house.onboard("ada")
        answer = await house.do("acceptPair", "Pair", "", house.person("ada"), pairId=str(uuid4()))
        assert answer["__typename"] == "NotFound"

    async def test_keep_people_from_what_operators_do(self, house: House) -> None:
        answer = await house.do(
            "registerOrganization",
            "RegisterOrganization",
            "",
            house.admin,
            slug="mine",
            name="Mine",
            issuer="https://x.example",
            admins=["me"],
        )
        assert answer["__typename"] in {"NotAllowed", "NotFound"}

    async def test_keep_those_without_a_profile_from_what_people_do(self, house: House) -> None:
        answer = await house.do("changeConsent", "ChangeConsent", "", house.admin, purpose="MATCHING", granted=True)
        assert (answer["__typename"], answer["code"]) == ("NotAllowed", "NeedsProfile")


class TestErasing:
    async def test_is_seen_on_the_next_read(self, house: House) -> None:
        saved = await house.onboard("ada")
        answer = await house.do(
            "erasePerson", "ErasePerson", "... on PersonErased { personId }", house.admin, personId=saved["id"]
        )
        assert answer == {"__typename": "PersonErased", "personId": saved["id"]}
        data = await house.client.ask("query($id: ID!) { person(id: $id) { id } }", house.admin, id=saved["id"])
        assert data["person"] is None
        viewer = await house.client.ask("{ viewer { roles } }", house.person("ada"))
        assert viewer["viewer"]["roles"] == []


class TestOwnData:
    async def test_is_given_to_the_person(self, house: House) -> None:
        await house.onboard("ada", jobTitle="Baker")
        data = await house.client.ask(
            "{ exportMyData { __typename ... on PersonExport { json } } }", house.person("ada")
        )
        assert "Baker" in json.dumps(json.loads(data["exportMyData"]["json"]))


class TestClock:
    QUERY = (
        "mutation($hours: Float!) { advanceClock(input: {hours: $hours}) { __typename "
        "... on Platform { now mode } ... on Refusal { code } } }"
    )

    async def test_moves_for_operators(self, house: House) -> None:
        before = (await house.client.ask("{ platform { now } }", house.operator))["platform"]["now"]
        data = await house.client.ask(self.QUERY, house.operator, hours=2)
        moved = datetime.fromisoformat(data["advanceClock"]["now"]) - datetime.fromisoformat(before)
        assert timedelta(hours=2) <= moved < timedelta(hours=2, minutes=5)
        assert data["advanceClock"]["mode"] == "embedded"

    async def test_stands_for_others(self, house: House) -> None:
        data = await house.client.ask(self.QUERY, house.admin, hours=2)
        assert data["advanceClock"] == {"__typename": "NotAllowed", "code": "OperatorsOnly"}

    @pytest.mark.parametrize("hours", [0, -1, 1e9])
    async def test_takes_sensible_steps_only(self, house: House, hours: float) -> None:
        data = await house.client.ask(self.QUERY, house.operator, hours=hours)
        assert data["advanceClock"] == {"__typename": "InvalidInput", "code": "StepOutOfRange"}


class TestRebuilding:
    async def test_makes_the_read_model_anew_from_the_topics(self, house: House) -> None:
        saved = await house.onboard("ada")

        async def rebuilt() -> Any:
            headers = {"authorization": f"Bearer {internal_token(SYSTEM, secret=SECRET, audience='gateway')}"}
            response = await house.client.http.post("/admin/rebuild", headers=headers)
            assert response.status_code == 200, response.text
            tables = response.json()["tables"]
            # Not before every fact lies on its topic; what other tests put past the topics goes with the first rebuild.
            return tables if all(table["equal"] for table in tables) else None

        tables = await eventually(rebuilt, describe="the read model equals its rebuilt self", within=40, every=0.2)
        assert {table["table"] for table in tables} == set(READ_MODEL)
        data = await house.client.ask("{ viewer { person { id email } } }", house.person("ada"))
        assert data["viewer"]["person"] == {"id": saved["id"], "email": "ada@example.org"}


class TestPages:
    async def test_show_where_graphiql_is(self, whole: Client) -> None:
        response = await whole.http.get("/")
        assert response.status_code == 200
        assert 'href="/graphql"' in response.text

    async def test_ask_before_they_unsubscribe(self, whole: Client) -> None:
        response = await whole.http.get("/unsubscribe/some-token")
        assert response.status_code == 200
        assert '<form method="post" action="/unsubscribe/some-token">' in response.text

    async def test_unsubscribe_whomever_the_mail_was_for_again_and_again(self, house: House) -> None:
        saved = await house.onboard("ada")
        wishes = "{ viewer { preferences { mutedKinds } } }"
        link = "/unsubscribe/" + unsubscribe_token(
            UUID(saved["id"]), kind=NotificationKind.NUDGE, key=UNSUBSCRIBE_SECRET
        )
        for _ in range(2):
            await house.client.http.get(link)
            before = await house.client.ask(wishes, house.person("ada"))
            response = await house.client.http.post(link, data={"List-Unsubscribe": "One-Click"})
            assert response.status_code == 200, response.text
            after = await house.client.ask(wishes, house.person("ada"))
            assert before["viewer"]["preferences"]["mutedKinds"] == []
            assert after["viewer"]["preferences"]["mutedKinds"] == ["NUDGE"]
            await house.do("changePreferences", "ChangePreferences", "", house.person("ada"), mutedKinds=[])

    async def test_refuse_a_token_that_is_none(self, whole: Client) -> None:
        response = await whole.http.post("/unsubscribe/some-token", data={"List-Unsubscribe": "One-Click"})
        assert response.status_code == 400

    async def test_write_no_markup_of_others(self, whole: Client) -> None:
        response = await whole.http.get("/unsubscribe/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        assert "<script>" not in response.text
