"""Templates to responses: everything escaped, nothing loaded from elsewhere, no script at all."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from zkmargin.encoding import hex_bytes
from zkmargin.errors import ZkMarginError
from zkmargin.times import format_time
from zkmargin.verifier.audit.report import plain
from zkmargin.verifier.service.problems import headers_of, status_of
from zkmargin.verifier.style import stylesheet

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's own POST would have the origin `null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: object) -> HTMLResponse:
    """A page; ``values`` are what the template names."""
    return HTMLResponse(_environment().get_template(template).render(values), status, HEADERS | (headers or {}))


def refusal(error: ZkMarginError, headers: dict[str, str] | None = None, **values: object) -> HTMLResponse:
    """An error as a page: code, reason, what to do. ``values``: what a page knows besides."""
    told: dict[str, object] = {"error": error.as_json(), "title": _title(error), "pledge": None} | values
    return page("refused.html", status_of(error), headers_of(error, headers), **told)


def style() -> Response:
    """The stylesheet of all pages."""
    return Response(_style(), media_type="text/css", headers=HEADERS)


def words_of_span(seconds: int) -> str:
    """``45 s``, ``12 min``, ``5 h 20 min``, ``3 d 4 h``, rounded down; ``overdue`` where it is over."""
    if seconds <= 0:
        return "overdue"
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"


def _title(error: ZkMarginError) -> str:
    return (type(error).__doc__ or error.code).split("\n")[0]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("zkmargin.verifier.service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"at": format_time, "span": words_of_span, "hex": hex_bytes, "plain": plain}
    made.filters.update(filters)
    return made


@cache
def _style() -> str:
    return stylesheet() + (files("zkmargin.verifier.service.pages") / "forms.css").read_text("utf-8")
