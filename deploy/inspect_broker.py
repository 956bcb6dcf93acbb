"""Looking at the broker with an independent client: how far groups are behind, what lies in the dead topics."""

from __future__ import annotations

from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from chassis.broker import DEAD
from contracts.base import OWNERS, topics
from deploy.principals import client_options


class BrokerUnreachable(Exception):
    """The broker does not answer."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One group on one topic: facts that the topic holds ends at, and how many are not yet applied."""

    group: str
    topic: str
    end: int
    behind: int


@dataclass(frozen=True, slots=True)
class Dead:
    """One record that nobody could decode."""

    topic: str
    origin: str
    reason: str
    consumer: str


def ends(bootstrap: str) -> dict[str, int]:
    """Facts ever published, by topic."""
    with_partitions = _ends(bootstrap, topics())
    return {
        topic: sum(end for partition, end in with_partitions.items() if partition.topic == topic) for topic in topics()
    }


def lags(bootstrap: str) -> list[Lag]:
    """How far every service is behind on every topic that it has read."""
    ended = _ends(bootstrap, topics())
    found = []
    admin = _admin(bootstrap)
    try:
        for name in (*OWNERS, "gateway"):
            group = f"viceversa-{name}"
            offsets = admin.list_group_offsets({group: None})
            committed = {partition: meta.offset for partition, meta in offsets.get(group, offsets).items()}
            for topic in topics():
                mine = {partition: offset for partition, offset in committed.items() if partition.topic == topic}
                if mine:
                    end = sum(ended[partition] for partition in ended if partition.topic == topic)
                    behind = sum(
                        ended[partition] - max(mine.get(partition, 0), 0)
                        for partition in ended
                        if partition.topic == topic
                    )
                    found.append(Lag(group, topic, end, behind))
    except KafkaError as error:
        raise BrokerUnreachable(f"the broker at {bootstrap} does not answer: {error}") from error
    finally:
        admin.close()
    return found


def dead_records(bootstrap: str, *, most: int = 20) -> list[Dead]:
    """The last records of the dead topics."""
    found = []
    names = [topic + DEAD for topic in topics()]
    ended = _ends(bootstrap, names)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, consumer_timeout_ms=2_000, **client_options()
    )
    try:
        for partition, end in ended.items():
            if not end:
                continue
            consumer.assign([partition])
            consumer.seek(partition, max(0, end - most))
            for record in consumer:
                headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
                found.append(
                    Dead(
                        partition.topic,
                        headers.get("viceversa-origin", "?"),
                        headers.get("viceversa-reason", "?"),
                        headers.get("viceversa-consumer", "?"),
                    )
                )
                if record.offset >= end - 1:
                    break
    finally:
        consumer.close()
    return found


def _admin(bootstrap: str) -> KafkaAdminClient:
    try:
        return KafkaAdminClient(bootstrap_servers=bootstrap, client_id="viceversa-inspect", **client_options())
    except KafkaError as error:
        raise BrokerUnreachable(f"the broker at {bootstrap} does not answer: {error}") from error


def _ends(bootstrap: str, names: tuple[str, ...] | list[str]) -> dict[TopicPartition, int]:
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **client_options())
    except KafkaError as error:
        raise BrokerUnreachable(f"the broker at {bootstrap} does not answer: {error}") from error
    try:
        partitions = [
            TopicPartition(name, number)
            for name in names
            for number in sorted(consumer.partitions_for_topic(name) or ())
        ]
        return dict(consumer.end_offsets(partitions))
    finally:
        consumer.close()
