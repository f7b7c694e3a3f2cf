"""How the processes of one user find their embedded broker, and know it from a stranger.

The broker writes a file with its port, its pid and a secret token. A port or pid may belong to
somebody else by the time the file is read, so whoever answers there proves that it knows the token.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from asyncmcp_nb.config import APP, HOME_VARIABLE, data_directory

HOST: Final = "127.0.0.1"
STATUS_PATH: Final = "/asyncmcp-nb/status"

_STATUS_TIMEOUT_SECONDS: Final = 10.0
_NONCE_BYTES: Final = 16

# A bucket's name has up to 63 characters.
_BUCKET_PART_LENGTH: Final = 31
_BUCKET_DIGEST_LENGTH: Final = 8
_PAYLOAD_BUCKET = re.compile(rf"{APP}-[a-z0-9-]{{1,40}}-payloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What the runtime file says."""

    port: int
    pid: int
    token: str
    """Known to this user's processes only."""
    started_at: float
    """Unix seconds."""
    region: str
    account_id: str

    @property
    def endpoint_url(self) -> str:
        """Where SNS, SQS and S3 are."""
        return f"http://{HOST}:{self.port}"


def home() -> Path:
    """Where the runtime file is: ``ASYNCMCP_NB_HOME``, or a folder in the user's data directory.

    Not Jupyter's runtime folder: a worker's environment without Jupyter must find the same broker.
    """
    override = os.environ.get(HOME_VARIABLE)
    return Path(override) if override else data_directory() / "broker"


def runtime_file(folder: Path) -> Path:
    """Where the broker of this folder says how to reach it."""
    return folder / f"{APP}-broker.json"


def read(folder: Path) -> Runtime | None:
    """What the runtime file says; None where there is none, or it makes no sense."""
    try:
        return Runtime(**json.loads(runtime_file(folder).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, runtime: Runtime) -> None:
    """Write the runtime file, at once and for this user only."""
    write_private(runtime_file(folder), json.dumps(asdict(runtime)).encode())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by this user only."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def payload_bucket(deployment: str) -> str:
    """The bucket of a deployment, which the broker makes when it is first used.

    Bucket names have no capitals and no underscores; a deployment's name that has some is told from
    those it would then equal by a digest.
    """
    name = deployment.lower().replace("_", "-")
    if name != deployment:
        digest = hashlib.sha256(deployment.encode()).hexdigest()
        name = f"{name[:_BUCKET_PART_LENGTH]}-{digest[:_BUCKET_DIGEST_LENGTH]}"
    return f"{APP}-{name}-payloads"


def is_payload_bucket(name: str) -> bool:
    """Whether a bucket may be one that ``payload_bucket`` names."""
    return _PAYLOAD_BUCKET.fullmatch(name) is not None


def proof(token: str, nonce: str) -> str:
    """What only a holder of the token can answer to a nonce."""
    return hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()


def ask(runtime: Runtime) -> Mapping[str, Any] | None:
    """The status of the broker; None where nobody answers, or somebody else does."""
    nonce = secrets.token_hex(_NONCE_BYTES)
    connection = http.client.HTTPConnection(HOST, runtime.port, timeout=_STATUS_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{STATUS_PATH}?nonce={nonce}")
        answer: Any = json.loads(connection.getresponse().read())
        known = hmac.compare_digest(str(answer["proof"]), proof(runtime.token, nonce))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    return answer if known else None
