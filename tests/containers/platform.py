"""The whole platform from our compose files, with the production overlay, in a compose project of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from deploy.settings_file import settings_file

ROOT = Path(__file__).resolve().parents[2]
_PROJECT = "viceversa-tests-"  # and the process id of the test run
_WITH_IMAGES = ("provision", "profiles", "matching", "feedback", "notifications", "gateway")  # all jobs have one image
COLLECTOR = "viceversa/tests-collector:0.156.0"
COMPOSE_FILES = (
    "--file=deploy/compose.yaml",
    "--file=deploy/compose.production.yaml",
    "--file=tests/containers/compose.tests.yaml",
)


def docker(*arguments: str, within: float = 300, environment: Mapping[str, str] | None = None) -> str:
    """What a docker command prints; AssertionError with its errors when it fails."""
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=within,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@cache
def collector_built() -> bool:
    """Whether there is a collector to run; `make test-collector` builds it, which takes minutes."""
    found = subprocess.run(["docker", "image", "inspect", COLLECTOR], capture_output=True, check=False)
    return found.returncode == 0


@cache
def images_built() -> None:
    """Every image is that of the code here; seconds when it was before."""
    placeholders = values(settings_file(trial=True))  # the compose file asks for secrets, even to build
    docker("compose", *COMPOSE_FILES[:2], "build", "-q", *_WITH_IMAGES, environment=placeholders, within=900)


def values(settings: str) -> dict[str, str]:
    """A settings file as a dictionary."""
    lines = [line.partition("=") for line in settings.splitlines() if "=" in line]
    return {name: value.strip('"') for name, _, value in lines if not name.startswith("#")}


@dataclass(frozen=True)
class ComposedPlatform:
    """A running compose project."""

    project: str
    env_file: Path
    files: tuple[str, ...] = COMPOSE_FILES

    def compose(self, *arguments: str, within: float = 300) -> str:
        """What `docker compose …` prints for this project; AssertionError when it fails."""
        return docker(
            "compose", *self.files, "-p", self.project, "--env-file", str(self.env_file), *arguments, within=within
        )

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self.compose("ps", "-q", service).split()

    def run_python(self, service: str, program: str, **environment: str) -> str:
        """What a Python program prints in a new container of a service."""
        given = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        return self.compose("run", "--rm", "-T", *given, "--entrypoint", "python", service, "-c", program)

    def settings(self) -> dict[str, str]:
        """The settings file as a dictionary."""
        return values(self.env_file.read_text())


def _remove_leftovers() -> None:
    """Projects of test runs that no longer live: their containers, networks and volumes, by their label alone."""
    label = "com.docker.compose.project"
    shown = docker("ps", "-a", "--filter", f"label={label}", "--format", '{{.Label "' + label + '"}}').split()
    for project in {name for name in shown if name.startswith(_PROJECT)}:
        owner = project.removeprefix(_PROJECT)
        if not (owner.isdigit() and psutil.pid_exists(int(owner))):
            docker("compose", "-p", project, "down", "-v", "-t", "2", "--remove-orphans")


def _but_the_collector(platform: ComposedPlatform) -> list[str]:
    services = platform.compose("--profile", "trial", "config", "--services").split()
    return [name for name in services if name != "collector"]


@contextmanager
def composed(
    folder: Path,
    *,
    scale: Mapping[str, int] | None = None,
    files: tuple[str, ...] = COMPOSE_FILES,
    settings: Mapping[str, str] | None = None,
) -> Iterator[ComposedPlatform]:
    """The platform of a trial while the block runs, every service ready; nothing of it stays. ``settings``: more of the file."""
    env_file = folder / "platform.env"
    more = [f'{name}="{value}"' for name, value in (settings or {}).items()]
    env_file.write_text("\n".join([settings_file(trial=True), *more, ""]))
    platform = ComposedPlatform(f"{_PROJECT}{os.getpid()}", env_file, files)
    _remove_leftovers()
    images_built()
    try:
        scaled = [f"--scale={name}={count}" for name, count in (scale or {}).items()]
        try:
            named = [] if collector_built() else _but_the_collector(platform)
            platform.compose("--profile", "trial", "up", "-d", "--wait", *scaled, *named, within=400)
        except AssertionError as failed:
            raise AssertionError(
                f"{failed}\n{platform.compose('ps', '-a')}\n{platform.compose('logs', '--tail=12')}"
            ) from failed
        yield platform
    finally:
        platform.compose("--profile", "trial", "--profile", "demo", "--profile", "operate", "down", "-v", "-t", "5")
