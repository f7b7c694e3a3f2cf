"""The other package's client with its own server: what the tests beside this one build on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.conftest import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ODD: dict[str, Any] = {
    "text": "naïve 日本語 🚀 \u2028 \\ \" ' <&>",
    "numbers": [1.5, 2**60, -0.25],
    "none": None,
    "nested": {"none": [None, {}], "": []},
}


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "wrapped"])
def test_its_client_and_its_server_talk_through_the_embedded_broker(
    place: Place, raw: bool
) -> None:
    requests, replies = place.topic("requests"), place.topic("replies")
    server_queue = place.queue("server", requests, raw=raw)
    client_queue = place.queue("client", replies, raw=raw)

    with place.their_server(server_queue) as server:
        assert server.next() == {"ready": True}
        with place.their_client(
            ("echo", ODD),
            ("add", {"a": 2, "b": 3}),
            ("fail", {"why": "bad ☃"}),
            ("steps", {"count": 2}),
            ("ask", {"question": "well?"}),
            queue_url=client_queue,
            reply_topic_arn=replies,
            request_topic_arn=requests,
        ) as client:
            hello, listed, echo, add, fail, steps, ask = client.rest()

    assert hello == {"version": "2025-11-25", "server": "its-server"}
    assert listed == {"tools": ["add", "ask", "echo", "fail", "slow", "steps"]}
    assert echo["structured"] == ODD
    assert add["structured"] == {"sum": 5}
    assert (fail["failed"], fail["texts"]) == (True, ["bad ☃"])
    assert (steps["progress"], steps["logs"]) == (
        [[1.0, 2.0, None], [2.0, 2.0, None]],
        ["step 0", "step 1"],
    )
    assert ask["structured"] == {"action": "accept", "content": {"answer": "well? yes"}}
