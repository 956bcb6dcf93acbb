"""Messages, and what an id is the id of."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from strawberry.dataloader import DataLoader

from contracts.notifications import Notification
from gateway.loaders.reading import EMPTY, Reading, aligned
from gateway.store import inbox as inbox_store
from gateway.store.paging import Asked, Page


class Inbox(Reading):
    """Messages."""

    def forget(self) -> None:
        super().forget()
        self.notifications = DataLoader(load_fn=self._notifications)

    async def _notifications(self, keys: list[UUID]) -> list[Notification | None]:
        async with self._reading() as tx:
            found = await inbox_store.notifications_by_id(tx, keys)
        mine = [each for each in found if each.person_id == self.viewer.person_id]
        return aligned(keys, mine, lambda each: each.notification_id)

    async def my_notifications(self, *, page: Asked, unread: bool) -> Page[Notification]:
        """The viewer's inbox."""
        if self.viewer.person_id is None:
            return EMPTY
        async with self._reading() as tx:
            return await inbox_store.notifications_of(tx, self.viewer.person_id, unread=unread, asked=page)

    async def my_unread_count(self) -> int:
        """How many messages the viewer has not read."""
        if self.viewer.person_id is None:
            return 0
        async with self._reading() as tx:
            return await inbox_store.unread_count(tx, self.viewer.person_id)

    async def kinds(self, keys: Sequence[UUID]) -> dict[UUID, str]:
        """What each id is the id of; the object itself is then loaded under policy."""
        if not self.viewer.roles:
            return {}
        async with self._reading() as tx:
            return await inbox_store.kinds_of(tx, keys)
