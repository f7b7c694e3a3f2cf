"""The command line, ``asyncmcp-nb``: the quickstart, servers, the embedded broker, deployments.

What a command needs is imported when it runs, so that ``--help`` comes at once.
"""

from __future__ import annotations

import typer

from asyncmcp_nb.cli import dead_letters, deployments, local_broker, quickstart, serving
from asyncmcp_nb.cli.said import fail
from asyncmcp_nb.errors import AsyncMcpError

app = typer.Typer(
    help="Call MCP tools that live behind SNS and SQS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
# JupyterLab's own options pass through.
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    quickstart.lab
)
app.command()(quickstart.demo)
app.command()(serving.serve)
app.command()(deployments.provision)
app.command()(deployments.doctor)
app.add_typer(local_broker.app, name="broker")
app.add_typer(dead_letters.app, name="dlq")


def main() -> None:
    """Run the command line; errors of ours are one line, and exit code 1."""
    try:
        app()
    except AsyncMcpError as exc:
        fail(str(exc))
