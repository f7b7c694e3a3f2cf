"""Addresses that a server or a person wrote: where a page is, which folders may be used. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.escape import Html, tag

_URI: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
"""RFC 3986. Browsers repair what is outside of it, and may then go elsewhere than it reads."""
_SHOWN_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page to open, as a person checks it."""

    url: str
    host: str
    """Where it leads; empty where that is not certain."""
    trouble: str
    """Why there is no link to it; empty where there is one."""
    warning: str = ""

    @classmethod
    def of(cls, url: str) -> Page:
        """Read an address as a browser will, or not at all."""
        if _URI.fullmatch(url) is None:
            return cls(url, "", "it has characters that no address may have")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            return cls(url, "", "it is no address")
        if parts.scheme not in ("http", "https"):
            return cls(url, "", "it is no web page: http and https are")
        if not host:
            return cls(url, "", "it names no host")
        warnings = [
            "it is not encrypted" if parts.scheme == "http" else "",
            "what stands before the @ is not where it leads" if "@" in parts.netloc else "",
            "its name is written in another alphabet" if "xn--" in host else "",
        ]
        return cls(url, host, "", "; ".join(filter(None, warnings)))

    def html(self, *, with_link: bool) -> Html:
        """The address in full, its host emphasised; a link only where it is certain where to."""
        before, host, after = self._split()
        words = cut(after, _SHOWN_CHARACTERS)
        link = tag(
            "a",
            f"Open {self.host} in a new tab",
            href=self.url,
            rel="noopener noreferrer",
            target="_blank",
        )
        trouble = f"There is no link to this: {self.trouble}." if self.trouble else ""
        warning = f"Beware: {self.warning}." if self.warning else ""
        return tag(
            "div",
            tag("code", before, tag("b", host), words, class_="amcp-url"),
            tag("div", link) if with_link and not self.trouble else None,
            tag("div", trouble or warning, class_="amcp-beware") if trouble or warning else None,
        )

    def _split(self) -> tuple[str, str, str]:
        if not self.host:
            return "", "", self.url
        authority = urlsplit(self.url).netloc
        start = self.url.index(authority)
        at = self.url.lower().index(self.host.lower(), start + authority.rfind("@") + 1)
        end = at + len(self.host)
        return self.url[:at], self.url[at:end], self.url[end:]


def roots_in(text: str) -> list[str]:
    """The folders that lines of text name, as ``file://`` addresses.

    Raises:
        ValueError: A line names none; the message says which and why.
    """
    lines = (line.strip() for line in text.splitlines())
    return [_root(line, number) for number, line in enumerate(lines, 1) if line]


def _root(line: str, number: int) -> str:
    path = Path(line)
    if "://" not in line:
        if not path.is_absolute():
            raise ValueError(f"line {number}: {_shown(line)} is neither file://… nor a full path")
        return path.as_uri()
    if not line.startswith("file:///") or _URI.fullmatch(line) is None:
        raise ValueError(f"line {number}: {_shown(line)} is no file:///… address")
    return line


def _shown(line: str) -> str:
    return cut(one_line(line), 60)
