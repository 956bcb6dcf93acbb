"""The platform as operators start it: the compose files with the production overlay, and two replicas of each service."""

import json
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from deploy.principals import ACCESS
from tests.containers.platform import COLLECTOR, ROOT, ComposedPlatform, collector_built, composed, docker
from tests.probes import eventually

# One platform for all: the worker that has it takes every test.
pytestmark = pytest.mark.container

SERVICES = ("profiles", "matching", "feedback", "notifications", "gateway")
_AS = "VICEVERSA_KAFKA_USERNAME"
_TRY = """
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from deploy.principals import client_options
def outcome(action):
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return 'done'
def write(topic):
    producer = KafkaProducer(bootstrap_servers='kafka:9092', max_block_ms=10_000, bootstrap_timeout_ms=6_000, **client_options())
    producer.send(topic, b'not a fact', key=b'nobody').get(timeout=10)
def read(topic):
    consumer = KafkaConsumer(bootstrap_servers='kafka:9092', **client_options())
    consumer.assign([TopicPartition(topic, number) for number in range(6)])
    consumer.seek_to_beginning()
    assert consumer.poll(timeout_ms=8_000), 'nothing came'
"""

# The operator registers an organization, as a client that keeps traces.
_REGISTER = """
import asyncio, httpx
from pathlib import Path
from chassis.identity import DevelopmentIssuer
from deploy.demonstrate.client import Client
issuer = DevelopmentIssuer(Path('/var/lib/viceversa/issuer.pem'), 'https://issuer:8443/')
async def main():
    async with httpx.AsyncClient(timeout=30, headers={{'traceparent': '{trace}'}}) as http:
        operator = Client(http, 'http://gateway:8000', issuer.token(organization='operator', subject='root'))
        given = {{'slug': '{slug}', 'name': 'Traced', 'issuer': issuer.of('{slug}'), 'admins': ['boss'], 'adminEmails': []}}
        print(await operator.do('registerOrganization', given))
asyncio.run(main())
"""
_TERMINAL = re.compile(r"\x1b\[\d*[A-Z]")  # what compose writes for terminals, even where there is none
_TRACED = {"viceversa-gateway", "viceversa-profiles", "viceversa-matching"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedPlatform]:
    """Two replicas of each service, ready."""
    with composed(tmp_path_factory.mktemp("platform"), scale=dict.fromkeys(SERVICES, 2)) as running:
        yield running


@pytest.fixture(scope="module")
def played(platform: ComposedPlatform) -> dict[str, float]:
    """What the demonstration says, played on the platform."""
    last = platform.compose("run", "--rm", "-T", "demo").strip().splitlines()[-1]
    result: dict[str, float] = json.loads(last.removeprefix("RESULT "))
    return result


def test_takes_the_cohort_of_the_demonstration(platform: ComposedPlatform, played: dict[str, float]) -> None:
    assert played["organizations"] == 4
    assert played["people"] >= 150
    assert played["pairs"] >= 40
    assert "every service is ready" in platform.compose("run", "--rm", "-T", "operate", "doctor")
    print(docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"))


@pytest.mark.usefixtures("played")
def test_a_run_is_verified_by_an_image_without_solvers(platform: ComposedPlatform) -> None:
    query = "SELECT run_id FROM match_run LIMIT 1"
    database = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "viceversa_matching")
    run_id = platform.compose(*database, "-tAc", query).strip()
    assert "the bound holds over all pairs" in platform.compose("run", "--rm", "-T", "operate", "verify-run", run_id)


@pytest.mark.usefixtures("played")
def test_sends_every_mail_once(platform: ComposedPlatform) -> None:
    counted = platform.compose(
        "exec",
        "-T",
        "mail",
        "python",
        "-c",
        "from pathlib import Path; from deploy.mailbox import count, doubled; "
        "box = Path('/var/lib/viceversa/mail'); print(count(box), len(doubled(box)))",
    )
    mails, doubled = map(int, counted.split())
    assert mails > 0
    assert doubled == 0


def test_shares_the_topics_among_replicas(platform: ComposedPlatform) -> None:
    program = """
from kafka import KafkaAdminClient
from deploy.principals import client_options
admin = KafkaAdminClient(bootstrap_servers='kafka:9092', **client_options())
for name in ('matching', 'feedback', 'notifications', 'gateway'):
    described = admin.describe_groups([f'viceversa-{name}'])
    group = described[f'viceversa-{name}'] if isinstance(described, dict) else described[0]
    print(name, len(group['members']))
"""
    members = dict(line.split() for line in platform.run_python("operate", program).strip().splitlines())
    assert members == dict.fromkeys(("matching", "feedback", "notifications", "gateway"), "2")


class TestCollector:
    @pytest.fixture(autouse=True)
    def _built(self) -> None:
        if not collector_built():
            pytest.skip("there is no image of the collector: make test-collector")

    def test_accepts_the_configuration_that_operators_get(self) -> None:
        mounted = f"{ROOT}/deploy/collector.yaml:/etc/collector.yaml:ro"
        docker("run", "--rm", "-v", mounted, COLLECTOR, "validate", "--config=/etc/collector.yaml")

    async def test_shows_one_mutation_as_one_trace_from_the_gateway_to_the_consumers(
        self, platform: ComposedPlatform
    ) -> None:
        trace_id = uuid4().hex
        program = _REGISTER.format(slug=f"traced-{trace_id[:8]}", trace=f"00-{trace_id}-{uuid4().hex[:16]}-01")
        assert "Organization" in platform.run_python("demo", program)

        def whole() -> set[tuple[str, str]] | None:
            seen = spans(platform.compose("logs", "--no-log-prefix", "collector"), trace_id=trace_id)
            return seen if {service for service, _ in seen} >= _TRACED else None

        seen = await eventually(whole, describe=f"the collector has all of the trace {trace_id}", within=20, every=1.0)
        assert ("viceversa-gateway", "graphql") in seen
        assert ("viceversa-profiles", "command viceversa.profiles.register-organization.v1") in seen
        assert ("viceversa-matching", "viceversa-matching remember_organization") in seen


def spans(log: str, *, trace_id: str) -> set[tuple[str, str]]:
    """Service and name of each span of a trace, as the collector's exporter `debug` writes them."""
    found, service = set(), ""
    for line in _TERMINAL.sub("", log).splitlines():
        if named := re.search(r"ResourceTraces #.* service\.name=(\S+)", line):
            service = named[1]
        elif trace_id in line:
            found.add((service, line.partition(f" {trace_id} ")[0]))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_runs_hardened(platform: ComposedPlatform, service: str) -> None:
    for container in platform.containers(service):
        (seen,) = json.loads(docker("inspect", container))
        host = seen["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert 0 < host["Memory"] <= 2 << 30
        assert host["PidsLimit"] > 0
        status = docker("exec", container, "cat", "/proc/1/status")
        facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert {int(facts[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
        assert facts["NoNewPrivs"].strip() == "1"
        assert "0" not in facts["Uid"].split()


@pytest.mark.parametrize("service", ["profiles", "gateway"])
def test_is_let_into_its_own_database_alone(platform: ComposedPlatform, service: str) -> None:
    program = (
        "import asyncio, asyncpg, os, sys\n"
        "url = os.environ['VICEVERSA_DATABASE_URL']\n"
        "async def main():\n"
        "    await (await asyncpg.connect(url)).close()\n"
        "    for other in ('matching', 'postgres'):\n"
        "        try:\n"
        "            connection = await asyncpg.connect(url.rpartition('/')[0] + '/' + "
        "('viceversa_matching' if other == 'matching' else other))\n"
        "        except asyncpg.InsufficientPrivilegeError:\n"
        "            print(other, 'refused')\n"
        "        else:\n"
        "            tables = await connection.fetchval(\"select count(*) from pg_tables where schemaname = 'public'\")\n"
        "            print(other, 'open', tables)\n"
        "asyncio.run(main())\n"
    )
    said = platform.compose("exec", "-T", service, "python", "-c", program)
    assert "matching refused" in said


class TestPrincipal:
    def test_writes_its_own_topics_alone(self, platform: ComposedPlatform) -> None:
        asked = ["viceversa.matching.dead", *(topic for each in ACCESS.values() for topic in each.writes)]
        program = _TRY + f"\nfor topic in {asked!r}:\n    print(topic, outcome(lambda: write(topic)))\n"
        secrets = platform.settings()
        said = platform.run_python(
            "operate",
            program,
            VICEVERSA_KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
            VICEVERSA_KAFKA_USERNAME="feedback",
            VICEVERSA_KAFKA_PASSWORD=secrets["VICEVERSA_FEEDBACK_KAFKA_PASSWORD"],
        )
        outcomes = dict(line.split() for line in said.strip().splitlines())
        # The last one is a real write, and the record is no fact: its readers pass over it.
        assert outcomes.pop("viceversa.feedback") == "done"
        assert outcomes.pop("viceversa.matching.dead") == "done", "beside what it reads"
        assert set(outcomes.values()) == {"TopicAuthorizationFailedError"}, outcomes

    @pytest.mark.usefixtures("played")
    def test_reads_what_it_consumes_alone(self, platform: ComposedPlatform) -> None:
        program = (
            _TRY
            + "\nfor topic in ('viceversa.matching', 'viceversa.contacts'):\n    print(topic, outcome(lambda: read(topic)))\n"
        )
        said = platform.run_python(
            "operate",
            program,
            VICEVERSA_KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
            VICEVERSA_KAFKA_USERNAME="feedback",
            VICEVERSA_KAFKA_PASSWORD=platform.settings()["VICEVERSA_FEEDBACK_KAFKA_PASSWORD"],
        )
        outcomes = dict(line.split() for line in said.strip().splitlines())
        assert outcomes["viceversa.matching"] == "done"
        # There are contacts on it; the client either says that it may not, or gets nothing.
        assert outcomes["viceversa.contacts"] in ("TopicAuthorizationFailedError", "AssertionError")

    @pytest.mark.parametrize(
        ("protocol", "password"), [("SASL_PLAINTEXT", "wrong"), ("PLAINTEXT", "")], ids=["wrong password", "nobody"]
    )
    def test_is_asked_who_it_is(self, platform: ComposedPlatform, protocol: str, password: str) -> None:
        program = _TRY + "\nprint(outcome(lambda: write('viceversa.feedback')))\n"
        said = platform.run_python(
            "operate",
            program,
            VICEVERSA_KAFKA_SECURITY_PROTOCOL=protocol,
            VICEVERSA_KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
            VICEVERSA_KAFKA_USERNAME="feedback",
            VICEVERSA_KAFKA_PASSWORD=password,
        )
        assert said.strip() != "done"


def test_health_check_tells_the_truth(platform: ComposedPlatform) -> None:
    check = ("exec", "-T", "matching", "python", "-IS", "/opt/healthcheck.py")
    assert '"ready":true' in platform.compose(*check)
    (broker,) = platform.containers("kafka")
    docker("pause", broker)
    try:
        with pytest.raises(AssertionError, match=r"kafka:9092 does not answer"):
            platform.compose(*check)
    finally:
        docker("unpause", broker)
