"""Options that belong together, as a frozen dataclass in place of parameters one by one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, get_type_hints


def with_options(**groups: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of some groups; it takes each group by one keyword.

    Args:
        **groups: Dataclasses by the name of the command's parameter. Each of their fields has a
            default, and a ``typer.Option`` in its annotation; no two have the same name.

    Returns:
        A decorator for the command.
    """
    options = {name: _parameters(group) for name, group in groups.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*args: Any, **given: Any) -> None:
            for name, group in groups.items():
                given[name] = group(
                    **{option.name: given.pop(option.name) for option in options[name]}
                )
            command(*args, **given)

        own = inspect.signature(command, eval_str=True).parameters.values()
        kept = [parameter for parameter in own if parameter.name not in groups]
        added = [option for group in options.values() for option in group]
        # What typer reads, through ``inspect.signature``; else that looks behind the wrapper.
        run.__dict__["__signature__"] = inspect.Signature([*kept, *added])
        return run

    return decorate


def _parameters(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            entry.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=entry.default,
            annotation=hints[entry.name],
        )
        for entry in fields(group)
    ]
