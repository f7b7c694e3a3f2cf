"""``broker``: the embedded SNS and SQS of this machine."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="The embedded broker: SNS and SQS on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
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


@app.command()
def start() -> None:
    """Start it where it does not run, and print where it is."""
    from asyncmcp_nb.broker import embedded

    print(embedded().endpoint_url)


@app.command()
def stop() -> None:
    """End it; the messages that it holds are lost, the ledgers stay."""
    from asyncmcp_nb.broker import stop_embedded

    print("stopped" if stop_embedded() else "not running")
