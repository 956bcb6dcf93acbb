"""The models keep to themselves: people's words are nobody else's business."""

import os
import subprocess
import sys
from pathlib import Path


def test_models_leave_no_file_and_carry_no_telemetry(tmp_path: Path) -> None:
    # A runtime that reports to its maker writes its session into the folder for temporary files as soon as it is loaded.
    program = (
        "from services.matching.engine import meaning; import onnxruntime.capi.onnxruntime_pybind11_state as state;"
        "meaning.load('full').prepare(['Rolling sushi']); print(state.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
    assert b"OneDsTelemetry" not in Path(done.stdout.strip()).read_bytes()
