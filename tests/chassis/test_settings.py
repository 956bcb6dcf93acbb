"""Settings name everything that is missing or wrong at once; the clock moves for all processes or not at all."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.broker import broker_settings
from chassis.clock import ClockIsReal, ClockOnlyMovesForward, FixedClock, SharedClock, SystemClock, advance
from chassis.settings import COMMON, Mode, Setting, SettingsError, read
from tests.chassis.conftest import ROOT

COMPLETE = {
    "VICEVERSA_MODE": "deployed",
    "VICEVERSA_DATABASE_URL": "postgresql://u:p@host/viceversa_probe",
    "VICEVERSA_KAFKA": "broker:9092",
    "VICEVERSA_INTERNAL_SECRET": "x" * 32,
    "VICEVERSA_MAIL_URL": "smtp://mail",
}
MAIL = Setting("MAIL_URL", hint="smtp://host:port of the mail server", embedded_default="smtp://127.0.0.1:1025")


class TestSettings:
    def test_are_read(self) -> None:
        found = read("probe", declared=[MAIL], environ=COMPLETE)
        assert found.mode is Mode.DEPLOYED
        assert (found.database_url, found.kafka) == ("postgresql://u:p@host/viceversa_probe", "broker:9092")
        assert found.own == {"MAIL_URL": "smtp://mail"}
        assert (found.trace_ratio, found.log_level, found.clock_file) == (0.05, "info", None)

    @pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
    @pytest.mark.parametrize("name", [name for name in COMPLETE if name != "VICEVERSA_MODE"])
    def test_that_are_missing_are_named_with_a_hint(self, name: str, value: str | None) -> None:
        environ = {key: text for key, text in COMPLETE.items() if key != name}
        if value is not None:
            environ[name] = value
        with pytest.raises(SettingsError) as refused:
            read("probe", declared=[MAIL], environ=environ)
        hint = next(each.hint for each in (*COMMON, MAIL) if "VICEVERSA_" + each.name == name)
        assert str(refused.value).splitlines()[1:] == [f"  - {name} is not set: {hint}"]

    def test_that_are_missing_are_named_all_at_once(self) -> None:
        with pytest.raises(SettingsError) as refused:
            read("probe", declared=[MAIL], environ={})
        assert len(str(refused.value).splitlines()) == 5

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("MODE", "production", "write one of embedded, deployed"),
            ("INTERNAL_SECRET", "x" * 31, "at least 32 characters"),
            ("DATABASE_URL", "mysql://host/x", "must start with postgresql://"),
            ("CLOCK_FILE", "/tmp/clock", "time is real here"),
            ("LOG_LEVEL", "loud", "write one of debug, info, warning, error"),
            ("TRACE_RATIO", "1.5", "from 0 to 1"),
            ("TRACE_RATIO", "half", "from 0 to 1"),
            ("KAFKA_SESSION_SECONDS", "5", "from 6 to 300"),
            ("KAFKA_SESSION_SECONDS", "a while", "from 6 to 300"),
            ("KAFKA_SECURITY_PROTOCOL", "TLS", "write one of PLAINTEXT, SSL"),
            ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "VICEVERSA_KAFKA_USERNAME is not set"),
            ("KAFKA_SASL_MECHANISM", "GSSAPI", "write one of PLAIN"),
            ("KAFKA_CA_FILE", "/nowhere/ca.pem", "names no file"),
        ],
    )
    def test_that_are_wrong_are_named(self, name: str, value: str, says: str) -> None:
        with pytest.raises(SettingsError, match=f"VICEVERSA_{name}") as refused:
            read("probe", declared=[MAIL], environ=COMPLETE | {f"VICEVERSA_{name}": value})
        assert says in str(refused.value)

    def test_have_defaults_of_their_own_in_the_embedded_mode(self) -> None:
        environ = {key: text for key, text in COMPLETE.items() if key != "VICEVERSA_MAIL_URL"} | {
            "VICEVERSA_MODE": "embedded"
        }
        assert read("probe", declared=[MAIL], environ=environ).own == {"MAIL_URL": "smtp://127.0.0.1:1025"}
        with pytest.raises(SettingsError, match="INTERNAL_SECRET is not set"):
            read("probe", environ={"VICEVERSA_MODE": "embedded"})

    def test_say_how_to_log_in_to_a_broker(self) -> None:
        sasl = {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_USERNAME": "probe",
            "KAFKA_PASSWORD": "secret",
        }
        found = read("probe", environ=COMPLETE | {f"VICEVERSA_{name}": value for name, value in sasl.items()})
        client = broker_settings(bootstrap=found.kafka, embedded=False, security=found.kafka_security).client()
        assert client.pop("ssl_context").check_hostname
        assert client == {
            "bootstrap_servers": "broker:9092",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "probe",
            "sasl_plain_password": "secret",
        }

    def test_end_a_process_with_a_sentence_and_no_traceback(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.chassis.probe_service", "1"],
            cwd=ROOT,
            env={"VICEVERSA_KAFKA": "x:1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 2
        assert ended.stderr.startswith("The probe service cannot start:\n  - VICEVERSA_DATABASE_URL is not set")
        assert "Traceback" not in ended.stderr


JUMP = """
import sys
from datetime import timedelta
from pathlib import Path
from chassis.clock import SharedClock
clock = SharedClock(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(500):
    clock.forward(timedelta(seconds=1))
"""


class TestClock:
    async def test_jumps_in_all_processes_and_no_jump_is_lost(self, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        jumpers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", JUMP, str(file), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _ in range(2)
        ]
        for each in jumpers:
            assert each.stdout is not None
            assert await each.stdout.readline() == b"ready\n"
        watching = SharedClock(file)
        assert abs(watching.now() - datetime.now(UTC)) < timedelta(seconds=1)
        await asyncio.gather(*(each.communicate(b"\n") for each in jumpers))
        jumped = watching.now() - datetime.now(UTC)
        assert timedelta(seconds=999) < jumped < timedelta(seconds=1001)

    def test_keeps_its_offset_for_those_who_come_later(self, tmp_path: Path) -> None:
        SharedClock(tmp_path / "clock").forward(timedelta(days=3))
        later = SharedClock(tmp_path / "clock")
        assert later.now() - datetime.now(UTC) > timedelta(days=2)

    def test_moves_in_the_embedded_mode_only(self, tmp_path: Path) -> None:
        day = timedelta(days=1)
        with pytest.raises(ClockIsReal):
            advance(SystemClock(), by=day)
        assert advance(SharedClock(tmp_path / "clock"), by=day) - datetime.now(UTC) > timedelta(hours=23)
        assert advance(FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), by=day) == datetime(2026, 1, 2, tzinfo=UTC)

    @pytest.mark.parametrize("by", [timedelta(), timedelta(seconds=-1)])
    def test_moves_forward_only(self, by: timedelta, tmp_path: Path) -> None:
        with pytest.raises(ClockOnlyMovesForward):
            advance(SharedClock(tmp_path / "clock"), by=by)

    def test_is_real_where_nothing_else_was_set(self, tmp_path: Path) -> None:
        assert isinstance(read("probe", environ=COMPLETE).clock(), SystemClock)
        embedded = COMPLETE | {"VICEVERSA_MODE": "embedded", "VICEVERSA_CLOCK_FILE": str(tmp_path / "clock")}
        assert isinstance(read("probe", environ=embedded).clock(), SharedClock)
