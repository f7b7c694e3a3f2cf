"""Addresses as a person checks them: where they lead, and which are no links."""

from __future__ import annotations

import pytest

from asyncmcp_nb.ui.question.addresses import Page, roots_in
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/a?b=c#d", "example.com"),
        ("https://EXAMPLE.com:8443/", "example.com"),
        ("https://google.com@evil.example/", "evil.example"),
        ("https://evil.example/google.com", "evil.example"),
        ("https://a.b:80@c.d:90/a.b", "c.d"),
        ("http://[::1]:8080/x", "::1"),
    ],
)
def test_the_host_that_an_address_leads_to_is_emphasised(url: str, host: str) -> None:
    found = Page.of(url)
    markup = str(found.html(with_link=True))

    assert (found.host, found.trouble) == (host, "")
    assert f"<b>{markup.partition('<b>')[2].partition('</b>')[0]}</b>".lower() == f"<b>{host}</b>"
    assert page(markup).text.startswith(url)
    assert ("href", url) in page(markup).attributes


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "mailto:a@b.c",
        "https:///no-host",
        "https://",
        "//example.com",
        "",
        "https://evil.example\\@google.com",
        "https://ex\u0430mple.com",
        "https://a.b/\nx",
        "https://a.b:port/",
        "https://[a",
        "https://a.b/%zz",
        HOSTILE,
    ],
)
def test_an_address_that_is_not_certain_is_shown_and_is_no_link(url: str) -> None:
    found = Page.of(url)
    read = page(found.html(with_link=True))

    assert found.trouble
    assert "a" not in read.tags
    assert "There is no link to this" in read.text


@pytest.mark.parametrize(
    ("url", "warning"),
    [
        ("http://a.b", "it is not encrypted"),
        ("https://a@b.c", "what stands before the @ is not where it leads"),
        ("https://xn--exmple-4nf.com", "its name is written in another alphabet"),
        ("https://a.b", ""),
    ],
)
def test_what_looks_otherwise_than_it_is_is_warned_of(url: str, warning: str) -> None:
    assert Page.of(url).warning == warning


def test_the_host_is_not_sought_in_what_stands_before_it() -> None:
    markup = str(Page.of("https://a.b@a.b/a.b").html(with_link=False))

    assert "https://a.b@<b>a.b</b>/a.b" in markup


def test_a_saved_notebook_has_no_link() -> None:
    assert "a" not in page(Page.of("https://a.b").html(with_link=False)).tags


def test_a_very_long_address_is_cut() -> None:
    read = page(Page.of("https://a.b/" + "x" * 100_000).html(with_link=False))

    assert len(read.text) < 3_000
    assert "more characters" in read.text


def test_folders_are_addresses_or_full_paths() -> None:
    text = "file:///home/me/data\n\n /tmp/x y \n"

    assert roots_in(text) == ["file:///home/me/data", "file:///tmp/x%20y"]
    assert roots_in("") == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("data", "line 1: data is neither file://… nor a full path"),
        ("https://a.b", "line 1: https://a.b is no file:///… address"),
        ("file://host/x", "line 1: file://host/x is no file:///… address"),
        ("file:///a b", "line 1: file:///a b is no file:///… address"),
    ],
)
def test_a_line_that_names_no_folder_is_told(line: str, why: str) -> None:
    with pytest.raises(ValueError, match="line 1") as told:
        roots_in(line)

    assert str(told.value) == why
