"""Questions that a function answers, or nobody; and what servers are told they may ask."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import Elicit, MCPServer, Resolve
from mcp_types import CreateMessageResult, ElicitResult, Root, TextContent
from pydantic import BaseModel

from asyncmcp_nb.errors import CallFailed
from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.session import Policies, Question, Reply
from asyncmcp_nb.session.policy import OnQuestion
from tests.helpers import HANDSHAKE, MODERN, eventually
from tests.session.asking_servers import asking_server
from tests.session.conftest import Stage
from tests.session.test_questions import ERAS, told


def always(said: Any) -> OnQuestion:
    """A function that says this to every question."""

    def policy(_: Question) -> Any:
        return said

    return policy


async def later(question: Question) -> Any:
    return {"count": len(question.message)}


def in_turn(question: Question) -> Any:
    """A plain function that returns a coroutine."""
    return later(question)


class Counting:
    """A policy that is an object with an async method."""

    async def __call__(self, question: Question) -> Any:
        return {"count": 4}


def elicit_result(question: Question) -> Any:
    return ElicitResult(action="accept", content={"count": 6})


ACCEPT_6 = {"action": "accept", "content": {"count": 6}}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (always({"count": 2}), {"action": "accept", "content": {"count": 2}}),
        (later, {"action": "accept", "content": {"count": 9}}),
        (in_turn, {"action": "accept", "content": {"count": 9}}),
        (Counting(), {"action": "accept", "content": {"count": 4}}),
        (always(None), {"action": "decline"}),
        (always(False), {"action": "decline"}),
        (always(Reply("cancel")), {"action": "cancel"}),
        (always(Reply("accept", {"count": 6})), ACCEPT_6),
        (elicit_result, ACCEPT_6),
    ],
)
async def test_a_function_answers_forms(
    stage: Stage, era: str, policy: OnQuestion, expected: dict[str, Any]
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=Policies(on_elicit=policy, has_person=True))

    call = session.submit("ask")

    assert (await told(call))["form"] == expected


async def test_a_function_gets_the_question_in_a_thread_of_its_own(stage: Stage) -> None:
    seen: list[tuple[str, str | None, str | None, bool]] = []

    def open_page(question: Question) -> bool:
        here = threading.current_thread() is threading.main_thread()
        seen.append((question.kind, question.url, question.tool, here))
        return True

    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(on_elicit=open_page))

    call = session.submit("ask", kinds=["url"])

    assert (await told(call))["url"] == {"action": "accept"}
    assert seen == [("url", "https://example.com/login", "ask", False)]


@pytest.mark.parametrize(
    ("said", "model"),
    [
        ("hello", "human"),
        ({"text": "hello", "model": "m1"}, "m1"),
        (
            CreateMessageResult(
                role="assistant", content=TextContent(type="text", text="hello"), model="m2"
            ),
            "m2",
        ),
    ],
)
async def test_a_function_answers_for_a_model(stage: Stage, said: Any, model: str) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(on_sample=always(said)))

    answer = (await told(session.submit("ask", kinds=["sampling"])))["sampling"]

    assert (answer["content"]["text"], answer["model"]) == ("hello", model)


@pytest.mark.parametrize("is_function", [False, True])
async def test_folders_are_given_in_any_form(
    stage: Stage, tmp_path: Path, is_function: bool
) -> None:
    root = Root.model_validate({"uri": "file:///r", "name": "R"})
    folders: list[Any] = [tmp_path, str(tmp_path), "file:///x", {"uri": "file:///y"}, root]
    policy: Any = always(folders) if is_function else folders
    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(roots=policy))

    answer = (await told(session.submit("ask", kinds=["roots"])))["roots"]

    here = {"uri": tmp_path.as_uri(), "name": tmp_path.name}
    assert answer["roots"] == [
        here,
        here,
        {"uri": "file:///x"},
        {"uri": "file:///y"},
        {"uri": "file:///r", "name": "R"},
    ]


def raising(question: Question) -> Any:
    raise RuntimeError("no idea")


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (raising, "a callback raised RuntimeError: no idea"),
        (always({"count": 0}), "a callback raised InvalidArguments: count: 0 is less than"),
        (always(7), "a callback raised InvalidArguments: the answer must be a dict, not int"),
    ],
)
async def test_a_function_that_fails_or_answers_wrongly_fails_the_call(
    stage: Stage, policy: OnQuestion, said: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(on_elicit=policy))

    with pytest.raises(CallFailed, match=said):
        await session.call("ask")


async def test_in_the_2025_era_a_function_that_answers_wrongly_is_an_error_to_the_server(
    stage: Stage,
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=HANDSHAKE, policies=Policies(on_elicit=always({"count": 0})))

    with pytest.raises(CallFailed, match="count: 0 is less than"):
        await session.call("ask")


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        (Policies(), "declined: nobody to ask; pass on_elicit= to connect()"),
        (
            Policies(on_elicit="decline", has_person=True),
            "declined, as connect(on_elicit='decline') says",
        ),
    ],
)
async def test_what_nobody_answers_is_declined_with_a_record(
    stage: Stage, policies: Policies, why: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=policies)

    call = session.submit("ask")

    assert (await told(call))["form"] == {"action": "decline"}
    (said,) = session.log.messages(call.id)
    assert (said.level, said.data) == ("warning", f"the question 'How many?' was {why}")


@pytest.mark.parametrize(("kind", "name"), [("sampling", "on_sample"), ("roots", "roots")])
async def test_a_call_says_why_nobody_answered_for_a_model_or_named_folders(
    stage: Stage, kind: str, name: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session()

    call = session.submit("ask", kinds=[kind])

    why = f"declined: nobody to ask; pass {name}= to connect\\(\\)"
    with pytest.raises(CallFailed, match=why):
        await call
    assert len(session.log.messages(call.id)) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("form", "on_elicit"), ("sampling", "on_sample"), ("roots", "roots")]
)
async def test_in_the_2025_era_what_nobody_answers_is_refused_with_a_record(
    stage: Stage, kind: str, name: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=HANDSHAKE)

    call = session.submit("ask", kinds=[kind])

    with pytest.raises(CallFailed, match="not supported"):
        await call
    (said,) = session.log.messages(call.id)
    assert said.data == (f"a {kind} request was declined: nobody to ask; pass {name}= to connect()")


def answer(question: Question) -> Any:
    return {"count": 1}


ALL: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "roots": {"listChanged": True},
    "sampling": {},
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("policies", "declared"),
    [
        (Policies(), set[str]()),
        (Policies(has_person=True), {"elicitation", "sampling", "roots"}),
        (Policies(on_elicit="ask"), {"elicitation"}),
        (Policies(on_elicit=answer), {"elicitation"}),
        (Policies(on_sample=answer, roots=[]), {"sampling", "roots"}),
        (Policies(on_elicit="decline"), {"elicitation"}),
        (Policies(on_sample="decline", has_person=True), {"elicitation", "roots"}),
    ],
)
async def test_servers_are_told_of_what_somebody_answers(
    stage: Stage, era: str, policies: Policies, declared: set[str]
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=policies)

    content: dict[str, Any] = (await session.call("ask", kinds=[])).structured_content or {}

    assert content["declared"] == {name: ALL[name] for name in declared}


class Size(BaseModel):
    """What the app below asks for."""

    width: int


def ask_size() -> Elicit[Size]:
    return Elicit("How wide?", Size)


def resolving_app() -> Server[Any]:
    """An app that asks as the SDK means it to: in either era, before its tool runs."""
    app = MCPServer("app")

    @app.tool()
    async def plot(size: Annotated[Size, Resolve(ask_size)]) -> str:
        """Say how wide."""
        return f"{size.width} wide"

    return lowlevel_of(app)


@pytest.mark.parametrize("era", ERAS)
async def test_an_app_that_knows_nothing_of_queues_asks_and_is_answered(
    stage: Stage, era: str
) -> None:
    await stage.serve(resolving_app())
    session = await stage.session(era=era, policies=Policies(on_elicit=always({"width": 7})))

    call = session.submit("plot")
    await call

    assert call.record.text == "7 wide"


async def test_a_server_that_may_not_ask_refuses_and_the_log_says_what_to_pass(
    stage: Stage,
) -> None:
    await stage.serve(resolving_app())
    session = await stage.session()
    call = session.submit("plot")

    with pytest.raises(CallFailed, match="did not declare the form elicitation capability"):
        await call
    await eventually(lambda: bool(session.log.messages(call.id)))

    (said,) = session.log.messages(call.id)
    assert said.data == (
        "the server has to ask for this call, and nobody answers; pass on_elicit= to connect()"
    )


async def test_what_the_sdk_asks_carries_the_same_capabilities(stage: Stage) -> None:
    """Calls pass by the SDK's client; the two must not say different things of it."""
    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(has_person=True))

    stamped = session.client.session._build_capabilities(MODERN)  # pyright: ignore[reportPrivateUsage] # shown nowhere else

    assert stamped.model_dump(mode="json", by_alias=True, exclude_none=True) == ALL


async def test_callbacks_of_the_user_win(stage: Stage) -> None:
    async def callback(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"count": 8})

    await stage.serve(asking_server())
    session = await stage.session(
        policies=Policies(on_elicit=answer, has_person=True), elicitation_callback=callback
    )

    assert (await told(session.submit("ask")))["form"]["content"] == {"count": 8}
    assert session.questions.open() == []
