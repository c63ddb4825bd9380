"""A click group whose commands are imported only when called, so that a one-shot command starts fast."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """``commands_at``: name to (module, short help). The module holds the command under ``command``."""

    def __init__(self, *, commands_at: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._at = dict(commands_at)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the declared order, which is the order of the story."""
        return list(self._at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module. None for an unknown name."""
        if cmd_name not in self._at:
            return None
        command = import_module(self._at[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._at[cmd_name][0]}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt name."""
        if args and args[0] not in self._at and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self._at, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"No such command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self._at.items()])
