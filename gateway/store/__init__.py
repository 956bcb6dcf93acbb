"""The read model's tables and every SQL statement of the gateway, by subject; see tables for what there is."""

from gateway.store.tables import READ_MODEL, metadata

__all__ = ["READ_MODEL", "metadata"]
