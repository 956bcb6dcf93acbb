"""The process that answers: ``python -m services.matching.jobs.advisor``. Questions in, answers out, until nobody asks any more."""

from __future__ import annotations

import os
import select
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

import msgspec

from services.matching.domain.candidates import digest_of
from services.matching.engine.model import Snapshot
from services.matching.jobs.advice import IDLE_SECONDS, KEPT_ROOMS, Answer, Question, RoomMaterial, RunMaterial
from services.matching.jobs.frames import LENGTH, SERVER, Meaning, texts_of

if TYPE_CHECKING:
    from services.matching.engine.advising import Room
    from services.matching.engine.frozen import Proof
    from services.matching.engine.meaning.calibration import Calibration

Kept = TypeVar("Kept")
_calibrations: dict[Meaning, Calibration] = {}


def main() -> None:
    """Until the pipe ends, or nobody asks for long."""
    rooms: OrderedDict[str, Room] = OrderedDict()
    runs: OrderedDict[str, tuple[Room, Proof]] = OrderedDict()
    source, sink = sys.stdin.fileno(), sys.stdout.buffer
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        length = int.from_bytes(_read(source, LENGTH), "big")
        if not length:
            return
        question = msgspec.msgpack.decode(_read(source, length), type=Question)
        try:
            answer = _answer(question, rooms=rooms, runs=runs)
        except Exception as error:
            answer = Answer(failed=f"{type(error).__name__}: {error}")
        content = msgspec.msgpack.encode(answer)
        sink.write(len(content).to_bytes(LENGTH, "big") + content)
        sink.flush()


def _answer(question: Question, *, rooms: OrderedDict[str, Room], runs: OrderedDict[str, tuple[Room, Proof]]) -> Answer:
    from services.matching.engine.advising import suggest, why_not, why_not_by_price

    if question.room_material is not None:
        rooms[question.room] = _room(question.room_material)
    if question.run_material is not None:
        runs[question.run] = _run(question.run_material)
    there = _kept(rooms, question.room)
    if there is None:
        return Answer(unknown=True)
    if question.run:
        seen = _kept(runs, question.run)
        if seen is None:
            return Answer(unknown=True)
        verdict = why_not_by_price(*seen, question.person, question.other)
        if verdict is not None:
            return Answer(code=verdict.code, why=verdict.why, rules=verdict.rules, value=verdict.value)
    if question.other:
        found = why_not(there, question.person, question.other, organizer=question.organizer)
        return Answer(code=found.code, why=found.why, rules=found.rules, value=found.value)
    advice = suggest(there, question.person, ranked=question.ranked, most=question.most)
    return Answer(
        pairs=advice.pairs,
        ranks=advice.ranks,
        why=advice.why,
        unread=advice.unread,
        unread_of_others=advice.unread_of_others,
    )


def _kept(kept: OrderedDict[str, Kept], name: str) -> Kept | None:
    if name not in kept:
        return None
    kept.move_to_end(name)
    while len(kept) > KEPT_ROOMS:
        kept.popitem(last=False)
    return kept[name]


def _room(material: RoomMaterial) -> Room:
    from services.matching.engine.advising import room
    from services.matching.engine.meaning.models.model import readable
    from services.matching.engine.meaning.offline import near_known

    snapshot = msgspec.json.decode(material.snapshot, type=Snapshot)
    needs = {need.text for person in snapshot.people for need in person.needs}
    offers = {offer.text for person in snapshot.people for offer in person.offers}
    texts = {digest_of(text): readable(text) for text in texts_of(snapshot)}
    vectors = {
        (model, texts[digest]): vector
        for model, found in material.vectors.items()
        for digest, vector in found.items()
        if digest in texts
    }
    near, unread = near_known(
        needs,
        offers,
        mode=material.meaning.mode,
        calibration=_calibration(material.meaning),
        vectors=vectors,
    )
    return room(snapshot, near, unread=unread)


def _calibration(meaning: Meaning) -> Calibration:
    """The one that we ship; a server's own is fitted once, on our labelled texts, which it is asked to read."""
    if meaning not in _calibrations:
        if meaning.mode == SERVER:
            from services.matching.clients import Address, Server
            from services.matching.engine.meaning.fit import calibrated
            from services.matching.engine.meaning.vectors import Kept as KeptVectors

            server = Server(Address(url=meaning.url, model=meaning.model, key=meaning.key))
            _calibrations[meaning] = calibrated([server], store=KeptVectors())
        else:
            from services.matching.engine.meaning.calibration import stored

            _calibrations[meaning] = stored(meaning.mode)
    return _calibrations[meaning]


def _run(material: RunMaterial) -> tuple[Room, Proof]:
    from services.matching.engine.advising import as_run_saw
    from services.matching.engine.frozen import near_from, proof_from

    proof = proof_from(material.proof)
    snapshot = msgspec.json.decode(material.snapshot, type=Snapshot)
    return as_run_saw(snapshot, near_from(material.near), seed=proof.seed), proof


def _read(source: int, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        part = os.read(source, length - len(content))
        if not part:
            return b"" if not content else bytes(content)
        content += part
    return bytes(content)


if __name__ == "__main__":
    main()
