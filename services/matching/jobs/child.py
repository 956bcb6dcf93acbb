"""The process that computes an order: ``python -m services.matching.jobs.child``. After a small one it waits a little for another.

In: an order (see ``frames``), and perhaps that the best plan so far is wanted; the pipe stays open, and its end means that the parent
died, or needs nothing more. Out: lines, the last one of each order finished.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from services.matching.domain.candidates import digest_of
from services.matching.engine.model import RulesContradict, Snapshot, SoFar
from services.matching.jobs.frames import IDLE_SECONDS, LENGTH, SERVER, STOP, Line, Meaning, Order, framed, texts_of

if TYPE_CHECKING:
    from services.matching.engine.meaning import Kept, Likeness, Model

Tell = Callable[[Line], None]
_AT_ONCE = 64  # texts embedded between two lines
_SO_FAR_EVERY = 0.25  # seconds between two plans so far that are told besides the stages
_SMALL = 1_000_000  # bytes of a snapshot: some hundreds of people
_PRICES = 10.0  # seconds for what rules cost, after the plan is there


def main() -> None:
    """Read, compute, write; again while orders are small."""
    lines = _lines_alone()
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(orders, stop), daemon=True).start()
    os.nice(5)  # the service that waits for us goes first
    stays, patience = True, None
    while stays:
        try:
            order = orders.get(timeout=patience)
        except queue.Empty:
            return
        stays, patience = _carry_out(order, lines, stop), IDLE_SECONDS


def _carry_out(order: Order, lines: BinaryIO, stop: threading.Event) -> bool:
    """Whether another order may come: this one was small, and no model was loaded, which would keep its memory."""
    stays = bool(order.snapshot) and len(order.snapshot) <= _SMALL

    def tell(line: Line) -> None:
        nonlocal stays
        stays = stays and not line.vectors
        lines.write(framed(line))
        lines.flush()

    try:
        _plan(order, tell, stop) if order.snapshot else _embed(order.texts, order, tell)
    except RulesContradict as error:
        stays = False
        tell(Line(refused=str(error)))
    tell(Line(finished=True, stays=stays))
    return stays


def _plan(order: Order, tell: Tell, stop: threading.Event) -> None:
    from services.matching.engine.apart import Apart
    from services.matching.engine.frozen import near_bytes, near_from, proof_bytes
    from services.matching.engine.match import match
    from services.matching.engine.meaning import near_texts
    from services.matching.engine.prices import price_rules
    from services.matching.jobs.blocks import in_processes

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

    telling = _Telling(tell)
    on_progress = telling.stage
    if snapshot.grouping is not None:
        from services.matching.engine.frozen_groups import groups_proof_bytes
        from services.matching.engine.groups import plan_groups

        groups, its_proof = plan_groups(snapshot, near, seed=order.seed, on_progress=on_progress)
        tell(Line(groups=groups, proof=groups_proof_bytes(its_proof) if its_proof else b""))
        return
    if snapshot.rounds:
        from services.matching.engine.frozen_rounds import rounds_proof_bytes
        from services.matching.engine.rounds import plan_rounds

        rounds, their_proof = plan_rounds(snapshot, near, seed=order.seed, on_progress=on_progress)
        tell(Line(rounds=rounds, proof=rounds_proof_bytes(their_proof) if their_proof else b""))
        return
    started = time.monotonic()

    def left() -> float:
        if stop.is_set():
            return 0.0
        return started + order.seconds - time.monotonic() if order.seconds else inf

    plan, proof = match(
        snapshot,
        near,
        seed=order.seed,
        apart=Apart(plan=in_processes),
        on_progress=on_progress,
        on_so_far=telling.so_far,
        deadline=left,
    )
    on_progress("pricing the rules", 0.95)
    pricing = time.monotonic()
    prices = price_rules(
        snapshot,
        near,
        plan=plan,
        seed=order.seed,
        deadline=lambda: 0.0 if stop.is_set() else pricing + _PRICES - time.monotonic(),
    )
    tell(Line(plan=plan, proof=proof_bytes(proof) if proof else b"", prices=prices))


class _Telling:
    """Stages as they begin, with the best plan so far; and plans between, but only so often."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._stage, self._done = "", 0.0
        self._so_far: SoFar | None = None
        self._last = 0.0

    def stage(self, stage: str, done: float) -> None:
        self._stage, self._done = stage, done
        self._say()

    def so_far(self, found: SoFar) -> None:
        self._so_far = found
        if time.monotonic() - self._last >= _SO_FAR_EVERY:
            self._say()

    def _say(self) -> None:
        self._last = time.monotonic()
        self._tell(Line(stage=self._stage, done=self._done, so_far=self._so_far))


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


def _listen(orders: queue.SimpleQueue[Order], stop: threading.Event) -> None:
    while first := _read(1):
        if first == STOP:
            stop.set()
            continue
        content = _read(int.from_bytes(first + _read(LENGTH - 1), "big"))
        stop.clear()  # it was said of the order before
        orders.put(msgspec.msgpack.decode(content, type=Order))
    os._exit(1)


def _read(length: int) -> bytes:
    """Not through a buffer: its lock would be held when the interpreter ends. Less than ``length`` at the end of the pipe."""
    content = bytearray()
    while len(content) < length and (part := os.read(sys.stdin.fileno(), length - len(content))):
        content += part
    return bytes(content)


def _lines_alone() -> BinaryIO:
    """The pipe to the parent, for our lines alone: libraries that print something write to the error stream from now on."""
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lines


if __name__ == "__main__":
    main()
