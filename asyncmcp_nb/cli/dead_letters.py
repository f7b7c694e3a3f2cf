"""``dlq``: what servers could not handle, seen, sent back or deleted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from asyncmcp_nb.cli.said import fail
from asyncmcp_nb.errors import ConfigError

if TYPE_CHECKING:
    from asyncmcp_nb.broker.dead_letters import DeadLetters, LetterOutcomes

app = typer.Typer(
    help="Dead letters: messages that servers put aside, or that were received too often.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Profile = Annotated[str | None, typer.Option(help="Default: the embedded broker.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Default: all.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, as without ids.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before dealing with all.")]


@app.command("list")
def list_letters(
    profile: Profile = None,
    limit: Annotated[int, typer.Option(help="The most to look at.")] = 100,
) -> None:
    """Look at dead letters; they stay where they are."""
    print(_box(profile).list(limit))


@app.command()
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` has it.")],
    profile: Profile = None,
) -> None:
    """Print all of one dead letter, its body too."""
    print(_box(profile).show(message_id))


@app.command()
def redrive(
    ids: Ids = None, *, everything: Everything = False, yes: Yes = False, profile: Profile = None
) -> None:
    """Send dead letters back to the servers; exit code 1 where one could not be.

    What a server would only drop again, since its deadline passed, stays here.
    """
    box = _box(profile)
    _report(box.redrive(_which(box, ids, "send back", everything=everything, yes=yes)))


@app.command()
def purge(
    ids: Ids = None, *, everything: Everything = False, yes: Yes = False, profile: Profile = None
) -> None:
    """Delete dead letters for good; exit code 1 where one could not be."""
    box = _box(profile)
    _report(box.purge(_which(box, ids, "delete", everything=everything, yes=yes)))


def _box(profile: str | None) -> DeadLetters:
    from asyncmcp_nb.letters import dead_letters

    return dead_letters(profile)


def _which(
    box: DeadLetters, ids: list[str] | None, what: str, *, everything: bool, yes: bool
) -> list[str] | str:
    """The ids named, or ``"all"`` where that is meant and agreed to."""
    if ids and everything:
        raise ConfigError("either ids or --all, not both")
    if ids:
        return ids
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"add --yes to {what} all dead letters, or name some by their ids")
        typer.confirm(f"{what} all of about {box.count():,} dead letters?", abort=True)
    return "all"


def _report(outcomes: LetterOutcomes) -> None:
    if not outcomes.failed and outcomes.interruption is None:
        print(outcomes)
        return
    fail(str(outcomes))
