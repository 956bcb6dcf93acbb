"""Tables and every SQL statement of matching.

Rows are locked in one order everywhere, so that no two transactions wait for each other: cohort, run, enrolments, seats,
pairs; several of one kind by id. Whatever changes who is available, or a pair's status, locks the seats of the people
concerned first.
"""

from services.matching.store.candidates import (
    active_people,
    add_block,
    block_exists,
    forget_person,
    known_organizations,
    lapsed_consents,
    load_candidate,
    load_consent,
    save_candidate,
    save_consent,
    save_organization,
)
from services.matching.store.catalog import current_facts
from services.matching.store.cohorts import due_cohorts, load_cohort, partner_organizations_of
from services.matching.store.enrolments import (
    enrolments_of_cohort,
    enrolments_of_person,
    load_enrolment,
    lock_seats,
    occupancy_of,
    waiting_list,
)
from services.matching.store.material import material_for
from services.matching.store.pairs import due_proposals, load_pair, pairs_of_cohort, pairs_of_people, pairs_of_run
from services.matching.store.rounds import cohorts_with_rounds_of, load_round_plan, round_plans_of
from services.matching.store.runs import (
    Claimed,
    Frozen,
    add_run,
    claim_run,
    extend_claim,
    give_back,
    has_published_run,
    latest_report,
    load_plan,
    load_run,
    load_snapshot,
    lock_claimed,
    plan_is_kept,
    save_near,
    save_plan,
    save_proof,
    save_snapshot,
    seed_of,
    unfinished_runs,
)
from services.matching.store.save import LostUpdate, add_cohort, save
from services.matching.store.tables import metadata
from services.matching.store.vectors import (
    Unread,
    forget_vectors,
    mark_read,
    save_vectors,
    unread_candidates,
    vectors_of,
)
from services.matching.store.walls import seeing_all

__all__ = [
    "Claimed",
    "Frozen",
    "LostUpdate",
    "Unread",
    "active_people",
    "add_block",
    "add_cohort",
    "add_run",
    "block_exists",
    "claim_run",
    "cohorts_with_rounds_of",
    "current_facts",
    "due_cohorts",
    "due_proposals",
    "enrolments_of_cohort",
    "enrolments_of_person",
    "extend_claim",
    "forget_person",
    "forget_vectors",
    "give_back",
    "has_published_run",
    "known_organizations",
    "lapsed_consents",
    "latest_report",
    "load_candidate",
    "load_cohort",
    "load_consent",
    "load_enrolment",
    "load_pair",
    "load_plan",
    "load_round_plan",
    "load_run",
    "load_snapshot",
    "lock_claimed",
    "lock_seats",
    "mark_read",
    "material_for",
    "metadata",
    "occupancy_of",
    "pairs_of_cohort",
    "pairs_of_people",
    "pairs_of_run",
    "partner_organizations_of",
    "plan_is_kept",
    "round_plans_of",
    "save",
    "save_candidate",
    "save_consent",
    "save_near",
    "save_organization",
    "save_plan",
    "save_proof",
    "save_snapshot",
    "save_vectors",
    "seed_of",
    "seeing_all",
    "unfinished_runs",
    "unread_candidates",
    "vectors_of",
    "waiting_list",
]
