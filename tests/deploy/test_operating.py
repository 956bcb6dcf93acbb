"""What operators get: access lists that are those of the code, a trial's issuer that the gateway believes, settings with fresh secrets."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import pytest

from chassis.identity import DevelopmentIssuer, KeySource, TokenRefused, verify_access_token
from contracts.base import Event, facts
from deploy import healthcheck
from deploy.contracts import specs
from deploy.embedded import Infrastructure, free_port
from deploy.issuer import serve
from deploy.places import ROOT
from deploy.principals import ACCESS, access_list, client_options
from deploy.provision import provision, service_dsns
from deploy.settings_file import secret_names, settings_file


class TestPrincipals:
    @pytest.mark.parametrize("service", ACCESS)
    def test_read_what_the_code_consumes(self, service: str) -> None:
        assert set(ACCESS[service].reads) == set(specs()[service].topics)

    @pytest.mark.parametrize("service", ACCESS)
    def test_write_what_the_contracts_say(self, service: str) -> None:
        kinds = [kind for kind in facts().classes.values() if f"{kind.__module__}.".startswith(f"contracts.{service}.")]
        own = {kind.TOPIC for kind in kinds if issubclass(kind, Event)}
        assert set(ACCESS[service].writes) == own

    def test_are_one_per_service(self) -> None:
        assert set(ACCESS) == set(specs())

    def test_have_literal_names_alone(self) -> None:
        for service in ACCESS:
            for rule in access_list(service):
                assert rule.principal == f"User:{service}"
                assert "*" not in rule.resource_pattern.resource_name

    def test_sign_in_with_the_services_variables(self) -> None:
        given = {"VICEVERSA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "VICEVERSA_KAFKA_USERNAME": "admin", "OTHER": "x"}
        assert client_options(given) == {"security_protocol": "SASL_SSL", "sasl_plain_username": "admin"}


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[DevelopmentIssuer]:
    """A trial's issuer that serves its keys, at a port of its own."""
    port = free_port()
    made = DevelopmentIssuer(tmp_path / "issuer.pem", f"https://localhost:{port}/")
    server = serve(made, host="127.0.0.1", port=port, certificate=tmp_path / "issuer.crt")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


class TestTrialIssuer:
    async def test_is_believed_where_its_certificate_is_trusted(
        self, issuer: DevelopmentIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(issuer.key_file.with_name("issuer.crt")))
        token = issuer.token(organization="tallgrass", subject="ann")
        keys = KeySource(allowed_hosts=frozenset({"localhost"}))
        claims = await verify_access_token(token, keys=keys, audience="viceversa")
        assert (claims.issuer, claims.subject) == (issuer.of("tallgrass"), "ann")

    async def test_is_not_believed_elsewhere(self, issuer: DevelopmentIssuer) -> None:
        token = issuer.token(organization="tallgrass", subject="ann")
        for hosts in (frozenset({"localhost"}), frozenset[str]()):
            with pytest.raises(TokenRefused, match="could not be reached"):
                await verify_access_token(token, keys=KeySource(allowed_hosts=hosts), audience="viceversa")

    def test_keeps_its_keys_to_itself(self, issuer: DevelopmentIssuer) -> None:
        for name in ("issuer.pem", "tls.pem"):
            assert (issuer.key_file.with_name(name).stat().st_mode & 0o077) == 0


class TestSettingsFile:
    def test_has_every_secret_once_and_no_two_alike(self) -> None:
        lines = settings_file(trial=False).splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        secrets = [found[name] for name in secret_names()]
        assert len(set(secrets)) == len(secrets)
        assert all(len(secret) >= 32 for secret in secrets)

    def test_leaves_what_is_the_operators_to_say(self) -> None:
        assert "VICEVERSA_PUBLIC_URL=\n" in settings_file(trial=False)
        assert 'VICEVERSA_PUBLIC_URL="http://localhost:8000"\n' in settings_file(trial=True)


class TestProvision:
    async def test_takes_a_password_for_the_service(self, infrastructure: Infrastructure) -> None:
        given = "a-password_of-24-letters"
        dsns = await provision(
            infrastructure.postgres_admin_dsn, service="probe_two", password="for tests", app_password=given
        )
        assert given in dsns.app
        assert given not in dsns.owner
        await (await asyncpg.connect(dsns.app)).close()

    @pytest.mark.parametrize("wrong", ["short", "with a space in the middle", "it's-quoted-16-letters'"])
    def test_refuses_a_password_that_is_none(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="must have 16 to 128"):
            service_dsns("postgresql://host", service="probe", password="for tests", app_password=wrong)

    def test_names_what_is_not_set(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VICEVERSA_")}
        done = subprocess.run(
            [sys.executable, "-m", "deploy", "provision"],
            cwd=ROOT,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "VICEVERSA_ADMIN_URL is not set" in done.stderr


class TestHealthCheck:
    @pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
    def test_says_what_readiness_says(self, status: int, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(self.path.encode())

            def log_message(self, format: str, *arguments: object) -> None: ...  # noqa: A002

        with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                assert healthcheck.check(server.server_address[1]) == expected
            finally:
                server.shutdown()
                thread.join()
        assert capsys.readouterr().out.strip() == "/health/ready"

    def test_of_nobody_is_red(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert healthcheck.check(free_port()) == 1
        assert "no answer" in capsys.readouterr().out
