"""What SNS is asked and answers: forms there, and XML back. Pure.

Ten messages make a form of 500 fields. botocore looks each of them up in its model of the service,
and writes the form twice, once to sign it and once to send it, character by character.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote_plus
from xml.etree import ElementTree

from asyncmcp_nb.bus.aws_clients import Answer, Entry

_VERSION: Final = "2010-03-31"
"""Of SNS's interface; there has been no other."""
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_ATTRIBUTES: Final = "MessageAttributes"
_BLAME: Final = "SenderFault"

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


def write_publish_batch(topic_arn: str, entries: Sequence[Entry]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a ``PublishBatch``, of entries whose attributes are text."""
    fields = [f"Action=PublishBatch&Version={_VERSION}&TopicArn={quoted(topic_arn)}"]
    for index, entry in enumerate(entries, 1):
        prefix = f"PublishBatchRequestEntries.member.{index}."
        fields += [
            f"{prefix}{name}={quoted(value)}"
            for name, value in entry.items()
            if name != _ATTRIBUTES
        ]
        for number, (name, value) in enumerate(entry.get(_ATTRIBUTES, {}).items(), 1):
            begin = _until_value((index, number), name, value["DataType"])
            fields.append(f"{begin}{quoted(value['StringValue'])}")
    return dict(_HEADERS), "&".join(fields).encode()


@functools.lru_cache(maxsize=4096)
def _until_value(place: tuple[int, int], name: str, kind: str) -> str:
    """What comes before the value of an attribute: the same few names come again and again."""
    index, number = place
    prefix = f"PublishBatchRequestEntries.member.{index}.{_ATTRIBUTES}.entry.{number}."
    named = f"{prefix}Name={quoted(name)}&{prefix}Value.DataType={quoted(kind)}"
    return f"{named}&{prefix}Value.StringValue="


def read_published(body: bytes) -> Answer:
    """What botocore would make of the answer to a ``PublishBatch``, but for ``ResponseMetadata``.

    Raises:
        ValueError: It is none.
    """
    try:
        result = ElementTree.fromstring(body).find("{*}PublishBatchResult")
    except ElementTree.ParseError as exc:
        raise ValueError(f"no answer of SNS: {exc}") from exc
    if result is None:
        raise ValueError("an answer of SNS without a result")
    return {
        name: [_member(member) for member in result.iterfind(f"{{*}}{name}/{{*}}member")]
        for name in ("Successful", "Failed")
    }


def _member(member: ElementTree.Element) -> dict[str, Any]:
    texts = {child.tag.rpartition("}")[2]: child.text or "" for child in member}
    if _BLAME in texts:
        return {**texts, _BLAME: texts[_BLAME] == "true"}
    return texts
