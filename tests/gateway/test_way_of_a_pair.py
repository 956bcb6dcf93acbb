"""A pair from proposal to its end, against the real services: every mutation on its way."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.gateway.house import ADVANCE, House
from tests.probes import eventually

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
SUGGESTED = (
    "query($cohort: ID!) { suggestions(cohortId: $cohort, first: 3) { __typename ... on Refusal { message } ... on Suggestions { "
    "unread unreadOfOthers why suggestions { value rank language sharedMinutes terms { name amount detail } "
    'directions { need offer similarity level teacher { displayName } } wording(locale: "pl") { locale bridge details } '
    "person { id displayName visibleAs offers { text } } } } } }"
)
MY_RANKING = (
    "query($cohort: ID!) { myRanking(cohortId: $cohort) { __typename ... on Ranking { people { displayName } } } }"
)
RANKED = "... on Ranking { people { displayName } cohort { id } } ... on InvalidInput { problems { path } }"
WHY_NOT = (
    "query($cohort: ID!, $other: ID!, $of: ID) { whyNot(cohortId: $cohort, personId: $other, of: $of) { __typename "
    '... on WhyNot { code rules value why(locale: "en") polish: why(locale: "pl") } } }'
)
VETOES = "query($cohort: ID!) { vetoes(cohortId: $cohort) { __typename ... on Vetoes { vetoes { people { displayName } } } } }"
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
        await self.chosen(house, cohort_id, token, ids)
        await self.met_in_rounds(house, cohort_id, token)
        await self.met_in_groups(house, cohort_id, token)
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

    async def chosen(self, house: House, cohort_id: str, token: dict[str, str], ids: dict[str, str]) -> None:
        """Suggestions, why not, a ranking that nobody else reads, and a veto that is taken back."""

        async def suggested() -> Any:
            answer = await house.client.ask(SUGGESTED, token["ada"], cohort=cohort_id)
            found = answer["suggestions"]
            assert found["__typename"] == "Suggestions", found
            # Until everybody's words are understood, a pair may look as if only one of the two could teach.
            return found if found["suggestions"] and not (found["unread"] or found["unreadOfOthers"]) else None

        (ben,) = (await eventually(suggested, describe="Ada is suggested somebody", within=60, every=0.3))[
            "suggestions"
        ]
        assert ben["person"] == {"id": ids["ben"], "displayName": "Ben", "visibleAs": "LISTED", "offers": None}
        assert ben["value"] == sum(term["amount"] for term in ben["terms"])
        # Ada's own words and nobody else's: Ben is somebody of her cohort, and no more.
        assert {(way["need"], way["offer"]) for way in ben["directions"]} == {
            ("Filing a tax return", None),
            (None, "Baking sourdough bread"),
        }
        assert ben["sharedMinutes"] == 180
        assert (ben["rank"], ben["wording"]["locale"], ben["wording"]["bridge"]) == (None, "pl", None)
        assert {term["detail"] for term in ben["terms"]} == {None}
        ranked = await house.do(
            "rankPeople", "RankPeople", RANKED, token["ada"], cohortId=cohort_id, people=[ids["ben"], ids["cleo"]]
        )
        mine = {"people": [{"displayName": "Ben"}, {"displayName": "Cleo"}], "cohort": {"id": cohort_id}}
        assert ranked == {"__typename": "Ranking", **mine}
        wrong = await house.do(
            "rankPeople", "RankPeople", RANKED, token["ada"], cohortId=cohort_id, people=[ids["ada"]]
        )
        assert [each["path"] for each in wrong["problems"]] == ["people[0]"]
        ben = (await suggested())["suggestions"][0]
        assert (ben["rank"], ben["terms"][-1]["name"]) == (1, "your ranking")
        assert ben["terms"][-1]["detail"].startswith("You ranked this person number 1")
        assert ben["value"] == sum(term["amount"] for term in ben["terms"])
        for of, seen in (("ada", mine["people"]), ("ben", []), ("cleo", [])):
            answer = await house.client.ask(MY_RANKING, token[of], cohort=cohort_id)
            assert answer["myRanking"] == {"__typename": "Ranking", "people": seen}
        nobody = await house.client.ask(MY_RANKING, house.admin, cohort=cohort_id)
        assert nobody["myRanking"]["__typename"] == "NotAllowed"
        export = await house.client.ask(
            "{ exportMyData { ... on PersonExport { rankings { cohort { id } people { displayName } } } } }",
            token["ada"],
        )
        assert export["exportMyData"]["rankings"] == [mine]
        await self.kept_apart(house, cohort_id, token, ids)

    async def kept_apart(self, house: House, cohort_id: str, token: dict[str, str], ids: dict[str, str]) -> None:
        async def why(by: str, other: str, of: str | None = None) -> Any:
            return (await house.client.ask(WHY_NOT, by, cohort=cohort_id, other=ids[other], of=of))["whyNot"]

        assert (await why(token["ada"], "ben"))["code"] == "POSSIBLE"
        assert (await why(token["ada"], "cleo"))["code"] == "NOT_AVAILABLE"
        two = {"cohortId": cohort_id, "people": [ids["ada"], ids["ben"]]}
        vetoed = "... on PairVetoed { cohort { id } dropped { id } }"
        assert await house.do("vetoPair", "VetoPair", vetoed, house.admin, **two) == {
            "__typename": "PairVetoed",
            "cohort": {"id": cohort_id},
            "dropped": None,
        }
        hidden = await why(token["ada"], "ben")
        assert (hidden["code"], hidden["rules"], hidden["value"]) == ("KEPT_APART", [], None)
        told = await why(house.admin, "ben", ids["ada"])
        assert (told["code"], told["why"], told["polish"]) == (
            "VETOED",
            ["An organizer vetoed this pair."],
            ["Organizator zawetował tę parę."],
        )
        listed = await house.client.ask(VETOES, house.admin, cohort=cohort_id)
        assert {each["displayName"] for each in listed["vetoes"]["vetoes"][0]["people"]} == {"Ada", "Ben"}
        assert (await house.client.ask(VETOES, token["ada"], cohort=cohort_id))["vetoes"]["__typename"] == "NotFound"
        refused = await house.do("vetoPair", "VetoPair", vetoed, token["ada"], **two)
        assert refused["__typename"] == "NotFound"
        withdrawn = await house.do(
            "withdrawVeto", "WithdrawVeto", "... on VetoWithdrawn { cohort { id } }", house.admin, **two
        )
        assert withdrawn["__typename"] == "VetoWithdrawn"
        assert (await why(token["ada"], "ben"))["code"] == "POSSIBLE"
        stranger = await house.client.ask(WHY_NOT, token["ada"], cohort=cohort_id, other=str(uuid4()), of=None)
        assert stranger["whyNot"]["__typename"] == "NotFound"

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

    async def met_in_groups(self, house: House, cohort_id: str, token: dict[str, str]) -> None:
        refused = await house.do("planGroups", "PlanGroups", "", token["ada"], cohortId=cohort_id)
        assert refused["__typename"] == "NotFound"
        small = await house.do("planGroups", "PlanGroups", "", house.admin, cohortId=cohort_id, least=2)
        assert small["__typename"] == "InvalidInput"
        seen = "id status published least most minutes level cohort { id }"
        asked = await house.do(
            "planGroups", "PlanGroups", f"... on GroupPlan {{ {seen} }}", house.admin, cohortId=cohort_id, most=4
        )
        assert (asked["published"], asked["least"], asked["most"], asked["minutes"]) == (False, 3, 4, 60), asked
        assert asked["cohort"] == {"id": cohort_id}

        async def planned() -> Any:
            found = await house.client.ask(
                'query($id: ID!) { groupPlan(id: $id) { status groups { topic } value unmatched { reason why(locale: "pl") } } }',
                house.admin,
                id=asked["id"],
            )
            assert found["groupPlan"]["status"] != "FAILED", found
            return found["groupPlan"] if found["groupPlan"]["status"] == "COMPLETED" else None

        plan = await eventually(planned, describe="the groups are planned", within=60, every=0.2)
        assert (plan["groups"], plan["value"], len(plan["unmatched"])) == ([], 0, 2)  # two people are no group
        assert all(each["why"] for each in plan["unmatched"])
        nothing = await house.do("publishGroups", "PublishGroups", "", house.admin, planId=asked["id"])
        assert nothing["__typename"] == "Conflict"
        mine = "query($id: ID!) { myGroups { topic } cohort(id: $id) { groupPlans { id } latestRun { id } } }"
        for of, plans in ((house.admin, [{"id": asked["id"]}]), (token["ada"], [])):
            found = await house.client.ask(mine, of, id=cohort_id)
            assert found == {"myGroups": [], "cohort": {"groupPlans": plans, "latestRun": None}}

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
            "... on MatchRun { id status keep moved wave cohort { id } }",
            house.admin,
            cohortId=cohort_id,
            keep="LOCKED",
        )
        assert (run["cohort"], run["keep"], run["moved"], run["wave"]) == ({"id": cohort_id}, "LOCKED", 0, 1), run

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
        await house.client.ask(ADVANCE, house.operator, hours=34)
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
