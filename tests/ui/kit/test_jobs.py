"""One job at a time, and what its end may do."""

from __future__ import annotations

from asyncmcp_nb.ui.kit.jobs import Ending, Jobs, Tell
from tests.ui.waiting import until


def test_how_a_job_ends_may_start_the_next() -> None:
    said: list[str] = []
    is_started: list[bool] = []
    jobs = Jobs(said.append)

    def first(_: Tell) -> Ending:
        return lambda: is_started.append(jobs.start(lambda _: "the second has ended"))

    jobs.start(first)
    until(lambda: said == ["the second has ended"])

    assert is_started == [True]
