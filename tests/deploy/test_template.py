"""The kept cluster: a demonstration begins with a copy, and only with one that this build would make just so."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from deploy import template
from deploy.embedded import start_postgres


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where clusters are kept, for the test alone."""
    kept = tmp_path / "kept"
    monkeypatch.setattr(template, "_FOLDER", kept)
    return kept


async def made(data_dir: Path) -> None:
    """A cluster with something in it, stopped."""
    running = start_postgres(data_dir, thrown_away=True)
    try:
        connection = await asyncpg.connect(running.admin_dsn)
        await connection.execute("CREATE TABLE made AS SELECT 42 AS answer")
        await connection.close()
    finally:
        running.stop()


class TestAKeptCluster:
    async def test_is_copied_as_it_was(self, tmp_path: Path, folder: Path) -> None:
        assert template.take(tmp_path) is None
        await made(tmp_path / "first")
        template.keep(tmp_path / "first", secret="s3cret")
        assert not open_to_others(folder)
        for name in ("second", "third"):  # a copy is used up, what is kept is not
            (tmp_path / name).mkdir()
            assert template.take(tmp_path / name) == "s3cret"
            running = start_postgres(tmp_path / name, thrown_away=True)
            try:
                connection = await asyncpg.connect(running.admin_dsn)
                assert await connection.fetchval("DELETE FROM made RETURNING answer") == 42
                await connection.close()
            finally:
                running.stop()

    def test_of_another_version_is_neither_taken_nor_left(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cluster(tmp_path / "old")
        template.keep(tmp_path / "old", secret="old")
        (tmp_path / "0002_more.py").write_text("a migration that was added")
        monkeypatch.setattr(template, "ROOT", tmp_path)
        monkeypatch.setattr(template, "_MADE_BY", ("*.py",))
        (tmp_path / "new").mkdir()
        assert template.take(tmp_path / "new") is None
        assert list((tmp_path / "new").iterdir()) == []
        template.keep(tmp_path / "old", secret="new")
        assert len(list(folder.iterdir())) == 1
        assert template.take(tmp_path / "new") == "new"

    def test_that_is_incomplete_is_not_taken(self, tmp_path: Path, folder: Path) -> None:
        cluster(tmp_path / "first")
        template.keep(tmp_path / "first", secret="s3cret")
        next(folder.glob("*/postgres.password")).unlink()
        (tmp_path / "second").mkdir()
        assert template.take(tmp_path / "second") is None
        assert list((tmp_path / "second").iterdir()) == []

    def test_is_not_missed_where_there_is_no_room(self, tmp_path: Path, folder: Path) -> None:
        cluster(tmp_path / "first")
        folder.write_text("a file where the folder should be")
        template.keep(tmp_path / "first", secret="s3cret")
        assert template.take(tmp_path) is None


def cluster(data_dir: Path) -> None:
    """What looks like a stopped cluster."""
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("18")
    (data_dir / "postgres.password").write_text("secret")


def open_to_others(folder: Path) -> list[Path]:
    """What lies in a folder and others than its owner may look into."""
    return [each for each in folder.iterdir() if each.stat().st_mode & 0o077]
