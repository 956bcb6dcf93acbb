"""Refitting, choosing and sharing calibrations."""

from __future__ import annotations

from uuid import UUID

from chassis.database import Transaction
from contracts.base import Event, Role
from contracts.matching import Calibration, RefitCalibration, ShareFeedback, UseCalibration, calibration_id_of
from services.matching import store
from services.matching.domain import learning
from services.matching.domain.kept import Kept
from services.matching.domain.learning import AdminsShare


async def refit_calibration(command: RefitCalibration, tx: Transaction) -> list[Event]:
    """By an admin of the organization, or an operator: now, and not when its time comes."""
    learning.scope_for(command.actor, command.organization_id)
    async with store.seeing_all(tx):  # an admin causes a fit of what they may not read
        await _check_organization(tx, command.organization_id)
        kept = await _locked(tx, command.organization_id)
        state = kept.state
        news = await store.news_since(tx, state.organizations, fit=state.latest_fit, now=tx.now)
        learning.check_news(state, news=news)
        return await refit(tx, kept, by=command.actor.person_id)


async def use_calibration(command: UseCalibration, tx: Transaction) -> list[Event]:
    """By an admin of the organization, or an operator: another version, or none."""
    learning.scope_for(command.actor, command.organization_id)
    async with store.seeing_all(tx):
        await _check_organization(tx, command.organization_id)
        kept = await _locked(tx, command.organization_id)
        chosen = learning.use(kept, version=command.version, now=tx.now, by=command.actor.person_id)
        return await store.save_calibrations(tx, [chosen])


async def share_feedback(command: ShareFeedback, tx: Transaction) -> list[Event]:
    """By an admin, for their own organization."""
    actor = command.actor
    if actor.organization_id is None or not actor.is_a(Role.ADMIN):
        raise AdminsShare(
            "Only an admin of an organization can share its feedback, or take it back.", remedy="Sign in as an admin."
        )
    async with store.seeing_all(tx):
        own, shared = await _locked(tx, actor.organization_id), await _locked(tx, None)
        changes = learning.share(own, shared, shares=command.shared, now=tx.now, by=actor.person_id)
        return await store.save_calibrations(tx, changes)


async def refit(tx: Transaction, kept: Kept[Calibration], *, by: UUID | None) -> list[Event]:
    """Fit a locked calibration to all that it may learn from."""
    meaning, reports = await store.reports_of(tx, kept.state.organizations, now=tx.now)
    return await store.save_calibrations(tx, [learning.refitted(kept, reports, meaning=meaning, now=tx.now, by=by)])


async def refit_if_due(tx: Transaction, organization_id: UUID | None) -> list[Event]:
    """The same once there is enough news; nothing before."""
    kept = await _locked(tx, organization_id)
    news = await store.news_since(tx, kept.state.organizations, fit=kept.state.latest_fit, now=tx.now)
    return await refit(tx, kept, by=None) if news >= learning.NEWS else []


async def _locked(tx: Transaction, organization_id: UUID | None) -> Kept[Calibration]:
    kept = await store.load_calibration(tx, calibration_id_of(organization_id), lock=True)
    return kept or learning.none_yet(organization_id, now=tx.now)


async def _check_organization(tx: Transaction, organization_id: UUID | None) -> None:
    if organization_id is not None and not await store.known_organizations(tx, [organization_id]):
        raise learning.no_calibration()
