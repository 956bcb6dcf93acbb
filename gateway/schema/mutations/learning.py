"""Mutations of learning."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from contracts import matching as contract
from contracts.matching import calibration_id_of
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.learning import Calibration, calibration
from gateway.schema.mutations import carrying
from gateway.schema.mutations.carrying import CommandInput, Done, InputIsWrong
from gateway.schema.mutations.profiles import own_organization
from gateway.schema.mutations.results import Refused
from gateway.schema.refusals import refused

CalibrationPayload = Annotated[
    Calibration | Refused, strawberry.union("CalibrationPayload", description="The calibration, or why not.")
]


@strawberry.input(description="Which calibration to fit.")
class RefitCalibrationInput(CommandInput):
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="The organization; left out: the viewer's."
    )
    shared: bool = strawberry.field(default=False, description="True: the shared one instead; operators only.")


@strawberry.input(description="Which version of a calibration to use.")
class UseCalibrationInput(RefitCalibrationInput):
    version: int = strawberry.field(description="The number of a version; 0: none, the models are believed.")


@strawberry.input(description="Whether the viewer's organization shares its feedback.")
class ShareFeedbackInput(CommandInput):
    shared: bool = strawberry.field(
        description="True: pairs of its people teach the shared calibration, if the people agreed too, and its joint cohorts may heed "
        "that. False: what was learned from them among organizations goes at once."
    )


async def _read(done: Done[Any]) -> Calibration | None:
    """The command's calibration."""
    found = await done.info.context.loaders.calibrations.load(calibration_id_of(done.command.organization_id))
    return calibration(found) if found else None


async def _read_own(done: Done[Any]) -> Calibration | None:
    """The calibration of the viewer's organization."""
    organization_id = done.info.context.viewer.organization_id
    found = await done.info.context.loaders.calibrations.load(calibration_id_of(organization_id))
    return calibration(found) if found else None


def _scope(info: Info, given: RefitCalibrationInput, *, otherwise: UUID) -> UUID | None:
    return None if given.shared else own_organization(info, given.organization_id, otherwise=otherwise)


@strawberry.type
class LearningMutations:
    @mutation(
        "Learn from what was reported since: a new version where it is better beyond noise on pairs it has not seen, else the old one "
        "stays. By an admin of the organization or an operator; it happens by itself too."
    )
    async def refit_calibration(self, info: Info, given: Given[RefitCalibrationInput]) -> CalibrationPayload:
        try:
            command_id = carrying.command_id_of(given)
            scope = _scope(info, given, otherwise=command_id)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.RefitCalibration(command_id=command_id, organization_id=scope)
        return await carrying.send(info, command, _read)

    @mutation("Go back to a version, or switch learning off. By an admin of the organization or an operator.")
    async def use_calibration(self, info: Info, given: Given[UseCalibrationInput]) -> CalibrationPayload:
        try:
            command_id = carrying.command_id_of(given)
            scope = _scope(info, given, otherwise=command_id)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.UseCalibration(command_id=command_id, organization_id=scope, version=given.version)
        return await carrying.send(info, command, _read)

    @mutation("Share the organization's feedback for learning across organizations, or take it back. By an admin.")
    async def share_feedback(self, info: Info, given: Given[ShareFeedbackInput]) -> CalibrationPayload:
        return await carrying.carry_out(info, given, contract.ShareFeedback, _read_own)
