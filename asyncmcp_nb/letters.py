"""Looking after dead letters: a deployment and its dead-letter queue put together."""

from __future__ import annotations

from asyncmcp_nb.broker import DeadLetters
from asyncmcp_nb.places import Where, resolve


def dead_letters(where: Where = None) -> DeadLetters:
    """The messages of a deployment that servers could not handle.

    ::

        box = dead_letters("staging")
        box.list()
        print(box.show("0c1f..."))
        box.redrive("all")

    Args:
        where: A deployment, a profile's name, or nothing for the embedded broker.

    Returns:
        What looks at them, sends them back to the servers, and deletes them; each method blocks.

    Raises:
        AsyncMcpError: The deployment cannot be found, as ``connect`` says.
    """
    return DeadLetters(resolve(where))
