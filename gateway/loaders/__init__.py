"""Reading for one viewer: data loaders that gather what one level of a query asks for into one statement, and lists by pages.

Whatever comes out has gone through policy. A file for each subject; ``Loaders`` is all of them.
"""

from __future__ import annotations

from gateway.loaders.feedback import Feedbacks
from gateway.loaders.inbox import Inbox
from gateway.loaders.learning import Learning
from gateway.loaders.pairs import Pairs
from gateway.loaders.plans import Plans

__all__ = ["Loaders"]


class Loaders(Plans, Pairs, Feedbacks, Learning, Inbox):
    """Everything that resolvers read: attributes load one object by its key, methods load lists. One belongs to one viewer and one
    operation; nothing in it is ever shared between viewers."""
