"""Tables and every SQL statement of notifications."""

from services.notifications.store.messages import current_facts
from services.notifications.store.tables import metadata

__all__ = ["current_facts", "metadata"]
