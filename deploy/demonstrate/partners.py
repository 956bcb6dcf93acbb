"""The partner organizations of the demonstration and their files, as a client reads them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "demo"
_ENCODINGS = ("utf-8-sig", "cp1252")


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants to take part, from their row of the file."""

    subject: str
    role: str
    capacity: int


@dataclass(frozen=True, slots=True)
class Partner:
    """One organization and the file in which it brings its people."""

    slug: str
    name: str
    locale: str
    zone: str
    admins: tuple[str, ...]
    admin_emails: tuple[str, ...]
    proposed_fields: tuple[str, ...]
    file_name: str
    content: bytes
    wishes: tuple[Wish, ...]


def partners() -> list[Partner]:
    """All of them, in the order of the file; the first one drafts the cohort."""
    found = []
    for each in json.loads((FOLDER / "organizations.json").read_text(encoding="utf-8")):
        content = (FOLDER / each["file"]).read_bytes()
        found.append(
            Partner(
                slug=each["slug"],
                name=each["name"],
                locale=each["locale"],
                zone=each["zone"],
                admins=tuple(admin["subject"] for admin in each["admins"]),
                admin_emails=tuple(admin["email"] for admin in each["admins"]),
                proposed_fields=tuple(each["proposed_fields"]),
                file_name=each["file"],
                content=content,
                wishes=_wishes(content),
            )
        )
    return found


def _wishes(content: bytes) -> tuple[Wish, ...]:
    text = _text(content)
    delimiter = ";" if text.splitlines()[0].count(";") > text.splitlines()[0].count(",") else ","
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    return tuple(
        Wish(row["external_id"], (row["role"] or "both").upper(), int(row["capacity"] or 1))
        for row in rows
        if row["capacity"] in ("", "1", "2")
    )


def _text(content: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("the file is in none of the encodings that the demonstration knows")
