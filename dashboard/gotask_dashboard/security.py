"""Who may ask: host names, origins, tokens, sessions, body sizes; and the headers of every answer."""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gotask_dashboard.answers import refusal
from gotask_dashboard.options import Options, is_loopback
from gotask_dashboard.problems import Problem
from gotask_dashboard.sessions import MOST_WRONG, Sessions

MOST_BODY = 64 * 1024
BODY_WITHIN = 10.0
"""Seconds in which a body must be there."""
LOGIN = "/api/login"
READS = {"GET", "HEAD", "OPTIONS"}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def cookie_name(scope: MutableMapping[str, Any]) -> str:
    """A name for each port: browsers send the cookies of one host to all its ports."""
    return f"gotask_{(scope.get('server') or ('', 0))[1]}"


class Guard:
    """ASGI middleware that lets through what may pass; the first rule that is broken is the answer."""

    def __init__(self, app: ASGIApp, options: Options, sessions: Sessions) -> None:
        self._app = app
        self._options = options
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            self._check(scope)
            if scope["method"] not in READS:
                receive = await whole_body(scope, receive)
        except Problem as problem:
            await refusal(problem)(scope, receive, sealed)
            return
        await self._app(scope, receive, sealed)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        self._check_host(headers.get("host", ""), scope)
        if not is_of_the_page(path):
            check_origin(headers)
            if path != LOGIN:
                scope["gotask.auth"] = self._authenticated(headers, scope)
        if scope["method"] not in READS:
            check_origin(headers)
            check_command(headers)
            if self._options.read_only and path != LOGIN:
                raise Problem(403, "this dashboard is read-only: its program was started with read_only=True")

    def _check_host(self, host: str, scope: Scope) -> None:
        name = host_name(host)
        server = (scope.get("server") or ("", 0))[0]
        # A name could be led here by a foreign name server; an address cannot, if it is the one that was called.
        if name in self._options.allowed_hosts or is_loopback(name) or (is_address(name) and name == server):
            return
        raise Problem(
            421,
            f"this dashboard does not answer to the name {name!r}: Dashboard(…) and create_app(…) take more names as "
            f"allowed_hosts=[{name!r}]",
        )

    def _authenticated(self, headers: Headers, scope: Scope) -> str:
        """How the caller has shown who it is."""
        if not self._options.token:
            return "anybody"
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and is_token(self._sessions, given.strip()):
            return "token"
        if self._sessions.knows(cookie(headers, cookie_name(scope))):
            return "page"
        raise Problem(
            401, "open the address that the program has logged, or send its token as 'Authorization: Bearer …'",
            WWW_Authenticate="Bearer",
        )  # fmt: skip


def is_of_the_page(path: str) -> bool:
    """Whether it is the page itself or a part of it: these hold no data. All else, also what is not there, does."""
    return path in ("", "/") or path.startswith("/static/")


def is_token(sessions: Sessions, given: str) -> bool:
    """Whether this is the token.

    Raises:
        Problem: 429: it has not been looked at, because there were too many wrong ones, from anybody.
    """
    seconds = sessions.paused_for
    if seconds:
        detail = f"there were {MOST_WRONG} wrong tokens within a minute: try again in {seconds} seconds"
        raise Problem(429, detail, Retry_After=str(seconds))
    return sessions.is_token(given)


def check_origin(headers: Headers) -> None:
    """Refuse what a page from elsewhere asks for.

    Raises:
        Problem: 403.
    """
    origin = headers.get("origin")
    foreign = origin is not None and host_of(origin) != headers.get("host", "").lower()
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "the request comes from a page of another origin, which may not ask anything here")


def host_of(origin: str) -> str | None:
    """Host and port of an origin; None if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def check_command(headers: Headers) -> None:
    """Refuse what a form, or a script that is not ours, could send.

    Raises:
        Problem: 403 or 415.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send JSON, with 'Content-Type: application/json'")
    if headers.get("x-gotask") != "1":
        raise Problem(403, "commands need the header 'X-Gotask: 1'")


async def whole_body(scope: Scope, receive: Receive) -> Receive:
    """Read the body before anything is done with it, if it is not too long.

    Raises:
        Problem: 413 or 408.
    """
    declared = Headers(scope=scope).get("content-length", "0")
    too_long = Problem(413, f"a body may have {MOST_BODY} bytes", Connection="close")
    if not declared.isdigit() or len(declared) > 12 or int(declared) > MOST_BODY:
        raise too_long
    body, more = b"", True
    with anyio.move_on_after(BODY_WITHIN) as waiting:
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BODY:
                raise too_long
    if waiting.cancelled_caught:
        raise Problem(408, f"the body did not come within {BODY_WITHIN:g} seconds", Connection="close")
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cookie(headers: Headers, name: str) -> str:
    """The value of a cookie; "" if there is none. Those of other programs on this host may look as they like."""
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return next((value for own, _, value in pairs if own == name), "")
