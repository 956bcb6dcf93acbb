"""Text that a spreadsheet would run instead of show."""

from __future__ import annotations

# Full-width forms count too: spreadsheets in East Asian locales read them as their ASCII twins.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take this cell for a formula; blanks in front do not hide one."""
    return text.startswith(("\t", "\r")) or text.strip().startswith(_STARTS)


def neutralized(value: object) -> object:
    """The same JSON value with an apostrophe before every text that is a formula; keys are ours and stay."""
    if isinstance(value, str):
        return f"'{value}" if is_formula(value) else value
    if isinstance(value, dict):
        return {key: neutralized(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [neutralized(each) for each in value]
    return value
