"""Bodies of SNS requests, written once: pure.

SNS takes forms. Ten messages make one of 500 fields, and botocore writes each body twice, once to
sign it and once to send it, character by character. This took half of what a publish takes of the
processor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_WRITTEN: Final = re.compile(r"[A-Za-z0-9_.~%+-]*")
# Of JSON and of ARNs; the percent sign first, since the others bring it.
_COMMON: Final = "%+\"{}:,[]/\\=;()'<>*&!?@#$^|`\n"
_REPLACED: Final = (*((char, quote_plus(char)) for char in _COMMON), (" ", "+"))


def quoted(text: str) -> str:
    """The same as ``urllib.parse.quote_plus``, in a third of its time for JSON.

    Raises:
        UnicodeEncodeError: There is half of a character in it.
    """
    if _PLAIN.fullmatch(text):
        return text
    written = text
    for char, code in _REPLACED:
        if char in written:
            written = written.replace(char, code)
    return written if _WRITTEN.fullmatch(written) else quote_plus(text)


def form(fields: Mapping[str, Any]) -> bytes:
    """The same as ``urllib.parse.urlencode``, for fields whose names need no quoting."""
    return "&".join([f"{name}={quoted(str(value))}" for name, value in fields.items()]).encode()


def write_body(params: dict[str, Any], **_: Any) -> None:
    """Write a request's form; for botocore's event ``before-call``."""
    params["body"] = form(params["body"])
