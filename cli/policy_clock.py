"""Options of ``policy new`` for the margin clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.options import read_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from zkmargin.verifier.clock.policy import ClockPolicy

_SECONDS = click.IntRange(min=0)


def _ratios(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    found = (read_ratio(context, option, value) for value in values)
    return tuple(ratio for ratio in found if ratio is not None)


_OPTIONS = (
    click.option("--prove-every", type=click.IntRange(min=1), help="Seconds between an account's proofs."),
    click.option("--grace", type=_SECONDS, default=900, show_default=True, help="Seconds without one before a call."),
    click.option("--call", type=_SECONDS, default=3600, show_default=True, help="Seconds to answer a margin call."),
    click.option("--band", "bands", callback=_ratios, multiple=True, metavar="RATIO",
                 default=("1", "1.25", "2"), show_default=True, help="A buffer that claims may show; repeatable."),
    click.option("--breaker", type=_SECONDS, nargs=4, metavar="LATE MOVE CALM LONGEST", default=(600, 500, 1800, 14400),
                 show_default=True, help="Calls pause on snapshots LATE seconds old, and for CALM to LONGEST seconds "
                 "where an index moves MOVE basis points."),
)  # fmt: skip


def clock_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All of them, on a command that passes them to ``clock_of``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def clock_of(
    prove_every: int | None,
    grace: int,
    call: int,
    bands: tuple[tuple[int, int], ...],
    breaker: tuple[int, int, int, int],
) -> ClockPolicy | None:
    """The clock that the options ask for; None without ``--prove-every``."""
    from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy

    if prove_every is None:
        return None
    late, move, calm, longest = breaker
    return ClockPolicy(
        prove_every=prove_every,
        grace=grace,
        call=call,
        bands=tuple(Band(num=num, den=den) for num, den in bands),
        breaker=Breaker(price_age=late, move=move, cool_down=calm, longest_pause=longest),
    )


def clock_rows(clock: ClockPolicy | None) -> list[tuple[str, str]]:
    """What ``policy show`` says of it."""
    if clock is None:
        return []
    limits = clock.breaker
    return [
        ("margin clock", f"a proof every {clock.prove_every} s, {clock.grace} s of grace, {clock.call} s for a call"),
        ("bands", ", ".join(map(str, clock.bands))),
        ("calls pause", f"on prices older than {limits.price_age} s"),
        ("", f"{limits.cool_down} to {limits.longest_pause} s where an index moves by over {limits.move} basis points"),
    ]
