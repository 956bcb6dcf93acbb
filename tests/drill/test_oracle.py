"""The oracle can fail: a sound ledger has no finding, and each thing that may go wrong, done to it, is said and named rightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from contracts.profiles import ProfileErased, ProfileUpdated
from tests.drill.erasing import words_in
from tests.drill.oracle import (
    Answer,
    Consequence,
    Consumer,
    Difference,
    Fact,
    Fault,
    Ledger,
    Left,
    Mail,
    Mirror,
    Seen,
    counts,
    judge,
)

ANN, BEN, PAIR, COMMAND = (UUID(int=number) for number in (1, 2, 3, 4))
UPDATED, PROPOSED = "updated.v1", "proposed.v1"


def fact(number: int, *, key: UUID = ANN, version: int, wire: str = UPDATED, owner: str = "profiles") -> Fact:
    """The fact of a row of an outbox; its id is made of the number."""
    return Fact(owner, number, UUID(int=100 + number), f"viceversa.{owner}", key, wire, version, 1000.0 + number)


FACTS = (
    fact(1, version=1),
    fact(2, key=BEN, version=1),
    fact(3, version=2),
    fact(4, version=3),
    fact(5, key=PAIR, version=1, wire=PROPOSED, owner="matching"),
)
SEEN = tuple(Seen(each.fact_id, each.at + 1, batch) for batch, each in enumerate(FACTS))
SOUND = Ledger(
    facts=FACTS,
    consumers=(
        Consumer("feedback", frozenset({UPDATED, PROPOSED}), SEEN),
        Consumer("gateway", frozenset({UPDATED}), (SEEN[3], *SEEN[:3]), ordered=False),
    ),
    mirrors=(
        Mirror("profiles.person", frozenset({UPDATED}), {ANN: 3, BEN: 1}),
        Mirror("feedback.pair", frozenset({PROPOSED}), {}, partial=True),
        Mirror("notifications.pair", frozenset({PROPOSED}), {}, passed_over=frozenset({PAIR})),
    ),
    consequences=(Consequence("an agreement for each pair", {PAIR: 1}, {PAIR: 1}),),
    mails=(Mail(ANN, "sent", 1), Mail(BEN, "doubtful", 0), Mail(PAIR, "pending", 0)),
    answers=(Answer(COMMAND, "acceptPair", True, 1000.0, 1), Answer(BEN, "enrol", False, 1000.0, 0)),
    newest_on_topics={("viceversa.profiles", ANN): 3},
    unpublished={"profiles": 0},
    parked={"feedback": 0},
)


GUEST = UUID(int=5)
_SAID = replace(fact(6, key=GUEST, version=1, wire=ProfileUpdated.WIRE), forgotten=True)
_GONE = fact(7, key=GUEST, version=4, wire=ProfileErased.WIRE)
ERASED = replace(
    SOUND,
    facts=(*FACTS, _SAID, _GONE),
    consumers=(
        Consumer(
            "feedback",
            frozenset({UPDATED, PROPOSED, ProfileUpdated.WIRE, ProfileErased.WIRE}),
            (*SEEN, Seen(_GONE.fact_id, 2000.0, 9)),
        ),
    ),
    mirrors=(Mirror("matching.candidate", frozenset({ProfileUpdated.WIRE}), {GUEST: 4}),),
    newest_on_topics={("viceversa.profiles", GUEST): 4},
    erased=frozenset({GUEST}),
    leaping=frozenset({GUEST}),
)


def seen_by_feedback(*seen: Seen) -> Ledger:
    """The sound ledger, but feedback's inbox is this."""
    return replace(SOUND, consumers=(replace(SOUND.consumers[0], seen=seen), SOUND.consumers[1]))


def mirrored(versions: dict[UUID, int]) -> Ledger:
    """The sound ledger, but a table stands at these versions."""
    return replace(SOUND, mirrors=(replace(SOUND.mirrors[0], versions=versions),))


class TestJudge:
    def test_finds_nothing_wrong_with_a_sound_ledger(self) -> None:
        assert judge(SOUND) == []

    @pytest.mark.parametrize(
        ("broken", "fault", "says"),
        [
            (lambda: seen_by_feedback(*SEEN[:3], SEEN[4]), Fault.LOST, "feedback never took updated.v1"),
            (lambda: seen_by_feedback(*SEEN, SEEN[2]), Fault.DOUBLE, "twice"),
            (lambda: seen_by_feedback(*SEEN, Seen(UUID(int=999), 1.0, 9)), Fault.DOUBLE, "nobody recorded"),
            (
                lambda: seen_by_feedback(*SEEN[:3], replace(SEEN[3], at=SEEN[2].at - 0.1), SEEN[4]),
                Fault.OUT_OF_ORDER,
                "feedback took updated.v1",
            ),
            (lambda: replace(SOUND, facts=(*FACTS[:2], *FACTS[3:])), Fault.LOST, "1 versions are missing before"),
            (lambda: replace(SOUND, facts=(*FACTS, fact(6, version=3))), Fault.DOUBLE, "tells the same version"),
            (lambda: replace(SOUND, facts=(*FACTS, fact(6, version=2))), Fault.OUT_OF_ORDER, "was written after"),
            (lambda: mirrored({ANN: 2, BEN: 1}), Fault.LOST, "stands at version 2 and misses"),
            (lambda: mirrored({ANN: 3}), Fault.LOST, "profiles.person has no row"),
            (
                lambda: replace(SOUND, mirrors=(replace(SOUND.mirrors[2], passed_over=frozenset()),)),
                Fault.LOST,
                "notifications.pair has no row",
            ),
            (lambda: mirrored({ANN: 4, BEN: 1}), Fault.DOUBLE, "is at version 4"),
            (lambda: mirrored({ANN: 3, BEN: 1, PAIR: 1}), Fault.DOUBLE, "that no fact tells of"),
            (
                lambda: replace(SOUND, differences=(Difference("people", "a", None, 3),)),
                Fault.LOST,
                "read model's people is not there",
            ),
            (
                lambda: replace(SOUND, differences=(Difference("people", "a", 3, None),)),
                Fault.DOUBLE,
                "no fact tells of it",
            ),
            (
                lambda: replace(SOUND, differences=(Difference("people", "a", 2, 3),)),
                Fault.OUT_OF_ORDER,
                "stands at 2 instead of 3",
            ),
            (
                lambda: replace(SOUND, differences=(Difference("people", "a", 3, 3),)),
                Fault.DOUBLE,
                "not what its fact says",
            ),
            (
                lambda: replace(SOUND, consequences=(Consequence("an agreement", {PAIR: 1}, {}),)),
                Fault.LOST,
                "0 instead of 1",
            ),
            (
                lambda: replace(SOUND, consequences=(Consequence("an agreement", {PAIR: 1}, {PAIR: 2}),)),
                Fault.DOUBLE,
                "2 instead of 1",
            ),
            (lambda: replace(SOUND, mails=(Mail(ANN, "sent", 2),)), Fault.DOUBLE, "arrived 2 times"),
            (lambda: replace(SOUND, mails=(Mail(ANN, "sent", 0),)), Fault.LOST, "never arrived"),
            (lambda: replace(SOUND, mails=(Mail(ANN, "doubtful", 2),)), Fault.DOUBLE, "arrived 2 times"),
            (lambda: replace(SOUND, mails=(Mail(ANN, "skipped", 1),)), Fault.DOUBLE, "(skipped) arrived"),
            (lambda: replace(SOUND, strange_mails=("x",)), Fault.DOUBLE, "no message asks for"),
            (
                lambda: replace(SOUND, answers=(Answer(COMMAND, "enrol", True, 1.0, 0),)),
                Fault.LOST,
                "no service knows it",
            ),
            (
                lambda: replace(SOUND, answers=(Answer(COMMAND, "enrol", False, 1.0, 1),)),
                Fault.DOUBLE,
                "refused, and was carried out",
            ),
            (
                lambda: replace(SOUND, answers=(Answer(COMMAND, "enrol", True, 1.0, 2),)),
                Fault.DOUBLE,
                "carried out by 2 services",
            ),
            (
                lambda: replace(SOUND, newest_on_topics={("viceversa.profiles", ANN): 2}),
                Fault.OUT_OF_ORDER,
                "the last record of its key",
            ),
            (
                lambda: replace(SOUND, unpublished={"profiles": 2}),
                Fault.LOST,
                "2 facts of profiles were never published",
            ),
            (lambda: replace(SOUND, parked={"feedback": 1}), Fault.LOST, "parked in feedback for good"),
        ],
    )
    def test_says_what_is_wrong(self, broken: Callable[[], Ledger], fault: Fault, says: str) -> None:
        findings = judge(broken())
        assert any(finding.fault is fault and says in finding.what for finding in findings), findings

    def test_takes_what_was_forgotten_for_superseded(self) -> None:
        forgotten = tuple(replace(each, forgotten=each.key == ANN and each.version < 3) for each in FACTS)
        never_taken = replace(SOUND.consumers[0], seen=SEEN[1:])
        assert judge(replace(SOUND, facts=forgotten, consumers=(never_taken,))) == []
        assert judge(replace(SOUND, consumers=(never_taken,))), "but only what was forgotten"
        last = tuple(replace(each, forgotten=False) for each in FACTS[:3])
        assert judge(replace(SOUND, facts=(*last, FACTS[4]))), "and what supersedes it must be there"

    def test_expects_nothing_of_somebody_erased_but_that_they_are(self) -> None:
        assert judge(ERASED) == []

    @pytest.mark.parametrize(
        ("broken", "says"),
        [
            (lambda: replace(ERASED, words_left=(Left("matching's pair", GUEST, 2),)), "2 rows of matching's pair"),
            (lambda: replace(ERASED, leaping=frozenset()), "2 versions are missing"),
            (lambda: replace(ERASED, facts=ERASED.facts[:-1]), "and the last fact of them is"),
            (
                lambda: replace(ERASED, facts=(*ERASED.facts, fact(8, key=GUEST, version=5, wire=ProfileUpdated.WIRE))),
                "and the last fact of them is",
            ),
            (
                lambda: replace(ERASED, newest_on_topics={("viceversa.profiles", GUEST): 1}),
                "the last record of its key",
            ),
            (
                lambda: replace(ERASED, consumers=(replace(ERASED.consumers[0], seen=SEEN),)),
                "feedback never took",
            ),
        ],
    )
    def test_says_when_an_erasure_did_not_happen_everywhere(self, broken: Callable[[], Ledger], says: str) -> None:
        findings = judge(broken())
        assert any(says in finding.what for finding in findings), findings

    def test_counts_each_kind(self) -> None:
        broken = replace(seen_by_feedback(*SEEN[:4], SEEN[1]), unpublished={"profiles": 1})
        assert counts(judge(broken)) == {Fault.LOST: 2, Fault.DOUBLE: 1, Fault.OUT_OF_ORDER: 0}

    def test_lets_one_batch_take_facts_in_any_order(self) -> None:
        together = [replace(each, batch=7) for each in SEEN]
        together[3] = replace(together[3], at=together[0].at - 1)
        assert judge(seen_by_feedback(*together)) == []

    def test_does_not_blame_anybody_for_what_the_drill_itself_swapped(self) -> None:
        swapped = seen_by_feedback(*SEEN[:3], replace(SEEN[3], at=SEEN[2].at - 0.1), SEEN[4])
        assert judge(replace(swapped, meddled=frozenset({ANN}))) == []
        lost = seen_by_feedback(*SEEN[:3], SEEN[4])
        assert judge(replace(lost, meddled=frozenset({ANN}))), "but a loss is a loss"

    def test_lets_a_mail_in_doubt_have_arrived_once_or_not_at_all(self) -> None:
        for state in ("sending", "doubtful", "failed"):
            for arrived in (0, 1):
                assert judge(replace(SOUND, mails=(Mail(ANN, state, arrived),))) == []


class TestWords:
    def test_are_found_as_text_and_as_bytes(self) -> None:
        written = "the KANAREK0123456789ab boss"
        stored = "\\x" + b'{"email": "kanarek0123456789cd@drill.example"}'.hex()
        assert words_in(f"({written},{stored})") == {"0123456789ab", "0123456789cd"}
        assert words_in("a Kanarek of nobody") == set()
