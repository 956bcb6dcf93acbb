"""What feedback taught."""

from __future__ import annotations

from uuid import UUID

from strawberry.dataloader import DataLoader

from gateway import policy
from gateway.loaders.reading import Reading, aligned
from gateway.store import learning as learning_store
from gateway.views import CalibrationSeen


class Learning(Reading):
    """Calibrations."""

    def forget(self) -> None:
        super().forget()
        self.calibrations = DataLoader(load_fn=self._calibrations)

    async def _calibrations(self, keys: list[UUID]) -> list[CalibrationSeen | None]:
        async with self._reading() as tx:
            found = await learning_store.calibrations_by_id(tx, keys)
        seen = [
            CalibrationSeen(calibration=each, changed_at=at, sight=sight)
            for each, at in found
            if (sight := policy.calibration_sight(self.viewer, each)) is not None
        ]
        return aligned(keys, seen, lambda each: each.calibration.calibration_id)
