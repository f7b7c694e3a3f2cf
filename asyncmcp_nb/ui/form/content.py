"""What a place of the form holds: the base of all kinds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from asyncmcp_nb.ui.form.field import Field, Path


class Place(Protocol):
    """A node, as far as its content needs to know."""

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Where something typed or chosen stands for no value, and why."""
        ...


NodeT = TypeVar("NodeT", bound=Place)


class Content(Generic[NodeT]):
    """What a node holds; the base refuses everything that its kind has not."""

    text: str = ""
    chosen: int | None = None
    has_content: bool = False
    """Whether something was put into it since it was made."""
    refusal: str = "this field cannot show the value"
    """Why ``put`` said no."""

    def __init__(self, node: NodeT, field: Field) -> None:
        self.node = node
        self.field = field

    @property
    def children(self) -> Sequence[NodeT]:
        """The nodes below."""
        return ()

    @property
    def may_add(self) -> bool:
        """Whether a child may be added."""
        return False

    def put(self, value: Any, /) -> bool:
        """Hold a value; False where this kind of field cannot hold it exactly."""
        raise NotImplementedError

    def read(self) -> Any:
        """The value, or a ``Fault``."""
        raise NotImplementedError

    def begin(self) -> None:
        """Be blank."""

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Those of the children, and of how they go together."""
        for child in self.children:
            yield from child.faults()

    def is_extra(self, _child: NodeT, /) -> bool:
        """Whether a child may be renamed."""
        return False

    def may_remove(self, _child: NodeT, /) -> bool:
        """Whether a child may be taken out."""
        return False

    def may_move(self, _child: NodeT, _by: int, /) -> bool:
        """Whether a child may change places."""
        return False

    def type_text(self, _text: str, /) -> None:
        """Put a text into the input."""
        raise self._lacks("input for text")

    def choose(self, _index: int, /) -> None:
        """Take an option."""
        raise self._lacks("options")

    def add(self, _key: str | None, /) -> NodeT:
        """Add a child."""
        raise self._lacks("items")

    def remove(self, _child: NodeT, /) -> None:
        """Take a child out."""
        raise self._lacks("items")

    def move(self, _child: NodeT, _by: int, /) -> None:
        """Change a child's place."""
        raise self._lacks("items")

    def rename(self, _child: NodeT, _key: str, /) -> None:
        """Give a child another name."""
        raise self._lacks("entries")

    def _lacks(self, what: str) -> TypeError:
        return TypeError(f"a field of kind {self.field.kind} has no {what}")
