"""The house holds: every import rule turns red when broken; documents, commands and code say the same."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from configparser import ConfigParser
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.provision import SERVICES as PROVISIONED
from tests.probes import eventually

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("contracts", "chassis", "services", "gateway", "deploy")
SERVICES = sorted(app.parent.name for app in (ROOT / "services").glob("*/app*") if app.suffix in ("", ".py"))
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


# ── import rules ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Violation:
    """One line of code that breaks one rule; `file` is made in the copy."""

    rule: str
    file: str
    code: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.file}: {self.code or 'exists'}"


# Two complete services that exist in the copy only, so that every room can be broken today and for ever.
ROOMS = (
    "app",
    "migrations",
    "commands",
    "handlers",
    "reads",
    "jobs",
    "store",
    "clients",
    "templates",
    "domain",
    "engine",
)
SEEDED, NEIGHBOUR = "services/seeded", "services/neighbour"

VIOLATIONS = (
    Violation("floors", "contracts/broken.py", "import chassis.settings"),
    Violation("floors", "contracts/broken.py", "import services.seeded.domain"),
    Violation("floors", "contracts/broken.py", "import gateway.store"),
    Violation("floors", "contracts/broken.py", "import deploy.provision"),
    Violation("floors", "chassis/broken.py", "import services.seeded.domain"),
    Violation("floors", "chassis/broken.py", "import gateway.store"),
    Violation("floors", "chassis/broken.py", "import deploy.provision"),
    Violation("floors", f"{SEEDED}/app.py", "import gateway.store"),
    Violation("floors", f"{SEEDED}/app.py", "import deploy.provision"),
    Violation("floors", "gateway/broken.py", "import services.seeded.domain"),
    Violation("floors", "gateway/broken.py", "def late():\n    import deploy.provision"),
    *(
        Violation("chassis-knows-no-business", "chassis/broken.py", f"import contracts.{owner}")
        for owner in ("profiles", "matching", "feedback", "notifications")
    ),
    *(
        Violation("independent-services", f"{SEEDED}/{room}.py", f"import services.neighbour.{other}")
        for room, other in (("app", "app"), ("commands", "domain"), ("domain", "domain"), ("store", "store"))
    ),
    *(
        Violation("rooms", f"{SEEDED}/{room}.py", f"import services.seeded.{above}")
        for room, above in (
            ("app", "migrations"),
            ("migrations", "app"),
            ("commands", "app"),
            ("handlers", "app"),
            ("reads", "app"),
            ("jobs", "app"),
            ("store", "commands"),
            ("clients", "handlers"),
            ("templates", "jobs"),
            ("store", "reads"),
            ("domain", "store"),
            ("domain", "clients"),
            ("engine", "templates"),
        )
    ),
    Violation("rooms", f"{SEEDED}/utils.py", ""),
    Violation("rooms", f"{SEEDED}/attic/__init__.py", ""),
    Violation("gateway-rooms", "gateway/policy/__init__.py", "import gateway.store"),
    Violation("gateway-rooms", "gateway/store/broken.py", "import gateway.handlers"),
    Violation("gateway-rooms", "gateway/loaders/broken.py", "import gateway.schema"),
    Violation("gateway-rooms", "gateway/schema/broken.py", "import gateway.app"),
    Violation("gateway-rooms", "gateway/app/broken.py", "import gateway.migrations"),
    *(
        Violation("pure-rules", f"{SEEDED}/{room}.py", f"import {impure}")
        for room in ("domain", "engine")
        for impure in ("chassis.settings", "sqlalchemy", "aiokafka", "pydantic", "httpx")
    ),
    *(
        Violation("verifiers-know-no-solver", f"services/matching/engine/{verifier}.py", f"import {solver}")
        for verifier, solver in (
            ("verifying", "services.matching.engine.solving.solve"),
            ("verifying_floors", "scipy"),
            ("verifying_rounds", "services.matching.engine.solving.rounds"),
            ("verifying_groups", "ortools"),
        )
    ),
    *(
        Violation("sql-in-the-store", file, f"import {library}")
        for library in ("sqlalchemy", "alembic.op")
        for file in (f"{SEEDED}/commands.py", f"{SEEDED}/jobs.py", "gateway/broken.py", "contracts/broken.py")
    ),
    *(
        Violation("driver-in-the-chassis", file, "import asyncpg")
        for file in (f"{SEEDED}/store.py", "gateway/store/broken.py", "contracts/broken.py")
    ),
    *(
        Violation("broker-in-the-chassis", file, "from aiokafka import AIOKafkaProducer")
        for file in (f"{SEEDED}/handlers.py", "gateway/broken.py", "deploy/broken.py")
    ),
    *(
        Violation("inspection-in-deploy", file, "from kafka import KafkaConsumer")
        for file in (f"{SEEDED}/jobs.py", "gateway/broken.py", "chassis/broken.py")
    ),
    *(
        Violation("faststream-documents", file, "from faststream.kafka import KafkaBroker")
        for file in ("chassis/broken.py", f"{SEEDED}/handlers.py", "gateway/broken.py", "deploy/broken.py")
    ),
    Violation("code-needs-no-tests", "deploy/broken.py", "import tests.probes"),
    Violation("code-needs-no-tests", "chassis/broken.py", "import benchmarks"),
)

# In one process, because loading the linter takes ten times longer than judging one violation.
LINT_EACH = """
import json, os, pathlib, sys
from importlinter import cli

for number, violation in enumerate([None, *json.load(sys.stdin)]):
    file = pathlib.Path(violation["file"]) if violation else None
    before = file.read_text() if file and file.exists() else None
    if file:
        file.parent.mkdir(exist_ok=True)
        file.write_text(violation["code"])
    report = os.open(f"report-{number}", os.O_WRONLY | os.O_CREAT)
    os.dup2(report, 1)
    os.close(report)
    only = (violation["rule"],) if violation else ()
    cli.lint_imports(limit_to_contracts=only, no_cache=True, no_logo=True)
    sys.stdout.flush()
    if before is not None:
        file.write_text(before)
    elif file:
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
"""


def rule_names() -> dict[str, str]:
    """The rules' names by their ids."""
    rules = ConfigParser()
    rules.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {s.removeprefix(prefix): rules[s]["name"] for s in rules.sections() if s.startswith(prefix)}


def lint_each(folder: Path, violations: Sequence[Violation]) -> list[str]:
    """Reports of the linter on `folder`: first as it is, then with each violation alone."""
    subprocess.run(
        [sys.executable, "-c", LINT_EACH],
        cwd=folder,
        input=json.dumps([asdict(v) for v in violations]),
        text=True,
        check=True,
        timeout=120,
    )
    return [(folder / f"report-{number}").read_text() for number in range(len(violations) + 1)]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Violation | None, str]:
    """What the linter says of a copy of the packages, untouched (None) and with each violation alone."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / ".importlinter", folder)
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            copy = folder / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    for service in (SEEDED, NEIGHBOUR):
        (folder / service).mkdir()
        for room in ("__init__", *ROOMS):
            (folder / service / f"{room}.py").touch()
    (folder / "gateway").mkdir(exist_ok=True)
    for named in ("gateway/__init__.py", "deploy/asyncapi.py"):  # the rules name them
        (folder / named).touch()
    for room in ("app", "handlers", "loaders", "migrations", "policy", "schema", "store"):
        # As folders, so that a violation is one more file in them.
        inside = folder / "gateway" / room
        inside.mkdir(exist_ok=True)
        if inside.with_suffix(".py").exists():
            inside.with_suffix(".py").rename(inside / "__init__.py")
        (inside / "__init__.py").touch()
    return dict(zip((None, *VIOLATIONS), lint_each(folder, VIOLATIONS), strict=True))


class TestImportRules:
    def test_hold(self, reports: dict[Violation | None, str]) -> None:
        report = reports[None]
        assert [name for name in rule_names().values() if f"{name} KEPT" not in one_line(report)] == [], report

    @pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
    def test_turn_red(self, violation: Violation, reports: dict[Violation | None, str]) -> None:
        name, report = rule_names()[violation.rule], reports[violation]
        assert f"{name} BROKEN" in one_line(report), report
        section = report.partition("Broken contracts")[2].partition(name)[2]
        broken = violation.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert broken in section, report

    def test_are_each_proved(self) -> None:
        assert {violation.rule for violation in VIOLATIONS} == set(rule_names())

    def test_see_every_module(self) -> None:
        hidden = [
            str(folder.relative_to(ROOT))
            for package in PACKAGES
            for folder in sorted({file.parent for file in (ROOT / package).rglob("*.py")})
            if not (folder / "__init__.py").exists()
        ]
        assert hidden == [], "without __init__.py the linter does not see these folders"


def one_line(report: str) -> str:
    return re.sub(r"\s+", " ", report)


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_is_a_drawer_for_everything() -> None:
    drawer = re.compile(r"_?(utils?|helpers?|common|misc)(_.*)?|.*_(utils?|helpers?)")
    code = [file for package in (*PACKAGES, "tests", "benchmarks") for file in (ROOT / package).rglob("*")]
    assert [str(f.relative_to(ROOT)) for f in code if drawer.fullmatch(f.stem)] == []


# ── make ────────────────────────────────────────────────────────────────────────────────────────────────────


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


class TestMake:
    def test_help_lists_every_target(self) -> None:
        listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert {line.split()[0] for line in listed.splitlines()} == make_targets()
        assert all(len(line.split()) > 1 for line in listed.splitlines())

    def test_offers_what_the_house_promises(self) -> None:
        promised = "help install demo up test check types lint imports bench migrate schema asyncapi lock clean"
        assert set(promised.split()) <= make_targets()


# ── documents ───────────────────────────────────────────────────────────────────────────────────────────────


def commands_in(document: str) -> set[str]:
    """Everything that a document shows as code, line by line."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", document, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^ *```.*?^ *```", "", document, flags=re.DOTALL | re.MULTILINE)
    return {line.strip() for line in "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)]).splitlines()}


def documented(pattern: str) -> list[tuple[str, str]]:
    """(document, first group) wherever a documented command line matches."""
    return [
        (str(document.relative_to(ROOT)), found)
        for document in DOCUMENTS
        if document.exists()
        for line in sorted(commands_in(document.read_text()))
        for found in re.findall(pattern, line)
    ]


class TestDocumentedCommands:
    def test_make_targets_exist(self) -> None:
        named = documented(r"(?:^|[\s;&|(])make +([a-z][a-z-]*)")
        assert "README.md" in {document for document, _ in named}, "README.md shows no make command"
        assert [(document, target) for document, target in named if target not in make_targets()] == []

    def test_viceversa_commands_exist(self) -> None:
        run = CliRunner()
        missing = []
        for command in sorted({c for _, c in documented(r"(?:^|[\s;&|(/])viceversa +([a-z][a-z-]*)")}):
            tried = run.invoke(app, [command, "--help"])
            if tried.exit_code != 0:
                missing.append((command, tried.output[-500:]))
        assert missing == []
        assert run.invoke(app, ["fly", "--help"]).exit_code != 0

    def test_viceversa_itself_starts(self) -> None:
        started = [sys.executable, "-c", "from deploy.cli import main; main()", "--help"]
        assert "Usage" in subprocess.run(started, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def test_modules_that_are_run_exist(self) -> None:
        named = documented(r"python3? +-m +((?:benchmarks|deploy|tests)\.[a-z_.]+)")
        files = [(d, module, ROOT / module.replace(".", "/")) for d, module in named]
        assert [(d, m) for d, m, f in files if not (f.with_suffix(".py").exists() or f.is_dir())] == []

    def test_linked_files_exist(self) -> None:
        broken = [
            (str(document.relative_to(ROOT)), target)
            for document in DOCUMENTS
            if document.exists()
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
            if "://" not in target and not (document.parent / target).exists()
        ]
        assert broken == []


# ── services ────────────────────────────────────────────────────────────────────────────────────────────────


def named_after(label: str, docstring: str) -> set[str]:
    """The class names of a docstring's paragraph `Label: …` (until the next label or an empty line)."""
    found = re.search(rf"^ *{label}: *(.*?)(?=^ *[A-Z][a-z]+:|^ *$|\Z)", docstring, flags=re.DOTALL | re.MULTILINE)
    assert found, f"the docstring has no line `{label}: …`"
    return set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", found[1]))


@pytest.mark.parametrize("service", SERVICES)
class TestServiceDocstring:
    def test_says_what_it_owns(self, service: str) -> None:
        docstring = importlib.import_module(f"services.{service}").__doc__ or ""
        assert re.search(r"^ *Owns: *\w", docstring, flags=re.MULTILINE)

    def test_says_what_it_consumes(self, service: str) -> None:
        spec = importlib.import_module(f"services.{service}.app").app.spec
        docstring = importlib.import_module(f"services.{service}").__doc__ or ""
        assert named_after("Consumes", docstring) == {fact.__name__ for fact in spec.consumes}

    def test_says_what_it_emits(self, service: str) -> None:
        facts = importlib.import_module(f"contracts.{service}").FACTS
        docstring = importlib.import_module(f"services.{service}").__doc__ or ""
        assert named_after("Emits", docstring) == {fact.__name__ for fact in facts}

    def test_is_of_a_service_that_serves_its_whole_contract(self, service: str) -> None:
        spec = importlib.import_module(f"services.{service}.app").app.spec
        contract = importlib.import_module(f"contracts.{service}")
        assert spec.name == service
        assert set(spec.commands) == set(contract.COMMANDS)
        assert set(spec.queries) == set(contract.QUERIES)


def test_every_provisioned_service_exists() -> None:
    assert sorted(set(PROVISIONED) - {"gateway"}) == SERVICES


class TestEventually:
    async def test_returns_what_became_true(self) -> None:
        answers = iter([None, 0, 5])
        assert await eventually(lambda: next(answers), describe="a number", every=0) == 5

    async def test_waits_through_errors_and_awaits(self) -> None:
        tries = 0

        async def third_time() -> bool:
            nonlocal tries
            tries += 1
            assert tries == 3, "too early"
            return True

        assert await eventually(third_time, describe="the third try", every=0)

    async def test_says_what_did_not_come_true_and_what_it_saw(self) -> None:
        with pytest.raises(AssertionError, match=r"not within 0.01 s: the moon is full .*last value: 0"):
            await eventually(lambda: 0, describe="the moon is full", within=0.01)
        with pytest.raises(AssertionError, match=r"the moon is full .*ZeroDivisionError"):
            await eventually(lambda: 1 // 0, describe="the moon is full", within=0.01)
