"""One edition from draft to end, as the demo plays it: every step by the actor who takes it, on real PostgreSQL."""

from datetime import timedelta
from uuid import uuid4

from contracts.matching import (
    AcceptPartnership,
    AdvanceCohort,
    CohortAdvanced,
    CohortOpened,
    CohortStatus,
    DeclinePair,
    DeclineReason,
    DraftCohort,
    EndPair,
    EnrolmentChanged,
    EnrolmentStatus,
    InvitePeople,
    MatchingCompleted,
    MatchingProgressed,
    PairAccepted,
    PairActivated,
    PairDeclined,
    PairEnded,
    PairProposed,
    PairStatus,
    PublishProposals,
    RunStatus,
    UnmatchedReason,
)
from services.matching.jobs.frames import LIGHT, Meaning
from services.matching.jobs.runs import Pace, take_one
from tests.matching.world import World, facts_of, workplace


async def test_edition_goes_from_draft_to_completed(world: World) -> None:
    sushi, clusters = "Making sushi and other Japanese food", "Kubernetes and container operations"
    want_sushi, want_clusters = "I want to roll my own sushi at home", "How do we run our apps on Kubernetes?"
    ana = await world.somebody(0, offers=sushi, needs=want_clusters)
    ben = await world.somebody(1, offers=clusters, needs=want_sushi)
    cleo = await world.somebody(0, offers=clusters, needs=want_sushi)
    dan = await world.somebody(1, offers=sushi, needs=want_clusters)
    eve = await world.somebody(1, offers="Tax law of the Duchy", needs="Icelandic grammar")

    # Drafted by one, accepted by the other before the window comes, opened by time.
    later = world.clock.now() + timedelta(hours=1)
    drafted = await world.do(DraftCohort(command_id=uuid4(), cohort=world.a_cohort(opens_at=later)), by=world.admin())
    assert [type(each.fact) for each in drafted] == [CohortAdvanced]
    accept = AcceptPartnership(command_id=uuid4(), cohort_id=world.cohort_id, seats=10)
    assert [type(each.fact) for each in await world.do(accept, by=world.admin(1))] == [CohortAdvanced]
    assert await world.tick("open_and_close_cohorts") == []
    world.clock.set(later)
    (opened,) = facts_of(await world.tick("open_and_close_cohorts"), CohortOpened)
    assert (opened.version, opened.cohort.status) == (3, CohortStatus.OPEN)

    # Invited and enrolled.
    invited = await world.do(InvitePeople(command_id=uuid4(), cohort_id=world.cohort_id), by=world.admin())
    assert {fact.enrolment.person_id for fact in facts_of(invited, EnrolmentChanged)} == {ana, cleo}
    for person in (ana, ben, cleo, dan, eve):
        (enrolled,) = facts_of(await world.enrol(person), EnrolmentChanged)
        assert enrolled.enrolment.status is EnrolmentStatus.ADMITTED
    await world.close()

    # Matched by a worker, in a process of its own.
    run_id = await world.request()
    assert (await world.cohort()).status is CohortStatus.MATCHING
    bench, running = workplace(world)
    assert await take_one(running, pace=Pace(), meaning=Meaning(mode=LIGHT))
    assert not await take_one(running, pace=Pace(), meaning=Meaning(mode=LIGHT))
    stages = [fact.run.stage for fact in facts_of(bench.recorded, MatchingProgressed)]
    told = ["frozen", "comparing needs and offers", "checking the rules", "pairing", "explaining"]
    assert [stage for stage in stages if stage in told] == told
    (completed,) = facts_of(bench.recorded, MatchingCompleted)
    assert completed.run.status is RunStatus.COMPLETED
    assert (completed.run.people, completed.run.pairs, completed.run.published) == (5, 2, False)
    assert [(left.person_id, left.reason) for left in completed.run.unmatched] == [
        (eve, UnmatchedReason.NOTHING_IN_COMMON)
    ]
    assert len(completed.run.snapshot_digest) == 64
    drafts = [fact.pair for fact in facts_of(bench.recorded, PairProposed)]
    assert {pair.status for pair in drafts} == {PairStatus.DRAFT}
    for pair in drafts:
        assert len(pair.directions) == 2
        assert pair.value == round(sum(term.amount for term in pair.terms), 6)
        assert (pair.language, bool(pair.common_ground), bool(pair.bridge)) == ("en", True, True)
        (polish,) = pair.wordings
        assert polish.locale == "pl"
        assert polish.common_ground not in {"", pair.common_ground}
        assert len(polish.details) == len(pair.terms)
        assert polish.details != tuple(term.detail for term in pair.terms)
        assert pair.shared_windows
    assert (await world.cohort()).status is CohortStatus.REVIEW

    # Published, accepted, declined.
    published = await world.do(PublishProposals(command_id=uuid4(), run_id=run_id), by=world.admin(1))
    assert facts_of(published, MatchingCompleted)[0].run.published
    proposals = {
        frozenset(m.person_id for m in fact.pair.members): fact.pair for fact in facts_of(published, PairProposed)
    }
    assert {pair.status for pair in proposals.values()} == {PairStatus.PROPOSED}
    assert {pair.expires_at for pair in proposals.values()} == {world.clock.now() + timedelta(hours=72)}
    partner = next(other for other in (ben, cleo, dan) if frozenset((ana, other)) in proposals)
    kept = proposals[frozenset((ana, partner))]
    (half,) = facts_of(await world.accept(kept.pair_id, by=ana), PairAccepted)
    assert half.pair.status is PairStatus.HALF_ACCEPTED
    (both,) = facts_of(await world.accept(kept.pair_id, by=partner), PairAccepted)
    assert both.pair.status is PairStatus.ACCEPTED
    (refused,) = [pair for pair in proposals.values() if pair.pair_id != kept.pair_id]
    decliner = refused.members[0].person_id
    decline = DeclinePair(command_id=uuid4(), pair_id=refused.pair_id, reason=DeclineReason.NO_TIME)
    (declined,) = facts_of(await world.do(decline, by=decliner), PairDeclined)
    assert declined.pair.status is PairStatus.DECLINED

    # Active only once both have signed.
    advance = AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.ACTIVE)
    await world.do(advance, by=world.admin())
    assert await world.sign(kept.pair_id, complete=False) == []
    (active,) = facts_of(await world.sign(kept.pair_id), PairActivated)
    assert active.pair.status is PairStatus.ACTIVE

    # Wrapped up: ended, and everybody's place concluded.
    for status in (CohortStatus.WRAP_UP,):
        await world.do(AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=status), by=world.admin())
    (ended,) = facts_of(
        await world.do(EndPair(command_id=uuid4(), pair_id=kept.pair_id, reason="It was good."), by=ana), PairEnded
    )
    assert ended.pair.status is PairStatus.COMPLETED
    over = await world.do(
        AdvanceCohort(command_id=uuid4(), cohort_id=world.cohort_id, to=CohortStatus.COMPLETED), by=world.admin()
    )
    final = {fact.enrolment.person_id: fact.enrolment for fact in facts_of(over, EnrolmentChanged)}
    assert final[ana].status is final[partner].status is EnrolmentStatus.COMPLETED
    assert (final[eve].status, final[eve].reason) == (
        EnrolmentStatus.UNMATCHED,
        UnmatchedReason.NOTHING_IN_COMMON,
    )
    assert final[decliner].status is EnrolmentStatus.UNMATCHED
