"""Mutations against the real services: a client reads its own writes, repeats without harm, and is told what is wrong."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.identity import internal_token
from contracts.base import SYSTEM
from contracts.notifications import NotificationKind
from gateway.store import READ_MODEL
from services.notifications.domain.preferences import unsubscribe_token
from tests.gateway.house import ADVANCE, UNSUBSCRIBE_SECRET, House
from tests.gateway.serving import SECRET, Client
from tests.probes import eventually
from tests.profiles.making import a_file, a_row


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
        wanted = "... on Cohort { capacity partners { seats } }"
        for name, given, capacity, seats in (
            ("changeCapacity", {"capacity": 5}, 5, None),
            ("changeSeats", {"seats": 4}, 5, 4),
            ("changeCapacity", {}, None, 4),
        ):
            kind = name[0].upper() + name[1:]
            changed = await house.do(name, kind, wanted, house.admin, cohortId=drafted["id"], **given)
            assert changed == {"__typename": "Cohort", "capacity": capacity, "partners": [{"seats": seats}]}, name
            refused = await house.do(name, kind, "", house.person("ada"), cohortId=drafted["id"], **given)
            assert refused["__typename"] == "NotFound"

    async def test_counts_its_facts(self, house: House) -> None:
        data = await house.client.ask("{ platform { mode factsPerTopic { topic facts } } }", house.operator)
        counts = {each["topic"]: each["facts"] for each in data["platform"]["factsPerTopic"]}
        assert counts["viceversa.profiles"] >= 1
        hidden = await house.client.ask("{ platform { factsPerTopic { facts } } }", house.admin)
        assert hidden["platform"]["factsPerTopic"] is None


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

    async def test_is_the_same_command_whatever_else_has_changed_meanwhile(self, house: House) -> None:
        await house.onboard("ada", jobTitle="Baker")
        title = {"subject": "ada", "commandId": str(uuid4()), "jobTitle": "Poet"}
        hours = {"commandId": str(uuid4()), "quietFrom": "21:00:00"}
        for _ in range(2):
            saved = await house.do("saveProfile", "SaveProfile", "... on Person { jobTitle }", house.admin, **title)
            assert saved == {"__typename": "Person", "jobTitle": "Poet"}
            wishes = await house.do(
                "changePreferences",
                "ChangePreferences",
                "... on Preferences { quietFrom }",
                house.person("ada"),
                **hours,
            )
            assert wishes == {"__typename": "Preferences", "quietFrom": "21:00:00"}
            await house.do("saveProfile", "SaveProfile", "", house.admin, subject="ada", team="Ovens")
            await house.do("changePreferences", "ChangePreferences", "", house.person("ada"), emailEnabled=False)

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


class TestLearning:
    """What it comes to with real feedback is tested with matching alone."""

    ANSWER = "... on Calibration { id shared shares inUse { number } organization { id } }"

    async def test_is_shared_and_taken_back_by_the_organization(self, house: House) -> None:
        own = {
            "__typename": "Calibration",
            "shared": False,
            "inUse": None,
            "organization": {"id": house.organization_id},
        }
        for shares in (True, False):
            answer = await house.do("shareFeedback", "ShareFeedback", self.ANSWER, house.admin, shared=shares)
            assert answer.pop("id")
            assert answer == own | {"shares": shares}
        asked = await house.client.ask("{ calibration { shares } }", house.admin)
        assert asked == {"calibration": {"shares": False}}

    async def test_waits_for_reports(self, house: House) -> None:
        async def refused() -> bool:
            answer = await house.do("refitCalibration", "RefitCalibration", self.ANSWER, house.admin)
            return bool(answer["code"] == "NothingToLearn")

        await eventually(refused, describe="matching knows the organization and has nothing to learn", within=30)
        answer = await house.do("useCalibration", "UseCalibration", self.ANSWER, house.admin, version=3)
        assert (answer["__typename"], answer["code"]) == ("NotFound", "NoSuchVersion")

    async def test_of_all_who_share_is_for_operators(self, house: House) -> None:
        answer = await house.do("refitCalibration", "RefitCalibration", self.ANSWER, house.admin, shared=True)
        assert (answer["__typename"], answer["code"]) == ("NotFound", "CalibrationNotFound")
        answer = await house.do("refitCalibration", "RefitCalibration", self.ANSWER, house.operator, shared=True)
        assert (answer["__typename"], answer["code"]) == ("Conflict", "NothingToLearn")


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

    @pytest.mark.parametrize("named", [True, False], ids=["named", "the viewer"])
    async def test_of_oneself_may_be_asked_for_again(self, house: House, named: bool) -> None:
        """Whoever hears no answer asks again with the same command id, and is nobody's person by then."""
        saved = await house.onboard("ada")
        given = {"commandId": str(uuid4())} | ({"personId": saved["id"]} if named else {})
        answers = [
            await house.do(
                "erasePerson", "ErasePerson", "... on PersonErased { personId }", house.person("ada"), **given
            )
            for _ in range(2)
        ]
        assert answers == [{"__typename": "PersonErased", "personId": saved["id"]}] * 2


class TestOwnData:
    async def test_is_given_to_the_person(self, house: House) -> None:
        await house.onboard("ada", jobTitle="Baker")
        data = await house.client.ask(
            "{ exportMyData { __typename ... on PersonExport { json } } }", house.person("ada")
        )
        assert "Baker" in json.dumps(json.loads(data["exportMyData"]["json"]))


class TestClock:
    async def test_moves_for_operators(self, house: House) -> None:
        before = (await house.client.ask("{ platform { now } }", house.operator))["platform"]["now"]
        data = await house.client.ask(ADVANCE, house.operator, hours=2)
        moved = datetime.fromisoformat(data["advanceClock"]["now"]) - datetime.fromisoformat(before)
        assert timedelta(hours=2) <= moved < timedelta(hours=2, minutes=5)
        assert data["advanceClock"]["mode"] == "embedded"

    async def test_stands_for_others(self, house: House) -> None:
        data = await house.client.ask(ADVANCE, house.admin, hours=2)
        assert data["advanceClock"] == {"__typename": "NotAllowed", "code": "OperatorsOnly"}

    @pytest.mark.parametrize("hours", [0, -1, 1e9])
    async def test_takes_sensible_steps_only(self, house: House, hours: float) -> None:
        data = await house.client.ask(ADVANCE, house.operator, hours=hours)
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
