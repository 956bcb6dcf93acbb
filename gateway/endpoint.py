"""POST /graphql, its Server-Sent Events, and its websocket: who asks is settled before anything is parsed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
from cross_web import HTTPException
from graphql import DocumentNode, GraphQLError, parse
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from chassis import telemetry
from chassis.failures import is_away
from chassis.identity import TokenRefused
from gateway.limits import MOST_TOKENS, only_introspects
from gateway.loaders import Loaders
from gateway.platform import Platform
from gateway.schema import Schema
from gateway.schema.context import Context
from gateway.tokens import ANONYMOUS, Authenticated, Doorkeeper

LARGEST_BODY = 12 * 1024 * 1024  # a file of some ten thousand people in base64
MOST_OPERATIONS = 50  # at once on one websocket
_UNAUTHORIZED = 4401
_FORBIDDEN = 4403


class TooLarge(Exception):
    """The body is longer than LARGEST_BODY."""


class TextFrames(ASGIWebSocketAdapter):
    """The protocol's messages are text, also when the encoder makes bytes."""

    async def close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError):  # it was closed with a better reason already
            await super().close(code, reason)

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(orjson.dumps(message, default=str).decode())
        except (WebSocketDisconnect, RuntimeError) as error:
            raise WebSocketDisconnected from error


class GraphQLEndpoint(GraphQL[Context, None]):
    """Strawberry's view with our doors."""

    websocket_adapter_class = TextFrames

    def __init__(
        self, schema: Schema, *, platform: Platform, doorkeeper: Doorkeeper, origins: Sequence[str] = ()
    ) -> None:
        super().__init__(
            schema,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=10),
            max_subscriptions_per_connection=MOST_OPERATIONS,
            allowed_origins=origins,
        )
        self._platform = platform
        self._doorkeeper = doorkeeper

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def parse_json(self, data: str | bytes) -> Any:
        """A request's body; anything but one JSON object is refused."""
        try:
            parsed = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, f"The body is not JSON: {error}.") from error
        if not isinstance(parsed, dict):
            raise HTTPException(400, 'The body must be one JSON object: {"query": …, "variables": …}. Send no batches.')
        return parsed

    # ---- HTTP ----------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._converse(WebSocket(scope, receive=receive, send=send))
            return
        response = await self._answer(Request(scope, receive=_limited(receive)))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        platform = self._platform
        if request.method == "GET":
            if platform.embedded and "text/html" in request.headers.get("accept", ""):
                return HTMLResponse(self.graphql_ide_html)
            return refusal(405, "MethodNotAllowed", "Send queries by POST as application/json.", allow="POST")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            # Browsers send other kinds across sites without asking first.
            return refusal(415, "UnsupportedMediaType", "Send the query as application/json.")
        try:
            body = await request.body()
        except TooLarge:
            return refusal(413, "TooLarge", f"The request is larger than {LARGEST_BODY} bytes.")
        authorization = request.headers.get("authorization", "")
        try:
            known = await self._doorkeeper.authenticate(authorization)
        except TokenRefused as refused:
            if authorization or not (platform.embedded and _introspects(body)):
                return refusal(401, "Unauthenticated", str(refused), challenge=bool(authorization))
            known = Authenticated(viewer=ANONYMOUS, until=time.time() + 60)
        except Exception as error:
            if not is_away(error):
                raise
            return refusal(503, "ServiceUnavailable", "The read model cannot be reached at the moment. Try again.")
        context = Context(
            viewer=known.viewer,
            expires_at=known.until,
            platform=platform,
            loaders=Loaders(known.viewer, platform.begin),
        )
        try:
            with telemetry.span("graphql", parent=request.headers.get("traceparent", "")):
                return await self.run(request, context=context)
        except HTTPException as error:
            return refusal(error.status_code, "BadRequest", error.reason)

    # ---- websocket -------------------------------------------------------------------------------------------------------

    async def _converse(self, connection: WebSocket) -> None:
        context = Context(
            viewer=ANONYMOUS,
            expires_at=None,
            platform=self._platform,
            loaders=Loaders(ANONYMOUS, self._platform.begin),
            connection=connection,
        )
        try:
            await self.run(connection, context=context)
        finally:
            if context.expiry is not None:
                context.expiry.cancel()

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """`connection_init` brings the token, or the handshake's header did."""
        connection = context.connection
        assert connection is not None
        given = context.connection_params.get("authorization") or context.connection_params.get("Authorization")
        authorization = str(given or connection.headers.get("authorization", ""))
        try:
            known = await self._doorkeeper.authenticate(authorization)
        except TokenRefused as refused:
            # With the reason, which the protocol's own rejection would not carry.
            await connection.close(code=_FORBIDDEN, reason=str(refused)[:120])
            raise ConnectionRejectionError from refused
        context.viewer = known.viewer
        context.expires_at = known.until
        context.loaders = Loaders(known.viewer, context.platform.begin)
        loop = asyncio.get_running_loop()
        left = max(0.0, known.until - time.time())
        context.expiry = loop.call_later(left, _close_expired, connection, loop)
        return UnsetType()


def _close_expired(connection: WebSocket, loop: asyncio.AbstractEventLoop) -> None:
    async def close() -> None:
        with suppress(RuntimeError, WebSocketDisconnect):  # it may have closed by itself
            await connection.close(code=_UNAUTHORIZED, reason="the token has expired")

    _closing.add(task := loop.create_task(close()))
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()


def refusal(status: int, code: str, message: str, *, allow: str = "", challenge: bool = False) -> JSONResponse:
    """An HTTP error in GraphQL's form."""
    headers = {}
    if allow:
        headers["allow"] = allow
    if status == 401:
        headers["www-authenticate"] = 'Bearer error="invalid_token"' if challenge else "Bearer"
    content = {"errors": [{"message": f"{message[:1].upper()}{message[1:]}", "extensions": {"code": code}}]}
    return JSONResponse(content, status_code=status, headers=headers)


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise TooLarge
        return message

    return limited


def _introspects(body: bytes) -> bool:
    """Whether a request asks for the schema only."""
    try:
        request: Any = orjson.loads(body)
        document: DocumentNode = parse(str(request["query"]), max_tokens=MOST_TOKENS)
    except (ValueError, KeyError, TypeError, GraphQLError, RecursionError):
        return False
    return only_introspects(document)
