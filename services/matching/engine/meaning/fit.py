"""Write ``fitted.json``: ``python -m services.matching.engine.meaning.fit``.

Everything is fitted on ``texts.json``, texts of our own that no test and no benchmark contains. The same texts and models
give the same file. The curves are fitted on cosines of texts that their space has not seen (five parts, by topic; each part
in the space of the other four): a space flatters the texts that it was made from.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import pathlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning import space
from services.matching.engine.meaning.calibration import Calibration, Cosines, Curve, curve, written
from services.matching.engine.meaning.likeness import ENGLISH, OTHER
from services.matching.engine.meaning.models.e5 import E5
from services.matching.engine.meaning.models.minilm import MiniLM
from services.matching.engine.meaning.models.model import Model, readable
from services.matching.engine.meaning.models.static import Static
from services.matching.engine.meaning.vectors import Kept, Vectors, embedded

PARTS = 5
HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with their language and topic. Offers meet the needs of their topic, and no others; "" is nobody's topic."""

    texts: tuple[str, ...]
    languages: tuple[str, ...]
    topics: tuple[str, ...]
    offered: NDArray[np.bool_]  # which of them are offers


def labelled() -> Labelled:
    """``texts.json``."""
    content = json.loads(importlib.resources.files(__package__).joinpath("texts.json").read_bytes())
    rows = [
        (text, language, topic["topic"], kind == "offers")
        for topic in content["topics"]
        for kind in ("offers", "needs")
        for language, text in topic[kind]
    ]
    rows += [(text, language, "", False) for language, text in content["nobody offers"]]
    texts, languages, topics, offered = zip(*rows, strict=True)
    return Labelled(texts, languages, topics, np.array(offered, dtype=np.bool_))


def calibrated(
    models: Sequence[Model], *, store: Vectors, english: Sequence[str] = (), damped: bool = True
) -> Calibration:
    """Fit spaces and curves. ``english``: the names of the models for pairs of English texts; the last model reads all others.

    Only the last model's space is damped (see ``space``), and only if ``damped``.
    """
    data = labelled()
    rows = {}
    for model in models:
        vectors = embedded(model, data.texts, store=store)
        rows[model.name] = np.stack([vectors[text] for text in map(readable, data.texts)])
    last = models[-1].name
    cosines = {name: _unseen(each, data=data, damped=damped and name == last) for name, each in rows.items()}
    needs, offers = ~data.offered, data.offered
    topics, languages = np.array(data.topics), np.array(data.languages)
    met = topics[needs][:, None] == topics[offers][None, :]
    both = (languages[needs] == "en")[:, None] & (languages[offers] == "en")[None, :]

    def over(pairs: NDArray[np.bool_], names: Sequence[str]) -> Curve:
        features = np.column_stack([cosines[name][pairs] for name in names])
        return curve(names, features, met[pairs])

    everything = np.ones_like(met)
    curves = {OTHER: over(~both if english else everything, [last])}
    if english:
        curves[ENGLISH] = over(both, english)
    spaces = {
        name: space.fitted(each, topics=data.topics, damped=damped and name == last) for name, each in rows.items()
    }
    return Calibration(spaces, curves)


def _unseen(rows: NDArray[np.int16], *, data: Labelled, damped: bool) -> Cosines:
    """Cosines of needs and offers, each need in a space that was fitted without its part of the topics."""
    needs, offers = ~data.offered, data.offered
    parts = np.array([_part(topic or text) for topic, text in zip(data.topics, data.texts, strict=True)])
    result = np.zeros((int(needs.sum()), int(offers.sum())))
    for part in range(PARTS):
        seen = parts != part
        fitted = space.fitted(
            rows[seen], topics=[topic for topic, kept in zip(data.topics, seen, strict=True) if kept], damped=damped
        )
        placed = fitted.place(rows).astype(np.float64)
        ours = parts[needs] == part
        result[ours] = placed[needs][ours] @ placed[offers].T / space.LENGTH**2
    return result


def _part(name: str) -> int:
    return zlib.crc32(name.encode()) % PARTS


def light(store: Vectors) -> Calibration:
    """The light mode's."""
    return calibrated([Static()], store=store, damped=False)


def full(store: Vectors) -> Calibration:
    """The full mode's."""
    return calibrated([MiniLM(), E5()], store=store, english=[MiniLM.name, E5.name])


MODES: dict[str, Callable[[Vectors], Calibration]] = {"light": light, "full": full}


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(
        prog="python -m services.matching.engine.meaning.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "fitted.json", help="default: %(default)s")
    chosen = parser.parse_args()
    found = {mode: make(Kept()) for mode, make in MODES.items()}
    content = {mode: written(calibration) for mode, calibration in sorted(found.items())}
    chosen.out.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    for mode, calibration in found.items():
        for kind, each in calibration.curves.items():
            print(f"{mode:7} {kind:8} bias {each.bias:8.3f}  {dict(each.weights)}")  # noqa: T201
    print(f"wrote {chosen.out}")  # noqa: T201


if __name__ == "__main__":
    main()
