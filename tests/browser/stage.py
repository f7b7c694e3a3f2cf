"""Cells that many tests begin with."""

from __future__ import annotations

from typing import Final

CONNECT: Final = """\
%load_ext asyncmcp_nb
from asyncmcp_nb import connect, serve
session = await connect(name="person", on_elicit="ask")
"""

SERVE: Final = '''\
import asyncio
from typing import Annotated, Literal
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

app = MCPServer("people", log_level="WARNING")


@app.tool()
async def greet(
    name: Annotated[str, Field(description="Who", min_length=1)],
    times: Annotated[int, Field(ge=1, le=9)] = 1,
    tone: Literal["warm", "cool"] | None = None,
) -> str:
    """Greet somebody."""
    return " ".join([f"hello {name}"] * times)


@app.tool()
async def count(ctx: Context, to: int = 10, seconds: float = 0.3) -> int:
    """Count slowly."""
    for n in range(to):
        await ctx.report_progress(n, to, f"at {n} of {to}")
        await asyncio.sleep(seconds)
    return to


@app.tool(annotations=ToolAnnotations(destructive_hint=True))
async def erase(what: str) -> str:
    """Erase something, for good."""
    return f"{what} is gone"


class Answer(BaseModel):
    sure: Annotated[bool, Field(title="Sure")]
    why: str = ""


def _ask() -> Elicit[Answer]:
    return Elicit("Are you sure?", Answer)


@app.tool()
async def decide(answer: Annotated[Answer, Resolve(_ask)]) -> str:
    """Decide, after asking."""
    return f"{'sure' if answer.sure else 'not sure'}: {answer.why}"


server = serve(app)
await session.list_tools();
'''

START: Final = (CONNECT, SERVE)
"""Two cells; the next one is number 2."""

TICK: Final = '''\
from pathlib import Path

@app.tool()
async def tick(ctx: Context, seconds: float = 0.1) -> int:
    """Tick until a file is there."""
    n = 0
    while not Path("go").exists():
        n += 1
        await ctx.report_progress(n, None, f"at {n}.")
        await asyncio.sleep(seconds)
    return n

await session.list_tools();
'''
"""One more tool, whose calls go on until the test says so, however slow the page is."""
