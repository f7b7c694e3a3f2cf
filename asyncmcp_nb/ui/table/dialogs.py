"""What the live table asks before it does something, and where it shows calls as code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import CallRecord
from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.form.codes import as_magic, as_python
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, Placed
from asyncmcp_nb.ui.kit.jobs import Tell
from asyncmcp_nb.ui.theme import bare

_CODE_CHARACTERS: Final = 100_000
_GONE: Final = "amcp-t-gone"

OnExport = Callable[[Path, bool], object]
"""Takes the file and whether to leave out arguments and answers."""


class Dialogs:
    """One question or text at a time, in a place of its own."""

    def __init__(self, kit: Kit, tell: Tell) -> None:
        """Make them.

        Args:
            kit: Makes the widgets.
            tell: Shows one line where something could not be done.
        """
        self._on_yes: Callable[[], object] = lambda: None
        self._on_export: OnExport = lambda _path, _is_redacted: None
        self._records: Sequence[CallRecord] = ()
        self._left = 0
        self.question = kit.html("amcp-t-question")
        self.yes = kit.button("Yes", "do it", telling(tell, self._answer), "mod-warning")
        self.no = kit.button("Keep as it is", "do nothing", lambda _: self.close())
        self.name = kit.text("File", "amcp-t-file", placeholder="such as calls.csv")
        self.redact = kit.check("Leave out arguments and answers", "amcp-t-redact")
        self.write = kit.button("Write", "write the file", telling(tell, self._export))
        self.language = kit.dropdown("As", [("Python", as_python), ("%mcp", as_magic)])
        self.text = kit.html("amcp-t-codes")
        self.leave = kit.button("Cancel", "write nothing", lambda _: self.close())
        self.done = kit.button("Close", "close this", lambda _: self.close())
        self.language.observe(telling(tell, self._show_code), "value")
        asking = kit.box([self.yes, self.no], "amcp-t-bar-row")
        filing = kit.box([self.name, self.redact, self.write, self.leave], "amcp-t-bar-row")
        coding = kit.box([self.language, self.done], "amcp-t-bar-row")
        self._parts: dict[str, tuple[Placed, ...]] = {
            "": (),
            "question": (self.question, asking),
            "file": (self.question, filing),
            "code": (coding, self.text),
        }
        self.shown = ""
        """``question``, ``file``, ``code``, or nothing."""
        parts = [self.question, asking, filing, coding, self.text]
        for part in parts:
            part.add_class(_GONE)
        self.widget = kit.box(parts, "amcp-t-dialog")

    def close(self) -> None:
        """Ask and show nothing."""
        self._show("")

    def ask(self, question: str, yes: str, on_yes: Callable[[], object]) -> None:
        """Ask before something is done.

        Args:
            question: In words.
            yes: The words of the button that does it.
            on_yes: Does it.
        """
        self._on_yes = on_yes
        widgets.put(self.question, bare(tag("span", "⚠ ", question, role="alert")))
        self.yes.description = yes
        self._show("question")

    def ask_file(self, what: str, on_export: OnExport) -> None:
        """Ask which file to write to.

        Args:
            what: What will be written, in words.
            on_export: Writes it.
        """
        self._on_export = on_export
        said = f"Write {what} to a file that ends in .csv, .parquet, .jsonl or .html"
        widgets.put(self.question, bare(tag("span", said)))
        self._show("file")

    def show_code(self, records: Sequence[CallRecord], left: int) -> None:
        """Show calls as code for a cell.

        Args:
            records: The calls.
            left: How many more are not shown.
        """
        self._records, self._left = records, left
        self._show_code()
        self._show("code")

    def _show_code(self, *_: Any) -> None:
        make: Callable[[str, Any], str] = self.language.value
        code = "\n".join(make(record.tool, record.arguments) for record in self._records)
        left = [f"{self._left:,} more calls are left out"] if self._left else []
        if len(code) > _CODE_CHARACTERS:
            left.append(f"cut: {len(code) - _CODE_CHARACTERS:,} more characters")
        note = "; ".join(["a click selects all of it: copy it into a cell", *left])
        shown = tag("pre", visible(code[:_CODE_CHARACTERS]), class_="amcp-t-code", tabindex=0)
        widgets.put(self.text, bare(shown, tag("div", note, class_="amcp-quiet")))

    def _answer(self, *_: Any) -> None:
        self.close()
        self._on_yes()

    def _export(self, *_: Any) -> None:
        self._on_export(Path(self.name.value.strip()), bool(self.redact.value))

    def _show(self, name: str) -> None:
        """All of them stay in the page, so that they are closed with it; most are not seen."""
        before, after = self._parts[self.shown], self._parts[name]
        self.shown = name
        for part in before:
            if part not in after:
                part.add_class(_GONE)
        for part in after:
            if part not in before:
                part.remove_class(_GONE)
