"""What people read of groups: why somebody is in none, how a group stands with everybody else, and what its value is made of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.matching.engine.groups import plan_groups
from services.matching.engine.model import Free, Grouping, Groups, Person, Phrase, Rule
from tests.matching.engine_people import near_for, snapshot_of, somebody

ACROSS = Rule(kind="cross_organization")
SUNDAYS = (Free(weekday=6, start=9 * 60, end=17 * 60),)


def planned(*people: Person, grouping: Grouping | None = None, rules: Sequence[Rule] = ()) -> Groups:
    snapshot = snapshot_of(*people, grouping=grouping or Grouping(), rules=rules)
    return plan_groups(snapshot, near_for(snapshot))[0]


def teaches(name: str, topic: str = "sushi", **more: Any) -> Person:
    return somebody(name, offers=(topic,), needs=(), **more)


def learns(name: str, *topics: str, **more: Any) -> Person:
    return somebody(name, offers=(), needs=topics or ("sushi",), **more)


def three() -> tuple[Person, ...]:
    """A group by themselves."""
    return teaches("gin"), learns("lea"), learns("lou")


def codes(phrases: Sequence[Phrase]) -> list[tuple[str, dict[str, object]]]:
    return [(each.code, dict(each.given)) for each in phrases]


class TestLeftOut:
    @pytest.mark.parametrize(
        ("more", "reason", "why"),
        [
            ({"away": True}, "out_of_office", ("away", {})),
            ({"windows": ()}, "incomplete_profile", ("incomplete", {"missing": "windows"})),
            ({"windows": SUNDAYS}, "no_shared_time", ("group_no_time", {"minutes": 60})),
            ({"languages": {"de": 6}}, "no_shared_language", ("group_no_language", {})),
            ({"organization": "org of gin"}, "no_legal_partner", ("group_rules_forbid", {})),
        ],
    )
    def test_reads_the_first_thing_that_could_be_changed(
        self, more: dict[str, Any], reason: str, why: tuple[str, dict[str, object]]
    ) -> None:
        plan = planned(*three(), learns("xi", **more), rules=[ACROSS])
        assert [{each.person for each in group.members} for group in plan.groups] == [{"gin", "lea", "lou"}]
        assert [(each.person, each.reason, codes(each.why)) for each in plan.left_out] == [("xi", reason, [why])]

    def test_for_want_of_a_place_reads_that(self) -> None:
        plan = planned(*three(), learns("xi"), grouping=Grouping(most=3))
        ((group,), (out,)) = plan.groups, plan.left_out
        assert (out.reason, codes(out.why)) == ("capacity", [("group_places", {})])
        assert codes(group.others) == [("group_others_full", {"people": 1})]

    def test_for_want_of_a_topic_reads_the_level_that_leading_takes(self) -> None:
        plan = planned(*three(), learns("xi", "chess"), grouping=Grouping(level=4))
        (out,) = plan.left_out
        assert (out.reason, codes(out.why)) == ("nothing_in_common", [("group_no_topic", {"group_level": 4})])

    def test_with_several_reasons_reads_the_one_that_is_theirs_to_change_first(self) -> None:
        both = learns("xi", windows=SUNDAYS, languages={"de": 6})
        (out,) = planned(*three(), both).left_out
        assert out.reason == "no_legal_partner"  # neither alone would help
        (out,) = planned(*three(), replace(both, away=True)).left_out
        assert out.reason == "out_of_office"


class TestOthers:
    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"windows": SUNDAYS}, "group_others_time"),
            ({"languages": {"de": 6}}, "group_others_language"),
            ({"organization": "org of lou"}, "group_others_rules"),
            ({"organization": "org of lou", "windows": SUNDAYS, "languages": {"de": 6}}, "group_others_rules"),
            ({"windows": SUNDAYS, "languages": {"de": 6}}, "group_others_language"),
        ],
    )
    def test_are_told_by_the_first_thing_that_keeps_them_out(self, more: dict[str, Any], code: str) -> None:
        (group,) = planned(*three(), learns("xi", **more), learns("yo", **more), rules=[ACROSS]).groups
        assert codes(group.others) == [(code, {"people": 2})]

    def test_in_another_group_are_told_as_such(self) -> None:
        chess = teaches("cai", "chess"), learns("dee", "chess"), learns("xi", "chess", "sushi")
        plan = planned(*three(), *chess)
        told = {group.topic: codes(group.others) for group in plan.groups}
        assert told == {
            "sushi": [("group_others_elsewhere", {"people": 1})],
            "chess": [("group_nobody_else", {})],
        }

    def test_who_need_something_else_are_not_told(self) -> None:
        (group,) = planned(*three(), learns("xi", "chess"), teaches("yo", "chess")).groups
        assert codes(group.others) == [("group_nobody_else", {})]


class TestTerms:
    def test_say_how_many_learn_how_far_apart_the_clocks_are_and_what_time_and_language_there_is(self) -> None:
        early = (Free(weekday=0, start=9 * 60, end=11 * 60),)
        people = (
            teaches("gin", windows=early, languages={"en": 6}),
            learns("lea", zone="Europe/Berlin", windows=(Free(weekday=0, start=10 * 60, end=11 * 60 + 30),)),
            learns("lou", languages={"en": 4}),
            teaches("mo", windows=early),
        )
        (group,) = planned(*people).groups
        assert {each.person for each in group.members} == {"gin", "lea", "lou", "mo"}
        given = {each.name: dict(each.why.given) for each in group.terms if each.why}
        assert given["learned"] == {"people": 2}
        assert given["clocks"] == {"hours": 1.0}
        assert given["shared time"] == {"minutes": 90}
        assert given["language"] == {"language": "en", "level": 4}
        assert (group.language, group.level, group.shared_minutes) == ("en", 4, 90)
        assert group.value == pytest.approx(sum(each.amount for each in group.terms))
