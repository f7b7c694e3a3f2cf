"""``doctor``: what is wrong with a deployment."""

from __future__ import annotations

from functools import partial

import anyio.to_thread

from asyncmcp_nb.api import resolve
from asyncmcp_nb.broker.doctor import examine
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.parser import Grammar
from asyncmcp_nb.profiles import read_profiles


async def _doctor(context: Context) -> None:
    profile = context.given.word("PROFILE") or _profile_of_session(context)
    deployment = await anyio.to_thread.run_sync(resolve, profile)
    print(f"deployment {deployment.name} in {deployment.endpoint_url or deployment.region}")
    findings = examine(deployment)
    problem_count = 0
    while (finding := await anyio.to_thread.run_sync(partial(next, findings, None))) is not None:
        print(finding)
        problem_count += finding.verdict == "problem"
    problems = "1 problem" if problem_count == 1 else f"{problem_count} problems"
    print(problems if problem_count else "no problem found")


def _profile_of_session(context: Context) -> str | None:
    session = context.state.open_session(context.names)
    known = session is not None and session.deployment in read_profiles()
    return session.deployment if session is not None and known else None


DOCTOR = Command(
    name="doctor",
    summary="look for what is wrong with a profile's deployment, or with that of the session",
    run=_doctor,
    grammar=Grammar(optional=("PROFILE",)),
)
