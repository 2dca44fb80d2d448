"""How an answer looks: a body in, a response out, with its ETag, its encoding and the headers that keep a browser safe."""

import json
from http import HTTPStatus

from flask import Request, Response

from digest.web.caching import Body, prepared

PAGES, ASSETS, NEVER = "public, max-age=60, must-revalidate", "public, max-age=3600", "no-store"
"""For how long a client may keep what it has."""
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""On every answer."""
ALLOWED = "GET, HEAD"


def answer(request: Request, body: Body, keep: str = PAGES) -> Response:
    """Return what a client gets for a body: all of it, packed if it takes that, or that it has it already (304)."""
    packed = body.packed is not None and request.accept_encodings.quality("gzip") > 0
    content = body.packed if packed and body.packed is not None else body.content
    tag = f"{body.tag}-gzip" if packed else body.tag
    headers = [("Cache-Control", keep)]
    if body.status == HTTPStatus.OK:
        headers.append(("ETag", f'"{tag}"'))
    if body.packed is not None:
        headers.append(("Vary", "Accept-Encoding"))
    if body.status == HTTPStatus.OK and request.if_none_match.contains_weak(tag):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers.append(("Content-Type", body.media_type))
    if packed:
        headers.append(("Content-Encoding", "gzip"))
    return Response(content, status=body.status, headers=headers)


def json_body(document: object, status: int = HTTPStatus.OK) -> Body:
    """Return a document of JSON as a body."""
    return prepared((json.dumps(document, ensure_ascii=False) + "\n").encode(), "application/json", status)


def problem(status: int, detail: str) -> Body:
    """Return what is wrong as programs read it (RFC 9457)."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return prepared((json.dumps(document, ensure_ascii=False) + "\n").encode(), "application/problem+json", status)
