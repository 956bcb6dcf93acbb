"""Organizations, and what was learned for them, through a sight."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from contracts.base import Actor, Role
from contracts.matching import Calibration


class OrganizationSight(StrEnum):
    """Through which eyes an organization is seen."""

    ADMIN = "admin"  # its own admin
    OPERATOR = "operator"
    INSIDE = "inside"  # one of its people
    OUTSIDE = "outside"  # people and admins of other organizations


class CalibrationSight(StrEnum):
    """Through which eyes a calibration is seen; people do not see it."""

    ADMIN = "admin"  # of the organization whose it is
    SHARER = "sharer"  # an admin of an organization that shares: the shared one
    OPERATOR = "operator"


_OFFICE = frozenset({OrganizationSight.ADMIN, OrganizationSight.OPERATOR})
_HOUSE = _OFFICE | {OrganizationSight.INSIDE}
ORGANIZATION: Mapping[str, frozenset[OrganizationSight]] = {
    "id": frozenset(OrganizationSight),
    "name": frozenset(OrganizationSight),
    "slug": frozenset(OrganizationSight),
    "locale": _HOUSE,
    "time_zone": _HOUSE,
    "proposed_fields": _HOUSE,
    "issuer": _OFFICE,
    "admins": _OFFICE,
    "admin_emails": _OFFICE,
    "people": frozenset({OrganizationSight.ADMIN}),
}
_TEACHERS = frozenset(CalibrationSight)
CALIBRATION: Mapping[str, frozenset[CalibrationSight]] = {
    "id": _TEACHERS,
    "shared": _TEACHERS,
    "shares": _TEACHERS,
    "organization": _TEACHERS,
    "in_use": _TEACHERS,
    "versions": _TEACHERS,
    "latest_fit": _TEACHERS,
    "changed_at": _TEACHERS,
}


def organization_sight(viewer: Actor, organization_id: UUID) -> OrganizationSight:
    """Through which eyes this viewer sees the organization (whether at all is another question)."""
    if viewer.is_a(Role.OPERATOR):
        return OrganizationSight.OPERATOR
    if viewer.administers(organization_id):
        return OrganizationSight.ADMIN
    if viewer.organization_id == organization_id:
        return OrganizationSight.INSIDE
    return OrganizationSight.OUTSIDE


def calibration_sight(viewer: Actor, calibration: Calibration) -> CalibrationSight | None:
    """Through which eyes this viewer sees the calibration; None: not at all."""
    if viewer.is_a(Role.OPERATOR):
        return CalibrationSight.OPERATOR
    if not any(viewer.administers(each) for each in calibration.organizations):
        return None
    return CalibrationSight.SHARER if calibration.organization_id is None else CalibrationSight.ADMIN
