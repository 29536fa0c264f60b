"""The page itself: one HTML file with its style, tables and pictures inside, and no script."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_STYLE = """
:root { --ink: #1c2733; --soft: #5b6875; --line: #d9e0e6; --paper: #ffffff; --tint: #f4f7f9;
  --accent: #0b6e99; --bad: #a3341c; --warn: #8a5a00; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--paper); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic",
  "Noto Sans Hebrew", "Vazirmatn", Tahoma, Arial, sans-serif; font-size: 16px; }
main, header, nav, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .5rem; padding-top: .75rem;
  border-top: 2px solid var(--accent); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.soft, figcaption, footer { color: var(--soft); font-size: .9rem; }
nav ul { list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: .35rem 1rem; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; }
.card { background: var(--tint); border-radius: .5rem; padding: .8rem 1rem; }
.card .name { color: var(--soft); font-size: .85rem; }
.card .value { font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.card .more { color: var(--soft); font-size: .8rem; }
.wide { overflow-x: auto; -webkit-overflow-scrolling: touch; margin: .75rem 0 1rem; }
table { border-collapse: collapse; font-size: .88rem; min-width: 20rem; }
th, td { text-align: start; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
tr.unfinished td { color: var(--soft); font-style: italic; }
.tag { display: inline-block; border-radius: .25rem; padding: 0 .4rem; font-size: .8rem; }
.tag.error { background: #fbe4dd; color: var(--bad); }
.tag.warning { background: #fdf1d6; color: var(--warn); }
.tag.info { background: #e2eff5; color: var(--accent); }
.tag.ok { background: #e3f3e6; color: #1d6b34; }
td:first-child { white-space: nowrap; }
figure { margin: 1rem 0; overflow-x: auto; }
figure svg { width: 100%; height: auto; max-width: 54rem; display: block; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); gap: 1rem; }
footer { margin-top: 3rem; padding-bottom: 2rem; border-top: 1px solid var(--line);
  padding-top: 1rem; }
@media (max-width: 40rem) { body { font-size: 15px; } .pair { grid-template-columns: 1fr; }
  h1 { font-size: 1.5rem; } th, td { padding: .3rem .5rem; } figure svg { min-width: 32rem; } }
@media print { nav { display: none; } body { font-size: 10pt; } main, header, footer { max-width:
  none; padding: 0; } h2 { break-after: avoid; } h3 { break-after: avoid; } figure, .card, tr {
  break-inside: avoid; } .wide { overflow: visible; } a { color: inherit; } }
"""


@dataclass(frozen=True)
class Section:
    """What one room adds to the report."""

    key: str  # the anchor
    title: str
    body: str  # HTML
    headlines: tuple[str, ...] = ()  # plain sentences for the terminal and the top of the page
    cards: tuple[str, ...] = ()  # HTML of `card`
    customers: "pd.DataFrame | None" = None  # columns for the customer table, with its id
    actions: "pd.DataFrame | None" = None


def text(value: Any) -> str:
    """Escape text; `bdi` lets Persian and Hebrew run their own way inside a line."""
    return f"<bdi>{escape(str(value))}</bdi>"


def isolated(name: Any) -> str:
    """Let Persian and Hebrew names run their own way inside a sentence."""
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def paragraph(sentence: str, *, soft: bool = False) -> str:
    """Return a paragraph of plain text."""
    style = ' class="soft"' if soft else ""
    return f"<p{style}>{escape(sentence)}</p>\n"


def heading(words: str) -> str:
    """Return a heading inside a section."""
    return f"<h3>{escape(words)}</h3>\n"


def card(name: str, value: str, more: str = "") -> str:
    """Return one figure of the summary."""
    extra = f'<div class="more">{escape(more)}</div>' if more else ""
    return (
        f'<div class="card"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}</div>{extra}</div>\n'
    )


def number(value: Any, decimals: int = 0) -> str:
    """Write a number with thousands separators; unknown is a dash."""
    if value is None or value != value:
        return "–"
    return f"{float(value):,.{decimals}f}"


def percent(share: Any, decimals: int = 1) -> str:
    """Write a share as per cent; unknown is a dash."""
    if share is None or share != share:
        return "–"
    return f"{100 * float(share):.{decimals}f}\N{NO-BREAK SPACE}%"


def money(value: Any) -> str:
    """Write an amount: whole from 1,000 on, with cents below."""
    if value is None or value != value:
        return "–"
    return number(value, 0 if abs(float(value)) >= 1000 else 2)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, marked: Iterable[bool] | None = None
) -> str:
    """Return a table of cells written already; a cell that starts with a digit or sign is one.

    `marked` says which rows speak of an unfinished period.
    """
    rows = [list(row) for row in rows]
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    marks = [False] * len(rows) if marked is None else list(marked)
    lines = ['<div class="wide"><table>', "<thead><tr>"]
    for name, is_number in zip(head, numeric, strict=True):
        kind = ' class="number"' if is_number else ""
        lines.append(f"<th{kind}>{escape(name)}</th>")
    lines.append("</tr></thead><tbody>")
    for row, mark in zip(rows, marks, strict=True):
        lines.append('<tr class="unfinished">' if mark else "<tr>")
        for cell, is_number in zip(row, numeric, strict=True):
            kind = ' class="number"' if is_number else ""
            lines.append(f"<td{kind}>{cell}</td>")
        lines.append("</tr>")
    lines.append("</tbody></table></div>\n")
    return "".join(lines)


def _is_number(cell: str) -> bool:
    return (
        cell == "–"
        or (cell[:1] in "-+0123456789" and not cell[:4].isdigit())
        or (cell.replace(",", "").replace(".", "").isdigit())
    )


def tag(word: str) -> str:
    """Return a coloured word: error, warning, info or ok."""
    return f'<span class="tag {escape(word)}">{escape(word)}</span>'


def picture(figure: "Figure", caption: str) -> str:
    """Return a figure as inline SVG, the same bytes for the same figure."""
    import matplotlib as mpl

    drawn = StringIO()
    with mpl.rc_context({"svg.hashsalt": "crmlytics", "svg.fonttype": "path"}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :].replace(
        "<svg ", f'<svg role="img" aria-label="{escape(caption)}" '
    )
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>\n"


def blank_figure(width: float, height: float) -> Any:
    """Return an Axes on a figure that no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def shorten(values: Any, most: int = 60) -> str:
    """Cut long text for a cell."""
    words = str(values)
    return words if len(words) <= most else words[: most - 1] + "…"


def date(value: Any) -> str:
    """Write a day as ISO text."""
    return str(np.datetime64(value, "D"))


def page(title: str, subtitle: str, sections: Sequence[Section], version: str) -> str:
    """Put the sections together."""
    links = "".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>' for s in sections)
    cards = "".join(one for section in sections for one in section.cards)
    lines = "".join(f"<li>{escape(one)}</li>" for section in sections for one in section.headlines)
    body = "".join(
        f'<section id="{s.key}"><h2>{escape(s.title)}</h2>\n{s.body}</section>\n' for s in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<header><h1>{text(title)}</h1>\n"
        f'<p class="soft">{escape(subtitle)}</p></header>\n'
        f"<nav><ul>{links}</ul></nav>\n<main>\n"
        f'<div class="cards">{cards}</div>\n<ul>{lines}</ul>\n{body}</main>\n'
        f"<footer>Made with crmlytics {escape(version)}. This file is complete in itself and loads "
        "nothing from any network.</footer>\n</body></html>\n"
    )
