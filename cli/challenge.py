"""``zkmargin challenge``: 32 bytes from a service that the next proof answers."""

from __future__ import annotations

import click

from zkmargin.cli.options import json_option


@click.command()
@click.argument("url")
@click.option("--venue", required=True, metavar="NAME|ID", help="Venue that the proof will be for.")
@click.option("--seconds", type=click.IntRange(1, 3600), default=300, show_default=True, help="How long proving takes.")
@json_option
def command(url: str, venue: str, seconds: int, as_json: bool) -> None:
    """Ask the service at URL for a challenge.

    It is alone on standard output: zkmargin prove --challenge "$(zkmargin challenge URL --venue NAME)" ..
    """
    from zkmargin.cli.output import format_time, print_json
    from zkmargin.encoding import hex_bytes
    from zkmargin.errors import UsageWrong
    from zkmargin.verifier.audit.report import plain
    from zkmargin.verifier.service.client import ServiceClient

    client = ServiceClient(url)
    listed = client.venues().venues
    found = [entry for entry in listed if venue in (entry.name, hex_bytes(entry.venue_id))]
    if len(found) != 1:
        raise UsageWrong(
            "not a venue of this service", where="--venue", expected=plain(", ".join(v.name for v in listed))
        )
    issued = client.challenge(found[0].venue_id, seconds)
    if as_json:
        print_json({"service": client.host, **issued.to_json()})
        return
    click.echo(hex_bytes(issued.challenge))
    click.echo(f"for {plain(found[0].name)}, until {format_time(issued.expires_at)}", err=True)
