"""Formats of strings that are checked: those that a person types into a form. Pure.

They are what ``jsonschema`` checks where the packages for it are installed, which they need not be,
and cost no second of start-up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_TIME: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_TIME_ALONE: Final = re.compile(_TIME, re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME: Final = re.compile(rf"(?P<date>\d{{4}}-\d{{2}}-\d{{2}})[Tt]{_TIME}", re.ASCII)

_SAFE: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}"
_URI: Final = re.compile(
    rf"""
    [A-Za-z][A-Za-z0-9+.\-]*:
    (?:
        //(?:(?:{_SAFE}|:)*@)?
        (?:\[(?:(?P<v6>[0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\]|(?:{_SAFE})*)
        (?::\d*)?
        (?:/(?:{_SAFE}|[:@])*)*
      | /(?:(?:{_SAFE}|[:@])+(?:/(?:{_SAFE}|[:@])*)*)?
      | (?:{_SAFE}|[:@])+(?:/(?:{_SAFE}|[:@])*)*
      |
    )
    (?:\?(?:{_SAFE}|[:@/?])*)?
    (?:\#(?:{_SAFE}|[:@/?])*)?
    """,
    re.VERBOSE | re.ASCII,
)


def is_date(text: str) -> bool:
    """Such as ``2026-01-31``."""
    return _DATE.fullmatch(text) is not None and _is_day(text)


def is_time(text: str) -> bool:
    """Such as ``14:30:00Z``: RFC 3339, with seconds and offset."""
    return _TIME_ALONE.fullmatch(text) is not None


def is_date_time(text: str) -> bool:
    """Such as ``2026-01-31T14:30:00Z``: RFC 3339, with seconds and offset."""
    found = _DATE_TIME.fullmatch(text)
    return found is not None and _is_day(found["date"])


def is_email(text: str) -> bool:
    """There is an ``@`` in it; more than that only its server knows."""
    return "@" in text


def is_uri(text: str) -> bool:
    """Such as ``https://example.com/a``: RFC 3986, with its scheme."""
    found = _URI.fullmatch(text)
    return found is not None and (found["v6"] is None or _is_v6(found["v6"]))


CHECKED: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": is_date,
    "time": is_time,
    "date-time": is_date_time,
    "email": is_email,
    "uri": is_uri,
}
"""By the name that a schema has for it."""


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_v6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
