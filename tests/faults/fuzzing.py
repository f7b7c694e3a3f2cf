"""Arbitrary SQS messages, from a seed: noise, fragments, forgeries, and honest ones played back."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.claim_check import Pointer, pointer_body
from asyncmcp_nb.wire.codec import Seal
from asyncmcp_nb.wire.signing import SIGNED_ATTRIBUTES

METHODS = (
    *("initialize", "ping", "server/discover", "tools/list", "tools/call", "logging/setLevel"),
    *("resources/read", "prompts/get", "completion/complete", "subscriptions/listen", "roots/list"),
    *("sampling/createMessage", "elicitation/create", "notifications/initialized"),
    *("notifications/cancelled", "notifications/progress", "notifications/message"),
    *("notifications/tools/list_changed", "notifications/roots/list_changed", "", "no/such/method"),
)
FIELDS = (
    *("jsonrpc", "id", "method", "params", "result", "error", "code", "message", "data", "_meta"),
    *("name", "arguments", "requestId", "progressToken", "progress", "total", "protocolVersion"),
    *("capabilities", "clientInfo", "content", "structuredContent", "resultType", "requestState"),
    *("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"),
    *("io.github.asyncmcp-nb/deadline", "Type", "Message", "MessageAttributes"),
)
WORDS = (
    *("2.0", "2026-07-28", "2025-11-25", "tools", "echo", "Notification", "jsonrpc", "*", ""),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "yesterday", "file:///", "é✓🚀"),
)
ALPHABETS = (
    *("abcXYZ019 ", '{}[]":,', "\x00\x01\x1f\x7f\n\r\t", "é✓日本🚀", "\ud800\udfff", ";=.-_/%"),
)


@dataclass(eq=False)
class Fuzzer:
    """Makes one message after the other; the same ones from the same seed and the same examples."""

    pick: random.Random
    honest: Mapping[str, str]
    """Attributes as an honest message has them."""
    seals: Sequence[Seal] = ()
    """What strangers sign with."""
    bucket: str = "payloads"
    keys: Sequence[str] = ()
    """Of payloads that are in it."""
    recorded: list[Outgoing] = field(default_factory=list[Outgoing])
    """Messages that somebody has overheard."""

    def message(self, connection_id: str | None = None) -> Outgoing:
        """Any message.

        Args:
            connection_id: Of a session for which it may be, unless it is an answer.
        """
        if self.recorded and self.pick.random() < 0.3:
            return self._forged(self.pick.choice(self.recorded))
        kinds = (self.noise, self.json, self.rpc, self.rpc, self.deep, self.packed, self.pointer)
        kind: Callable[[], str] = self.pick.choice(kinds)
        body, attributes = kind(), self.attributes()
        if kind == self.packed and self.pick.random() < 0.8:
            attributes["Delivery"] = f"{self.honest['Delivery']};e=gzip"
        if kind == self.pointer and self.pick.random() < 0.8:
            attributes["ExtendedPayloadSize"] = self.pick.choice(("1", "300000", "x", "-1"))
        is_answer = any(f'"{name}"' in body for name in ("result", "error"))
        if connection_id is not None and kind == self.rpc and not is_answer:
            attributes["Delivery"] = f"c={connection_id};q={self.pick.randrange(9)}"
        return self._sent(Outgoing(body, attributes))

    # -- bodies -----------------------------------------------------------------------------------

    def noise(self, most: int = 60) -> str:
        """Text of any kind."""
        return "".join(
            self.pick.choice(self.pick.choice(ALPHABETS)) for _ in range(self.pick.randrange(most))
        )

    def json(self, depth: int = 0) -> str:
        """JSON, or nearly."""
        choice = self.pick.randrange(6 if depth < 4 else 4)
        if choice == 0:
            return self.pick.choice(("null", "true", "false", "NaN", "-Infinity", "1e999", "-0"))
        if choice == 1:
            return str(self.pick.randrange(-3, 1000))
        if choice == 2:
            digits = self.pick.choice((1, 10, 20, 400, 4300, 4301, 6000))
            return "9" * digits + self.pick.choice(("", "", ".5", "e9"))
        if choice == 3:
            return json.dumps(self.pick.choice((self.noise(), self.pick.choice(WORDS))))
        parts = [self.json(depth + 1) for _ in range(self.pick.randrange(4))]
        if choice == 4:
            return f"[{','.join(parts)}]"
        return f"{{{','.join(f'{self._key()}:{part}' for part in parts)}}}"

    def rpc(self) -> str:
        """A JSON-RPC message that is right, or has something wrong with it."""
        parts = {
            "jsonrpc": '"2.0"',
            "id": self._id(),
            "method": json.dumps(self.pick.choice(METHODS)),
            "params": self.json(1) if self.pick.random() < 0.5 else self._params(),
            "result": self.json(1),
            "error": f'{{"code":{self.json(9)},"message":{self.json(9)}}}',
        }
        shape = self.pick.choice(
            (
                ("jsonrpc", "id", "method", "params"),
                ("jsonrpc", "method", "params"),
                ("jsonrpc", "id", "result"),
                ("jsonrpc", "id", "error"),
                self.pick.sample(list(parts), self.pick.randrange(1, 7)),
            )
        )
        text = "{" + ",".join(f'"{name}":{parts[name]}' for name in shape) + "}"
        return self._mutated(text) if self.pick.random() < 0.2 else text

    def deep(self) -> str:
        """JSON that nests."""
        depth = self.pick.choice((100, 190, 200, 250, 5_000, 50_000))
        opening, closing = self.pick.choice((("[", "]"), ('{"a":', "}")))
        text = opening * depth + "1" + closing * (depth - self.pick.randrange(2))
        wrap = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":' + text + "}}"
        return self.pick.choice((text, wrap))

    def packed(self) -> str:
        """Gzip in base64, whole or not."""
        raw = gzip.compress(self.rpc().encode("utf-8", "surrogatepass"), mtime=0)
        if self.pick.random() < 0.05:
            raw = gzip.compress(b" " * 2**20, mtime=0)
        if self.pick.random() < 0.5:
            raw = raw[: self.pick.randrange(len(raw))]
        text = base64.b64encode(raw).decode()
        return self._mutated(text) if self.pick.random() < 0.3 else text

    def pointer(self) -> str:
        """A claim check, to anywhere."""
        bucket = self.pick.choice((self.bucket, self.bucket, "elsewhere", self.noise(), "../x"))
        key = self.pick.choice((*self.keys, "missing", "../../etc/passwd", "a\x00b", self.noise()))
        text = pointer_body(Pointer(bucket, key))
        return self._mutated(text) if self.pick.random() < 0.3 else text

    # -- attributes -------------------------------------------------------------------------------

    def attributes(self) -> dict[str, str]:
        """Some of ours, honest or odd, and some of others."""
        found = {name: self._value(name) for name in self.honest if self.pick.random() < 0.8}
        for name in SIGNED_ATTRIBUTES:
            if self.pick.random() < 0.1:
                found[name] = self._value(name)
        if self.pick.random() < 0.1:
            found[self.noise(9) or "X"] = self.noise()
        return found

    def _value(self, name: str) -> str:
        if name in self.honest and self.pick.random() < 0.8:
            return self.honest[name]
        values = (self.noise(), self.pick.choice(WORDS), self.json(9), "x" * 3_000)
        if name == "Delivery":
            values += ("c=" + "0" * 32, "q=9", "e=br", "h=0", "s=0", "c=;q=;s=", "s=" + "0" * 52)
        return self.pick.choice(values)

    # -- parts ------------------------------------------------------------------------------------

    def _key(self) -> str:
        return json.dumps(self.pick.choice((self.pick.choice(FIELDS), self.noise(5))))

    def _id(self) -> str:
        odd = ("null", "1.5", "true", "{}", "-1", "9" * 30, "9" * 2_000, json.dumps("x" * 2_000))
        fine = (str(self.pick.randrange(10_000, 10_050)), json.dumps(self.noise()))
        return self.pick.choice((*fine, *fine, self.pick.choice(odd)))

    def _params(self) -> str:
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": self.pick.choice((1, "x", None, 2**70)),
        }
        params: dict[str, Any] = {
            "name": self.pick.choice(("echo", "no such tool", "")),
            "arguments": self.pick.choice(({"who": "fuzz"}, {}, None, [], "x")),
            "requestId": self.pick.randrange(10_000, 10_050),
            "_meta": self.pick.choice((meta, meta, {}, None, 1)),
        }
        return json.dumps(params)

    def _mutated(self, text: str) -> str:
        if not text:
            return self.noise()
        at, to = sorted(self.pick.randrange(len(text) + 1) for _ in range(2))
        return self.pick.choice(
            (
                text[:at] + text[to:],
                text[:at] + self.noise(8) + text[at:],
                text[:to] + text[at:],
                text[:at],
            )
        )

    # -- on its way -------------------------------------------------------------------------------

    def _forged(self, made: Outgoing) -> Outgoing:
        """An honest message, played back: as it is, changed, or signed by a stranger."""
        choice = self.pick.randrange(4)
        if choice == 0:
            return self._wrapped(made)
        if choice == 1:
            return self._sent(Outgoing(self._mutated(made.body), made.attributes))
        name = self.pick.choice(SIGNED_ATTRIBUTES)
        changed = {**made.attributes, name: self._value(name)}
        if choice == 2:
            del changed[name]
        return self._sent(Outgoing(made.body, changed))

    def _sent(self, made: Outgoing) -> Outgoing:
        if self.seals and self.pick.random() < 0.3:
            seal = self.pick.choice(self.seals)
            made = Outgoing(made.body, seal.sign(made.body, made.attributes))
        return self._wrapped(made)

    def _wrapped(self, made: Outgoing) -> Outgoing:
        """As it is, or as SNS delivers it where delivery is not raw."""
        if self.pick.random() < 0.85:
            return made
        named = {name: {"Type": "String", "Value": v} for name, v in made.attributes.items()}
        body = {"Type": "Notification", "Message": made.body, "MessageAttributes": named}
        return Outgoing(json.dumps(body), {})
