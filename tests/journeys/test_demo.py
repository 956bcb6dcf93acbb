"""The demonstration: it does the whole loop, says so in one line, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.places import ROOT


def test_the_demo_plays_the_whole_loop_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("RESULT "), last
    result = json.loads(last.removeprefix("RESULT "))

    assert result["organizations"] >= 3
    assert result["people"] >= 150
    assert result["pairs"] >= 40
    assert result["sessions_logged"] >= 20
    assert result["mails"] >= result["people"]
    assert result["mails_doubled"] == 0
    assert result["facts"] > 1000
    assert result["value_of_bound"] == pytest.approx(1, abs=0.001)
    assert result["modes"] == 10
    assert result["run_s"] > 0
    assert list(tmp_path.iterdir()) == [], "the demo left files behind"
    ours = [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.pid not in before and str(tmp_path) in " ".join(process.info["cmdline"] or ())
    ]
    assert not ours, "the demo left processes behind"
