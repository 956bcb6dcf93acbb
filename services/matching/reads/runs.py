"""Private reads of matching: what proves a run, how two compare, whether rules hold together, and why nobody better."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import msgspec

from chassis.database import Transaction
from contracts.base import Role
from contracts.matching import (
    CheckRules,
    CompareRuns,
    MatchRun,
    PassedOver,
    PassedOverByRun,
    ReadPassedOver,
    ReadRunProof,
    RulesCheck,
    RulesContradiction,
    RunComparison,
    RunProof,
)
from services.matching import store
from services.matching.domain import enrolments, rules, simulations
from services.matching.domain.authority import no_run, partner_of, people_of
from services.matching.domain.freeze import freeze
from services.matching.domain.runs import NoProof, ProofNotForYou
from services.matching.domain.simulations import NothingKept
from services.matching.engine.model import Plan
from services.matching.engine.scoring.sentences import ENGLISH, LOCALES, say

MOST_CHECKED = 5_000
"""Up to so many people rules are held against the people themselves; beyond, only against each other."""


async def read_run_proof(query: ReadRunProof, tx: Transaction) -> RunProof:
    """Everything that a verifier needs to check a completed run without this service."""
    if not query.actor.is_a(Role.OPERATOR):
        raise ProofNotForYou(
            "A run's proof holds people's words.", remedy="Ask an operator of the platform to verify the run."
        )
    found = await store.load_run(tx, query.run_id)
    frozen = await store.load_snapshot(tx, query.run_id)
    if found is None or frozen is None or frozen.near is None or frozen.proof is None:
        raise NoProof(
            f"No proof is kept for the run {query.run_id}.",
            remedy="Name a completed run; once somebody in it was erased, its snapshot and proof are gone.",
        )
    return RunProof(run=found[0].state, snapshot=frozen.content, near=frozen.near, proof=frozen.proof)


async def compare_runs(query: CompareRuns, tx: Transaction) -> RunComparison:
    """Two completed runs of a cohort: figures of all, and the moves of the asking admin's own people."""
    run, other = await _run(query.run_id, tx), await _run(query.other_run_id, tx)
    of = None
    for each in (run, other):
        cohort = await store.load_cohort(tx, each.cohort_id)
        if not query.actor.is_a(Role.OPERATOR):
            of = partner_of(cohort.state if cohort else None, actor=query.actor)
    simulations.check_comparable(run, other)
    enrolled = await store.enrolments_of_cohort(tx, run.cohort_id)
    return simulations.compare(
        run,
        other,
        plan=await _plan(run, tx),
        other_plan=await _plan(other, tx),
        organizations={kept.state.person_id: kept.state.organization_id for kept in enrolled},
        of=of,
    )


async def check_rules(query: CheckRules, tx: Transaction) -> RulesCheck:
    """Contradictions among rules, for the people who are admitted now."""
    kept = await store.load_cohort(tx, query.cohort_id)
    if not query.actor.is_a(Role.OPERATOR) or kept is None:
        partner_of(kept.state if kept else None, actor=query.actor)
    assert kept is not None
    cohort = kept.state if query.rules is None else replace(kept.state, rules=query.rules)
    named = {person for rule in cohort.rules.rules for person in rule.people}
    concerned = await store.enrolments_of_cohort(tx, cohort.cohort_id, people=named, statuses=enrolments.LIVE)
    rules.check_form(cohort.rules)
    async with store.seeing_all(tx):
        # Teams, managers and blocks of other organizations: the asker learns which rules contradict each other, and nothing else.
        material = await store.material_for(tx, cohort, now=tx.now)
    snapshot = freeze(cohort, material=material, now=tx.now)
    stated = rules.stated_contradictions(cohort.rules, cohort=cohort, enrolments=enrolments.by_person(concerned))
    found = [] if len(snapshot.people) > MOST_CHECKED else await asyncio.to_thread(rules.contradictions_for, snapshot)
    known = {each.rules for each in found}
    return RulesCheck(
        cohort_id=cohort.cohort_id,
        people=len(snapshot.people),
        contradictions=(
            *(
                RulesContradiction(
                    rules=each.rules,
                    fatal=each.fatal,
                    why=each.english,
                    wordings=tuple((locale, said) for locale, said in each.said if locale != ENGLISH),
                )
                for each in found
            ),
            *(
                RulesContradiction(rules=numbers, fatal=True, why=why)
                for numbers, why in stated
                if numbers not in known
            ),
        ),
    )


async def read_passed_over(query: ReadPassedOver, tx: Transaction) -> PassedOverByRun:
    """Why a published run gave the asking person nobody better; not of people who said no to them since, or they to those."""
    person = query.actor.person_id
    run_id = None
    if person is not None and query.pair_id is not None:
        pair = await store.load_pair(tx, query.pair_id)
        run_id = pair.state.run_id if pair is not None and person in people_of(pair.state) else None
    elif person is not None and query.cohort_id is not None:
        run_id = await store.latest_published(tx, query.cohort_id)
    if person is None or run_id is None:
        raise no_run()
    run = await _run(run_id, tx)
    if not run.published or run.simulated:
        raise no_run()
    plan = await _plan(run, tx)
    mine = [each for each in plan.passed_over if each.person == str(person)]
    async with store.seeing_all(tx):
        blocked = await store.block_exists(tx, {person, *(UUID(each.partner) for each in mine)})
    return PassedOverByRun(
        run_id=run.run_id,
        people=tuple(
            PassedOver(
                partner_id=UUID(each.partner),
                value=each.value,
                own=each.own,
                price=each.price,
                why=say(each.why),
                wordings=tuple((locale, say(each.why, locale=locale)) for locale in LOCALES if locale != ENGLISH),
            )
            for each in mine
            if frozenset((person, UUID(each.partner))) not in blocked
        ),
    )


async def _run(run_id: UUID, tx: Transaction) -> MatchRun:
    found = await store.load_run(tx, run_id)
    if found is None:
        raise no_run()
    return found[0].state


async def _plan(run: MatchRun, tx: Transaction) -> Plan:
    async with store.seeing_all(tx):
        content = await store.load_plan(tx, run.run_id)
    if content is None:
        raise NothingKept(
            f"The plan of the run {run.run_id} is not kept: somebody in it was erased since, or it is older than comparisons.",
            remedy="Compare with a later run.",
        )
    return msgspec.msgpack.decode(content, type=Plan)
