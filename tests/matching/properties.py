"""How many generated cases the engine's properties are tried on: declared, really run, and the sum of both."""

import importlib
import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("VICEVERSA_CASES", "1"))
AT_LEAST = 10_000
ROOMS = ("engine_plan", "engine_properties", "fair", "keeping", "scoring_", "solving_")
"""The beginnings of the files whose properties are about the engine."""
DRAWN = "generated cases"


def cases(usually: int) -> settings:
    """How often a property is tried: with VICEVERSA_CASES=20 twenty times as often, as before a release."""
    return settings(max_examples=usually * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def declared(test: Any) -> int:
    """How many cases this property asks for; 0 where it is no property."""
    asked = getattr(test, "_hypothesis_internal_use_settings", None)
    return asked.max_examples if asked and getattr(test, "hypothesis", None) else 0


def all_declared() -> int:
    """Of all properties of the engine in this folder."""
    files = [path for path in Path(__file__).parent.glob("test_*.py") if path.stem[5:].startswith(ROOMS)]
    modules = [importlib.import_module(f"tests.matching.{path.stem}") for path in files]
    return sum(declared(test) for module in modules for name, test in vars(module).items() if name.startswith("test_"))
