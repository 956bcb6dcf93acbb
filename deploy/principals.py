"""Who may do what on a broker that asks who is there: one principal per service, and access lists of literal topics.

A service reads what it consumes, in its own group; writes its own topics, and the dead topics beside those that it reads. Nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from chassis.broker import DEAD
from chassis.settings import PREFIX

_MECHANISM = ScramMechanism.SCRAM_SHA_512


class PrincipalsFailed(Exception):
    """The broker refused a credential or an access list; the message is the broker's."""


@dataclass(frozen=True, slots=True)
class Access:
    """The topics of one service. A test compares them with what the service's code reads and emits."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


ACCESS = {
    "profiles": Access(reads=(), writes=("viceversa.profiles", "viceversa.contacts")),
    "matching": Access(reads=("viceversa.feedback", "viceversa.profiles"), writes=("viceversa.matching",)),
    "feedback": Access(reads=("viceversa.matching", "viceversa.profiles"), writes=("viceversa.feedback",)),
    "notifications": Access(
        reads=("viceversa.contacts", "viceversa.feedback", "viceversa.matching", "viceversa.profiles"),
        writes=("viceversa.notifications",),
    ),
    "gateway": Access(
        reads=(
            "viceversa.contacts",
            "viceversa.feedback",
            "viceversa.matching",
            "viceversa.notifications",
            "viceversa.profiles",
        ),
        writes=(),
    ),
}


def client_options(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """How the operator's Kafka client signs in: the same VICEVERSA_KAFKA_* variables as the services', in its own words."""
    environ = os.environ if environ is None else environ
    named = {
        "security_protocol": "KAFKA_SECURITY_PROTOCOL",
        "ssl_cafile": "KAFKA_CA_FILE",
        "sasl_mechanism": "KAFKA_SASL_MECHANISM",
        "sasl_plain_username": "KAFKA_USERNAME",
        "sasl_plain_password": "KAFKA_PASSWORD",
    }
    return {option: environ[PREFIX + name] for option, name in named.items() if environ.get(PREFIX + name)}


def access_list(service: str) -> list[ACL]:
    """What the broker is told about one service."""
    access = ACCESS[service]
    dead = tuple(topic + DEAD for topic in access.reads)
    wanted = [
        *((ResourceType.TOPIC, topic, ACLOperation.READ) for topic in access.reads),
        *((ResourceType.TOPIC, topic, ACLOperation.WRITE) for topic in (*access.writes, *dead)),
        # Reading and writing include describing. The group is described by a rebuild even where nothing was committed yet.
        *([(ResourceType.GROUP, f"viceversa-{service}", ACLOperation.READ)] if access.reads else []),
    ]
    return [
        ACL(f"User:{service}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
        for kind, name, operation in wanted
    ]


def establish(bootstrap: str, *, passwords: Mapping[str, str], client: Mapping[str, Any]) -> int:
    """Give every service its password (SCRAM-SHA-512) and its access list; how many rules. Safe to repeat; a new password replaces
    the old one. PrincipalsFailed with the broker's reason otherwise."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="viceversa-principals", **client)
    try:
        refused = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(service, _MECHANISM, passwords[service]) for service in ACCESS]
        )
        if wrong := {user: reason for user, reason in refused.items() if reason}:
            raise PrincipalsFailed(f"the broker refused credentials: {wrong}")
        rules = [rule for service in ACCESS for rule in access_list(service)]
        done = admin.create_acls(rules)
        if done["failed"]:
            raise PrincipalsFailed(f"the broker refused access lists: {done['failed']}")
        return len(rules)
    finally:
        admin.close()
