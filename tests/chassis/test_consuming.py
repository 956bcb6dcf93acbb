"""A subscription with several lanes works on several batches at once, and still takes each key's records one after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from chassis.broker import Incoming, Outgoing
from chassis.consuming import Postponed, Subscription
from contracts.profiles import TOPIC
from tests.chassis.conftest import Kafka
from tests.probes import eventually

KEYS = [f"key {number}".encode() for number in range(12)]  # of several partitions


@dataclass
class Work:
    """Takes batches of (key, number), slowly, and watches that nobody else takes the same key meanwhile."""

    failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: list[set[bytes]] = field(default_factory=list)
    most_at_once: int = 0
    taken: dict[bytes, list[int]] = field(default_factory=lambda: {key: [] for key in KEYS})
    overlaps: int = 0

    async def take(self, messages: Sequence[tuple[bytes, int]]) -> None:
        """One batch."""
        keys = {key for key, _ in messages}
        self.overlaps += any(keys & others for others in self.at_work)
        self.at_work.append(keys)
        self.most_at_once = max(self.most_at_once, len(self.at_work))
        try:
            await self.gate.wait()
            await asyncio.sleep(0.002)
            if self.failures:
                raise self.failures.pop()
        finally:
            self.at_work.remove(keys)
        for key, number in messages:
            self.taken[key].append(number)

    def is_done(self, each: int) -> Callable[[], bool]:
        """Whether so many records of every key were taken."""
        return lambda: all(len(numbers) >= each for numbers in self.taken.values())


def read(record: Incoming) -> tuple[bytes, int]:
    """Key and number."""
    assert record.key is not None
    assert record.value is not None
    return record.key, int(record.value)


@asynccontextmanager
async def subscribed(
    kafka: Kafka, work: Work, *, lanes: int, most: int
) -> AsyncIterator[Subscription[tuple[bytes, int]]]:
    """A running subscription; stopped at the end."""
    subscription = Subscription(kafka.settings, f"group-{uuid4()}", (TOPIC,), read, work.take, most=most, lanes=lanes)
    running = asyncio.create_task(subscription.run())
    try:
        yield subscription
    finally:
        work.gate.set()
        subscription.stop()
        await asyncio.wait_for(running, 20)


async def send(kafka: Kafka, *, each: int) -> None:
    """So many records of every key, numbered."""
    await kafka.publisher().publish(
        [Outgoing(TOPIC, key, str(number).encode(), []) for number in range(each) for key in KEYS]
    )


class TestLanes:
    @pytest.mark.parametrize("lanes", [1, 2])
    async def test_work_at_once_but_never_on_one_partition(self, lanes: int, kafka: Kafka) -> None:
        work = Work()
        await send(kafka, each=10)
        async with subscribed(kafka, work, lanes=lanes, most=4) as subscription:
            await eventually(lambda: len(work.at_work) == lanes, describe="all lanes are at work")
            assert subscription.busy_since is not None
            work.gate.set()
            await eventually(work.is_done(10), describe="everything is taken", within=15)
        assert work.most_at_once == lanes
        assert work.overlaps == 0
        assert all(numbers == list(range(10)) for numbers in work.taken.values())

    async def test_wait_for_each_other_when_all_is_of_one_key(self, kafka: Kafka) -> None:
        work = Work()
        work.gate.set()
        records = [Outgoing(TOPIC, KEYS[0], str(number).encode(), []) for number in range(20)]
        await kafka.publisher().publish(records)
        async with subscribed(kafka, work, lanes=2, most=1):
            await eventually(lambda: len(work.taken[KEYS[0]]) == 20, describe="everything is taken", within=15)
        assert work.most_at_once == 1
        assert work.taken[KEYS[0]] == list(range(20))

    async def test_take_what_was_postponed_again_in_its_order(self, kafka: Kafka) -> None:
        work = Work(failures=[Postponed("not now", seconds=0.02) for _ in range(15)])
        work.gate.set()
        await send(kafka, each=10)
        async with subscribed(kafka, work, lanes=2, most=4):
            await eventually(work.is_done(10), describe="everything is taken", within=15)
        assert work.overlaps == 0
        assert all(numbers == list(range(10)) for numbers in work.taken.values())

    async def test_begin_anew_from_the_offsets_when_one_fails(self, kafka: Kafka) -> None:
        work = Work(failures=[RuntimeError("broken")])
        work.gate.set()
        await send(kafka, each=10)
        async with subscribed(kafka, work, lanes=2, most=4):
            await eventually(work.is_done(10), describe="everything is taken", within=15)
        assert work.overlaps == 0
        # What another lane had taken and not yet committed comes twice; nothing is passed over.
        assert all(sorted(set(numbers)) == list(range(10)) for numbers in work.taken.values())

    async def test_finish_all_batches_in_hand_when_stopped(self, kafka: Kafka) -> None:
        work = Work()
        await send(kafka, each=10)
        async with subscribed(kafka, work, lanes=2, most=4) as subscription:
            await eventually(lambda: len(work.at_work) == 2, describe="both lanes are at work")
            subscription.stop()
            work.gate.set()
        assert sum(map(len, work.taken.values())) == 8
        assert work.most_at_once == 2
