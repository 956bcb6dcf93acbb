"""Each image holds its own packages and its own code, and runs with nothing that it does not need."""

import json
import subprocess
from pathlib import Path

import pytest

from deploy.settings_file import secret_names, settings_file
from tests.containers.platform import COMPOSE_FILES, ROOT, docker, images_built

pytestmark = pytest.mark.container

DEPLOYABLES = ("profiles", "matching", "feedback", "notifications", "gateway")
BASE = "python:3.13-slim"


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    images_built()


def packages(image: str) -> set[str]:
    """What the SBOM inside an image names."""
    sbom = json.loads(docker("run", "--rm", "--entrypoint", "cat", f"viceversa/{image}:0.1.0", "/opt/sbom.cdx.json"))
    assert sbom["bomFormat"] == "CycloneDX"
    return {component["name"].lower() for component in sbom["components"]}


class TestImage:
    @pytest.mark.parametrize("name", DEPLOYABLES)
    def test_has_its_own_packages_alone(self, name: str) -> None:
        special = {
            "matching": {"numpy", "wordllama", "ortools", "onnxruntime", "httpx"},
            "notifications": {"babel", "icalendar", "jinja2", "aiosmtplib"},
            "gateway": {"strawberry-graphql", "websockets", "httpx", "orjson"},
        }
        mine = special.get(name, set())
        others = set().union(*special.values()) - mine
        found = packages(name)
        assert {"sqlalchemy", "aiokafka", "uvicorn"} | mine <= found
        assert not found & (others | {"pytest", "uv", "pip", "kafka-python", "alembic", "mypy"})

    @pytest.mark.parametrize("name", DEPLOYABLES)
    def test_has_its_own_code_alone(self, name: str) -> None:
        image = f"viceversa/{name}:0.1.0"
        rooms = docker(
            "run", "--rm", "--entrypoint", "sh", image, "-c", "ls -d * services/*/ 2>/dev/null || true"
        ).split()
        own = {"gateway"} if name == "gateway" else {"services", f"services/{name}/"}
        assert set(rooms) == {"chassis", "contracts"} | own

    @pytest.mark.parametrize("name", [*DEPLOYABLES, "operate"])
    def test_belongs_to_nobody_who_runs_in_it(self, name: str) -> None:
        image = f"viceversa/{name}:0.1.0"
        (configured,) = json.loads(docker("image", "inspect", image))
        assert configured["Config"]["User"] == "10001:10001"
        writable = "find / -xdev -writable -not -path '/proc/*' -not -path '/dev/*' -not -type l 2>/dev/null || true"
        found = docker("run", "--rm", "--entrypoint", "sh", image, "-c", writable).split()
        allowed = ("/tmp", "/var/tmp", "/run/lock", "/var/lib/viceversa", "/etc/viceversa")
        assert [path for path in found if not path.startswith(allowed)] == []

    @pytest.mark.parametrize("name", DEPLOYABLES)
    def test_says_what_is_missing_and_ends(self, name: str) -> None:
        ended = subprocess.run(
            ["docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", f"viceversa/{name}:0.1.0"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 2
        for variable in ("VICEVERSA_DATABASE_URL", "VICEVERSA_KAFKA", "VICEVERSA_INTERNAL_SECRET"):
            assert f"{variable} is not set" in ended.stderr


class TestComposeFile:
    @pytest.mark.parametrize("name", secret_names())
    def test_names_the_secret_that_is_missing(self, name: str, tmp_path: Path) -> None:
        kept = [line for line in settings_file(trial=True).splitlines() if not line.startswith(f"{name}=")]
        env_file = tmp_path / "env"
        env_file.write_text("\n".join(kept))
        refused = subprocess.run(
            ["docker", "compose", *COMPOSE_FILES[:2], "--env-file", str(env_file), "config", "-q"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert refused.returncode != 0
        assert f"required variable {name} is missing a value" in refused.stderr


def test_what_is_added_to_the_base_is_small() -> None:
    sizes = {
        name: int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
        for name, image in [("base", BASE), *((each, f"viceversa/{each}:0.1.0") for each in DEPLOYABLES)]
    }
    added = {name: round(size - sizes["base"]) for name, size in sizes.items() if name != "base"}
    print(f"added to the base, in MB: {added}")
    assert max(size for name, size in added.items() if name != "matching") < 90
    assert added["matching"] < 900, "models and solvers"
