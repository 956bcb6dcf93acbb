"""The whole journey of one cohort, in order. Each step waits for what it needs and fails with what did not come true."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import uvloop
from rich.console import Console

from deploy.demonstrate import answering, learning, onboarding, other_ways, report
from deploy.demonstrate.client import Client, StepFailed
from deploy.demonstrate.partners import partners
from deploy.demonstrate.stage import Stage
from deploy.local import Platform, plain_http
from deploy.places import ROOT

__all__ = ["StepFailed", "play"]


def play(running: Platform, *, console: Console, started: float) -> str:
    """Play it all; the JSON of the result line. StepFailed when something does not happen."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play(running, console, started))


async def _play(running: Platform, console: Console, started: float) -> str:
    up = time.monotonic() - started
    # The gateway closes a connection after five quiet seconds: whoever keeps it longer asks into one that is being closed.
    limits = httpx.Limits(max_connections=24, keepalive_expiry=3)
    async with httpx.AsyncClient(timeout=30, limits=limits, verify=plain_http(), trust_env=False) as http:
        operator = Client(http, running.gateway_url, running.token("operator", "root"), "the operator")
        stage = Stage(running, http, console, partners(), operator)
        console.print(f"\nThe platform is up after {up:.1f} s; GraphQL at {running.gateway_url}/graphql")
        await onboarding.play(stage)
        await answering.play(stage)
        await learning.play(stage, mail=running.mail)
        await other_ways.play(stage)
        result = await report.show(stage, running)
    return json.dumps({**result, "install_s": _install_seconds(), "run_s": round(time.monotonic() - started, 1)})


def _install_seconds() -> float:
    noted = Path(ROOT / ".venv" / ".install_seconds")
    return float(noted.read_text()) if noted.exists() else 0.0
