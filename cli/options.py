"""Options and arguments that several commands share, so that one thing has one name everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def json_option(function: _F) -> _F:
    """``--json``: one JSON document on standard output, also for errors."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, also for errors.")(function)


def out_option(what: str, *, required: bool = True) -> Callable[[_F], _F]:
    """``--out FILE``."""
    return click.option("--out", type=FILE, required=required, help=f"Write {what} here.")


def force_option(function: _F) -> _F:
    """``--force``: without it nothing that exists is replaced."""
    return click.option("--force", is_flag=True, help="Replace a file that exists.")(function)


def _time(_: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Unix seconds from ``now``, unix seconds or ISO-8601 in UTC, as ``2026-02-05T09:36:47Z``."""
    if value is None:
        return None
    if value == "now":
        return now(None)
    if value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    from datetime import UTC, datetime

    try:
        moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        message = f"{value!r} is neither `now`, nor unix seconds, nor like 2026-02-05T09:36:47Z"
        raise click.BadParameter(message, param=option) from None
    return int(moment.replace(tzinfo=UTC).timestamp())


def time_option(name: str, what: str) -> Callable[[_F], _F]:
    """An option that takes a time and gives unix seconds, or None."""
    return click.option(name, callback=_time, metavar="TIME", help=f"{what}; `now`, unix seconds or ISO-8601 UTC.")


def at_option(what: str) -> Callable[[_F], _F]:
    """``--at TIME``: sets the clock."""
    return time_option("--at", f"{what} (default: now)")


def now(at: int | None) -> int:
    """The time that a command works with."""
    if at is not None:
        return at
    import time

    return int(time.time())


def database_option(function: _F) -> _F:
    """``--database URL``: the pledge registry's."""
    return click.option(
        "--database",
        envvar="ZKMARGIN_DATABASE",
        required=True,
        metavar="URL",
        show_envvar=True,
        help="sqlite:////path/registry.db or postgresql://user@host/name.",
    )(function)


def rules_option(function: _F) -> _F:
    """``--rules NAME|FILE``."""
    return click.option("--rules", required=True, metavar="NAME|FILE", help="Rule set: a shipped one or a file.")(
        function
    )


def domain_option(function: _F) -> _F:
    """``--domain FILE``: the pledge domain that signatures are made for."""
    return click.option("--domain", type=FILE, required=True, help="Domain file that all parties share.")(function)


def signers_option(whose: str, *, required: bool = True) -> Callable[[_F], _F]:
    """``--key FILE``, repeatable, as ``keys``."""
    return click.option(
        "--key",
        "keys",
        type=FILE,
        multiple=True,
        required=required,
        help=f"Signing key of the {whose}; repeatable.",
    )


def valid_option(default: int) -> Callable[[_F], _F]:
    """``--valid SECONDS``: how long what is issued holds."""
    return click.option(
        "--valid",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help="How long it holds.",
    )


_RATIO = re.compile(r"[0-9]{1,9}(?:/[0-9]{1,9}|\.[0-9]{1,9})?")


def read_ratio(_: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Numerator and denominator of ``5/4``, ``1.25`` or ``2``."""
    if value is None:
        return None
    from fractions import Fraction

    try:
        if not _RATIO.fullmatch(value):  # Fraction would also take exponents, of any size
            raise ValueError(value)
        ratio = Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r} is not a number such as 1.25 or 5/4", param=option) from None
    if ratio < 1 or ratio.numerator >= 1 << 16:
        raise click.BadParameter("must be at least 1, as a fraction of 16-bit numbers", param=option)
    return ratio.numerator, ratio.denominator


def _claim_options(kind: str | None, buffer: str | None, otherwise: str) -> Callable[[_F], _F]:
    chosen = click.option(
        "--claim",
        type=click.Choice(["maintenance", "initial"]),
        default=kind,
        show_default=otherwise or True,
        help="Which requirement is met.",
    )
    times = click.option(
        "--buffer",
        callback=read_ratio,
        default=buffer,
        show_default=otherwise or True,
        metavar="RATIO",
        help="How many times it is met, at least 1.",
    )
    return lambda function: chosen(times(function))


claim_options: Callable[[_F], _F] = _claim_options("maintenance", "1", "")
"""``--claim KIND`` and ``--buffer RATIO``: ``equity >= buffer * requirement``."""

optional_claim_options: Callable[[_F], _F] = _claim_options(None, None, "what the policy asks for")
"""The same, None where the policy decides."""


def market_option(function: _F) -> _F:
    """``--market FILE``: a market snapshot."""
    return click.option("--market", type=FILE, required=True, help="Market snapshot.")(function)


def account_option(function: _F) -> _F:
    """``--account FILE``: the trader's positions and cash."""
    return click.option(
        "--account", type=FILE, required=True, help="Account file (CSV: instrument,size or column,..,value)."
    )(function)


def accounts_option(function: _F) -> _F:
    """``--account FILE``, repeatable: one per venue."""
    return click.option(
        "--account",
        "accounts",
        type=FILE,
        multiple=True,
        help="Account file (CSV: instrument,size or column,..,value); of several venues one each, as `policy show` "
        "lists them.",
    )(function)


def openings_options(*, required: bool) -> Callable[[_F], _F]:
    """``--positions FILE`` and ``--opening FILE``, repeatable: a venue's statement and what opens it."""
    statements = click.option(
        "--positions",
        type=FILE,
        multiple=True,
        required=required,
        help="Signed position statement; repeatable, one per venue of the policy, in any order.",
    )
    openings = click.option(
        "--opening",
        "openings",
        type=FILE,
        multiple=True,
        required=required,
        help="The opening that the venue sent with it; one for each --positions.",
    )
    return lambda function: statements(openings(function))


def collateral_option(function: _F) -> _F:
    """``--collateral FILE``: the trader's receipt."""
    return click.option(
        "--collateral",
        type=FILE,
        help="Receipt of attested collateral, all of whose lines are used (`collateral select`).",
    )(function)


def revocations_option(function: _F) -> _F:
    """``--revocation FILE``, repeatable: roots that their attestors took back."""
    return click.option(
        "--revocation", "revocations", type=FILE, multiple=True, help="A revoked collateral root; repeatable."
    )(function)


def prices_option(function: _F) -> _F:
    """``--prices FILE``: a snapshot's evidence of prices."""
    return click.option(
        "--prices", type=FILE, help="Evidence of the snapshot's prices (*.price-evidence.json), where it is asked for."
    )(function)


def price_rules_option(function: _F) -> _F:
    """``--price-rules FILE``: whose signatures on prices count, and which feed stands for which price."""
    return click.option("--price-rules", type=FILE, help="Rules for evidence of prices (`policy price-rules`).")(
        function
    )


def own_option(function: _F) -> _F:
    """``--own FILE``: what the rule set lets the prover choose."""
    return click.option("--own", type=FILE, help="Columns that the rule set lets you choose (CSV: column,..,value).")(
        function
    )


def policy_option(function: _F) -> _F:
    """``--policy FILE``: what the verifier accepts."""
    return click.option("--policy", type=FILE, required=True, help="The verifier's policy.")(function)


def _challenge(_: click.Context, option: click.Parameter, value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        challenge = bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        challenge = b""
    if len(challenge) != 32:
        raise click.BadParameter("a challenge is 0x and 64 hex digits", param=option)
    return challenge


def challenge_option(function: _F) -> _F:
    """``--challenge HEX``: the verifier's 32 random bytes."""
    return click.option(
        "--challenge", callback=_challenge, metavar="HEX", help="The verifier's 32 random bytes, used once."
    )(function)
