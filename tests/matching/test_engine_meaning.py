"""Similarity by meaning: which offer a need finds, in both modes that need no server."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine import meaning
from services.matching.engine.meaning import ASK, MEETS, Likeness
from services.matching.engine.meaning.calibration import BadCalibration, logistic, read, stored, thousandths, written
from services.matching.engine.meaning.languages import is_english
from services.matching.engine.meaning.models.minilm import vocabulary
from services.matching.engine.meaning.models.model import LONGEST, ModelMissing, Unloaded, UnreadableText
from services.matching.engine.meaning.vectors import DamagedVector, Kept

OFFERS = [
    "Making sushi and Japanese food",
    "Kubernetes and container operations",
    "Contract and pay negotiation",
    "Python: writing small programs",
    "Snakes and lizards as pets",
    "Designing and testing board games",
    "Serving on a board of directors",
]


@pytest.fixture(scope="module")
def vectors() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def full(vectors: Kept) -> Likeness:
    return meaning.load(meaning.FULL, store=vectors)


@pytest.fixture(scope="module")
def light(vectors: Kept) -> Likeness:
    return meaning.load(meaning.LIGHT, store=vectors)


def first(similarity: Likeness, need: str, offers: Sequence[str] = OFFERS) -> str:
    """The offer that comes first."""
    return offers[int(similarity([need], offers)[0].argmax())]


@pytest.mark.parametrize(
    ("need", "offer"),
    [
        ("I want to roll my own sushi at home", 0),
        ("Ich möchte lernen, Sushi zu machen", 0),
        ("寿司の作り方を習いたい", 0),
        ("How do we run our apps on Kubernetes?", 1),
        ("Jak uruchamiać aplikacje w kontenerach", 1),
        ("Negotiate a salary", 2),
        ("Négocier mon salaire avec mon chef", 2),
        ("Pedir un aumento de sueldo", 2),
        ("Maaşım için pazarlık etmek", 2),
        ("Learn the programming language Python", 3),
        ("Научиться программировать на Python", 3),
        ("My python does not eat its mice", 4),
        ("Prendersi cura di un serpente", 4),
        ("Try out the rules of my new board game on friends", 5),
        ("I was elected to the board of our company", 6),
    ],
)
def test_the_full_mode_puts_the_right_offer_first(full: Likeness, need: str, offer: int) -> None:
    assert first(full, need) == OFFERS[offer]


@pytest.mark.parametrize(
    "need",
    ["Grow vegetables on a balcony", "Akkordeon spielen", "Restaurer des vitraux", "弓道を習いたい", "Fly a glider"],
)
def test_the_full_mode_says_no_when_nobody_offers_it(full: Likeness, need: str) -> None:
    assert (full([need], OFFERS) < ASK).all()


def test_the_full_mode_is_sure_of_what_is_plain_in_any_language(full: Likeness) -> None:
    needs = [
        "Learn to make sushi",
        "Lernen, wie man Sushi macht",
        "Aprender a hacer sushi",
        "초밥 만드는 법을 배우고 싶어요",
    ]
    assert (full(needs, OFFERS)[:, 0] >= MEETS).all()


def test_the_light_mode_understands_other_words_for_the_same(light: Likeness) -> None:
    needs = ["I want to roll my own sushi at home", "How do we run our apps on Kubernetes?", "Negotiate a salary"]
    found = light(needs, OFFERS)
    assert list(np.argmax(found, axis=1)) == [0, 1, 2]
    assert (np.max(found, axis=1) >= ASK).all()


def test_the_light_mode_does_not_meet_a_need_with_anything(light: Likeness) -> None:
    assert (light(["Grow vegetables on a balcony"], ["Contract law", "Kubernetes", "Public speaking"]) < ASK).all()


@pytest.mark.parametrize("mode", ["light", "full"])
@pytest.mark.parametrize(
    ("need", "right", "wrong"),
    [
        ("Wie man Fisch filetiert", "Fisch ausnehmen und braten", "Fliegende Bauten genehmigen lassen"),
        ("Robić pierogi jak moja babcia", "Pierogi, uszka i barszcz", "Jak spać i żyć, kiedy pracuje się na noce"),
        ("Usar mi celular para cobrar", "Usar el celular para pagar y vender", "Cocina de la huerta, sin prisa"),
    ],
)
def test_a_shared_language_is_no_shared_topic(
    mode: str, need: str, right: str, wrong: str, request: pytest.FixtureRequest
) -> None:
    similarity: Likeness = request.getfixturevalue(mode)
    ((met, unmet),) = similarity([need], [right, wrong])
    # The light mode is seldom sure of anything that is not English.
    assert met >= ASK > unmet if mode == "full" else met > 2 * unmet


@pytest.mark.parametrize("mode", ["light", "full"])
def test_a_chance_depends_on_its_two_texts_only(mode: str, vectors: Kept, request: pytest.FixtureRequest) -> None:
    among: Likeness = request.getfixturevalue(mode)
    needs, offers = (
        ["x", "Learn to read a balance sheet", "Bilanzen lesen"],
        ["A longer text on bees", "Accounting basics"],
    )
    together = among(needs, offers)
    assert (together[::-1] == among(needs[::-1], offers)).all()
    for row, column in ((1, 1), (2, 0)):
        # A likeness of its own keeps no vectors of others: each text is embedded alone.
        assert meaning.load(mode)([needs[row]], [offers[column]])[0, 0] == together[row, column]


@pytest.mark.parametrize("mode", ["light", "full"])
def test_a_table_holds_what_the_matrix_holds(
    mode: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    similarity: Likeness = request.getfixturevalue(mode)
    needs = sorted(["Learn to make sushi", "Sushi machen", "Écrire du Python", "snakes", "", "Run a board meeting"])
    offers = sorted([*OFFERS, "Über Schlangen", ""])
    matrix = similarity(needs, offers)
    table = similarity.near(needs, offers)
    assert table.model == similarity.name
    assert {need: table.of(need) for need in needs} == {
        need: {offer: round(1000 * p) for offer, p in zip(offers, row, strict=True) if p >= ASK}
        for need, row in zip(needs, matrix, strict=True)
    }
    # Small blocks: the product is computed row by row.
    monkeypatch.setattr("services.matching.engine.meaning.calibration.CELLS", 1)
    again = similarity.near(needs, offers)
    assert np.array_equal(again.offers_at, table.offers_at)
    assert np.array_equal(again.chance, table.chance)


@pytest.mark.parametrize("mode", ["light", "full"])
def test_nothing_meets_nothing(mode: str, request: pytest.FixtureRequest) -> None:
    similarity: Likeness = request.getfixturevalue(mode)
    assert similarity([], ["a"]).shape == (0, 1)
    assert similarity(["a"], []).shape == (1, 0)
    assert (
        similarity(["", " \n\t", "sushi"], ["", "sushi"])
        == [[0, 0], [0, 0], [0, similarity(["sushi"], ["sushi"])[0, 0]]]
    ).all()


def test_a_text_is_read_up_to_a_length_and_without_stray_characters(light: Likeness) -> None:
    long = "sushi " * 10_000
    assert light([long], ["sushi"]) == light([long[:LONGEST]], ["sushi"])
    assert light(["su\u0000shi  at\nhome "], ["x"]) == light(["su shi at home"], ["x"])
    assert light(["cafe\u0301"], ["coffee"]) == light(["café"], ["coffee"])


def test_what_is_no_text_is_refused(light: Likeness) -> None:
    with pytest.raises(UnreadableText, match=r"character 3 of 'ab\\ud800' is half of a character"):
        light(["ab\ud800"], ["x"])
    with pytest.raises(UnreadableText, match="a text, not int"):
        light([7], ["x"])  # type: ignore[list-item]


def test_load_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="no mode 'fast': choose 'light', 'full' or 'server'"):
        meaning.load("fast")
    with pytest.raises(ValueError, match="needs a model that asks"):
        meaning.load(meaning.SERVER)


class TestKeptVectors:
    def test_only_what_is_missing_is_embedded(self) -> None:
        kept = Kept()
        similarity = meaning.load(meaning.LIGHT, store=kept)
        before = similarity(["tea", "Tea  ceremony"], ["coffee"])
        assert {text for _, text in kept.added} == {"tea", "Tea ceremony", "coffee"}
        again = Kept(dict(kept.known))
        assert (meaning.load(meaning.LIGHT, store=again)(["Tea ceremony", "tea"], ["coffee"]) == before[::-1]).all()
        assert not again.added

    def test_a_kept_vector_is_believed(self) -> None:
        kept = Kept()
        meaning.load(meaning.LIGHT, store=kept)(["tea"], ["coffee"])
        lie = Kept(dict.fromkeys(kept.known, kept.known["wordllama-256", "coffee"]))
        assert meaning.load(meaning.LIGHT, store=lie)(["tea"], ["coffee"])[0, 0] > MEETS

    def test_a_damaged_vector_is_told(self) -> None:
        kept = Kept()
        meaning.load(meaning.LIGHT, store=kept)(["tea"], ["coffee"])
        kept.known["wordllama-256", "tea"] = b"\0\0\1\0"
        with pytest.raises(DamagedVector, match="kept vector of 'tea' by wordllama-256 has 2 numbers where 256 belong"):
            meaning.load(meaning.LIGHT, store=kept)(["tea", "coffee"], ["coffee"])


class TestCalibration:
    @pytest.mark.parametrize("mode", ["light", "full"])
    def test_nearer_is_never_less_probable(self, mode: str) -> None:
        calibration = stored(mode)
        for curve in calibration.curves.values():
            assert all(weight > 0 for weight in curve.weights.values())
        chances = thousandths(np.linspace(-40, 40, 2001))
        assert (np.diff(chances.astype(int)) >= 0).all()
        assert (chances[0], chances[1000], chances[-1]) == (0, 500, 1000)

    def test_it_is_written_and_read_without_a_change(self) -> None:
        calibration = stored("full")
        again = read(written(calibration))
        assert again.version == calibration.version
        rows = np.arange(3 * 384).reshape(3, 384) % 997
        for name, space in calibration.spaces.items():
            assert (again.spaces[name].place(rows) == space.place(rows)).all()

    def test_a_broken_one_is_refused(self) -> None:
        with pytest.raises(BadCalibration, match="no calibration"):
            read({"spaces": {}})
        content = written(stored("light"))
        content["curves"]["other"]["weights"]["wordllama-256"] = -1.0
        with pytest.raises(BadCalibration, match="needs a positive one"):
            read(content)

    def test_one_of_another_model_is_refused(self) -> None:
        with pytest.raises(BadCalibration, match="wordllama-256 was never calibrated"):
            meaning.load(meaning.LIGHT, calibration=stored("full"))

    def test_the_shipped_one_is_what_fit_writes(self) -> None:
        from services.matching.engine.meaning.fit import light

        assert written(light(Kept())) == written(stored("light"))

    @given(st.integers(0, 2**32 - 1), st.floats(2, 12), st.floats(-6, -1))
    def test_logistic_finds_the_curve_that_made_the_labels(self, seed: int, weight: float, bias: float) -> None:
        random = np.random.default_rng(seed)
        x = random.uniform(-1, 1, size=(4000, 1))
        met = random.uniform(size=4000) < 1 / (1 + np.exp(-(weight * x[:, 0] + bias)))
        if met.any() and not met.all():
            (found,), constant = logistic(x, met)
            at = np.linspace(-1, 1, 50)
            truth, ours = (1 / (1 + np.exp(-(w * at + b))) for w, b in ((weight, bias), (found, constant)))
            assert np.abs(truth - ours).max() < 0.2

    def test_a_model_that_tells_nothing_is_refused(self) -> None:
        x = np.linspace(0, 1, 100)[:, None]
        with pytest.raises(BadCalibration, match="cannot be calibrated"):
            logistic(x, x[:, 0] < 0.3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Learn SQL", True),
        ("Edit videos", True),
        ("SQL", True),
        ("What do I do when my boss shouts?", True),
        ("Café culture and cooking", True),
        ("SQL lernen", False),
        ("Bilanzen lesen", False),
        ("Aprender a cocinar", False),
        ("Faire du pain", False),
        ("Научиться петь", False),
        ("料理を習いたい", False),
        ("Nauczyć się gotować", False),
        ("Better negotiation skills, s'il vous plaît, pour mon équipe", False),
    ],
)
def test_is_english_knows_short_texts(text: str, expected: bool) -> None:
    assert is_english(text, known=vocabulary()) is expected


def test_a_model_is_loaded_with_the_first_text_that_it_has_to_read() -> None:
    loaded: list[str] = []

    def fail() -> meaning.Model:
        loaded.append("now")
        raise ModelMissing("it is not installed")

    known = Kept()
    name = meaning.load(meaning.LIGHT, store=known).prepare(OFFERS).placed.popitem()[0]
    knowing = Likeness(meaning.LIGHT, models=[Unloaded(name, fail)], calibration=stored(meaning.LIGHT), store=known)
    assert len(knowing.prepare(OFFERS).placed[name]) == len(OFFERS)
    assert not loaded
    with pytest.raises(ModelMissing):
        knowing.prepare(["Something that nobody read before"])
