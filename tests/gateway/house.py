"""The whole platform behind one gateway, and a partner organization of its own for each test."""

from dataclasses import dataclass
from typing import Any

from tests.gateway.serving import Client
from tests.probes import eventually

UNSUBSCRIBE_SECRET = "another secret that is long enough for tests"
SERVICES = ("profiles", "matching", "feedback", "notifications")
REFUSAL = (
    "... on Refusal { __typename code message remedy } ... on InvalidInput { problems { path message value remedy } }"
)

ADVANCE = (
    "mutation($hours: Float!) { advanceClock(input: {hours: $hours}) { __typename "
    "... on Platform { now mode } ... on Refusal { code } } }"
)


@dataclass
class House:
    """The whole platform, and a partner organization of this test."""

    client: Client
    slug: str
    organization_id: str = ""

    @property
    def operator(self) -> str:
        return self.client.token("operator", "olga")

    @property
    def admin(self) -> str:
        return self.client.token(self.slug, "boss")

    def person(self, subject: str) -> str:
        return self.client.token(self.slug, subject)

    async def do(self, name: str, kind: str, answer: str, token: str, /, **given: Any) -> Any:
        """Send one mutation; what it answers."""
        query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ __typename {answer} {REFUSAL} }} }}"
        return (await self.client.ask(query, token, input=given))[name]

    async def onboard(self, subject: str, **changes: Any) -> Any:
        """A person of the organization."""
        given = {"subject": subject, "displayName": subject.title(), "email": f"{subject}@example.org"} | changes
        answer = await self.do(
            "saveProfile",
            "SaveProfile",
            "... on Person { id displayName email visibleAs offers { text } }",
            self.admin,
            **given,
        )
        assert answer["__typename"] == "Person", answer
        return answer

    async def draft(self, want: str, **given: Any) -> Any:
        """A cohort, as soon as matching has heard of the organization."""

        async def drafted() -> Any:
            answer = await self.do("draftCohort", "DraftCohort", want, self.admin, **given)
            return answer if answer["__typename"] == "Cohort" else None

        return await eventually(drafted, describe="the cohort is drafted", within=30)
