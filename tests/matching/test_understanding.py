"""Texts are understood in the background, once, and forgotten with their people."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest

from contracts.base import SYSTEM
from contracts.profiles import Offer, ProfileErased
from services.matching import store
from services.matching.jobs.frames import LIGHT, SERVER, Line, Meaning, Order
from services.matching.jobs.meaning import (
    WrongMeaningSetting,
    meaning_of,
    name_of,
    understand_some,
    understand_texts,
    vectors_in,
    write_vectors,
)
from tests.matching import nearby
from tests.matching.world import START, World, workplace
from tests.probes import eventually

MEANING = Meaning(mode=LIGHT)
SETTINGS = {"MEANING": "light", "EMBEDDINGS_URL": "", "EMBEDDINGS_MODEL": "", "EMBEDDINGS_KEY": "", "KNOWN_VECTORS": ""}


async def kept(world: World) -> int:
    return await world.count("SELECT count(*) FROM text_vector")


async def vectors(world: World, *texts: str) -> dict[str, dict[bytes, bytes]]:
    async with world.database.begin(SYSTEM) as tx:
        return await store.vectors_of(tx, texts)


async def two(world: World) -> list[UUID]:
    """Both offer sushi; each wants something of their own."""
    return [
        await world.somebody(number, offers="Rolling sushi", needs=f"Learning to {verb}")
        for number, verb in enumerate(("paint", "sail"))
    ]


class TestTexts:
    async def test_are_understood_once_for_all_who_say_them(self, world: World) -> None:
        await two(world)
        _, running = workplace(world)
        assert await understand_some(running, meaning=MEANING) == 2
        assert await kept(world) == 3
        assert await understand_some(running, meaning=MEANING) == 0

    @pytest.mark.usefixtures("without_a_child")
    async def test_of_a_changed_profile_are_understood_again(self, world: World) -> None:
        ana, _ = await two(world)
        _, running = workplace(world)
        await understand_some(running, meaning=MEANING)
        await world.profile(ana, version=2, offers=(Offer(text="Folding paper"),))
        assert await understand_some(running, meaning=MEANING) == 1
        assert await vectors(world, "Folding paper") != {}

    @pytest.mark.usefixtures("without_a_child")
    async def test_are_forgotten_with_who_said_them(self, world: World) -> None:
        ana, _ = await two(world)
        _, running = workplace(world)
        await understand_some(running, meaning=MEANING)
        await world.hear(ProfileErased(key=ana, version=9, occurred_at=START, person_id=ana))
        assert await vectors(world, "Learning to paint", "Rolling sushi") == {}
        assert await vectors(world, "Learning to sail") != {}

    async def test_of_somebody_who_is_erased_meanwhile_leave_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ana, _ = await two(world)
        _, running = workplace(world)

        async def slowly(order: Order) -> AsyncGenerator[Line]:
            async for line in nearby.compute(order):
                if line.vectors:
                    await world.hear(ProfileErased(key=ana, version=9, occurred_at=START, person_id=ana))
                yield line

        monkeypatch.setattr("services.matching.jobs.meaning.compute", slowly)
        await understand_some(running, meaning=MEANING)
        assert await vectors(world, "Learning to paint") == {}
        assert await vectors(world, "Learning to sail", "Rolling sushi") != {}

    @pytest.mark.usefixtures("without_a_child")
    async def test_are_not_read_again_when_a_file_knows_them(self, world: World, tmp_path: Path) -> None:
        await two(world)
        bench, running = workplace(world)
        await understand_some(running, meaning=MEANING)
        known = await vectors(world, "Rolling sushi", "Learning to paint")
        assert sum(map(len, known.values())) == 2
        write_vectors(tmp_path / "vectors.bin", known)
        async with world.database.begin(SYSTEM) as tx:
            await store.forget_vectors(tx, ["Rolling sushi", "Learning to paint", "Learning to sail"])
        assert await kept(world) == 0
        bench.settings = SETTINGS | {"KNOWN_VECTORS": str(tmp_path / "vectors.bin")}
        worker = asyncio.create_task(understand_texts(running))

        async def loaded() -> bool:
            return await kept(world) == 2

        await eventually(loaded, describe="the file is loaded")
        bench.stopping.set()
        await asyncio.wait_for(worker, 10)
        assert await vectors(world, "Rolling sushi", "Learning to paint") == known


class TestFile:
    def test_that_is_none_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "no.bin").write_bytes(b"nothing of the kind")
        for name in ("no.bin", "missing.bin"):
            with pytest.raises(WrongMeaningSetting, match=name):
                vectors_in(tmp_path / name)


class TestSettings:
    def test_name_the_mode(self) -> None:
        assert meaning_of(SETTINGS | {"MEANING": " Light "}) == MEANING
        with pytest.raises(WrongMeaningSetting, match="'clever': choose one of light, full, server"):
            meaning_of(SETTINGS | {"MEANING": "clever"})

    def test_of_a_server_need_its_address_and_model(self) -> None:
        with pytest.raises(WrongMeaningSetting, match="VICEVERSA_EMBEDDINGS_URL"):
            meaning_of(SETTINGS | {"MEANING": "server"})
        there = SETTINGS | {"MEANING": "server", "EMBEDDINGS_URL": "http://there:1/v1", "EMBEDDINGS_MODEL": "m"}
        assert meaning_of(there) == Meaning(mode=SERVER, url="http://there:1/v1", model="m")

    def test_another_model_is_another_meaning(self) -> None:
        names = {name_of(MEANING), name_of(Meaning(mode="full")), name_of(Meaning(mode=SERVER, url="u", model="m"))}
        assert len(names) == 3
        assert "missing" not in "".join(names)
