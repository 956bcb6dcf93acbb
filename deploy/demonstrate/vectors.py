"""``python -m deploy.demonstrate.vectors``: have the demonstration's texts understood once, for the file that travels with them.

Embedding a thousand texts with the full models takes a small machine a minute. The demonstration need not wait for it each time:
the matching service keeps what it has understood by content anyway, and starts with this file. A text that is not in it is
understood as usual; delete the file, and all of them are.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import uuid4

from contracts.base import SYSTEM
from contracts.profiles import Organization
from deploy.demonstrate.partners import FOLDER, partners
from services.matching.domain.candidates import candidate_of, texts_of
from services.matching.jobs.compute import compute
from services.matching.jobs.frames import FULL, Meaning, Order
from services.matching.jobs.meaning import vectors_in, write_vectors
from services.profiles.domain import onboarding

FILE = FOLDER / "vectors.bin"


def texts() -> list[str]:
    """Every need and offer in the demonstration's files, as matching will read them."""
    found: set[str] = set()
    for partner in partners():
        planned = onboarding.plan(
            partner.content,
            import_id=uuid4(),
            file_name=partner.file_name,
            organization=Organization(
                organization_id=uuid4(), slug=partner.slug, name=partner.name, issuer="", admins=partner.admins
            ),
            known=(),
            erased=(),
            dry_run=True,
            actor=SYSTEM,
            now=datetime.now(UTC),
        )
        for person in planned.people:
            found.update(texts_of(candidate_of(person.profile)))
    return sorted(found)


async def understand(wanted: list[str], *, known: Mapping[str, Mapping[bytes, bytes]]) -> dict[str, dict[bytes, bytes]]:
    """Their vectors, what is ``known`` included."""
    found = {model: dict(vectors) for model, vectors in known.items()}
    order = Order(meaning=Meaning(mode=FULL), texts=tuple(wanted), vectors=known)
    async with aclosing(compute(order)) as lines:
        async for line in lines:
            for model, vectors in line.vectors.items():
                found.setdefault(model, {}).update(vectors)
            sys.stderr.write(f"\r{line.stage} {line.done:4.0%}")
    return found


def main() -> None:
    """Write the file."""
    wanted = texts()
    vectors = asyncio.run(understand(wanted, known=vectors_in(FILE) if FILE.exists() else {}))
    write_vectors(FILE, vectors)
    sys.stdout.write(f"\n{FILE}: {len(wanted)} texts, {', '.join(vectors)}, {FILE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
