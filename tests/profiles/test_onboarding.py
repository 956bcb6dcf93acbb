"""What an import does to an organization's people, planned without a database."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings, strategies as st

from contracts.profiles import (
    ContactChanged,
    Criticism,
    Facets,
    Need,
    NeedKind,
    Offer,
    Organization,
    ProfileUpdated,
    RowProblem,
    Setting,
    Window,
    person_id_of,
)
from services.profiles.domain import onboarding
from services.profiles.domain.onboarding import Plan
from services.profiles.domain.people import Erasure, Person
from tests.profiles.making import COLUMNS, NOON, a_file, a_profile, a_row, an_admin, an_organization, new_id

HANKA = an_organization()


@dataclass
class House:
    """An organization's people, as a database would keep them from one import to the next."""

    organization: Organization = HANKA
    people: dict[str, Person] = field(default_factory=dict)
    erased: Sequence[Erasure] = ()

    def plan(self, rows: Sequence[Mapping[str, str]], *, dry_run: bool = False, **how: Any) -> Plan:
        return onboarding.plan(
            a_file(rows, **how),
            import_id=new_id(),
            file_name="people.csv",
            organization=self.organization,
            known=list(self.people.values()),
            erased=self.erased,
            dry_run=dry_run,
            actor=an_admin(self.organization),
            now=NOON,
        )

    def take(self, rows: Sequence[Mapping[str, str]], **how: Any) -> Plan:
        plan = self.plan(rows, **how)
        # Through JSON and back, as the database does it.
        self.people |= {
            person.profile.subject: replace(person, imported=json.loads(json.dumps(person.imported)))
            for person in plan.people
        }
        return plan

    def id(self, external_id: str) -> Any:
        return person_id_of(self.organization.organization_id, subject=external_id)


def counts(plan: Plan) -> tuple[int, int, int, int]:
    report = plan.report
    return report.created, report.updated, report.unchanged, report.rejected


def only_problem(plan: Plan) -> RowProblem:
    (problem,) = plan.report.problems
    return problem


class TestAGoodRow:
    def test_becomes_a_person_with_all_that_it_says(self) -> None:
        house = House()
        plan = house.take([a_row("E-7", region="Mazovia", function="production")])
        updated, contact = plan.facts
        assert isinstance(updated, ProfileUpdated)
        assert isinstance(contact, ContactChanged)
        profile = updated.profile
        assert profile.person_id == updated.key == house.id("E-7")
        assert (profile.subject, profile.display_name, profile.job_title, profile.team) == (
            "E-7",
            "Jan E-7",
            "Machinist",
            "Mill",
        )
        assert [(language.code, language.level.value) for language in profile.languages] == [("pl", "C2"), ("en", "B1")]
        assert profile.availability == (
            Window(weekday=0, start=540, end=660),
            Window(weekday=3, start=960, end=1110),
        )
        assert profile.offers == (
            Offer(text="Reading grain of oak", level=5, setting=Setting.WORK),
            Offer(text="Sushi at home", level=3, setting=Setting.LIFE),
        )
        assert profile.needs == (
            Need(text="Talking to a camera", priority=2, kind=NeedKind.SHOW_ME),
            Need(text="Kubernetes basics", priority=3, kind=NeedKind.EXPLAIN),
        )
        assert profile.facets == Facets(career_stage="senior", region="Mazovia", function="production")
        assert profile.criticism is Criticism.DIRECT
        assert (contact.email, contact.display_name, contact.zone) == ("e-7@hanka.example", "Jan E-7", "Europe/Warsaw")
        assert (updated.version, contact.version, updated.organization_id) == (1, 1, HANKA.organization_id)
        assert plan.people[0].onboarded_by == plan.report.import_id

    def test_takes_locale_and_zone_of_the_organization_when_it_has_none(self) -> None:
        (person,) = House().take([a_row(locale="", zone="")]).people
        assert (person.profile.locale, person.profile.zone) == ("pl", "Europe/Warsaw")

    def test_may_name_a_manager_who_comes_later_or_is_here_already(self) -> None:
        house = House()
        house.take([a_row("E-1")])
        plan = house.take([a_row("E-2", manager="E-3"), a_row("E-3", manager="E-1")])
        assert counts(plan) == (2, 0, 0, 0)
        assert house.people["E-2"].profile.manager_id == house.id("E-3")
        assert house.people["E-3"].profile.manager_id == house.id("E-1")


class TestABadRow:
    def test_is_refused_whole_with_every_problem_and_the_others_go_in(self) -> None:
        plan = House().take(
            [
                a_row("E-1"),
                a_row(
                    "E-2",
                    name="",
                    email="anna(at)hanka",
                    zone="Europe/Warsawa",
                    languages="xx:C1",
                    availability="Mon 09:00-11:00; Mon 10:00-12:00",
                    offers="Go on (9, work)",
                    criticism="harsh",
                    role="boss",
                    capacity="many",
                ),
                a_row("E-3"),
            ]
        )
        assert counts(plan) == (2, 0, 0, 1)
        found = {problem.column: problem for problem in plan.report.problems}
        assert {problem.row for problem in plan.report.problems} == {3}
        assert set(found) == {
            "name",
            "email",
            "zone",
            "languages",
            "availability",
            "offers",
            "criticism",
            "role",
            "capacity",
        }
        assert (found["zone"].value, found["zone"].remedy) == ("Europe/Warsawa", "Did you mean Europe/Warsaw?")
        assert found["availability"].message == "overlaps Mon 09:00-11:00 (entry 2)"
        assert (found["offers"].value, found["offers"].message) == ("9", "is not a level (entry 1)")
        assert found["email"].value == "anna(at)hanka"

    def test_without_an_external_id_says_so_once(self) -> None:
        problem = only_problem(House().take([a_row("", email="a@b.cd")]))
        assert (problem.row, problem.column, problem.message) == (2, "external_id", "is missing")

    def test_names_a_manager_whom_nobody_knows(self) -> None:
        problem = only_problem(House().take([a_row("E-1", manager="E-9")]))
        assert (problem.column, problem.value) == ("manager", "E-9")
        assert "nobody" in problem.message

    def test_takes_its_reports_with_it_and_tells_them_which_row_to_mend(self) -> None:
        house = House()
        plan = house.take(
            [a_row("E-3", manager="E-2"), a_row("E-2", manager="E-1"), a_row("E-1", zone="Mars/Base"), a_row("E-4")]
        )
        assert counts(plan) == (1, 0, 0, 3)
        assert {p.row: p.message for p in plan.report.problems if p.column == "manager"} == {
            2: "is in row 3, which cannot be taken",
            3: "is in row 4, which cannot be taken",
        }

    def test_of_a_manager_who_is_here_already_leaves_the_reports_alone(self) -> None:
        house = House()
        house.take([a_row("E-1")])
        assert counts(house.take([a_row("E-1", zone="Mars/Base"), a_row("E-2", manager="E-1")])) == (1, 0, 0, 1)

    def test_closes_a_circle_of_managers(self) -> None:
        house = House()
        plan = house.take(
            [a_row("E-1", manager="E-2"), a_row("E-2", manager="E-3"), a_row("E-3", manager="E-1"), a_row("E-4")]
        )
        assert counts(plan) == (1, 0, 0, 3)
        assert all("this very person" in problem.message for problem in plan.report.problems)
        assert only_problem(house.take([a_row("E-5", manager="E-5")])).message == "is the person themselves"

    def test_closes_a_circle_with_people_who_are_here(self) -> None:
        house = House()
        house.take([a_row("E-1", manager="E-2"), a_row("E-2")])
        plan = house.take([a_row("E-2", manager="E-1")])
        assert counts(plan) == (0, 0, 0, 1)
        assert "this very person" in only_problem(plan).message


class TestDoubles:
    def test_of_a_person_in_the_file_are_refused_after_the_first(self) -> None:
        plan = House().take([a_row("E-1"), a_row("E-1", email="other@hanka.example"), a_row("E-2", manager="E-1")])
        assert counts(plan) == (2, 0, 0, 1)
        problem = only_problem(plan)
        assert (problem.row, problem.column, problem.value) == (3, "external_id", "E-1")
        assert problem.message == "is in row 2 already"

    def test_of_an_address_in_the_file_are_refused_after_the_first(self) -> None:
        plan = House().take([a_row("E-1", email="Jan@Hanka.example"), a_row("E-2", email="jan@hanka.example")])
        assert counts(plan) == (1, 0, 0, 1)
        problem = only_problem(plan)
        assert (problem.row, problem.column, problem.value) == (3, "email", "jan@hanka.example")
        assert problem.message == "is in row 2 already"

    def test_of_an_address_of_somebody_who_is_here_are_refused(self) -> None:
        house = House()
        house.take([a_row("E-9", email="jan@hanka.example")])
        problem = only_problem(house.take([a_row("E-1", email="JAN@hanka.example")]))
        assert "somebody else's" in problem.message

    def test_are_none_when_two_people_exchange_their_addresses(self) -> None:
        house = House()
        house.take([a_row("E-1", email="a@hanka.example"), a_row("E-2", email="b@hanka.example")])
        plan = house.take([a_row("E-1", email="b@hanka.example"), a_row("E-2", email="a@hanka.example")])
        assert counts(plan) == (0, 2, 0, 0)
        assert house.people["E-1"].email == "b@hanka.example"

    def test_appear_when_the_one_who_would_free_an_address_is_refused(self) -> None:
        house = House()
        house.take([a_row("E-1", email="a@hanka.example")])
        plan = house.take(
            [
                a_row("E-3", email="c@hanka.example", manager="E-2"),
                a_row("E-2", email="a@hanka.example"),
                a_row("E-1", email="b@hanka.example", zone="Mars/Base"),
            ]
        )
        assert counts(plan) == (0, 0, 0, 3)
        assert {(problem.row, problem.column) for problem in plan.report.problems} == {
            (2, "manager"),
            (3, "email"),
            (4, "zone"),
        }


class TestTheSameFileAgain:
    def test_changes_nothing(self) -> None:
        house = House()
        rows = [a_row("E-1", manager="E-2"), a_row("E-2"), a_row("E-3", zone="Mars/Base")]
        house.take(rows)
        again = house.take(rows)
        assert counts(again) == (0, 0, 2, 1)
        assert (again.facts, again.people) == ((), ())

    def test_changes_only_what_changed_in_the_file(self) -> None:
        house = House()
        house.take([a_row("E-1"), a_row("E-2")])
        plan = house.take([a_row("E-1", job_title="Foreman"), a_row("E-2")])
        assert counts(plan) == (0, 1, 1, 0)
        (updated,) = plan.facts
        assert isinstance(updated, ProfileUpdated)
        assert (updated.profile.job_title, updated.version) == ("Foreman", 2)

    def test_leaves_what_people_wrote_about_themselves(self) -> None:
        house = House()
        house.take([a_row("E-1")])
        kept = house.people["E-1"]
        own = (Offer(text="Telling jokes in public", level=4),)
        house.people["E-1"] = replace(kept, profile=replace(kept.profile, offers=own), email="own@hanka.example")
        assert counts(house.take([a_row("E-1")])) == (0, 0, 1, 0)
        plan = house.take([a_row("E-1", team="Sawmill")])
        assert counts(plan) == (0, 1, 0, 0)
        person = house.people["E-1"]
        assert (person.profile.offers, person.profile.team, person.email) == (own, "Sawmill", "own@hanka.example")

    def test_leaves_what_it_has_no_column_for(self) -> None:
        house = House()
        house.take([a_row("E-1")])
        plan = house.take([a_row("E-1")], columns=("external_id", "name", "email"))
        assert counts(plan) == (0, 0, 1, 0)
        assert counts(house.take([a_row("E-1")])) == (0, 0, 1, 0)

    def test_removes_what_it_no_longer_says(self) -> None:
        house = House()
        house.take([a_row("E-1", manager="E-2"), a_row("E-2")])
        house.take([a_row("E-1", team="", offers="", email=""), a_row("E-2")])
        person = house.people["E-1"]
        assert (person.profile.team, person.profile.offers, person.email) == (None, (), "")
        assert person.profile.manager_id is None

    @given(
        st.lists(
            st.builds(
                a_row,
                st.sampled_from(["E-1", "E-2", "E-3", "E-4", "", "=x"]),
                email=st.sampled_from(["", "a@b.cd", "A@b.cd", "c@d.ef", "nonsense"]),
                manager=st.sampled_from(["", "", "E-1", "E-2", "E-3", "E-4", "E-9"]),
                zone=st.sampled_from(["", "Asia/Tokyo", "Mars/Base"]),
                criticism=st.sampled_from(["", "direct", "gentle"]),
                team=st.sampled_from(["", "Mill"]),
            ),
            min_size=1,
            max_size=6,
        ),
        st.integers(1, 3),
    )
    @settings(max_examples=100, deadline=timedelta(seconds=2))
    def test_twice_is_once_and_a_dry_run_tells_the_truth(self, rows: list[dict[str, str]], cut: int) -> None:
        house = House()
        for file in (rows[:cut], rows):
            foretold = house.plan(file, dry_run=True).report
            first = house.take(file)
            assert replace(foretold, dry_run=False, import_id=first.report.import_id) == first.report
            assert first.report.rows == sum(counts(first))
            assert {row.row for row in first.taken}.isdisjoint(problem.row for problem in first.report.problems)
            assert len({fact.key for fact in first.facts if isinstance(fact, ProfileUpdated)}) == (
                first.report.created + first.report.updated - sum_of_contact_only(first)
            )
            again = house.take(file)
            assert counts(again)[:2] == (0, 0)
            assert again.facts == ()
            assert again.report.problems == first.report.problems
        managers = {p.profile.person_id: p.profile.manager_id for p in house.people.values()}
        assert all(manager is None or manager in managers for manager in managers.values())
        for start, manager in managers.items():
            above = [manager]
            while (at := above[-1]) is not None and len(above) <= len(managers):
                above.append(managers[at])
            assert start not in above
        addresses = [person.email.casefold() for person in house.people.values() if person.email]
        assert len(addresses) == len(set(addresses))


def sum_of_contact_only(plan: Plan) -> int:
    """People of whom nothing changed but the address."""
    updated = {fact.key for fact in plan.facts if isinstance(fact, ProfileUpdated)}
    return len({fact.key for fact in plan.facts} - updated)


class TestSomebodyWhoCameByThemselves:
    def test_keeps_their_words_and_is_given_what_they_left_empty(self) -> None:
        house = House()
        house.people["E-1"] = Person(
            profile=a_profile(HANKA, "E-1", display_name="Zofia", team=None, needs=()), version=4, contact_version=1
        )
        plan = house.take([a_row("E-1")])
        assert counts(plan) == (0, 1, 0, 0)
        person = house.people["E-1"]
        assert person.profile.display_name == "Zofia"
        assert person.profile.offers[0].text == "Sharpening chisels"
        assert person.profile.team == "Mill"
        assert person.profile.needs[0].text == "Talking to a camera"
        assert person.email == "e-1@hanka.example"
        assert person.onboarded_by is None
        assert (person.version, person.contact_version) == (5, 2)
        assert counts(house.take([a_row("E-1")])) == (0, 0, 1, 0)


def test_nobody_who_was_erased_is_brought_back() -> None:
    house = House()
    house.erased = [
        Erasure(person_id=house.id("E-1"), organization_id=HANKA.organization_id, version=3, erased_at=NOON)
    ]
    problem = only_problem(house.take([a_row("E-1"), a_row("E-2")]))
    assert (problem.row, problem.column, problem.value) == (2, "external_id", "E-1")
    assert "erased on 2027-03-01" in problem.message


def test_problems_without_end_are_counted() -> None:
    plan = House().take([a_row(f"E-{n}", zone="Mars", locale="??") for n in range(600)])
    assert plan.report.rejected == 600
    assert len(plan.report.problems) == onboarding.MOST_PROBLEMS
    assert "Problems not listed: 200; mend these first." in plan.report.notes


class TestAFullFile:
    """The largest file, made as slow as we could think of; two seconds are ten times what it takes."""

    def test_of_good_rows_is_planned_quickly(self) -> None:
        self._plan([a_row(f"E-{n}", manager=f"E-{n // 8}" if n else "") for n in range(2000)], created=2000)

    def test_of_one_long_line_of_managers_without_a_head_is_planned_quickly(self) -> None:
        rows = [a_row(f"E-{n}", manager=f"E-{n + 1}", offers="", needs="") for n in range(1999)]
        self._plan([*rows, a_row("E-1999", locale="?", offers="", needs="")], created=0)

    def test_of_addresses_passed_on_from_one_to_the_next_is_planned_quickly(self) -> None:
        house = House()
        rows = [a_row(f"E-{n}", email=f"a{n}@b.cd", offers="", needs="") for n in range(2000)]
        house.take(rows)
        moved = [row | {"email": f"a{n + 1}@b.cd"} for n, row in enumerate(rows)]
        moved[-1] |= {"zone": "Mars/Base"}
        started = time.process_time()
        assert counts(house.plan(moved)) == (0, 0, 0, 2000)
        assert time.process_time() - started < 5

    def test_of_misspelt_zones_is_planned_quickly(self) -> None:
        self._plan([a_row(f"E-{n}", zone=f"Europe/Wasrav{n:04}") for n in range(2000)], created=0)

    def _plan(self, rows: list[dict[str, str]], *, created: int) -> None:
        columns = [column for column in COLUMNS if column not in ("availability",)]
        started = time.process_time()
        assert House().plan(rows, columns=columns).report.created == created
        assert time.process_time() - started < 5
