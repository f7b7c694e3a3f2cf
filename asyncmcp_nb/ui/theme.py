"""How it looks: JupyterLab's colours where there are some, VS Code's, else the browser's own.

Text always has the theme's text colour; status colours are on icons and edges beside a word, so
that contrast holds in light and dark, and nothing is said by colour alone.
"""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.ui.escape import Child, Html, style, tag

CSS: Final = """
.amcp { --amcp-text: var(--jp-content-font-color1, var(--vscode-foreground, CanvasText));
  --amcp-quiet: var(--jp-content-font-color2, var(--vscode-descriptionForeground, GrayText));
  --amcp-back: var(--jp-layout-color1, var(--vscode-editor-background, Canvas));
  --amcp-shade: var(--jp-layout-color2, color-mix(in srgb, currentColor 7%, transparent));
  --amcp-edge: var(--jp-border-color2, color-mix(in srgb, currentColor 22%, transparent));
  --amcp-good: var(--jp-success-color1, #388e3c); --amcp-bad: var(--jp-error-color1, #d32f2f);
  --amcp-warn: var(--jp-warn-color1, #f57c00); --amcp-info: var(--jp-info-color1, #1976d2);
  color: var(--amcp-text); font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: var(--jp-ui-font-size1, 13px); line-height: 1.45; max-width: 100%; }
.amcp pre, .amcp code { font-family: var(--jp-code-font-family, ui-monospace, monospace);
  font-size: var(--jp-code-font-size, 12px); background: none !important; color: inherit;
  padding: 0 !important; }
.amcp pre { margin: .2em 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 30em;
  overflow: auto; }
.amcp-scroll { overflow-x: auto; }
.amcp table.amcp-table { border-collapse: collapse; width: 100%; margin: .2em 0; table-layout: auto;
  color: inherit; font-size: inherit; }
.amcp table.amcp-table th, .amcp table.amcp-table td { text-align: left; vertical-align: top;
  padding: .25em .7em; border: 0; border-bottom: 1px solid var(--amcp-edge); background: none;
  white-space: normal; max-width: 36em; overflow-wrap: anywhere; }
.amcp table.amcp-table th { font-weight: 600; color: var(--amcp-quiet); white-space: nowrap; }
.amcp table.amcp-table caption { caption-side: bottom; text-align: left; color: var(--amcp-quiet);
  padding: .35em .7em; font-size: inherit; }
.amcp table.amcp-table tbody tr:hover td { background: var(--amcp-shade); }
.amcp table.amcp-table td.amcp-tight, .amcp table.amcp-table th.amcp-tight { white-space: nowrap;
  overflow-wrap: normal; }
.amcp table.amcp-table td.amcp-name { overflow-wrap: break-word; max-width: 16em; }
.amcp table.amcp-table td.amcp-number, .amcp table.amcp-table th.amcp-number { text-align: right;
  font-variant-numeric: tabular-nums; }
.amcp table.amcp-narrow { width: auto; }
.amcp-quiet { color: var(--amcp-quiet); }
.amcp-status { white-space: nowrap; }
.amcp-icon { display: inline-block; width: 1.25em; text-align: center; font-weight: 700; }
.amcp-status.amcp-good > .amcp-icon { color: var(--amcp-good); }
.amcp-status.amcp-bad > .amcp-icon { color: var(--amcp-bad); }
.amcp-status.amcp-warn > .amcp-icon { color: var(--amcp-warn); }
.amcp-status.amcp-info > .amcp-icon { color: var(--amcp-info); }
.amcp-line { display: flex; flex-wrap: wrap; gap: .15em 1.1em; align-items: baseline;
  padding: .35em .7em; border: 1px solid var(--amcp-edge); border-left-width: 4px;
  border-radius: 3px; }
.amcp-line.amcp-good { border-left-color: var(--amcp-good); }
.amcp-line.amcp-bad { border-left-color: var(--amcp-bad); }
.amcp-line.amcp-warn { border-left-color: var(--amcp-warn); }
.amcp-line.amcp-info { border-left-color: var(--amcp-info); }
.amcp-block { border-left: 3px solid var(--amcp-edge); padding: 0 .8em; margin: .3em 0; }
.amcp-block.amcp-bad { border-left-color: var(--amcp-bad); }
.amcp-bar { display: inline-block; width: 7em; height: .6em; border: 1px solid var(--amcp-edge);
  border-radius: .3em; overflow: hidden; vertical-align: baseline; margin-right: .5em; }
.amcp-bar > span { display: block; height: 100%; background: var(--amcp-info); }
.amcp-live .amcp-scroll { overflow: visible; }
.amcp-live table.amcp-table th { position: sticky; top: 0; background: var(--amcp-back); }
.amcp img { max-width: 100%; height: auto; }
.amcp details > summary { cursor: pointer; padding: .2em .7em; font-weight: 600; }
"""

_SHEET: Final = style(CSS)


def framed(*children: Child) -> Html:
    """A display that stands alone: the style sheet and what it applies to."""
    return tag("div", _SHEET, *children, class_="amcp")


def bare(*children: Child) -> Html:
    """A part of a panel that has the style sheet already."""
    return tag("div", *children, class_="amcp")


def sheet() -> Html:
    """The style sheet by itself."""
    return _SHEET
