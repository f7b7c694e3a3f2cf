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
            *("AccessDenied", "AccessDeniedException", "AuthorizationError", "ExpiredToken"),
            *("ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId"),
            *("InvalidClientTokenId", "InvalidSecurity", "KMSAccessDenied", "KmsAccessDenied"),
            *("MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "RequestExpired"),
            *("SignatureDoesNotMatch", "UnauthorizedOperation", "UnrecognizedClientException"),
        }
    ),
    BusNotFound: frozenset(
        {
            *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound"),
            *("NotFoundException", "ResourceNotFound", "ResourceNotFoundException"),
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
        {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable"}
    ),
}
_LEASE_ENDED: Final = EXPIRED_RECEIPT | {
    "AWS.SimpleQueueService.MessageNotInflight",
    "MessageNotInflight",
}
_CLASSES: Final[Mapping[type[BusError], frozenset[str]]] = {
    BusUnavailable: frozenset({"ConnectionError", "HTTPClientError"}),
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


def translate(exc: Exception, operation: str, target: str) -> BusError:
    """Make one of our errors of one of botocore's.

    Args:
        exc: A ``BotoCoreError`` or ``ClientError``.
        operation: As AWS names it, such as ``PublishBatch``.
        target: The topic, queue or name that it was for.
    """
    where = f"{operation} on {target}"
    response: Mapping[str, Any] | None = getattr(exc, "response", None)
    if response is not None:
        status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _refusal(response.get("Error", {}), where, status=status)
    names = {kind.__name__ for kind in type(exc).__mro__}
    return _error(_first(_CLASSES, names), where, one_line(exc))


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


def _refusal(error: Mapping[str, Any], where: str, *, status: int = 0) -> BusError:
    code = error.get("Code", "")
    message = " ".join(str(error.get("Message") or code or "neither accepted nor refused").split())
    if code in _LEASE_ENDED:
        return BusNotFound(f"{where}: the lease has ended")
    kind = _first(_CODES, {code})
    if kind is BusError and status >= 500:
        kind = BusUnavailable
    return _error(kind, where, message)


def _first(
    table: Mapping[type[BusError], frozenset[str]], names: Collection[str]
) -> type[BusError]:
    return next((kind for kind, known in table.items() if known & set(names)), BusError)


def _error(kind: type[BusError], where: str, message: str) -> BusError:
    step = _NEXT_STEP.get(kind)
    return kind(f"{where}: {message.rstrip('.')}; {step}" if step else f"{where}: {message}")
