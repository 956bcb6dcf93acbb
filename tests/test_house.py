"""The house holds: every import rule turns red when broken; documents, commands and code say the same; and the
ground under it (embedded PostgreSQL and broker, databases and roles) carries."""

import asyncio
import importlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaProducer

from deploy.embedded import (
    Broker,
    ChildFailed,
    Infrastructure,
    embedded,
    start,
    start_broker,
    start_postgres,
    temporary_folder,
)
from deploy.provision import SERVICES as PROVISIONED
from deploy.provision import ServiceDsns, provision
from tests.probes import Topics, eventually

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
        missing = []
        for command in sorted({c for _, c in documented(r"(?:^|[\s;&|(/])viceversa +([a-z][a-z-]*)")}):
            tried = subprocess.run(
                [sys.executable, "-c", "from deploy.cli import main; main()", command, "--help"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if tried.returncode != 0:
                missing.append((command, tried.stderr[-500:]))
        assert missing == []

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


# ── the ground it stands on: embedded PostgreSQL and broker ─────────────────────────────────────────────────

STARTER = """
import asyncio, json, sys, time
from pathlib import Path
import asyncpg
from deploy.embedded import embedded

async def write(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")

with embedded(Path(sys.argv[1])) as running:
    asyncio.run(write(running.postgres_admin_dsn))
    print(json.dumps([[child.pid for child in running.children], running.kafka_bootstrap]), flush=True)
    time.sleep(600)
"""


async def kept(folder: Path) -> int:
    """Start PostgreSQL on `folder` again and read what STARTER committed."""
    server = start_postgres(folder)
    try:
        connection = await asyncpg.connect(server.admin_dsn)
        try:
            n: int = await connection.fetchval("SELECT n FROM kept")
            return n
        finally:
            await connection.close()
    finally:
        server.stop()


def alive(pids: Sequence[int]) -> list[psutil.Process]:
    """Those that run (a dead process that nobody has buried does not), with all below them."""
    running = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                running += [process, *process.children(recursive=True)]
    return running


def working_in(folder: Path) -> list[psutil.Process]:
    """Every process that has `folder`, or something below it, as its working folder or among its arguments."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                found.append(process)
    return found


class TestEmbedded:
    @pytest.mark.fault
    @pytest.mark.parametrize("also", ["nothing else", "PostgreSQL", "everything"])
    async def test_keeps_what_was_committed_when_killed(self, also: str, tmp_path: Path) -> None:
        command = [sys.executable, "-c", STARTER, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:  # noqa: ASYNC220
            assert starter.stdout is not None
            (postgres, broker), _ = json.loads(starter.stdout.readline())
            below = alive([postgres])
            starter.kill()
            if also != "nothing else":
                with suppress(ProcessLookupError):
                    os.kill(postgres, signal.SIGKILL)
            for worker in below if also == "everything" else ():
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
        assert await kept(tmp_path) == 7
        await eventually(lambda: not alive([postgres, broker]), describe="both children ended with their starter")
        assert working_in(tmp_path) == []

    def test_starts_where_a_dead_servers_number_lives_on(self, tmp_path: Path) -> None:
        start_postgres(tmp_path, durable=False).stop()
        file = tmp_path / "postgres" / "postmaster.pid"
        login = pwd.getpwuid(file.parent.stat().st_uid).pw_name if os.geteuid() == 0 else None
        somebody = start("somebody else", program=["/bin/sleep", "60"], login=login)
        try:
            file.write_text(f"{somebody.pid}\n{file.parent}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n")
            start_postgres(tmp_path, durable=False).stop()
            assert somebody.running()
        finally:
            somebody.stop()

    def test_refuses_a_folder_that_is_in_use(self, tmp_path: Path) -> None:
        server = start_postgres(tmp_path, durable=False)
        with pytest.raises(ChildFailed, match="in use by another"):
            start_postgres(tmp_path)
        server.stop()

    def test_finishes_a_first_start_that_was_interrupted(self, tmp_path: Path) -> None:
        (tmp_path / "postgres.unfinished").mkdir()
        (tmp_path / "postgres.unfinished" / "PG_VERSION").touch()
        start_postgres(tmp_path, durable=False).stop()
        assert not (tmp_path / "postgres.unfinished").exists()

    def test_says_when_a_port_is_taken(self, infrastructure: Infrastructure, tmp_path: Path) -> None:
        taken = int(infrastructure.kafka_bootstrap.rpartition(":")[2])
        with pytest.raises(ChildFailed, match=r"(?i)address (already )?in use"):
            start_broker(taken, log=tmp_path / "broker.log")
        with pytest.raises(ChildFailed, match="could not bind"):
            start_postgres(tmp_path, taken)

    def test_outlives_the_thread_that_started_it(self) -> None:
        started: list[Broker] = []
        thread = threading.Thread(target=lambda: started.append(start_broker()))
        thread.start()
        thread.join()
        with pytest.raises(subprocess.TimeoutExpired):
            started[0].child.process.wait(timeout=0.2)
        started[0].stop()

    def test_leaves_nothing_behind(self) -> None:
        with temporary_folder() as folder, embedded(folder, durable=False) as running:
            pids = [child.pid for child in running.children]
            ports = {c.laddr.port for p in alive(pids) for c in p.net_connections("tcp")}
            assert len(ports) == 2
            assert (folder / "postgres.password").stat().st_mode & 0o777 == 0o600
            assert {c.laddr for p in alive(pids) for c in p.net_connections("unix")} <= {""}  # no socket file
        assert alive(pids) == []
        assert working_in(folder) == []
        assert not folder.exists()
        for port in ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", port))

    def test_removes_what_a_killed_process_could_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        long_ago = time.time() - 3600
        with temporary_folder() as in_use:
            os.utime(in_use, (long_ago, long_ago))
            orphan = tmp_path / "viceversa-orphan"
            orphan.mkdir()
            (orphan / "owner").touch()
            os.utime(orphan, (long_ago, long_ago))
            with temporary_folder():
                assert not orphan.exists()
                assert in_use.exists()

    def test_leaves_no_shared_memory_of_a_server_that_was_killed(self) -> None:
        def held() -> set[str]:
            return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()}

        with temporary_folder() as folder:
            start_postgres(folder, durable=False).kill()
            segment = (folder / "postgres" / "postmaster.pid").read_text().splitlines()[6].split()[1]
            assert segment in held()
        assert segment not in held()

    async def test_broker_gives_the_independent_probe_what_was_sent(
        self, infrastructure: Infrastructure, topics: Topics
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=infrastructure.kafka_bootstrap, acks="all")
        await producer.start()
        try:
            for n in range(3):
                await producer.send_and_wait("house", b"%d" % n, key=b"k", headers=[("ce_id", b"%d" % n)])
            await producer.send_and_wait("house", None, key=b"k")
        finally:
            await producer.stop()
        records = await topics.read("house")
        assert [(r.key, r.value, r.headers.get("ce_id")) for r in records] == [
            (b"k", b"0", b"0"),
            (b"k", b"1", b"1"),
            (b"k", b"2", b"2"),
            (b"k", None, None),
        ]
        assert [r.offset for r in records] == [0, 1, 2, 3]
        assert await topics.read("absent") == []


class TestProvision:
    @pytest.fixture
    async def dsns(self, infrastructure: Infrastructure) -> ServiceDsns:
        """A service of our own with one table, provisioned twice at the same time."""
        first, second = await asyncio.gather(
            *(provision(infrastructure.postgres_admin_dsn, service="house", password="one") for _ in range(2))
        )
        assert first == second
        await execute(first.owner, "CREATE TABLE IF NOT EXISTS t (id bigserial PRIMARY KEY, what text)")
        return first

    @pytest.mark.parametrize("role", ["house_tenant", "house_system"])
    async def test_lets_the_service_work_as_its_roles(self, role: str, dsns: ServiceDsns) -> None:
        work = "INSERT INTO t (what) VALUES ('x'); UPDATE t SET what = 'y'; SELECT * FROM t; DELETE FROM t"
        await execute(dsns.app, f"SET ROLE {role}; {work}")

    @pytest.mark.parametrize(
        "forbidden",
        [
            "SELECT * FROM public.t",
            "INSERT INTO public.t (what) VALUES ('x')",
            "CREATE TABLE public.mine (n int)",
            "CREATE TEMPORARY TABLE mine (n int)",
            "SET ROLE house_owner",
            "SET ROLE postgres",
            "SET ROLE house_tenant; TRUNCATE t",
            "SET ROLE house_tenant; CREATE TABLE mine (n int)",
            "SET ROLE house_system; ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        ],
    )
    async def test_lets_the_service_do_no_more(self, forbidden: str, dsns: ServiceDsns) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(dsns.app, forbidden)

    async def test_gives_no_role_a_way_around_row_level_security(self, dsns: ServiceDsns) -> None:
        roles = await execute(
            dsns.owner, "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE starts_with(rolname, 'house_')"
        )
        assert [row[0] for row in roles] == [False] * 4

    async def test_keeps_other_services_out(self, infrastructure: Infrastructure, dsns: ServiceDsns) -> None:
        other = await provision(infrastructure.postgres_admin_dsn, service="cellar", password="one")
        for login in (other.app, other.owner):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
                await execute(login.replace("viceversa_cellar", "viceversa_house"), "SELECT 1")

    async def test_replaces_the_password(self, infrastructure: Infrastructure) -> None:
        admin = infrastructure.postgres_admin_dsn
        old = await provision(admin, service="attic", password="one")
        new = await provision(admin, service="attic", password="two")
        await execute(new.app, "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(old.app, "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(new.app.replace("attic_app", "attic_owner"), "SELECT 1")

    async def test_refuses_a_name_that_is_no_name(self, infrastructure: Infrastructure) -> None:
        with pytest.raises(ValueError, match="cannot name a database"):
            await provision(infrastructure.postgres_admin_dsn, service='x"; DROP', password="one")


async def execute(dsn: str, sql: str) -> list[asyncpg.Record]:
    """Run one SELECT, or several statements."""
    connection = await asyncpg.connect(dsn)
    try:
        if sql.startswith("SELECT"):
            rows: list[asyncpg.Record] = await connection.fetch(sql)
            return rows
        await connection.execute(sql)
        return []
    finally:
        await connection.close()


class TestServiceDsns:
    async def test_is_empty_at_first_and_then_left_alone(
        self,
        infrastructure: Infrastructure,
        provisioned: dict[str, ServiceDsns],
        service_dsns: Callable[[str], Awaitable[ServiceDsns]],
    ) -> None:
        admin = infrastructure.postgres_admin_dsn.removesuffix("/postgres") + "/viceversa_gateway"
        count = "SELECT count(*) FROM child"
        await execute(admin, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent)")
        try:
            await execute(admin, "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)")
            assert await service_dsns("gateway") == provisioned["gateway"]
            assert (await execute(admin, count))[0][0] == 0
            await execute(admin, "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)")
            await service_dsns("gateway")
            assert (await execute(admin, count))[0][0] == 1
        finally:
            await execute(admin, "DROP TABLE child, parent")

    async def test_names_the_transaction_that_an_earlier_test_left_open(
        self, provisioned: dict[str, ServiceDsns], service_dsns: Callable[[str], Awaitable[ServiceDsns]]
    ) -> None:
        owner = await asyncpg.connect(provisioned["gateway"].owner)
        try:
            await owner.execute("CREATE TABLE held (id int)")
            await owner.execute("INSERT INTO held VALUES (1)")
            async with owner.transaction():
                await owner.execute("LOCK TABLE held")
                with pytest.raises(AssertionError, match=r"left a transaction open in gateway:\n.*LOCK TABLE held"):
                    await service_dsns("gateway")
            await owner.execute("DROP TABLE held")
        finally:
            await owner.close()


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
