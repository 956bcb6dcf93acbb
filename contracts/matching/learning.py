"""Learning: what released feedback changes in later matching, for one organization or among those that share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID, uuid5

from contracts.base import Command, Event
from contracts.matching.topic import TOPIC

SHARED_CALIBRATION = UUID("5d0c7d1e-6a3f-5b0e-9f7a-5a4a6b1d0c11")
"""The key of the one calibration among all organizations that share their feedback."""


def calibration_id_of(organization_id: UUID | None) -> UUID:
    """The key of an organization's calibration; None: of the shared one."""
    return SHARED_CALIBRATION if organization_id is None else uuid5(organization_id, "calibration")


class FitOutcome(StrEnum):
    """What a fit came to."""

    TOO_FEW = "too_few"  # directions to learn from
    NO_BETTER = "no_better"  # than what is in use, beyond noise, on reports that it had not seen
    ADOPTED = "adopted"  # a new version, in use from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Directions of pairs that were promised about equally much, at least five of them by five people; 0 to 1 all.

    ``promised``: on average, by the models; ``learned``: by the calibration, each direction judged by a fit without its pair;
    ``reported``: by the learners; ``low`` and ``high``: its 95 % interval. ``directions`` is rounded down to fives.
    """

    promised: float
    learned: float
    reported: float
    low: float
    high: float
    directions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One attempt to learn, about the models ``meaning``, from the feedback of ``organizations``.

    ``directions`` and ``people`` (who reported) are rounded down to fives. Losses are mean log losses in nats: ``loss_before`` under
    what was in use, ``loss`` under fits that had not seen the pairs they were judged on, ``error`` the standard error of their
    difference; None for too few.
    """

    fitted_at: datetime
    outcome: FitOutcome
    meaning: str
    directions: int
    people: int
    organizations: tuple[UUID, ...] = ()
    loss_before: float | None = None
    loss: float | None = None
    error: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationVersion:
    """A correction of the chances that the models ``fit.meaning`` give. ``curve``: what becomes of the chances ``at``, thousandths
    both; straight between."""

    number: int
    at: tuple[int, ...]
    curve: tuple[int, ...]
    fit: Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was learned. ``organization_id`` None: the shared one. ``organizations``: whose pairs may be learned from.

    ``in_use``: the number of a version; 0: none, the models are believed as they are. ``shares``: whether the organization lends
    its feedback to the shared calibration (and may use that one). ``fitted``: how many versions there ever were.
    """

    calibration_id: UUID
    organization_id: UUID | None = None
    organizations: tuple[UUID, ...] = ()
    shares: bool = False
    in_use: int = 0
    fitted: int = 0
    versions: tuple[CalibrationVersion, ...] = ()
    latest_fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationUsed:
    """Which version of which calibration a run's snapshot froze."""

    calibration_id: UUID
    version: int


# ---- facts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChanged(Event):
    """A calibration was fitted (or the fit was not good enough), chosen, switched off, or shared. Key: the calibration."""

    WIRE: ClassVar[str] = "viceversa.matching.calibration-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    calibration: Calibration


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RefitCalibration(Command):
    """By an admin of the organization, or an operator (who alone refits the shared one, ``organization_id`` None)."""

    WIRE: ClassVar[str] = "viceversa.matching.refit-calibration.v1"
    organization_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCalibration(Command):
    """By an admin of the organization, or an operator: back to ``version``, or 0 to switch off."""

    WIRE: ClassVar[str] = "viceversa.matching.use-calibration.v1"
    organization_id: UUID | None = None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFeedback(Command):
    """By an admin: the feedback of the own organization may (not) teach the shared calibration. Its people's consents count as well."""

    WIRE: ClassVar[str] = "viceversa.matching.share-feedback.v1"
    shared: bool


FACTS = (CalibrationChanged,)
COMMANDS = (
    RefitCalibration,
    UseCalibration,
    ShareFeedback,
)
