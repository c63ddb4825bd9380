"""The one style of all pages: reports, audits, the service's own."""

from __future__ import annotations

from importlib.resources import files


def stylesheet() -> str:
    """``page.css``: both colour schemes, readable from 375 pixels on."""
    return (files("zkmargin.verifier") / "page.css").read_text("utf-8")
