"""Who may see what, as data and pure rules. The first wall; row-level security in the read model is the second.

A person is seen through a *tier*, a pair and a cohort through a *sight*; each table below says field by field what these
let through. What a viewer may not see looks exactly like what does not exist. A test fails when a field of the schema has
no row here.
"""

from gateway.policy.cohorts import (
    COHORT as COHORT,
    GROUP_PLAN as GROUP_PLAN,
    LEAST_AGGREGATE as LEAST_AGGREGATE,
    ROUND_PLAN as ROUND_PLAN,
    TAKING_PART as TAKING_PART,
    CohortSight as CohortSight,
    cohort_sight as cohort_sight,
    own_group as own_group,
    own_schedule as own_schedule,
    withheld_results as withheld_results,
)
from gateway.policy.organizations import (
    CALIBRATION as CALIBRATION,
    ORGANIZATION as ORGANIZATION,
    CalibrationSight as CalibrationSight,
    OrganizationSight as OrganizationSight,
    calibration_sight as calibration_sight,
    organization_sight as organization_sight,
)
from gateway.policy.pairs import (
    PAIR as PAIR,
    PairSight as PairSight,
    introduction_for as introduction_for,
    may_read_direction as may_read_direction,
    may_read_grounds as may_read_grounds,
    may_see_feedback as may_see_feedback,
    pair_sight as pair_sight,
    readable_direction as readable_direction,
    scrubbed as scrubbed,
    suggestion_sight as suggestion_sight,
    was_shown as was_shown,
)
from gateway.policy.people import (
    ASKED_STATUSES as ASKED_STATUSES,
    MATCHED_STATUSES as MATCHED_STATUSES,
    PERSON as PERSON,
    Acquaintance as Acquaintance,
    Shown as Shown,
    Tier as Tier,
    consents_hold as consents_hold,
    is_one_of as is_one_of,
    may_see_person_data as may_see_person_data,
    opted_in as opted_in,
    person_fields as person_fields,
    tier_of as tier_of,
)
