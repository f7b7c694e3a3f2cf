"""The one map from what botocore raises, and AWS answers, to our errors.

botocore's exceptions are told by name, so that this file loads nothing and a class that only some
versions have can be listed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from asyncmcp_nb.errors import BusDenied, BusError, BusNotFound, BusThrottled, BusUnavailable

EXPIRED_RECEIPT: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidReceiptHandle"})
"""Codes for the receipt of a lease that has ended."""

_CODES: Final[Mapping[type[BusError], frozenset[str]]] = {
    BusDenied: frozenset(
        {
            *("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError"),
            *("ExpiredToken", "ExpiredTokenException", "IncompleteSignature"),
            *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSecurity", "InvalidToken"),
            *("KMSAccessDenied", "KmsAccessDenied", "MissingAuthenticationToken"),
            *("NotAuthorized", "OptInRequired", "RequestExpired", "RequestTimeTooSkewed"),
            *("SignatureDoesNotMatch", "UnauthorizedOperation", "UnrecognizedClientException"),
            "403",
        }
    ),
    BusNotFound: frozenset(
        {
            *("AWS.SimpleQueueService.NonExistentQueue", "NoSuchBucket", "NoSuchKey", "NotFound"),
            *("NotFoundException", "QueueDoesNotExist", "ResourceNotFound"),
            *("ResourceNotFoundException", "404"),
        }
    ),
    BusThrottled: frozenset(
        {
            *("KMSThrottling", "KmsThrottled", "OverLimit", "RequestLimitExceeded"),
            *("RequestThrottled", "RequestThrottledException", "SlowDown", "Throttled"),
            *("ThrottledException", "Throttling", "ThrottlingException"),
            *("TooManyRequestsException",),
        }
    ),
    BusUnavailable: frozenset(
        {
            *("InternalError", "InternalFailure", "InternalServerError", "RequestTimeout"),
            *("ServiceUnavailable",),
        }
    ),
}
"""Numbers are what stands for a code where an answer has no body, as that of ``HeadBucket``."""
_LEASE_ENDED: Final = EXPIRED_RECEIPT | {
    "AWS.SimpleQueueService.MessageNotInflight",
    "MessageNotInflight",
}
_CLASSES: Final[Mapping[type[BusError], frozenset[str]]] = {
    # The last two: what an object holds was cut short, or changed, on its way.
    BusUnavailable: frozenset(
        {"ConnectionError", "HTTPClientError", "FlexibleChecksumError", "IncompleteReadError"}
    ),
    BusDenied: frozenset(
        {
            *("CredentialRetrievalError", "LoginError", "MetadataRetrievalError"),
            *("NoAuthTokenError", "NoCredentialsError", "PartialCredentialsError", "SSOError"),
            *("TokenRetrievalError", "RefreshWithMFAUnsupportedError"),
        }
    ),
}
_NEXT_STEP: Final[Mapping[type[BusError], str]] = {
    BusDenied: "check the AWS credentials and what they allow",
    BusNotFound: "check the deployment's name, region and account, or provision it",
    BusThrottled: "send fewer requests at a time, or ask AWS for a higher quota",
    BusUnavailable: "check the endpoint and the network, and that the broker runs",
}


def translate(
    exc: Exception,
    operation: str,
    target: str,
    *,
    next_steps: Mapping[type[BusError], str] | None = None,
) -> BusError:
    """Make one of our errors of one of botocore's.

    Args:
        exc: A ``BotoCoreError`` or ``ClientError``.
        operation: As AWS names it, such as ``PublishBatch``.
        target: The topic, queue or name that it was for.
        next_steps: What to say of a kind of error in place of what is said of topics and queues.
    """
    where = f"{operation} on {target}"
    steps = {**_NEXT_STEP, **(next_steps or {})}
    response: Mapping[str, Any] | None = getattr(exc, "response", None)
    if response is not None:
        status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _refusal(response.get("Error", {}), where, status=status, steps=steps)
    names = {kind.__name__ for kind in type(exc).__mro__}
    kind = _first(_CLASSES, names)
    return _error(kind, f"{where}: {one_line(exc)}", steps)


def error_code(exc: Exception) -> str:
    """AWS's code for a refusal; empty where it is none."""
    response: Mapping[str, Any] = getattr(exc, "response", {})
    return response.get("Error", {}).get("Code", "")


def outcomes(
    answer: Mapping[str, Any], count: int, where: str, *, harmless: Collection[str] = ()
) -> list[BusError | None]:
    """What became of each entry of a batch whose ids are 0, 1, 2 and so on.

    Args:
        answer: The response, with ``Successful`` and ``Failed`` entries.
        count: Entries of the request.
        where: Operation and target, for the errors.
        harmless: Codes that are no error here.
    """
    failed: Mapping[str, Mapping[str, Any]] = {e["Id"]: e for e in answer.get("Failed", ())}
    fine = {entry["Id"] for entry in answer.get("Successful", ())}
    fine |= {key for key, entry in failed.items() if entry.get("Code") in harmless}
    # Moto leaves an entry out of both lists when it failed in a way that it did not foresee.
    return [
        None if key in fine else _refusal(failed.get(key, {}), where)
        for key in map(str, range(count))
    ]


def one_line(exc: Exception) -> str:
    """The text of an exception without its line breaks."""
    return " ".join(str(exc).split())


def _refusal(
    error: Mapping[str, Any],
    where: str,
    *,
    status: int = 0,
    steps: Mapping[type[BusError], str] = _NEXT_STEP,
) -> BusError:
    code = error.get("Code", "")
    message = " ".join(str(error.get("Message") or code or "neither accepted nor refused").split())
    if code in _LEASE_ENDED:
        return BusNotFound(f"{where}: the lease has ended")
    kind = _first(_CODES, {code})
    if kind is BusError and status >= 500:
        kind = BusUnavailable
    return _error(kind, f"{where}: {message}", steps)


def _first(
    table: Mapping[type[BusError], frozenset[str]], names: Collection[str]
) -> type[BusError]:
    return next((kind for kind, known in table.items() if known & set(names)), BusError)


def _error(kind: type[BusError], what: str, steps: Mapping[type[BusError], str]) -> BusError:
    step = steps.get(kind)
    return kind(f"{what.rstrip('.')}; {step}" if step else what)
