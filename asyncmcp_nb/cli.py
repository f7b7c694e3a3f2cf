"""The command line, ``asyncmcp-nb``: the quickstart, servers, the embedded broker, deployments.

What a command needs is imported when it runs, so that ``--help`` comes at once.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from asyncmcp_nb.errors import AsyncMcpError, ConfigError, MissingDependency

if TYPE_CHECKING:
    from asyncmcp_nb.server.handle import ServerHandle

_STATUS_SECONDS: Final = 5.0
"""How often ``serve`` looks whether there is news to print."""

app = typer.Typer(
    help="Call MCP tools that live behind SNS and SQS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
broker_app = typer.Typer(
    help="The embedded broker: SNS and SQS on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(broker_app, name="broker")


def main() -> None:
    """Run the command line; errors of ours are one line, and exit code 1."""
    try:
        app()
    except AsyncMcpError as exc:
        _fail(str(exc))


# -- the quickstart -------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the quickstart in JupyterLab; further options go to JupyterLab."""
    _require("jupyterlab")
    from asyncmcp_nb.demo import find_quickstart

    # JupyterLab refuses to run as root unless told to; containers often are root.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *as_root,
        str(find_quickstart(Path.cwd())),
        *context.args,
    ]
    try:
        raise typer.Exit(subprocess.call(command))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def demo() -> None:
    """Run the quickstart without a browser, on a broker of its own, and print its calls."""
    _require("nbclient", "ipykernel", "moto")
    from asyncmcp_nb.demo import find_quickstart, run, summary

    notebook = find_quickstart(Path.cwd())
    print(f"running {_shown(notebook)}", flush=True)
    outcome = run(notebook)
    print(f"took {outcome.took_seconds:.1f} s; saved as {_shown(outcome.executed)}\n")
    if outcome.problem is not None:
        _fail(outcome.problem)
    print(summary(outcome.calls))
    unfinished = int((outcome.calls["status"] != "done").sum())
    if unfinished or outcome.calls.empty:
        _fail(f"{unfinished} of {len(outcome.calls)} calls are not done")


# -- servers --------------------------------------------------------------------------------------


@app.command()
def serve(
    served: Annotated[str, typer.Argument(metavar="MODULE:APP", help="What to serve.")],
    profile: Annotated[str | None, typer.Option(help="Default: the embedded broker.")] = None,
    max_in_flight: Annotated[int, typer.Option(help="Requests worked on at a time.")] = 64,
) -> None:
    """Serve an MCP server in the foreground until SIGTERM or Ctrl-C.

    What is in hand then may finish for five seconds; the rest goes back to the queue.
    """
    import logging

    from asyncmcp_nb.api import serve as start

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    handle = start(served, profile, max_in_flight=max_in_flight)
    with handle:
        _report_until(stop, handle)
        print("stopping", flush=True)
    print(handle.status, flush=True)
    if handle.status.state == "failed":
        raise typer.Exit(1)


def _report_until(stop: threading.Event, handle: ServerHandle) -> None:
    """Print the status at first, and whenever it has changed."""
    told: Any = None
    while True:
        status = handle.status
        news = (status.state, status.statistics, status.error)
        if news != told:
            print(status, flush=True)
            told = news
        if stop.wait(_STATUS_SECONDS) or not handle.is_serving:
            return


# -- the embedded broker --------------------------------------------------------------------------


@broker_app.command()
def status() -> None:
    """Say whether it runs, and what it holds; exit code 1 where it does not run."""
    from asyncmcp_nb.broker import embedded_status

    now = embedded_status()
    if now is None:
        print("not running")
        raise typer.Exit(1)
    print(
        f"running at {now.endpoint_url}, process {now.pid}\n"
        f"since {now.started_at:%Y-%m-%d %H:%M:%S} UTC\n"
        f"deployments: {', '.join(now.deployments) or 'none'}\n"
        f"messages in queues: {now.message_count}\n"
        f"idle for {now.idle_seconds:.0f} s, ends after {now.idle_limit_seconds:.0f} s\n"
        f"log: {now.log_file}"
    )


@broker_app.command()
def start() -> None:
    """Start it where it does not run, and print where it is."""
    from asyncmcp_nb.broker import embedded

    print(embedded().endpoint_url)


@broker_app.command()
def stop() -> None:
    """End it; the messages that it holds are lost, the ledgers stay."""
    from asyncmcp_nb.broker import stop_embedded

    print("stopped" if stop_embedded() else "not running")


# -- deployments ----------------------------------------------------------------------------------


@app.command()
def provision(
    name: Annotated[str, typer.Argument(help="The deployment; what is made is named after it.")],
    *,
    region: Annotated[str | None, typer.Option(help="Default: the configured one.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Default: AWS.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
) -> None:
    """Make a deployment's topics and queues, and write its profile.

    It can be repeated: what exists is brought to the plan.
    """
    if dry_run:
        print(_plan(name, region), end="")
        return
    from asyncmcp_nb import broker
    from asyncmcp_nb.config import profile_file, save_profile

    deployment = broker.provision(name, region=region, endpoint_url=endpoint_url)
    change = "wrote" if save_profile(deployment) else "unchanged:"
    print(f"[{name}]\n{deployment.to_toml()}\n{change} profile {name} in {profile_file()}")


def _plan(name: str, region: str | None) -> str:
    """What ``provision`` would make; asks nobody."""
    import boto3

    from asyncmcp_nb.broker.plan import Place, plan_deployment

    session: Any = boto3.Session()
    place = region or session.region_name
    if not place:
        raise ConfigError("no AWS region is configured; name one with --region")
    return plan_deployment(name, Place(region=place, account_id="of your credentials")).describe()


# -- small things ---------------------------------------------------------------------------------


def _require(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f'this command needs {", ".join(missing)}: pip install "asyncmcp-nb[all]"'
        )


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1)


def _shown(path: Path) -> str:
    """A path as seen from the working directory, where it lies below that."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
