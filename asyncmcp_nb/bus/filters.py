"""The part of SNS filter policies that this transport uses, for the in-process bus.

``{"ClientId": ["alice"]}`` admits a message whose attribute is one of the values;
``{"WorkerId": [{"exists": false}]}`` one that lacks the attribute but has another: SNS compares
nothing with a message that has none. All keys must match.
https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Condition = str | Mapping[str, bool]
FilterPolicy = Mapping[str, Sequence[Condition]]


def matches(policy: FilterPolicy, attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes passes the policy."""
    return bool(attributes) and all(
        any(_holds(condition, attributes.get(name)) for condition in conditions)
        for name, conditions in policy.items()
    )


def _holds(condition: Condition, value: str | None) -> bool:
    if isinstance(condition, str):
        return value == condition
    return condition["exists"] == (value is not None)
