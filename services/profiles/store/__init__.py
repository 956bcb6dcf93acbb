"""Tables and every SQL statement of profiles."""

from services.profiles.store import catalog, imports, organizations, people
from services.profiles.store.tables import metadata

__all__ = ["catalog", "imports", "metadata", "organizations", "people"]
