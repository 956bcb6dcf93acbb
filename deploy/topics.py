"""Creates the platform's topics and checks them: `python -m deploy.topics --kafka host:9092 [--check]`.

An independent, synchronous client does it, before anything else starts: a topic that a producer creates by accident has one partition
and keeps nothing for long.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from chassis.broker import DEAD
from contracts.base import topics as fact_topics
from deploy.principals import client_options

_DAY = 24 * 3600 * 1000
# Personal data is compacted with a bounded lag: an erased value is gone from the log within a day. A segment is closed by the first record
# after its time, and each relay sends one to every partition four times a day (see chassis.broker.Publisher.touch).
_FACTS = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": str(_DAY),
    "delete.retention.ms": str(7 * _DAY),
    "segment.ms": str(_DAY // 2),
    "min.cleanable.dirty.ratio": "0.1",
}
_DEAD = {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY)}
_KNOWN_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    configuration: Mapping[str, str]


def wanted(*, partitions: int = 6) -> tuple[Topic, ...]:
    """Every fact topic, and the topic beside it that takes what nobody can decode."""
    return tuple(
        topic for name in fact_topics() for topic in (Topic(name, partitions, _FACTS), Topic(name + DEAD, 1, _DEAD))
    )


def create(
    bootstrap: str, *, partitions: int = 6, replicas: int = 1, client: Mapping[str, Any] | None = None
) -> list[str]:
    """Create what is missing; the names created. Safe to repeat and to run at once."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="viceversa-topics", **(client or {}))
    try:
        there = set(admin.list_topics())
        missing = [topic for topic in wanted(partitions=partitions) if topic.name not in there]
        if missing:
            try:
                admin.create_topics(
                    {
                        topic.name: {
                            "num_partitions": topic.partitions,
                            "replication_factor": replicas,
                            "configs": dict(topic.configuration),
                        }
                        for topic in missing
                    }
                )
            except TopicAlreadyExistsError:
                return create(bootstrap, partitions=partitions, replicas=replicas, client=client)
            _wait_until_known(admin, missing)
        return [topic.name for topic in missing]
    finally:
        admin.close()


def _wait_until_known(admin: KafkaAdminClient, created: list[Topic]) -> None:
    """The controller says yes before brokers have heard of it: whoever looks at once may find a topic missing, or with no partition."""
    deadline = time.monotonic() + _KNOWN_WITHIN
    while time.monotonic() < deadline:
        described = admin.describe_topics([topic.name for topic in created])
        known = {each["name"]: len(each["partitions"]) for each in described}
        if all(known.get(topic.name, 0) >= topic.partitions for topic in created):
            return
        time.sleep(0.05)


def faults(bootstrap: str, *, partitions: int = 6, client: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with the topics, as sentences; none when all is well."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="viceversa-topics", **(client or {}))
    try:
        there = set(admin.list_topics())
        found = [
            f"topic {topic.name} is missing: run `viceversa topics`"
            for topic in wanted(partitions=partitions)
            if topic.name not in there
        ]
        described = admin.describe_topics([topic.name for topic in wanted() if topic.name in there])
        counts = {each["name"]: len(each["partitions"]) for each in described}
        found += [
            f"topic {topic.name} has {counts[topic.name]} partitions, fewer than {topic.partitions}: add some while it is quiet"
            for topic in wanted(partitions=partitions)
            if counts.get(topic.name, topic.partitions) < topic.partitions
        ]
        return found + _wrong_settings(admin, [topic for topic in wanted() if topic.name in there])
    finally:
        admin.close()


def _wrong_settings(admin: KafkaAdminClient, present: list[Topic]) -> list[str]:
    if not present:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in present]
    described = admin.describe_configs(resources, config_filter="all").get("topic", {})
    found = []
    for topic in present:
        # The embedded broker describes nothing, compacts nothing and forgets all when it stops: there is nothing to be wrong.
        is_now = described.get(topic.name, {}).get("cleanup.policy", {}).get("value")
        should = topic.configuration["cleanup.policy"]
        if is_now is not None and is_now != should:
            found.append(
                f"topic {topic.name} has cleanup.policy={is_now} instead of {should}: "
                + ("facts will be lost" if should == "compact" else "it will grow for ever")
            )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Create and check; non-zero when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.topics", description=__doc__)
    parser.add_argument("--kafka", required=True, help="host:port of a broker")
    parser.add_argument("--partitions", type=int, default=6, help="partitions of each fact topic (default: 6)")
    parser.add_argument("--replicas", type=int, default=1, help="copies of each partition (default: 1)")
    parser.add_argument("--check", action="store_true", help="change nothing, only say what is wrong")
    chosen = parser.parse_args(arguments)
    client = client_options()
    try:
        if not chosen.check:
            for name in create(chosen.kafka, partitions=chosen.partitions, replicas=chosen.replicas, client=client):
                print(f"created {name}")
        wrong = faults(chosen.kafka, partitions=chosen.partitions, client=client)
    except KafkaError as error:
        print(f"{chosen.kafka} cannot be used: {error}", file=sys.stderr)
        return 1
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
