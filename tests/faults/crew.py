"""Workers in threads of their own on one bus: hired, killed and frozen while clients call them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
from mcp.server.lowlevel.server import Server

from asyncmcp_nb.bus import MemoryBus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.answers import AnswerStore, Claim, MemoryAnswers, Standing
from asyncmcp_nb.sns_sqs.handoff import Handoff
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.wire import Outgoing
from tests.helpers import MemoryDeployment, Plug, ToolContext, tool_server

START_SECONDS = 10.0


class Runs:
    """How often each tool ran with which arguments; what a tool does is a test's choice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Any] = Counter()

    def add(self, key: Any) -> None:
        with self._lock:
            self._counts[key] += 1

    def __getitem__(self, key: Any) -> int:
        return self._counts[key]

    def __len__(self) -> int:
        """Different runs."""
        return len(self._counts)

    @property
    def total(self) -> int:
        """All runs, repeated ones too."""
        with self._lock:
            return self._counts.total()

    @property
    def repeated(self) -> dict[Any, int]:
        """What ran more than once."""
        with self._lock:
            return {key: count for key, count in self._counts.items() if count > 1}


class PluggedAnswers:
    """One worker's access to the shared answers, which ends with its plug."""

    def __init__(self, answers: AnswerStore, plug: Plug) -> None:
        self._answers = answers
        self._plug = plug

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        return self._live().claim(worker, claims, now)

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        self._live().keep(answers, now=now, until=until)

    def release(self, worker: str, keys: Sequence[str]) -> None:
        self._live().release(worker, keys)

    def live(self, worker: str, until: float) -> None:
        self._live().live(worker, until)

    def close(self) -> None:
        """The others go on."""

    def _live(self) -> AnswerStore:
        if self._plug.is_pulled:
            raise LedgerError("the plug is pulled")
        return self._answers


class Worker:
    """A host with an event loop in a thread."""

    def __init__(
        self,
        bus: MemoryBus,
        config: SnsSqsTransportConfig,
        server: Server[Any],
        *,
        answers: AnswerStore,
        sealer: Sealer,
    ) -> None:
        self._plug = Plug(bus)
        self._config = config
        self._server = server
        self._answers = PluggedAnswers(answers, self._plug)
        self._sealer = sealer
        self._ready = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self.statistics: Callable[[], ServerStatistics] = ServerStatistics
        self._thread = threading.Thread(target=partial(anyio.run, self._serve), daemon=True)
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the worker did not start"

    def kill(self) -> None:
        """What ``kill -9`` is to the rest of the world; its thread ends soon after."""
        self._plug.pull()
        self._stop()

    def stop(self) -> None:
        """In an orderly way: what is in hand is handed back."""
        self._stop()
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the worker did not stop"

    async def _serve(self) -> None:
        stop, handoff = anyio.Event(), Handoff()
        self._stop = partial(handoff.post, stop.set)
        async with hosting(
            self._server,
            self._plug,
            self._config,
            sealer=self._sealer,
            answers=self._answers,
        ) as host:
            self.statistics = host.statistics
            self._ready.set()
            await stop.wait()


class Crew:
    """The workers of one deployment, as those of one machine: they share key and answers."""

    def __init__(self, deployment: MemoryDeployment, **settings: Any) -> None:
        """Make an empty crew; ``settings`` are its workers'."""
        self.deployment = deployment
        self.runs = Runs()
        self.answers = MemoryAnswers()
        self.workers: list[Worker] = []
        self._killed: list[Worker] = []
        self._sealer = Sealer()
        self._settings = {"lease_seconds": 1.0, **settings}

    def hire(self, count: int = 1, **tools: Any) -> Worker:
        """Add workers whose tools are ``echo``, which counts its runs, and these."""
        for _ in range(count):
            worker = Worker(
                self.deployment.bus,
                self.deployment.server(**self._settings),
                tool_server(**{"echo": self.echo, **tools}),
                answers=self.answers,
                sealer=self._sealer,
            )
            self.workers.append(worker)
        return self.workers[-1]

    def kill(self, worker: Worker) -> None:
        """Lose a worker."""
        self.workers.remove(worker)
        self._killed.append(worker)
        worker.kill()

    def close(self) -> None:
        """Stop all, the killed ones' threads too."""
        for worker in [*self.workers, *self._killed]:
            worker.stop()

    async def echo(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        """Give the arguments back, and count."""
        self.runs.add((arguments.get("who"), arguments.get("n")))
        return arguments


@contextmanager
def crew_of(deployment: MemoryDeployment, **settings: Any) -> Generator[Crew]:
    """A crew that is stopped at the end."""
    crew = Crew(deployment, **settings)
    try:
        yield crew
    finally:
        crew.close()
