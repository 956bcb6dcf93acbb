"""Vectors of texts, by model and by the texts' digests; and whose texts have none yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
import sqlalchemy as sa

from chassis.database import Transaction
from services.matching.domain.candidates import Candidate, digest_of, texts_of
from services.matching.store import tables

_vector, _candidate = tables.text_vector, tables.candidate
Vectors = Mapping[str, Mapping[bytes, bytes]]
"""By model, then by the text's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Texts of somebody that the present models have not read; ``version``: of the profile that holds them."""

    person_id: UUID
    version: int
    texts: tuple[str, ...]


async def unread_candidates(tx: Transaction, *, meaning: str, most: int) -> list[Unread]:
    """People whose texts this meaning has not read yet."""
    rows = await tx.connection.execute(
        sa.select(_candidate.c.person_id, _candidate.c.version, _candidate.c.said)
        .where(_candidate.c.said.is_not(None), _candidate.c.embedded_by.is_distinct_from(meaning))
        .order_by(_candidate.c.person_id)
        .limit(most)
    )
    return [
        Unread(person_id=row.person_id, version=row.version, texts=texts_of(msgspec.convert(row.said, Candidate)))
        for row in rows
    ]


async def understood_by(tx: Transaction, people: Collection[UUID], *, meaning: str) -> int:
    """Of how many of these people this meaning has read the texts."""
    statement = sa.select(sa.func.count()).where(
        _candidate.c.person_id.in_(people), _candidate.c.embedded_by == meaning
    )
    return int(await tx.connection.scalar(statement) or 0)


async def read_again(tx: Transaction, texts: Collection[str]) -> None:
    """Whoever said one of these texts has it read again: somebody else's erasure took its vector."""
    await tx.connection.execute(
        sa.text(
            "UPDATE candidate SET embedded_by = NULL WHERE embedded_by IS NOT NULL AND EXISTS (SELECT FROM "
            "jsonb_array_elements((said->'offers') || (said->'needs')) AS one WHERE btrim(one->>'text') = ANY (:texts))"
        ),
        {"texts": sorted(texts)},
    )


async def mark_read(tx: Transaction, people: Iterable[Unread], *, meaning: str) -> None:
    """Their vectors are kept; unless the profile changed meanwhile."""
    versions = {each.person_id: each.version for each in people}
    await tx.connection.execute(
        sa.text(
            "UPDATE candidate SET embedded_by = :meaning FROM unnest(CAST(:people AS uuid[]), CAST(:versions AS integer[])) "
            "AS read (person_id, version) WHERE candidate.person_id = read.person_id AND candidate.version = read.version"
        ),
        {"meaning": meaning, "people": list(versions), "versions": list(versions.values())},
    )


async def vectors_of(tx: Transaction, texts: Iterable[str]) -> dict[str, dict[bytes, bytes]]:
    """All vectors of these texts, of whatever model."""
    digests = sorted({digest_of(text) for text in texts})
    found: dict[str, dict[bytes, bytes]] = {}
    rows = await tx.connection.execute(
        sa.select(_vector).where(_vector.c.digest == sa.any_(sa.literal(digests, _Bytes)))
    )
    for row in rows:
        found.setdefault(row.model, {})[row.digest] = row.vector
    return found


async def save_vectors(tx: Transaction, vectors: Vectors) -> None:
    """Keep them."""
    rows = [
        (model, digest, vector) for model, found in sorted(vectors.items()) for digest, vector in sorted(found.items())
    ]
    for start in range(0, len(rows), 1_000):
        models, digests, contents = zip(*rows[start : start + 1_000], strict=True)
        await tx.connection.execute(
            _KEEP, {"models": list(models), "digests": list(digests), "vectors": list(contents)}
        )


async def still_said(tx: Transaction, vectors: Vectors, *, by: Iterable[Unread]) -> Vectors:
    """Those of texts that these people have said and still say: whoever was erased meanwhile leaves none."""
    here = sa.select(_candidate.c.said).where(
        _candidate.c.person_id.in_([each.person_id for each in by]), _candidate.c.said.is_not(None)
    )
    texts = {text for said in await tx.connection.scalars(here) for text in texts_of(msgspec.convert(said, Candidate))}
    digests = {digest_of(text) for text in texts}
    return {
        model: {digest: vector for digest, vector in found.items() if digest in digests}
        for model, found in vectors.items()
    }


async def forget_vectors(tx: Transaction, texts: Collection[str]) -> None:
    """Somebody's words go. Whoever said the same has theirs read again when they are needed."""
    digests = sorted({digest_of(text) for text in texts})
    await tx.connection.execute(sa.delete(_vector).where(_vector.c.digest == sa.any_(sa.literal(digests, _Bytes))))


_Bytes = sa.ARRAY(sa.LargeBinary)
_KEEP = sa.text(
    "INSERT INTO text_vector (model, digest, vector) "
    "SELECT * FROM unnest(CAST(:models AS text[]), CAST(:digests AS bytea[]), CAST(:vectors AS bytea[])) ON CONFLICT DO NOTHING"
)
