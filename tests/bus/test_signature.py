"""Signatures, which must be those that botocore makes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.bus.signature import Signer

HOST = "sqs.eu-central-1.amazonaws.com"
WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789+/=", min_size=1, max_size=40)
KEYS = st.builds(ReadOnlyCredentials, WORD, WORD, st.none() | WORD)
HEADERS = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}


def signed_by_botocore(body: bytes, keys: Any) -> tuple[dict[str, str], float]:
    """The headers of a request that botocore signs now, and when that is."""
    request: Any = AWSRequest("POST", f"https://{HOST}/", headers=HEADERS, data=body)
    at = get_current_datetime()
    auth: Any = SigV4Auth(keys, "sqs", "eu-central-1")
    auth.add_auth(request)
    return dict(request.headers), at.timestamp()


@given(body=st.binary(max_size=200), keys=KEYS)
def test_a_signature_is_botocores(body: bytes, keys: Any) -> None:
    theirs, at = signed_by_botocore(body, keys)
    signer = Signer("sqs", "eu-central-1", HOST)

    ours = signer.sign(HEADERS, body, keys, at=at)
    if ours["X-Amz-Date"] != theirs["X-Amz-Date"]:  # the second ended between the two
        ours = signer.sign(HEADERS, body, keys, at=at + 1)

    assert ours.pop("Host") == HOST
    assert ours == theirs


@pytest.mark.parametrize(
    "other", [("k", "secret", 86_400.0), ("k", "another", 0.0)], ids=["day", "secret"]
)
def test_another_day_or_secret_has_another_key(other: tuple[str, str, float]) -> None:
    key, secret, later_seconds = other
    signer, fresh = (Signer("sns", "us-east-1", "localhost:4566") for _ in range(2))
    signer.sign({}, b"", ReadOnlyCredentials("k", "secret", None), at=0.0)

    then: Any = ReadOnlyCredentials(key, secret, None)
    again = signer.sign({}, b"", then, at=later_seconds)

    assert again == fresh.sign({}, b"", then, at=later_seconds)
