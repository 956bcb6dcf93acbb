"""The settings of a containerized platform: which there are, and fresh secrets for a new one."""

from __future__ import annotations

import secrets

from contracts.base import OWNERS

_SERVICES = (*OWNERS, "gateway")
_TRIAL = {
    "VICEVERSA_PUBLIC_URL": "http://localhost:8000",
    "VICEVERSA_OPERATOR_ISSUER": "https://issuer:8443/operator",
    "VICEVERSA_ISSUER_HOSTS": "issuer",
    "VICEVERSA_KNOWN_VECTORS": "/etc/viceversa/known/vectors.bin",
    "VICEVERSA_TRUSTED": "/etc/viceversa/trusted/issuer.crt",
    "VICEVERSA_SMTP_URL": "smtp://mail:2525",
    "VICEVERSA_MAIL_FROM": "Viceversa <hello@viceversa.example>",
    "VICEVERSA_TRACE_RATIO": "1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
}
_YOURS = {
    "VICEVERSA_PUBLIC_URL": "where people reach the gateway, like https://viceversa.your-domain",
    "VICEVERSA_OPERATOR_ISSUER": "the OpenID issuer of the platform's operators",
    "VICEVERSA_SMTP_URL": "your mail server, like smtp+starttls://user:password@host:587",
    "VICEVERSA_MAIL_FROM": "the sender of all mail, like: Viceversa <viceversa@your-domain>",
}


def secret_names() -> tuple[str, ...]:
    """Every secret of a containerized platform, the production overlay's included."""
    return (
        "POSTGRES_PASSWORD",
        "VICEVERSA_OWNER_SECRET",
        *(f"VICEVERSA_{name.upper()}_DATABASE_PASSWORD" for name in _SERVICES),
        "VICEVERSA_INTERNAL_SECRET",
        "VICEVERSA_UNSUBSCRIBE_SECRET",
        "KAFKA_BROKER_PASSWORD",
        "KAFKA_ADMIN_PASSWORD",
        *(f"VICEVERSA_{name.upper()}_KAFKA_PASSWORD" for name in _SERVICES),
    )


def settings_file(*, trial: bool) -> str:
    """The text of an env file: fresh secrets, and what is the operator's to say (given for a trial, to be filled in otherwise)."""
    lines = ["# Secrets: keep this file where only operators can read it, and a copy where your backups are."]
    lines += [f"{name}={secrets.token_hex(32)}" for name in secret_names()]
    if trial:
        lines += ["", "# The addresses of the profile `trial`."]
        lines += [f'{name}="{value}"' for name, value in _TRIAL.items()]
    else:
        lines += ["", "# Yours to fill in."]
        lines += [line for name, hint in _YOURS.items() for line in (f"# {hint}", f"{name}=")]
    return "\n".join(lines) + "\n"
