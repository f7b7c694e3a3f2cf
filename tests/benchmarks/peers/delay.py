"""A way to a broker on which each request takes longer, as on the way to AWS.

What comes from the client is read as HTTP, so that each request waits once; what comes back is
passed on as it is. Requests on other connections do not wait for it.
"""

from __future__ import annotations

import contextlib

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.benchmarks.peers.line import obey, plan, say, vitals

_HEAD_BYTES = 2**16
_ENDS = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    anyio.IncompleteRead,
)
"""How a connection ends."""


class Delay:
    """Forwards connections to a port of this machine."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self.request_count = 0

    async def forward(self, client: anyio.abc.SocketStream) -> None:
        """One connection, until either end is closed."""
        async with (
            client,
            await anyio.connect_tcp("127.0.0.1", self._port) as broker,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(self._back, broker, client, tasks.cancel_scope)
            await self._there(client, broker)
            tasks.cancel_scope.cancel()

    async def _there(self, client: anyio.abc.SocketStream, broker: anyio.abc.SocketStream) -> None:
        incoming = BufferedByteReceiveStream(client)
        with contextlib.suppress(*_ENDS):
            while True:
                head = await incoming.receive_until(b"\r\n\r\n", _HEAD_BYTES)
                body = await incoming.receive_exactly(_length(head))
                self.request_count += 1
                await anyio.sleep(self._seconds)
                await broker.send(_addressed(head, self._port) + b"\r\n\r\n" + body)

    async def _back(
        self,
        broker: anyio.abc.SocketStream,
        client: anyio.abc.SocketStream,
        scope: anyio.CancelScope,
    ) -> None:
        with contextlib.suppress(*_ENDS):
            async for piece in broker:
                await client.send(piece)
        scope.cancel()


def _addressed(head: bytes, port: int) -> bytes:
    """A head that names the broker, which answers to its own name only."""
    own = b"Host: 127.0.0.1:%d" % port
    lines = [own if line.lower().startswith(b"host:") else line for line in _lines(head)]
    return b"\r\n".join(lines)


def _lines(head: bytes) -> list[bytes]:
    return head.split(b"\r\n")


def _length(head: bytes) -> int:
    """Of the body, by its head."""
    for line in _lines(head):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def main() -> None:
    told = plan()
    delay = Delay(told["port"], told["seconds"])
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, delay.forward)
        say(listener.extra(anyio.abc.SocketAttribute.local_port))

        async def measure() -> dict[str, float]:
            return vitals() | {"request_count": delay.request_count}

        await obey({"vitals": measure})
        tasks.cancel_scope.cancel()
    say({})


anyio.run(main)
