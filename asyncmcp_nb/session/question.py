"""What a server asks its client while it works on a call, and what can be answered: pure.

The three kinds of MCP: elicitation (a form, or a page to open), sampling (a model's words) and
roots (folders that the server may use).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    ListRootsResult,
    Root,
    TextContent,
)
from pydantic import BaseModel, ValidationError

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.validation import check_content

Kind = Literal["form", "url", "sampling", "roots"]
Action = Literal["accept", "decline", "cancel"]
ACTIONS: Final = ("accept", "decline", "cancel")

Params = (
    ElicitRequestFormParams | ElicitRequestURLParams | CreateMessageRequestParams | BaseModel | None
)
Result = ElicitResult | CreateMessageResult | ListRootsResult | ErrorData
"""What the SDK sends to the server."""

_REFUSED_CODE: Final = -1
"""Of a refused sampling or roots request: https://modelcontextprotocol.io/specification/2025-11-25
/client/sampling, "Error Handling"."""

_SAMPLING_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "title": "Answer", "description": "What the model says."},
        "model": {
            "type": "string",
            "title": "Model",
            "description": "Who says it.",
            "default": "human",
        },
    },
    "required": ["text"],
    "additionalProperties": False,
}
_ROOTS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "roots": {
            "type": "array",
            "title": "Folders",
            "items": {
                "type": "object",
                "properties": {
                    "uri": {
                        "type": "string",
                        "title": "Address",
                        "description": "Such as file:///home/me/data.",
                        "pattern": "^file://",
                    },
                    "name": {"type": "string", "title": "Name"},
                },
                "required": ["uri"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["roots"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a server, waiting for a person or a policy."""

    id: str
    """Unique in its session, such as ``q1``."""
    call_id: str | None
    """The call it is asked for; None where it belongs to none."""
    tool: str | None
    """That call's tool."""
    kind: Kind
    message: str
    """What the server wants to know, in its own words; not to be trusted."""
    schema: Mapping[str, Any] | None
    """What an accepting answer must be: JSON Schema of an object. None where it has no content."""
    url: str | None
    """The page to open, for the kind ``url``; not to be trusted."""
    params: Mapping[str, Any]
    """The request's parameters as plain JSON."""
    asked_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a question, as a policy may return it."""

    action: Action
    content: Any = None
    """What an accepting answer says; see ``Questions.answer``."""


def question_of(
    params: Params, question_id: str, *, call_id: str | None, tool: str | None, asked_at: float
) -> Question:
    """The question that a request of a server puts."""
    kind: Kind = "roots"
    message, url = "Which folders may the server use?", None
    schema: Mapping[str, Any] | None = _ROOTS_SCHEMA
    match params:
        case ElicitRequestFormParams():
            kind, message, schema = "form", params.message, params.requested_schema
        case ElicitRequestURLParams():
            kind, message, schema, url = "url", params.message, None, params.url
        case CreateMessageRequestParams():
            kind, message, schema = "sampling", _last_words(params), _SAMPLING_SCHEMA
        case _:
            pass
    said = {} if params is None else params.model_dump(mode="json", by_alias=True)
    plain = {name: value for name, value in said.items() if value is not None}
    return Question(question_id, call_id, tool, kind, message, schema, url, plain, asked_at)


def result_of(question: Question, reply: Reply) -> Result:
    """What is sent to the server.

    Raises:
        InvalidArguments: It accepts with content that does not fit the question.
    """
    if reply.action not in ACTIONS:
        raise InvalidArguments(f"no action {reply.action!r}; one of: {', '.join(ACTIONS)}")
    is_elicitation = question.kind in ("form", "url")
    if reply.action != "accept":
        if is_elicitation:
            return ElicitResult(action=reply.action)
        words = "declined" if reply.action == "decline" else "cancelled"
        return ErrorData(code=_REFUSED_CODE, message=f"The user {words} the request")
    content = _content_of(question, reply.content)
    if question.schema is not None:
        check_content(question.schema, content)
    try:
        return _accepted(question, content)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidArguments(f"{where}: {first['msg']}") from None


def _accepted(question: Question, content: dict[str, Any]) -> Result:
    match question.kind:
        case "form":
            return ElicitResult(action="accept", content=content)
        case "url":
            return ElicitResult(action="accept")
        case "sampling":
            text = TextContent(type="text", text=content["text"])
            model = content.get("model") or "human"
            return CreateMessageResult(
                role="assistant", content=text, model=model, stop_reason="endTurn"
            )
        case "roots":
            return ListRootsResult(roots=[Root.model_validate(root) for root in content["roots"]])


def _content_of(question: Question, given: Any) -> dict[str, Any]:
    """The content as an object, from what is convenient to write."""
    if given is None or given is True:
        return {}
    if isinstance(given, str) and question.kind == "sampling":
        return {"text": given}
    if question.kind == "roots" and not isinstance(given, Mapping) and _is_sequence(given):
        return {"roots": [_root(root) for root in given]}
    if not isinstance(given, Mapping):
        kinds = {"sampling": "a text", "roots": "a list of folders"}
        wanted = kinds.get(question.kind, "a dict")
        raise InvalidArguments(f"the answer must be {wanted}, not {type(given).__name__}")
    return {str(name): value for name, value in cast("Mapping[Any, Any]", given).items()}


def _root(given: Any) -> Any:
    """A folder, from its path, its address, or as the schema has it."""
    if isinstance(given, Root):
        return given.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(given, os.PathLike) or (isinstance(given, str) and "://" not in given):
        path = Path(cast("str", given)).expanduser().absolute()
        return {"uri": path.as_uri(), "name": path.name or str(path)}
    return {"uri": given} if isinstance(given, str) else given


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _last_words(params: CreateMessageRequestParams) -> str:
    """The text of the last message that has any."""
    for message in reversed(params.messages):
        blocks = message.content if isinstance(message.content, list) else [message.content]
        texts = [block.text for block in blocks if isinstance(block, TextContent)]
        if texts:
            return "\n".join(texts)
    return "What would the model say?"
