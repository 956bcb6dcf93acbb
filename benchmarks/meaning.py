"""How often the right offer comes first, for needs in people's own words: our similarity beside what else there is.

For each need, the offers are ranked; `top1` and `top3` are the percentages of needs with an accepted offer at the first
place, or among the first three (offers that score the same share the worst of their places). English: both the need and one
of its accepted offers are English. An orphan is a need that no offer meets; it is recognised when no offer reaches the
probability `MEETS`. Only the languages of the file decide which line of the table a need counts in: the similarity does not
see them. Peers have no probability, hence no orphans.

`--data FILE` measures on other texts: `{"needs": [{"text", "language", "accepted": [offer numbers from 0]}], "offers":
[{"text", "language"}], "orphans": [{"text", "language"}]}`.

The last line is `RESULT` and JSON: `english` and `other` (each `top1`, `top3`, in percent), `orphans_recognised` (percent),
`texts_per_s` (texts embedded for the first time, by the full mode), and beside them `met_recognised` (percent of the needs
whose accepted offer reaches `MEETS`), `met_or_asked` (… reaches `ASK`), `false_alarms` (percent of the pairs from `MEETS` on
that are not accepted), `language_right` (percent of texts rightly taken for English or not), `load_s`, `memory_mb` (what
loading and embedding added), `modes` (the same for the light mode).
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from numpy.typing import ArrayLike, NDArray

from services.matching.engine import meaning
from services.matching.engine.meaning.languages import english
from services.matching.engine.meaning.models.e5 import E5
from services.matching.engine.meaning.models.minilm import MiniLM, vocabulary
from services.matching.engine.meaning.models.model import Model
from services.matching.engine.meaning.models.static import Static

OURS = pathlib.Path(__file__).parent / "data" / "meaning.json"
MEGABYTE = 2**20

Scores = NDArray[np.float64]
Score = Callable[[Sequence[str], Sequence[str]], Scores]


@dataclass(frozen=True)
class Text:
    """A text and its language (ISO 639-1)."""

    text: str
    language: str


@dataclass(frozen=True)
class Data:
    """Needs with the offers that meet them (numbers from 0), offers, and needs that nobody meets."""

    needs: tuple[Text, ...]
    accepted: tuple[frozenset[int], ...]
    offers: tuple[Text, ...]
    orphans: tuple[Text, ...]

    def accepts(self) -> NDArray[np.bool_]:
        """Shape ``(needs, offers)``."""
        return np.array(
            [[offer in some for offer in range(len(self.offers))] for some in self.accepted], dtype=np.bool_
        )

    def english(self) -> NDArray[np.bool_]:
        """Which needs count as English."""
        return np.array(
            [
                need.language == "en" and any(self.offers[offer].language == "en" for offer in some)
                for need, some in zip(self.needs, self.accepted, strict=True)
            ],
            dtype=np.bool_,
        )


class BadData(Exception):
    """The file cannot be measured on; the message says where and why."""


def read(file: pathlib.Path) -> Data:
    """Raises ``BadData``."""
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise BadData(f"{file} cannot be read: {error}") from error

    def texts(kind: str) -> tuple[Text, ...]:
        try:
            return tuple(Text(item["text"], item["language"]) for item in content.get(kind, []))
        except (TypeError, KeyError, AttributeError) as error:
            raise BadData(f"{file}: each of {kind!r} is an object with `text` and `language` ({error!r})") from error

    needs, offers, orphans = texts("needs"), texts("offers"), texts("orphans")
    if not needs or not offers:
        raise BadData(f"{file}: there must be at least one of `needs` and of `offers`")
    accepted = []
    for number, item in enumerate(content["needs"]):
        some = item.get("accepted", [])
        if not some or not all(isinstance(offer, int) and 0 <= offer < len(offers) for offer in some):
            raise BadData(
                f"{file}: `accepted` of need {number} ({item['text']!r}) must list offer numbers from 0 to {len(offers) - 1}"
            )
        accepted.append(frozenset(some))
    return Data(needs, tuple(accepted), offers, orphans)


WORD = re.compile(r"\w+")


def tf_idf(needs: Sequence[str], offers: Sequence[str]) -> Scores:
    """Cosine of word counts, each weighted by how few offers hold the word."""
    rare = _rarity(offers)

    def vector(text: str) -> dict[str, float]:
        weights = {word: count * rare.get(word, 0.0) for word, count in _words(text).items()}
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / length for word, weight in weights.items()}

    right = [vector(offer) for offer in offers]
    return np.array(
        [
            [sum(weight * other.get(word, 0.0) for word, weight in left.items()) for other in right]
            for left in (vector(need) for need in needs)
        ]
    )


def bm25(needs: Sequence[str], offers: Sequence[str]) -> Scores:
    """Okapi BM25 with the usual k1 = 1.2 and b = 0.75."""
    counts = [_words(offer) for offer in offers]
    mean = sum(sum(count.values()) for count in counts) / len(counts)
    rare = _rarity(offers)

    def score(need: str, offer: Counter[str]) -> float:
        longer = 1.2 * (0.25 + 0.75 * sum(offer.values()) / mean)
        return sum(rare.get(word, 0.0) * offer[word] * 2.2 / (offer[word] + longer) for word in _words(need))

    return np.array([[score(need, offer) for offer in counts] for need in needs])


def _words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.casefold()))


def _rarity(offers: Sequence[str]) -> dict[str, float]:
    holding = Counter(word for offer in offers for word in _words(offer))
    return {word: math.log(1 + (len(offers) - many + 0.5) / (many + 0.5)) for word, many in holding.items()}


def cosine(model: Model) -> Score:
    """The plain cosine of a model's vectors."""

    def score(needs: Sequence[str], offers: Sequence[str]) -> Scores:
        return model.embed(needs).astype(np.float64) @ model.embed(offers).astype(np.float64).T

    return score


def placed(scores: Scores, accepts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each need the place of its best accepted offer, from 0."""
    best = np.where(accepts, scores, -np.inf).max(axis=1, keepdims=True)
    found: NDArray[np.int64] = ((scores >= best) & ~accepts).sum(axis=1)
    return found


def percent(some: ArrayLike) -> float | None:
    """Of nothing: None."""
    flags = np.asarray(some, dtype=np.bool_)
    return round(100 * float(flags.mean()), 1) if flags.size else None


def tops(places: NDArray[np.int64]) -> dict[str, float | None]:
    """Shares of first places and of the first three."""
    return {"top1": percent(places < 1), "top3": percent(places < 3)}


def line(name: str, places: NDArray[np.int64], *, ours: NDArray[np.bool_], speed: float, orphans: float | None) -> str:
    """A row of the table."""

    def both(some: NDArray[np.bool_]) -> str:
        return f"{100 * (places[some] < 1).mean():5.1f} / {100 * (places[some] < 3).mean():5.1f}" if some.any() else "–"

    return (
        f"{name:34} {both(ours):>15} {both(~ours):>15} {'–' if orphans is None else f'{orphans:.1f}':>9} {speed:11,.0f}"
    )


def measure(name: str, score: Score, *, data: Data) -> str:
    """The row of a peer."""
    needs, offers = [need.text for need in data.needs], [offer.text for offer in data.offers]
    started = time.perf_counter()
    scores = score(needs, offers)
    speed = (len(needs) + len(offers)) / (time.perf_counter() - started)
    return line(name, placed(scores, data.accepts()), ours=data.english(), speed=speed, orphans=None)


def memory() -> float:
    """Megabytes of this process."""
    return float(psutil.Process().memory_info().rss) / MEGABYTE


def measure_mode(mode: str, *, data: Data) -> tuple[dict[str, Any], Scores]:
    """What RESULT says of a mode; and its probabilities."""
    needs, offers = [need.text for need in data.needs], [offer.text for offer in data.offers]
    orphans = [orphan.text for orphan in data.orphans]
    before, started = memory(), time.perf_counter()
    similarity = meaning.load(mode)
    similarity(["warm"], ["up"])
    loaded = time.perf_counter()
    scores = similarity(needs + orphans, offers)
    seconds = time.perf_counter() - loaded
    met, alone = scores[: len(needs)], scores[len(needs) :]
    accepts, ours = data.accepts(), data.english()
    places = placed(met, accepts)
    best = np.where(accepts, met, 0.0).max(axis=1)
    alarms = met >= meaning.MEETS
    return {
        "english": tops(places[ours]),
        "other": tops(places[~ours]),
        "orphans_recognised": percent((alone < meaning.MEETS).all(axis=1)),
        "texts_per_s": round(len({*needs, *orphans, *offers}) / seconds),
        "met_recognised": percent(best >= meaning.MEETS),
        "met_or_asked": percent(best >= meaning.ASK),
        "false_alarms": percent(~accepts[alarms]),
        "load_s": round(loaded - started, 2),
        "memory_mb": round(memory() - before),
    }, met


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.meaning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=pathlib.Path, default=OURS, metavar="FILE", help="texts (default: %(default)s)")
    parser.add_argument("--wrong", action="store_true", help="list the needs whose first offer is not accepted")
    chosen = parser.parse_args()
    try:
        data = read(chosen.data)
    except BadData as error:
        parser.error(str(error))
    ours = data.english()
    elsewhere = sorted({need.language for need in data.needs} - {"en"})
    print(
        f"{len(data.needs)} needs ({ours.sum()} English; others in {len(elsewhere)} languages: {', '.join(elsewhere)}), "
        f"{len(data.offers)} offers, {len(data.orphans)} orphans\n"
    )
    result, scores = measure_mode(meaning.FULL, data=data)
    light, dim = measure_mode(meaning.LIGHT, data=data)
    print(f"{'top-1 / top-3 in percent':34} {'English':>15} {'others':>15} {'orphans':>9} {'texts/s':>11}")
    peers: list[tuple[str, Score]] = [
        ("TF-IDF", tf_idf),
        ("BM25", bm25),
        ("wordllama", cosine(Static())),
        ("MiniLM", cosine(MiniLM())),
        ("multilingual E5", cosine(E5())),
    ]
    for name, score in peers:
        print(measure(name, score, data=data), flush=True)
    for name, found, each in (("ours, light mode", light, dim), ("ours, full mode", result, scores)):
        print(
            line(
                name,
                placed(each, data.accepts()),
                ours=ours,
                speed=found["texts_per_s"],
                orphans=found["orphans_recognised"],
            )
        )
    print()
    for language in sorted({need.language for need in data.needs}):
        some = np.array([need.language == language for need in data.needs])
        places = placed(scores, data.accepts())[some]
        print(f"  {language}: {some.sum():4} needs, top-1 {percent(places < 1)}, top-3 {percent(places < 3)}")
    if chosen.wrong:
        print()
        for need, row, accepted in zip(data.needs, scores, data.accepted, strict=True):
            first = int(row.argmax())
            if first not in accepted:
                right = max(accepted, key=lambda offer, row=row: row[offer])  # type: ignore[misc]
                print(
                    f"  {need.text!r}: {row[first]:.3f} {data.offers[first].text!r}, not {row[right]:.3f} {data.offers[right].text!r}"
                )
    everything = [*data.needs, *data.offers, *data.orphans]
    taken = english([each.text for each in everything], known=vocabulary())
    result["language_right"] = percent(taken == [each.language == "en" for each in everything])
    result["modes"] = {meaning.LIGHT: light}
    print(
        f"\nneeds whose offer reaches MEETS {result['met_recognised']} %, ASK {result['met_or_asked']} %; "
        f"of the pairs from MEETS on {result['false_alarms']} % are not accepted; English or not: "
        f"{result['language_right']} % right; full mode loads in {result['load_s']} s, {result['memory_mb']} MB "
        f"(light: {light['load_s']} s, {light['memory_mb']} MB)"
    )
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
