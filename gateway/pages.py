"""The few pages for people: where they are, and a way out of our mails."""

from __future__ import annotations

import html
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from contracts import errors
from contracts.base import SYSTEM
from contracts.notifications import Unsubscribe
from gateway.platform import OwnerAway, Platform

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1rem}}</style>
<h1>{title}</h1>
{body}
</html>
"""
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def landing(platform: Platform) -> Response:
    """GET /: what this is."""
    if platform.embedded:
        body = (
            '<p>Reverse mentoring across organizations.</p><p><a href="/graphql">GraphiQL</a> – the schema, and queries '
            "to try. Get a token with <code>viceversa token ORGANIZATION SUBJECT</code> and put it into the headers: "
            '<code>{"authorization": "Bearer …"}</code>.</p>'
        )
    else:
        body = "<p>Reverse mentoring across organizations. Clients send GraphQL to <code>POST /graphql</code>.</p>"
    return _page("Viceversa", body)


async def unsubscribe(request: Request, platform: Platform) -> Response:
    """GET asks whether it is meant, and changes nothing: mail scanners follow links. POST does it (RFC 8058)."""
    token = request.path_params["token"]
    if request.method == "GET":
        body = (
            "<p>No more e-mail of this kind? Everything stays in your inbox on the platform.</p>"
            f'<form method="post" action="/unsubscribe/{html.escape(token, quote=True)}">'
            '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
            "<button>No more e-mail of this kind</button></form>"
        )
        return _page("Unsubscribe", body)
    # The mail program has no other proof than the mail's token, so the platform acts for whomever the token names. A new command
    # each time: who wanted mail again in between and uses an old link is heard too.
    try:
        await platform.carry_out(Unsubscribe(command_id=uuid4(), token=token), actor=SYSTEM)
    except errors.Refusal as refusal:
        return _page("This did not work", f"<p>{html.escape(refusal.message)}</p>", status=400)
    except OwnerAway:
        return PlainTextResponse("Try again in a moment.", status_code=503, headers={"retry-after": "30"})
    return _page("Done", "<p>You get no more e-mail of this kind. Your inbox on the platform keeps everything.</p>")


def _page(title: str, body: str, *, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(title=html.escape(title), body=body), status_code=status, headers=_HEADERS)
