"""Languages that a client asks for: as people write them, and as sentences are kept."""

from __future__ import annotations

from typing import Annotated

import strawberry

ENGLISH = "en"
Locale = Annotated[str, strawberry.argument(description="A language, such as `pl`.")]


def language(locale: str) -> str:
    """Its two letters: `pt` of `pt-BR` and of `pt_BR`."""
    return locale.replace("_", "-").split("-")[0].casefold()


def in_locale(locale: str, *, english: str, wordings: tuple[tuple[str, str], ...]) -> str:
    """A sentence in the language asked for; in English when it is not spoken here."""
    return dict(wordings).get(language(locale), english)
