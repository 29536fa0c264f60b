"""What every figure on the page means."""

from crmlytics import kpi, segmentation
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section


def section(inputs: Inputs) -> Section:  # noqa: ARG001 - every section takes the same
    """Lay out the tables that define KPIs and segments."""
    table = kpi.kpi_definitions()
    rows = [
        (
            _page.text(row.name),
            _page.text(row.formula),
            _page.text(row.numerator),
            _page.text(row.denominator),
            _page.text(row.unit),
            _page.text(row.source),
        )
        for row in table.itertuples(index=False)
    ]
    head = ("figure", "formula", "numerator", "denominator", "unit", "source")
    body = _page.table(head, rows)
    body += _page.heading("Segments")
    rules = segmentation.segment_map("grid10")
    ranges = [
        (
            _page.text(str(rule.segment)),
            _range(rule.r_min, rule.r_max),
            _range(rule.f_min, rule.f_max),
        )
        for rule in rules.itertuples()
    ]
    body += _page.table(("segment", "recency score", "frequency score"), ranges)
    body += _page.paragraph(
        "Intervals are at 95 %: Wilson for shares, the delta method over customers for averages.",
        soft=True,
    )
    return Section("definitions", "What the figures mean", body)


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
