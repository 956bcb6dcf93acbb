"""``python -m gateway.schema``: write gateway/schema.graphql; with ``--check``, only say whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.schema import sdl

EXPORTED = Path(__file__).parent.parent / "schema.graphql"


def main(arguments: list[str]) -> int:
    """0 when the exported schema is (now) what the code says."""
    text = sdl()
    if "--check" not in arguments:
        EXPORTED.write_text(text, encoding="utf-8")
        return 0
    if EXPORTED.exists() and EXPORTED.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("gateway/schema.graphql is not what the code exports; run: make schema\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
