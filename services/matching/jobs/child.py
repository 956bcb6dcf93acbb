"""The process that computes one order and ends: ``python -m services.matching.jobs.child``.

In: one order (see ``frames``); the pipe stays open, and its end means that the parent died. Out: lines, the last one finished.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from services.matching.domain.candidates import digest_of
from services.matching.engine.model import RulesContradict, Snapshot
from services.matching.jobs.frames import LENGTH, SERVER, Line, Meaning, Order, framed, texts_of

if TYPE_CHECKING:
    from services.matching.engine.meaning import Kept, Likeness, Model

Tell = Callable[[Line], None]
_AT_ONCE = 64  # texts embedded between two lines


def main() -> None:
    """Read, compute, write."""
    length = int.from_bytes(sys.stdin.buffer.read(LENGTH), "big")
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(length), type=Order)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(5)  # the service that waits for us goes first

    def tell(line: Line) -> None:
        sys.stdout.buffer.write(framed(line))
        sys.stdout.buffer.flush()

    try:
        _plan(order, tell) if order.snapshot else _embed(order.texts, order, tell)
    except RulesContradict as error:
        tell(Line(refused=str(error)))
    tell(Line(finished=True))


def _plan(order: Order, tell: Tell) -> None:
    from services.matching.engine.frozen import near_bytes, near_from, proof_bytes
    from services.matching.engine.groups import plan_groups
    from services.matching.engine.match import match
    from services.matching.engine.meaning import near_texts
    from services.matching.engine.rounds import plan_rounds

    snapshot = msgspec.json.decode(order.snapshot, type=Snapshot)
    if order.near:
        near = near_from(order.near)
    else:
        needs = {need.text for person in snapshot.people for need in person.needs}
        offers = {offer.text for person in snapshot.people for offer in person.offers}
        likeness = _embed(texts_of(snapshot), order, tell)
        tell(Line(stage="comparing needs and offers", done=0.25))
        near = near_texts(needs, offers, meaning=likeness)
        tell(Line(near=near_bytes(near)))

    def on_progress(stage: str, done: float) -> None:
        tell(Line(stage=stage, done=done))

    if snapshot.grouping is not None:
        tell(Line(groups=plan_groups(snapshot, near, seed=order.seed, on_progress=on_progress)))
        return
    if snapshot.rounds:
        tell(Line(rounds=plan_rounds(snapshot, near, seed=order.seed, on_progress=on_progress)))
        return
    plan, proof = match(snapshot, near, seed=order.seed, on_progress=on_progress)
    tell(Line(plan=plan, proof=proof_bytes(proof) if proof else b""))


def _embed(texts: Sequence[str], order: Order, tell: Tell) -> Likeness:
    """Have every text's vectors; those that are new are told as they come."""
    from services.matching.engine.meaning import Kept, load

    kept = Kept()
    _know(kept, texts, order)
    meaning = order.meaning
    server = None
    if meaning.mode == SERVER:
        from services.matching.clients import Address, Server

        server = Server(Address(url=meaning.url, model=meaning.model, key=meaning.key))
    likeness = load(meaning.mode, store=kept, model=server)
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        likeness.prepare(some)
        if kept.added:
            new = _by_digest(kept, some)
            kept.added.clear()
            tell(Line(stage=f"understanding {len(texts)} texts", done=0.05 + 0.2 * start / len(texts), vectors=new))
    return likeness


def _server(meaning: Meaning) -> Model | None:
    if meaning.mode != SERVER:
        return None
    from services.matching.clients import Address, Server

    return Server(Address(url=meaning.url, model=meaning.model, key=meaning.key))


def _know(kept: Kept, texts: Sequence[str], order: Order) -> None:
    from services.matching.engine.meaning.models.model import readable

    for text in texts:
        for model, vectors in order.vectors.items():
            vector = vectors.get(digest_of(text))
            if vector is not None:
                kept.known[model, readable(text)] = vector


def _by_digest(kept: Kept, texts: Sequence[str]) -> dict[str, dict[bytes, bytes]]:
    from services.matching.engine.meaning.models.model import readable

    found: dict[str, dict[bytes, bytes]] = {}
    for text in texts:
        for model in {model for model, _ in kept.added}:
            vector = kept.added.get((model, readable(text)))
            if vector is not None:
                found.setdefault(model, {})[digest_of(text)] = vector
    return found


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
