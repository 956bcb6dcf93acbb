"""A token issuer for trials: OpenID discovery and keys for every organization, by https inside the platform's own network.

Real organizations have their own issuers; a trial has none, and is yet to run in the deployed mode, where every token is verified
against its issuer's published keys.
"""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt.algorithms import OKPAlgorithm

from chassis.identity import DEVELOPMENT_KEY_ID, DevelopmentIssuer

_DISCOVERY = ".well-known/openid-configuration"
_VALID = timedelta(days=365)


def serve(issuer: DevelopmentIssuer, *, host: str, port: int, certificate: Path) -> ThreadingHTTPServer:
    """A server that is ready for `serve_forever`: `/<slug>/.well-known/openid-configuration` and `/<slug>/keys`.

    Its certificate, for the name in the issuer's base URL, is made anew and written to ``certificate``: whoever is to believe the
    issuer trusts that file.
    """
    key = {
        **OKPAlgorithm.to_jwk(issuer.public_key(), as_dict=True),
        "kid": DEVELOPMENT_KEY_ID,
        "use": "sig",
        "alg": "EdDSA",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the server's name for it
            slug, _, what = self.path.strip("/").partition("/")
            mine = issuer.of(slug)
            if what == _DISCOVERY:
                self._answer({"issuer": mine, "jwks_uri": f"{mine}/keys"})
            elif what == "keys":
                self._answer({"keys": [key]})
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _answer(self, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the server's name for it
            """Said by nobody: a trial's keys are fetched every few minutes."""

    private = issuer.key_file.with_name("tls.pem")
    _certify(urlsplit(issuer.base).hostname or "localhost", private=private, certificate=certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    server = ThreadingHTTPServer((host, port), Handler)
    # The handshake belongs to the thread of its connection: whoever connects and says nothing holds up nobody.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _certify(host: str, *, private: Path, certificate: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"viceversa trial: {host}")])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
