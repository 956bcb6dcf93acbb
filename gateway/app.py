"""The gateway: facts into the read model, GraphQL out of it."""

from __future__ import annotations

from pathlib import Path

import httpx
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from chassis.calls import Services
from chassis.identity import DEVELOPMENT_ISSUER, DevelopmentIssuer, KeySource
from chassis.projecting import Projection
from chassis.service import Running, ServiceApp, Setting, build
from contracts import feedback, matching, notifications, profiles
from contracts.base import OWNERS, Event
from gateway import handlers, pages
from gateway.changes import Changes
from gateway.endpoint import GraphQLEndpoint, refusal
from gateway.platform import Platform
from gateway.schema import build_schema
from gateway.store import READ_MODEL
from gateway.tokens import Doorkeeper

SETTINGS = (
    Setting("PROFILES_URL", "http://host:port of the profiles service"),
    Setting("MATCHING_URL", "http://host:port of the matching service"),
    Setting("FEEDBACK_URL", "http://host:port of the feedback service"),
    Setting("NOTIFICATIONS_URL", "http://host:port of the notifications service"),
    Setting("AUDIENCE", "what access tokens must name as their audience", default="viceversa"),
    Setting(
        "OPERATOR_ISSUER",
        "the OpenID issuer of the platform's operators: every subject of it is one",
        embedded_default=f"{DEVELOPMENT_ISSUER}operator",
    ),
    Setting(
        "ISSUER_HOSTS",
        "hosts of issuers that may be at private addresses or without TLS, separated by commas",
        default="",
    ),
    Setting(
        "WEB_ORIGINS",
        "origins of web applications that call from browsers, like https://app.your-domain, separated by commas",
        default="",
    ),
    Setting("DEVELOPMENT_KEY", "embedded mode only: the file of the development issuer's key", default=""),
)


class Gateway:
    """What the routes and workers of one process share; itself the route of GraphQL."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.platform: Platform | None = None  # these two: while the service runs
        self.endpoint: ASGIApp | None = None

    async def hold_platform(self, running: Running) -> None:
        """Worker: the way to the services and the door, for as long as the gateway runs."""
        own, embedded = running.settings, running.environment.embedded
        urls = {owner: own[f"{owner.upper()}_URL"].rstrip("/") for owner in OWNERS}
        key_file = own["DEVELOPMENT_KEY"] if embedded else ""
        hosts, origins = _listed(own["ISSUER_HOSTS"]), _listed(own["WEB_ORIGINS"])
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
        async with httpx.AsyncClient(timeout=httpx.Timeout(30, connect=3), limits=limits) as client:
            services = Services(urls, running.environment.internal_secret, client)
            doorkeeper = Doorkeeper(
                keys=KeySource(
                    development=DevelopmentIssuer(Path(key_file)) if key_file else None, allowed_hosts=frozenset(hosts)
                ),
                audience=own["AUDIENCE"],
                operator_issuer=own["OPERATOR_ISSUER"],
                begin=running.database.begin,
                changes=self.changes,
            )
            self.platform = Platform(running, services, self.changes)
            endpoint = GraphQLEndpoint(
                build_schema(suggestions=embedded), platform=self.platform, doorkeeper=doorkeeper, origins=origins
            )
            self.endpoint = CORSMiddleware(
                endpoint, allow_origins=origins, allow_methods=["POST"], allow_headers=["authorization", "content-type"]
            )
            await running.stopping.wait()

    async def listen(self, running: Running) -> None:
        """Worker: hear what changes, whichever replica wrote it."""
        await self.changes.listen(running)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route: GraphQL over HTTP, Server-Sent Events and websocket."""
        if self.endpoint is not None:
            await self.endpoint(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1013, reason="starting")(scope, receive, send)
        else:
            await _STARTING(scope, receive, send)

    async def unsubscribe(self, request: Request) -> Response:
        """Route: the way out of our mails."""
        return await pages.unsubscribe(request, self.platform) if self.platform else _STARTING

    async def landing(self, request: Request) -> Response:
        """Route: what this is."""
        return pages.landing(self.platform) if self.platform else _STARTING


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_STARTING = refusal(503, "Starting", "The gateway is starting. Try again in a moment.")

# Erasures come first: whatever else a batch says about somebody erased in it must not stay.
PROJECTIONS: dict[Projection, tuple[type[Event], ...]] = {
    handlers.project_erasures: (profiles.ProfileErased,),
    handlers.project_organizations: (profiles.OrganizationRegistered, profiles.OrganizationUpdated),
    handlers.project_people: (profiles.ProfileUpdated,),
    handlers.project_contacts: (profiles.ContactChanged,),
    handlers.project_consents: (profiles.ConsentChanged,),
    handlers.project_cohorts: (matching.CohortOpened, matching.CohortAdvanced),
    handlers.project_enrolments: (matching.EnrolmentChanged,),
    handlers.project_runs: (
        matching.MatchingRequested,
        matching.MatchingProgressed,
        matching.MatchingCompleted,
    ),
    handlers.project_pairs: (
        matching.PairProposed,
        matching.PairAccepted,
        matching.PairDeclined,
        matching.PairActivated,
        matching.PairChanged,
        matching.PairEnded,
    ),
    handlers.project_round_plans: (matching.RoundPlanned,),
    handlers.project_group_plans: (matching.GroupsPlanned,),
    handlers.project_calibrations: (matching.CalibrationChanged,),
    handlers.project_agreements: (feedback.AgreementDrafted, feedback.AgreementSigned),
    handlers.project_agendas: (feedback.AgendaChanged,),
    handlers.project_sessions: (
        feedback.SessionScheduled,
        feedback.SessionCancelled,
        feedback.SessionLogged,
    ),
    handlers.project_feedback: (
        feedback.FeedbackRequested,
        feedback.FeedbackSubmitted,
        feedback.FeedbackReleased,
    ),
    handlers.project_introductions: (feedback.IntroductionAdvanced,),
    handlers.project_reciprocity: (feedback.ReciprocityAssessed,),
    handlers.project_notifications: (notifications.NotificationDelivered, notifications.NotificationFailed),
    handlers.project_preferences: (notifications.PreferencesChanged,),
}


def create_app() -> ServiceApp:
    """A gateway of its own; one process needs one."""
    gateway = Gateway()
    return build(
        "gateway",
        projections=PROJECTIONS,
        after_batch=handlers.announce,
        workers={"platform": gateway.hold_platform, "changes": gateway.listen},
        settings=SETTINGS,
        tables=READ_MODEL,
        linger=0.1,  # whoever wrote reads their own writes at once; for the others a tenth of a second is soon enough
        lanes=2,  # while the database works on one batch, Python works on another
        routes=[
            Route("/", gateway.landing),
            Route("/unsubscribe/{token}", gateway.unsubscribe, methods=["GET", "POST"]),
            Route("/graphql", gateway),
            WebSocketRoute("/graphql", gateway),
        ],
    )


app = create_app()
