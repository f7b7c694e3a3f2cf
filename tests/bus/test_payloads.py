"""Payloads beside the messages: what every store holds to, and S3 when it misbehaves."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore import exceptions as boto

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.bus.aws_clients import S3Client
from asyncmcp_nb.bus.aws_errors import translate
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.bus.payloads import MemoryPayloads, PayloadStore
from asyncmcp_nb.bus.s3 import S3Payloads
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import (
    BusClosed,
    BusDenied,
    BusError,
    BusNotFound,
    BusThrottled,
    BusUnavailable,
    DecodeError,
    PayloadGone,
)

REGION = "us-east-1"
MIB = 2**20
PATIENCE_SECONDS = 30


class Shop(ABC):
    """Opens stores on one bucket."""

    @abstractmethod
    def open(self) -> PayloadStore: ...


class MemoryShop(Shop):
    def open(self) -> PayloadStore:
        return MemoryPayloads()


class S3Shop(Shop):
    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def open(self) -> PayloadStore:
        bucket = self._deployment.claim_check_bucket
        assert bucket is not None
        return S3Payloads.open(bucket, region=REGION, endpoint_url=self._deployment.endpoint_url)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.moto)])
def store(request: pytest.FixtureRequest) -> Iterator[PayloadStore]:
    shop = MemoryShop()
    if request.param == "s3":
        shop = S3Shop(request.getfixturevalue("deployment"))
    with closing(shop.open()) as opened:
        yield opened


# -- every store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"\x00\xff", "日本".encode(), b"x" * (3 * MIB)], ids=len)
def test_a_payload_comes_back_as_it_was(store: PayloadStore, payload: bytes) -> None:
    store.put("asyncmcp-nb/demo/1", payload)

    assert store.get("asyncmcp-nb/demo/1", 3 * MIB) == payload


@pytest.mark.parametrize("key", ["a b+c%2F?d=1&e#f", "日本/🚀", "/leading", "trailing/", "'\"\\<>"])
def test_a_key_may_have_any_characters(store: PayloadStore, key: str) -> None:
    store.put(key, b"x")

    assert store.get(key, 1) == b"x"


def test_the_last_of_two_payloads_with_one_key_stays(store: PayloadStore) -> None:
    store.put("k", b"first")
    store.put("k", b"second")

    assert store.get("k", 10) == b"second"


def test_a_payload_up_to_the_limit_is_read_and_a_larger_one_is_not(store: PayloadStore) -> None:
    store.put("k", b"12345")

    assert store.get("k", 5) == b"12345"
    with pytest.raises(DecodeError, match=r"5 bytes or more is above the reader's limit of 4"):
        store.get("k", 4)


def test_a_payload_that_is_not_there_is_told_from_a_failure(store: PayloadStore) -> None:
    with pytest.raises(PayloadGone, match=r"no payload 'gone' in bucket .*: it has expired") as it:
        store.get("gone", 1)

    assert "\n" not in str(it.value)


def test_an_empty_key_reaches_no_bucket(store: PayloadStore) -> None:
    with pytest.raises(BusError):
        store.put("", b"x")
    with pytest.raises(BusError):
        store.get("", 1)


def test_requests_are_counted_as_aws_bills_them(store: PayloadStore) -> None:
    store.put("k", b"x")
    store.get("k", 1)
    with pytest.raises(PayloadGone):
        store.get("gone", 1)

    assert store.statistics().requests == {"PutObject": 1, "GetObject": 2}


def test_a_closed_store_takes_no_request(store: PayloadStore) -> None:
    store.close()
    store.close()

    with pytest.raises(BusClosed):
        store.put("k", b"x")
    with pytest.raises(BusClosed):
        store.get("k", 1)


def test_threads_share_a_store(store: PayloadStore) -> None:
    def there_and_back(number: int) -> bytes:
        store.put(f"k{number}", b"%d" % number)
        return store.get(f"k{number}", 10)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(there_and_back, range(40))) == [b"%d" % n for n in range(40)]


# -- in memory -------------------------------------------------------------------------------------


def test_a_store_in_memory_fails_on_demand() -> None:
    store = MemoryPayloads(faults=Faults(error_share=1.0))
    with pytest.raises(BusUnavailable, match="PutObject failed on demand"):
        store.put("k", b"x")

    store.faults = Faults()
    store.put("k", b"x")

    assert store.get("k", 1) == b"x"
    assert store.statistics().requests == {"PutObject": 2, "GetObject": 1}


def test_a_store_in_memory_lets_payloads_expire() -> None:
    store = MemoryPayloads("bucket")
    store.put("old", b"x")
    store.put("new", b"y")
    assert store.keys() == ["old", "new"]

    store.expire("old")
    store.expire("old")

    assert store.keys() == ["new"]
    assert repr(store) == "<MemoryPayloads open: bucket, 1 payloads>"
    with pytest.raises(PayloadGone):
        store.get("old", 1)


# -- in S3 -----------------------------------------------------------------------------------------


class OddServer:
    """Answers one request with these very bytes, and holds the last of them back when told to."""

    def __init__(self, answer: bytes, *, last: bytes = b"") -> None:
        self._answer, self._last = answer, last
        self.answered = threading.Event()
        self.has_ended = threading.Event()
        self.go_on = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_SECONDS)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def store(self) -> S3Payloads:
        port = self._listener.getsockname()[1]
        return S3Payloads.open("bucket", region=REGION, endpoint_url=f"http://127.0.0.1:{port}")

    def close(self) -> None:
        self.go_on.set()
        self._thread.join(PATIENCE_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line:
            line.settimeout(PATIENCE_SECONDS)
            request = b""
            while b"\r\n\r\n" not in request:
                request += line.recv(65536)
            try:
                line.sendall(self._answer)
                self.answered.set()
                if self._last:
                    self.go_on.wait(PATIENCE_SECONDS)
                    line.sendall(self._last)
                self.has_ended.set()
            except ConnectionError:
                return


def answer(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def test_a_payload_that_says_it_is_too_large_is_not_waited_for() -> None:
    server = OddServer(answer(f"Content-Length: {2**31}", body=b"x" * 100), last=b"x")
    with closing(server), closing(server.store()) as store:
        with pytest.raises(DecodeError, match=r"2,147,483,648 bytes or more is above"):
            store.get("k", MIB)

        assert not server.has_ended.is_set()


def test_a_payload_that_does_not_say_how_large_it_is_is_read_up_to_the_limit() -> None:
    chunk = b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    server = OddServer(answer("Transfer-Encoding: chunked", body=chunk * 3), last=b"0\r\n\r\n")
    with closing(server), closing(server.store()) as store:
        with pytest.raises(DecodeError, match="above the reader's limit of 1,048,576 bytes"):
            store.get("k", MIB)

        assert not server.has_ended.is_set()


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer("Content-Length: 10", body=b"short"), BusUnavailable),
        (
            answer("Content-Length: 1", "x-amz-checksum-crc32: AAAAAA==", body=b"x"),
            BusUnavailable,
        ),
        (answer("Content-Length: 0", status="403 Forbidden"), BusDenied),
        (answer("Content-Length: 0", status="503 Slow Down"), BusUnavailable),
        (answer("Content-Length: 4", body=b"<a/>", status="500 Error"), BusUnavailable),
    ],
    ids=["cut short", "changed", "denied", "busy", "broken"],
)
def test_a_payload_that_comes_badly_is_an_error_of_the_bus(
    given: bytes, kind: type[BusError]
) -> None:
    server = OddServer(given)
    with closing(server), closing(server.store()) as store:
        with pytest.raises(kind, match=r"^GetObject on s3://bucket/k: ") as caught:
            store.get("k", MIB)

        assert type(caught.value) is kind


def test_a_payload_on_its_way_arrives_though_the_store_is_closed() -> None:
    server = OddServer(answer("Content-Length: 2", body=b"a"), last=b"b")
    store = server.store()
    with closing(server), ThreadPoolExecutor(1) as pool:
        getting = pool.submit(store.get, "k", MIB)
        assert server.answered.wait(PATIENCE_SECONDS)
        store.close()
        assert repr(store) == "<S3Payloads closed: bucket, 1 requests, 1 in flight>"
        server.go_on.set()

        assert getting.result(PATIENCE_SECONDS) == b"ab"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("NoSuchBucket", BusNotFound, "provision it"),
        ("NoSuchKey", BusNotFound, "provision it"),
        ("404", BusNotFound, "provision it"),
        ("403", BusDenied, "credentials"),
        ("AccessDenied", BusDenied, "credentials"),
        ("RequestTimeTooSkewed", BusDenied, "credentials"),
        ("SlowDown", BusThrottled, "quota"),
        ("RequestTimeout", BusUnavailable, "network"),
        ("InternalError", BusUnavailable, "network"),
        ("EntityTooLarge", BusError, "too big"),
    ],
)
def test_what_s3_refuses_is_one_of_our_errors(code: str, kind: type[BusError], words: str) -> None:
    refused = boto.ClientError({"Error": {"Code": code, "Message": "too big"}}, "PutObject")

    error = translate(refused, "PutObject", "s3://bucket/k")

    assert type(error) is kind
    assert words in str(error)


def test_an_error_may_name_a_next_step_of_its_own() -> None:
    refused = boto.ClientError({"Error": {"Code": "NoSuchBucket", "Message": "no."}}, "PutObject")

    error = translate(refused, "PutObject", "s3://b/k", next_steps={BusNotFound: "make the bucket"})

    assert str(error) == "PutObject on s3://b/k: no; make the bucket"


def test_a_bucket_that_is_not_there_is_to_be_made(deployment: Deployment) -> None:
    endpoint = deployment.endpoint_url
    with closing(S3Payloads.open("no-such-bucket", region=REGION, endpoint_url=endpoint)) as store:
        with pytest.raises(BusNotFound, match=r"make the bucket, or name another"):
            store.put("k", b"x")
        with pytest.raises(BusNotFound, match=r"make the bucket, or name another") as caught:
            store.get("k", 1)

    assert type(caught.value) is BusNotFound


def test_a_local_endpoint_may_be_named_localhost(deployment: Deployment) -> None:
    endpoint = (deployment.endpoint_url or "").replace("127.0.0.1", "localhost")
    bucket = deployment.claim_check_bucket or ""
    with closing(S3Payloads.open(bucket, region=REGION, endpoint_url=endpoint)) as store:
        store.put("k", b"x")

        assert store.get("k", 1) == b"x"


def test_a_given_client_stays_open(deployment: Deployment) -> None:
    client: S3Client = make_client("s3", region=REGION, endpoint_url=deployment.endpoint_url)
    bucket = deployment.claim_check_bucket or ""

    S3Payloads(client, bucket).close()
    S3Payloads(client, bucket).put("k", b"x")

    assert S3Payloads(client, bucket).get("k", 1) == b"x"
    client.close()
