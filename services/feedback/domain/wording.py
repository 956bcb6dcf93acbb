"""What any text that a person writes must satisfy."""

from __future__ import annotations

from contracts.errors import Problem


def problem_with(text: str, *, path: str, most: int, needed: bool = False) -> Problem | None:
    """What is wrong with a text of at most ``most`` characters, or None."""
    if needed and not text.strip():
        return Problem(path, "It is empty.", remedy="Write something.")
    if len(text) > most:
        return Problem(path, f"It has {len(text):,} characters; {most:,} is the most.", text[:40] + "…", "Shorten it.")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return Problem(
            path, "It contains a character that is no text.", ascii(text[:40]), "Remove NUL and half characters."
        )
    return None
