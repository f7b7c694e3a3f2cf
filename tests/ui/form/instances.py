"""Values for schemas: mostly valid ones, and what becomes of them when something is changed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final, cast

from hypothesis import strategies as st

Schema = dict[str, Any]
Values = st.SearchStrategy[Any]

ODD_TEXTS: Final = (
    *("", " ", "0", "1", "1.0", "null", "true", "[]", "{}", '"', "'", "\\", "a\nb", "\r\n", "\t"),
    *("é", "😀", "\u202e", "\x00", "\ud800", "\u2028", "{{x}}", "a" * 300, "$ref", "name1"),
)
ODD_NUMBERS: Final = (
    *(0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 10**20, 10**40),
    *(0.0, -0.0, 1.0, 0.1, 1e16, 1e22, 1e23, 1.5e300, 5e-324, -2.5),
)
FORMATS: Final = {
    "date": ("2024-02-29", "0001-01-01", "2023-02-29", "20240101"),
    "time": ("10:00:00Z", "23:59:59.123+01:00", "10:00", "24:00:00Z"),
    "date-time": ("2024-05-01T10:00:00Z", "2024-05-01t10:00:00.5-07:30", "2024-05-01T10:00:00"),
    "email": ("a@b.c", "@", "nobody"),
    "uri": ("https://example.com/a?b#c", "urn:x", "http://[::1]:80/", "http://a b", "relative"),
}

texts: Final[Values] = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
numbers: Final[Values] = (
    st.integers(-100, 100)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(ODD_NUMBERS)
)
scalars: Final[Values] = st.none() | st.booleans() | numbers | texts
anything: Final[Values] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


class Instances:
    """Strategies for the places of one schema."""

    def __init__(self, root: Schema | bool) -> None:
        self._root = root
        self._known: dict[str, Values] = {}

    def of_root(self) -> Values:
        """Values for the whole."""
        return self.of(self._root)

    def of(self, schema: Any) -> Values:
        """Values for a place; most are valid."""
        if not isinstance(schema, dict):
            return anything
        key = json.dumps(schema, sort_keys=True)
        if key not in self._known:
            self._known[key] = st.deferred(lambda: self._of(cast("Schema", schema)))
        return self._known[key]

    def _of(self, schema: Schema) -> Values:
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(cast("list[Any]", schema["enum"]))
        for word in ("$ref", "allOf", "anyOf", "oneOf"):
            if word in schema:
                rest = {name: part for name, part in schema.items() if name != word}
                if word == "$ref":
                    return self.of(_joined(self._target(schema[word]), rest))
                if word == "allOf":
                    joined: Any = rest
                    for part in schema[word]:
                        target = self._target(part["$ref"]) if "$ref" in part else part
                        joined = _joined(target, joined)
                    return self.of(joined)
                return st.one_of([self.of(_joined(part, rest)) for part in schema[word]])
        return st.one_of([self._typed(kind, schema) for kind in _types(schema)])

    def _typed(self, kind: str, schema: Schema) -> Values:
        match kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                return _integers(schema) | _integers(schema).map(_as_float)
            case "number":
                return numbers | _integers(schema) | _integers(schema).map(_as_float)
            case "string":
                return _texts(schema)
            case "array":
                return self._arrays(schema)
            case "object":
                return self._objects(schema)
            case _:
                return anything

    def _arrays(self, schema: Schema) -> Values:
        first: Any = schema.get("prefixItems", [])
        rest: Any = schema.get("items", {})
        if isinstance(rest, list):
            first, rest = cast("list[Any]", rest), False
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
        some = st.lists(
            self.of(rest), min_size=max(least - len(first), 0), max_size=max(most, least)
        )
        if not first:
            return some.map(_unique) if schema.get("uniqueItems") else some
        heads = st.tuples(*(self.of(part) for part in first)).map(list)
        return heads if rest is False else st.builds(_in_a_row, heads, some)

    def _objects(self, schema: Schema) -> Values:
        properties: Schema = schema.get("properties", {})
        required = set(schema.get("required", []))
        declared = st.fixed_dictionaries(
            {name: self.of(properties.get(name, {})) for name in sorted(required)},
            optional={n: self.of(part) for n, part in properties.items() if n not in required},
        )
        rest: Any = schema.get("additionalProperties", {} if not properties else None)
        patterns: Schema = schema.get("patternProperties", {})
        kinds = [
            st.dictionaries(_matching(pattern), self.of(part), max_size=2)
            for pattern, part in patterns.items()
        ]
        if isinstance(rest, dict) or rest is True:
            names: Any = schema.get("propertyNames", {}).get("pattern")
            keys: Values = _matching(names) if names else texts
            kinds.append(st.dictionaries(keys, self.of(rest), max_size=3))
        return st.builds(_in_order, st.tuples(declared, *kinds), st.booleans())

    def _target(self, reference: str) -> Any:
        found: Any = self._root
        pointer = reference.partition("#")[2]
        if pointer == "num":
            return {"type": "integer"}
        for token in pointer.split("/")[1:]:
            found = found[token.replace("~1", "/").replace("~0", "~")]
        return found


@st.composite
def with_change(draw: st.DrawFn, values: Values) -> tuple[Any, Any]:
    """A value, and the same with something in it replaced, taken out or added."""
    value = draw(values)
    return value, _changed(draw, value)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    root: Any = [deepcopy(value)]
    holder: Any = root
    key: Any = 0
    while _keys(holder[key]) and draw(st.booleans()):
        holder = holder[key]
        key = draw(st.sampled_from(_keys(holder)))
    found: Any = holder[key]
    what = draw(st.sampled_from(["replace", "remove", "add", "retype"]))
    if what == "remove" and holder is not root:
        del holder[key]
    elif what == "add" and isinstance(found, dict):
        cast("dict[str, Any]", found)[draw(texts)] = draw(anything)
    elif what == "add" and isinstance(found, list):
        cast("list[Any]", found).append(draw(anything))
    elif what == "retype" and isinstance(found, bool | int | float | str):
        holder[key] = draw(st.sampled_from([str(found), [found], {"a": found}, None, not found]))
    else:
        holder[key] = draw(anything)
    return root[0]


def _keys(value: Any) -> list[Any]:
    """Names or indexes of what is in a value."""
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value))
    return list(range(len(cast("list[Any]", value)))) if isinstance(value, list) else []


def _in_a_row(one: list[Any], other: list[Any]) -> list[Any]:
    return [*one, *other]


def _joined(one: Any, other: Schema) -> Any:
    if not isinstance(one, dict):
        return other or _untyped(one)
    joined = {**other, **cast("Schema", one)}
    for word in ("properties", "required"):
        if word in one and word in other:
            left, right = cast("Any", one)[word], other[word]
            joined[word] = {**right, **left} if word == "properties" else [*right, *left]
    return joined


def _untyped(value: Any) -> Any:
    return value


def _matching(pattern: str) -> Values:
    untyped: Any = st.from_regex
    return untyped(pattern, fullmatch=True)


def _types(schema: Schema) -> list[str]:
    declared = schema.get("type")
    if isinstance(declared, list):
        return cast("list[str]", declared)
    if isinstance(declared, str):
        return [declared]
    told = {"properties": "object", "items": "array", "maxLength": "string", "minimum": "number"}
    return [kind for word, kind in told.items() if word in schema][:1] or ["anything"]


def _integers(schema: Schema) -> Values:
    step = schema.get("multipleOf", 1)
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(step, int) and step > 1:
        low = -10 if least is None else -(-least // step)
        return st.integers(low, 10 if most is None else most // step).map(lambda n: n * step)
    low = None if least is None else int(least) + (least != int(least))
    return st.integers(low, None if most is None else int(most))


def _texts(schema: Schema) -> Values:
    wanted = schema.get("format")
    if wanted in FORMATS:
        return st.sampled_from(FORMATS[wanted])
    if "pattern" in schema:
        return _matching(schema["pattern"])
    least, most = schema.get("minLength", 0), schema.get("maxLength", 10)
    plain = st.text(min_size=least, max_size=max(least, min(most, 10)))
    return plain if schema.keys() & {"minLength", "maxLength"} else plain | texts


def _as_float(value: int) -> int | float:
    return float(value) if abs(value) < 2**53 else value


def _unique(values: list[Any]) -> list[Any]:
    return [value for at, value in enumerate(values) if value not in values[:at]]


def _in_order(parts: tuple[dict[str, Any], ...], is_turned: bool) -> dict[str, Any]:
    found = [(name, value) for part in parts for name, value in part.items()]
    return dict(reversed(found) if is_turned else found)
