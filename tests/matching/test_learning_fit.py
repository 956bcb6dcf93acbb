"""What feedback teaches: a rising curve, unchanged without enough reports, the same in any order, kept only where it helps."""

import ast
import hashlib
import importlib
import pkgutil
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.learning import biased, fair, generated
from contracts.matching import Calibration, CalibrationVersion, Fit, FitOutcome, RuleSet, calibration_id_of
from services.matching.domain.learning import learned_for
from services.matching.engine import learning
from services.matching.engine.frozen import near_bytes, proof_bytes
from services.matching.engine.learning.curve import KNOTS, UNCHANGED, BadCurve, corrected, table_of
from services.matching.engine.learning.fit import fitted, losses
from services.matching.engine.learning.refit import (
    BETTER,
    FEWEST_DIRECTIONS,
    NO_BETTER,
    TOO_FEW,
    refit,
    standard_error,
)
from services.matching.engine.learning.reliability import FEWEST, interval
from services.matching.engine.learning.reports import SEEN, NoReport, Reported, columns, reported_of
from services.matching.engine.match import match
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Learned, Snapshot
from services.matching.engine.verifying import verify
from tests.matching.engine_people import near_from, problem_for, snapshot_of, somebody

reports = st.lists(
    st.builds(
        Reported,
        chance=st.integers(1, 1000),
        aptness=st.integers(1, 1000),
        reported=st.integers(0, 4).map(lambda useful: 250 * useful),
        pair=st.sampled_from("abcdefgh"),
        learner=st.sampled_from("stuvwxyz"),
    ),
    max_size=60,
)
curves = st.lists(st.integers(1, 1000), min_size=len(KNOTS), max_size=len(KNOTS)).map(lambda made: tuple(sorted(made)))


@given(reports)
@settings(max_examples=80, deadline=None)
def test_fit_rises_and_stays_within_chances(some: list[Reported]) -> None:
    table = table_of(fitted(some))
    assert len(table) == 1001
    assert table[0] == 0
    assert table[1] >= 1
    assert table[1000] <= 1000
    assert all(low <= high for low, high in pairwise(table))


@given(st.data(), reports)
@settings(max_examples=40, deadline=None)
def test_fit_is_the_same_in_any_order(data: st.DataObject, some: list[Reported]) -> None:
    assert fitted(data.draw(st.permutations(some))) == fitted(some)


@given(reports, st.permutations("abcdefgh"), st.permutations("stuvwxyz"))
@settings(max_examples=40, deadline=None)
def test_fit_does_not_see_who_reported(some: list[Reported], pairs: list[str], people: list[str]) -> None:
    pair, learner = dict(zip("abcdefgh", pairs, strict=True)), dict(zip("stuvwxyz", people, strict=True))
    other = [replace(each, pair=pair[each.pair], learner=learner[each.learner]) for each in some]
    assert fitted(other) == fitted(some)


def test_fit_of_nothing_changes_nothing() -> None:
    assert fitted([]) == UNCHANGED
    assert table_of(UNCHANGED) == tuple(range(1001))


def test_fit_of_few_reports_moves_little_and_of_many_all_the_way() -> None:
    """The truth at a chance of 95 % is 80 %: how far fits of more and more reports go there."""
    truth = biased(0.95)
    gone = []
    for size in (4, 20, 100, 2000):
        found = [table_of(fitted(generated(size, truth=biased, seed=seed)))[950] / 1000 for seed in range(10)]
        gone.append((0.95 - float(np.mean(found))) / (0.95 - truth))
    assert gone == sorted(gone)
    assert gone[0] < 0.35
    assert gone[-1] == pytest.approx(1, abs=0.1)


def test_fit_finds_the_truth_behind_many_reports() -> None:
    table = table_of(fitted(generated(20_000, truth=biased, seed=3)))
    for chance in (150, 400, 700, 900, 990):
        assert table[chance] / 1000 == pytest.approx(biased(chance / 1000), abs=0.02)


def test_fit_believes_in_the_models_as_much_as_some_25_reports_say() -> None:
    """However bad they are: a chance of 90 % of which 25 learners in a row got nothing stays near a third."""
    one = Reported(chance=900, aptness=1000, reported=0, pair="a", learner="s")
    table = table_of(fitted([replace(one, pair=str(number)) for number in range(25)]))
    assert table[900] == pytest.approx(317, abs=30)


@pytest.mark.parametrize("useful", [0, 1000])
def test_fit_is_not_carried_away_when_everybody_says_the_same(useful: int) -> None:
    one = Reported(chance=900, aptness=1000, reported=useful, pair="a", learner="s")
    table = table_of(fitted([replace(one, pair=str(number)) for number in range(500)]))
    assert table[100] < table[500] < table[990]  # dimmed or lifted, and still the models' order


def test_fit_dims_the_models_and_never_turns_them_round() -> None:
    """However often what was promised least is reported best."""
    good, bad = (
        Reported(chance=chance, aptness=1000, reported=reported, pair="a", learner="s")
        for chance, reported in ((150, 1000), (950, 0))
    )
    table = table_of(fitted([replace(each, pair=str(number)) for number in range(1000) for each in (good, bad)]))
    assert table[950] - table[150] > 200


def test_fit_sharpens_no_more_than_twice_and_shifts_no_more_than_three() -> None:
    sure, unsure, even = (
        Reported(chance=chance, aptness=1000, reported=reported, pair="a", learner="s")
        for chance, reported in ((600, 1000), (400, 0), (500, 0))
    )
    sharp = table_of(fitted([replace(each, pair=str(number)) for number in range(2_000) for each in (sure, unsure)]))
    assert (sharp[400], sharp[600]) == (308, 692)  # 1 / (1 + e^(±2 · 0.405)); without a limit: 0 and 1000
    low = table_of(fitted([replace(even, pair=str(number)) for number in range(20_000)]))
    assert low[500] == 47  # 1 / (1 + e^3)


class TestCurve:
    @given(curves, st.integers(1, 1000))
    def test_goes_through_its_knots_and_leaves_something_of_every_chance(self, curve: tuple[int, ...], at: int) -> None:
        table = table_of(curve)
        assert tuple(table[knot] for knot in KNOTS) == curve
        assert 1 <= table[at] <= 1000

    @pytest.mark.parametrize("wrong", [UNCHANGED[1:], (*UNCHANGED[:-1], 1001), (0, *UNCHANGED[1:]), UNCHANGED[::-1]])
    def test_refuses_what_is_none(self, wrong: tuple[int, ...]) -> None:
        with pytest.raises(BadCurve, match="a curve"):
            table_of(wrong)


class TestRefit:
    def test_stays_as_it_is_below_the_fewest(self) -> None:
        found = refit(generated(FEWEST_DIRECTIONS - 2, truth=biased, seed=1))
        assert (found.outcome, found.curve, found.loss) == (TOO_FEW, UNCHANGED, None)
        assert refit(generated(FEWEST_DIRECTIONS, truth=biased, seed=1)[1:]).outcome == TOO_FEW

    @pytest.mark.parametrize("seed", range(6))
    def test_learns_where_the_models_are_wrong_and_does_better_on_new_feedback(self, seed: int) -> None:
        found = refit(generated(400, truth=biased, seed=seed))
        assert found.outcome == BETTER
        new = columns(generated(2000, truth=biased, seed=-1 - seed))
        assert losses(new, found.curve).mean() < losses(new, UNCHANGED).mean() - 0.02

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("size", [100, 400])
    def test_takes_no_noise_for_a_lesson(self, seed: int, size: int) -> None:
        found = refit(generated(size, truth=fair, seed=seed))
        assert (found.outcome, found.curve) == (NO_BETTER, UNCHANGED)

    @pytest.mark.parametrize("seed", range(3))
    def test_judges_each_report_by_a_fit_that_has_not_seen_it(self, seed: int) -> None:
        given_ = generated(100, truth=biased, seed=seed)
        found, flattered = refit(given_), losses(columns(given_), fitted(given_)).mean()
        assert found.loss is not None
        assert found.loss > flattered + 0.0005

    def test_keeps_the_old_version_where_a_new_one_is_no_better(self) -> None:
        old = fitted(generated(4000, truth=biased, seed=5))
        found = refit(generated(300, truth=biased, seed=6), present=old)
        assert (found.outcome, found.curve) == (NO_BETTER, old)

    def test_goes_back_when_the_models_have_become_right(self) -> None:
        old = fitted(generated(2000, truth=biased, seed=5))
        found = refit(generated(800, truth=fair, seed=6), present=old)
        assert found.outcome == BETTER
        back = table_of(found.curve)
        assert abs(back[950] - 950) < abs(table_of(old)[950] - 950) / 2

    def test_counts_reports_that_hang_together_as_fewer(self) -> None:
        given_ = generated(100, truth=fair, seed=1)
        gains = np.random.default_rng(1).normal(size=100)
        alone = standard_error(gains, columns(given_))
        doubled = columns(
            [replace(each, pair=each.pair + more, learner=each.learner) for each in given_ for more in ("", "'")]
        )
        assert standard_error(np.repeat(gains, 2), doubled) == pytest.approx(alone, rel=1e-9)

    def test_adds_what_hangs_together_by_pair_and_by_learner(self) -> None:
        # The sums of pairs squared are 10, those of learners too, and those of single reports 8.
        one = Reported(chance=500, aptness=1000, reported=0, pair="", learner="")
        given_ = columns([replace(one, pair=pair, learner=learner) for pair, learner in ("as", "at", "bs", "cv", "dw")])
        assert standard_error(np.array([1.0, 1.0, 1.0, -1.0, -2.0]), given_) == pytest.approx(12**0.5 / 5)

    def test_counts_people_once_and_shows_what_holds_where_reports_are_few(self) -> None:
        one = Reported(chance=900, aptness=1000, reported=500, pair="", learner="")
        found = refit([replace(one, pair=str(at), learner=str(at % 6)) for at in range(12)], present=DIMMED)
        assert (found.outcome, found.directions, found.people) == (TOO_FEW, 12, 6)
        assert [(each.promised, each.learned) for each in found.bins] == [(0.9, 0.54)]


class TestReliability:
    @given(reports)
    @settings(max_examples=60, deadline=None)
    def test_shows_no_bin_of_fewer_than_five_directions_or_people(self, some: list[Reported]) -> None:
        found = refit(some)
        enough = len(some) >= FEWEST and len({each.learner for each in some}) >= FEWEST
        assert bool(found.bins) == enough
        assert all(each.directions >= FEWEST for each in found.bins)
        assert not found.bins or sum(each.directions for each in found.bins) == len(some)

    def test_shows_nobody_however_much_one_person_reports(self) -> None:
        one = [Reported(chance=at, aptness=1000, reported=0, pair=str(at), learner="s") for at in range(100, 900)]
        assert refit(one).bins == ()

    def test_shows_what_is_wrong_with_the_models(self) -> None:
        found = refit(generated(1000, truth=biased, seed=2)).bins
        assert found[-1].promised > found[-1].high  # strong promises are too strong
        assert all(each.low <= each.learned <= each.high for each in found[-3:])

    def test_puts_what_was_promised_for_certain_into_the_last_tenth(self) -> None:
        some = [
            Reported(chance=chance, aptness=1000, reported=1000, pair=str(number), learner=str(number))
            for number in range(5)
            for chance in (990, 1000)
        ]
        (one,) = refit(some).bins
        assert (one.promised, one.directions) == (0.995, 10)

    def test_is_sure_of_little_with_few(self) -> None:
        low, high = interval(0.8, count=5)
        assert (round(low, 2), round(high, 2)) == (0.38, 0.96)
        assert interval(1.0, count=1000)[0] > 0.99


class TestReport:
    def test_is_of_whole_thousandths(self) -> None:
        assert [reported_of(total=useful, count=1) for useful in (1, 2, 3, 4, 5)] == [0, 250, 500, 750, 1000]
        assert reported_of(total=9, count=2) == 875

    @pytest.mark.parametrize(
        "wrong",
        [{"chance": 0}, {"chance": 1001}, {"aptness": 0}, {"aptness": 1001}, {"reported": 1001}, {"reported": -1}],
    )
    def test_refuses_other_numbers(self, wrong: dict[str, int]) -> None:
        with pytest.raises(NoReport, match="thousandths"):
            Reported(**{"chance": 1, "aptness": 1, "reported": 0, "pair": "", "learner": ""} | wrong)  # type: ignore[arg-type]

    def test_holds_nothing_that_could_tell_who_somebody_is(self) -> None:
        """The fit sees SEEN and what was reported; pairs and learners only say what hangs together."""
        assert {field.name for field in fields(Reported)} == {*SEEN, "reported", "pair", "learner"}
        assert SEEN == ("chance", "aptness")

    def test_comes_from_a_room_that_knows_no_people(self) -> None:
        known = set()
        for module in pkgutil.iter_modules(learning.__path__, f"{learning.__name__}."):
            source = importlib.import_module(module.name).__file__
            assert source is not None
            known |= {
                f"{node.module}.{name.name}"
                for node in ast.walk(ast.parse(Path(source).read_text()))
                if isinstance(node, ast.ImportFrom) and node.module and "services" in node.module
                for name in node.names
                if "engine.learning" not in node.module
            }
        assert known == {
            "services.matching.engine.meaning.near.Near",
            "services.matching.engine.meaning.near.THOUSAND",
            "services.matching.engine.model.Learned",
        }


DIMMED = tuple(max(1, at * 3 // 5) for at in KNOTS)


def seen(*, learned: Learned | None = None) -> Snapshot:
    people = [
        somebody("ana", offers=["sushi"], needs=["chess"], organization="red"),
        somebody("ben", offers=["chess"], needs=["sushi"], organization="blue", facets={"industry": "energy"}),
        somebody("cleo", offers=["chess", "sushi"], needs=["chess"], organization="red"),
        somebody("dan", offers=["chess"], needs=["sushi"], organization="blue", facets={"industry": "health"}),
    ]
    return snapshot_of(*people, learned=learned)


def texts() -> Near:
    return near_from(["chess", "sushi"], ["chess", "sushi"], chance=np.array([[900, 120], [0, 700]]))


class TestRun:
    def test_sees_corrected_chances_and_tells_what_the_models_said(self) -> None:
        near = texts()
        learned = Learned(calibration="ours", version=2, meaning=near.model, curve=DIMMED)
        plan, _ = match(seen(learned=learned), near)
        assert plan.learned
        ways = {(way.need, way.offer): way for pair in plan.pairs for way in pair.directions}
        assert ways["sushi", "sushi"].similarity == pytest.approx(0.42)
        assert ways["sushi", "sushi"].unlearned == 0.7
        assert ways["chess", "chess"].similarity == pytest.approx(0.54)
        assert ways["chess", "chess"].unlearned == 0.9
        before, _ = match(seen(), near)
        assert not before.learned
        assert {way.unlearned for pair in before.pairs for way in pair.directions} == {None}
        assert plan.value < before.value

    def test_is_verified_with_the_correction_that_its_snapshot_froze(self) -> None:
        near = texts()
        snapshot = seen(learned=Learned(calibration="ours", version=2, meaning=near.model, curve=DIMMED))
        plan, proof = match(snapshot, near)
        assert proof is not None
        content = msgspec.json.encode(snapshot)
        digest = hashlib.sha256(content).hexdigest()
        found = verify(content, near=near_bytes(near), proof=proof_bytes(proof), digest=digest)
        assert found.faults == ()
        assert found.value == pytest.approx(plan.value)
        other = msgspec.json.encode(replace(snapshot, learned=None))
        assert verify(other, near=near_bytes(near), proof=proof_bytes(proof), digest=digest).faults

    def test_heeds_no_lesson_about_other_models(self) -> None:
        near = texts()
        learned = Learned(calibration="ours", version=2, meaning="another", curve=DIMMED)
        plan, _ = match(seen(learned=learned), near)
        assert not plan.learned
        assert plan.value == match(seen(), near)[0].value

    @given(curves)
    @settings(max_examples=40, deadline=None)
    def test_may_pair_the_same_people_whatever_was_learned(self, curve: tuple[int, ...]) -> None:
        near = texts()
        learned = Learned(calibration="ours", version=1, meaning=near.model, curve=curve)
        after = corrected(near, learned)
        assert (after.offers_at.tolist(), after.starts.tolist()) == (near.offers_at.tolist(), near.starts.tolist())
        assert after.chance.min() >= 1
        with_it, _ = problem_for(seen(learned=learned), table=near)
        assert with_it.near.chance.tolist() == after.chance.tolist()
        plan, _ = match(seen(learned=learned), near)
        assert len(plan.left_out) == len(match(seen(), near)[0].left_out) == 0


class TestChoice:
    """Which calibration a run under some rules heeds."""

    @staticmethod
    def taught(organization: UUID | None, *organizations: UUID, in_use: int = 1) -> Calibration:
        fit = Fit(
            fitted_at=datetime(2026, 3, 2, tzinfo=UTC),
            outcome=FitOutcome.ADOPTED,
            meaning="models",
            directions=100,
            people=100,
            organizations=organizations,
        )
        return Calibration(
            calibration_id=calibration_id_of(organization),
            organization_id=organization,
            organizations=organizations,
            in_use=in_use,
            versions=(CalibrationVersion(number=1, at=KNOTS, curve=DIMMED, fit=fit),),
        )

    def chosen(self, partners: list[UUID], *known: Calibration, learned: bool = True) -> str | None:
        found = learned_for(
            RuleSet(learned=learned), partners=partners, calibrations={each.calibration_id: each for each in known}
        )
        return None if found is None else found.calibration

    def test_is_the_own_one_of_a_single_organization(self) -> None:
        one, other = uuid4(), uuid4()
        own, shared = self.taught(one, one), self.taught(None, one, other)
        assert self.chosen([one], own, shared) == str(own.calibration_id)
        assert self.chosen([one], own, shared, learned=False) is None
        assert self.chosen([other], own) is None

    def test_is_the_shared_one_where_the_own_one_is_off(self) -> None:
        one, other = uuid4(), uuid4()
        own, shared = self.taught(one, one, in_use=0), self.taught(None, one, other)
        assert self.chosen([one], own, shared) == str(shared.calibration_id)
        assert self.chosen([one], own) is None

    def test_is_the_shared_one_of_several_only_if_all_share(self) -> None:
        one, other, third = uuid4(), uuid4(), uuid4()
        own, shared = self.taught(one, one), self.taught(None, one, other)
        assert self.chosen([one, other], own, shared) == str(shared.calibration_id)
        assert self.chosen([one, third], own, shared) is None
        assert self.chosen([one, other], own, self.taught(None, one, other, in_use=0)) is None
