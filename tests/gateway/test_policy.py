"""Rules of visibility that need no database."""

from uuid import UUID, uuid4

from hypothesis import given, strategies as st

from contracts.base import Actor, Role
from contracts.matching import OrganizationResult, PairStatus
from gateway import policy
from gateway.policy import LEAST_AGGREGATE, Acquaintance, Tier
from tests.gateway.making import a_pair, a_world, person_of

results = st.lists(
    st.builds(
        OrganizationResult,
        organization_id=st.uuids(),
        people=st.integers(0, 12),
        matched=st.just(0),
        mean_value=st.just(0.0),
        worst_value=st.just(0.0),
    ),
    max_size=6,
    unique_by=lambda each: each.organization_id,
)


def an_admin(organization_id: UUID) -> Actor:
    """An admin of an organization."""
    return Actor(roles=(Role.ADMIN,), organization_id=organization_id)


class TestWithheldResults:
    @given(results)
    def test_hold_every_small_organization(self, found: list[OrganizationResult]) -> None:
        withheld = policy.withheld_results(found, viewer=an_admin(uuid4()))
        assert {each.organization_id for each in found if each.people < LEAST_AGGREGATE} <= withheld

    @given(results)
    def test_never_leave_one_that_the_others_give_away(self, found: list[OrganizationResult]) -> None:
        withheld = policy.withheld_results(found, viewer=an_admin(uuid4()))
        assert len(withheld) != 1 or len(found) == 1

    @given(results.filter(bool))
    def test_never_hold_the_viewers_own(self, found: list[OrganizationResult]) -> None:
        own = found[0].organization_id
        assert own not in policy.withheld_results(found, viewer=an_admin(own))


class TestTierOf:
    @given(st.frozensets(st.sampled_from(PairStatus)), st.booleans(), st.booleans())
    def test_is_never_more_than_listed_once_the_word_for_matching_is_taken_back(
        self, statuses: frozenset[PairStatus], share: bool, partner: bool
    ) -> None:
        world = a_world()
        known = Acquaintance(
            statuses=statuses, share_a_cohort=share, in_a_cohort_of_mine=partner, consent_withdrawn=True
        )
        assert policy.tier_of(person_of(world.ada), world.ben, known) in {Tier.LISTED, None}

    def test_shows_nobody_to_whom_nothing_connects(self) -> None:
        world = a_world()
        for viewer in (
            person_of(world.zoe),
            an_admin(world.far.organization_id),
            Actor(),
            Actor(roles=(Role.OPERATOR,)),
        ):
            assert policy.tier_of(viewer, world.ada, Acquaintance()) is None


class TestScrubbing:
    def test_leaves_no_words(self) -> None:
        world = a_world()
        left = policy.scrubbed(a_pair(world.ada, world.ben, world.cohort))
        assert "secret" not in repr(left)
        assert left.members == a_pair(world.ada, world.ben, world.cohort).members
