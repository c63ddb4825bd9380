"""``zkmargin serve``: the pledge registry and its venues' margin clocks, by HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.options import FILE, database_option, json_option


@click.command()
@click.argument("settings", type=FILE)
@database_option
@click.option("--key", type=FILE, required=True, help="The registry operator's signing key.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8632, show_default=True, help="0: any free one.")
@click.option("--proxy", "proxies", multiple=True, metavar="ADDRESS",
              help="A proxy in front whose X-Forwarded-For tells the client; repeatable.")  # fmt: skip
@click.option("--drain", type=click.IntRange(min=0), default=30, show_default=True, metavar="SECONDS",
              help="How long running requests may take when the service is told to stop.")  # fmt: skip
@json_option
def command(
    settings: Path, database: str, key: Path, host: str, port: int, proxies: tuple[str, ...], drain: int, as_json: bool
) -> None:
    """Serve the registry and the venues of SETTINGS (*.service.json).

    A new database gets its tables. TLS is the matter of a proxy in front. SIGTERM and SIGINT let running requests end.
    """
    import gc
    import socket
    import sys

    import uvicorn

    from zkmargin.cli.files import read_keys
    from zkmargin.cli.output import print_json, print_pairs
    from zkmargin.errors import UsageWrong
    from zkmargin.verifier.registry.documents import RegistryTerms
    from zkmargin.verifier.registry.registry import Registry
    from zkmargin.verifier.service.app import create_app
    from zkmargin.verifier.service.server import configure
    from zkmargin.verifier.service.service import Service
    from zkmargin.verifier.service.settings import ServiceSettings

    (operator,) = read_keys([key])
    read = ServiceSettings.read(settings)
    Registry.create(database, RegistryTerms.read(settings.parent / read.terms))
    service = Service(settings, database, operator)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        service.close()
        raise UsageWrong("cannot listen there", where=f"{host}:{port}", got=error.strerror) from None
    # Head and body are two writes: asyncio says this to sockets that it opened itself only, and Nagle waits 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name, number, *_ = listening.getsockname()
    address = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"
    if as_json:
        print_json({"service": read.name, "address": address})
    else:
        print_pairs([("service", read.name), ("listening at", address)])
    sys.stdout.flush()  # who started it reads where it listens
    config = configure(
        create_app(service),
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=10,
        timeout_graceful_shutdown=drain,
    )
    gc.collect()
    gc.freeze()  # what is loaded stays: to look through it stopped every request for 70 ms, again and again
    uvicorn.Server(config).run(sockets=[listening])
