"""What runs here."""

from __future__ import annotations

from datetime import datetime

import strawberry

from contracts.base import Role
from gateway.schema.context import Info


@strawberry.type(description="How many facts of one topic the read model has taken in.")
class TopicCount:
    topic: str = strawberry.field(description="The topic.")
    facts: int = strawberry.field(description="How many facts.")


@strawberry.type(name="Platform", description="What runs here.")
class PlatformInfo:
    mode: str = strawberry.field(
        description="`embedded`: all on one machine, to look and to develop; else `production`."
    )
    now: datetime = strawberry.field(description="The platform's one clock.")
    facts_per_topic: list[TopicCount] | None = strawberry.field(
        description="Facts that the read model has taken in. For operators."
    )


async def platform_info(info: Info) -> PlatformInfo:
    """The platform, as this viewer may know it."""
    platform = info.context.platform
    counts = await platform.facts_per_topic() if info.context.viewer.is_a(Role.OPERATOR) else None
    return PlatformInfo(
        mode=platform.mode,
        now=platform.now(),
        facts_per_topic=(None if counts is None else [TopicCount(topic=topic, facts=count) for topic, count in counts]),
    )
