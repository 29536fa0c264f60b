"""Whether customers recommend: the Net Promoter Score, over time and by group."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _plot, kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "Would customers recommend?"
_WORDS = {"W": "week", "M": "month", "Q": "quarter"}
_SHOWN = 13  # a year of months and the month a year before
_FEWEST = 10  # answers of a group, for a line of its own
_MOST_GROUPS = 12
_LANGUAGES = {"en": "English", "fa": "Persian", "he": "Hebrew"}


def section(inputs: Inputs) -> Section | None:
    """Say how many recommend, since when and where; None where nobody was asked."""
    given = inputs.others.get("feedback")
    if given is None or "score" not in given.columns or not given["score"].notna().any():
        return None
    doubts: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            answers = inputs.up_to(given)
            if not answers["score"].notna().any():
                return None
            found = kpi.nps(answers).to_dict("records")[0]
            doubts = [str(one.message).split(": ", 1)[-1] for one in caught]
            body = _overall(found) + "".join(_page.paragraph(doubt) for doubt in doubts)
            body += _over_time(answers, inputs)
            for column in ("channel", "language"):
                body += _by_group(answers, column)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return Section(
            "loyalty", _TITLE,
            _page.paragraph(f"The scores of the feedback give no Net Promoter Score: {reason}"),
        )  # fmt: skip
    headline = (
        f"Net Promoter Score {_points(found['nps'])} "
        f"(95\N{NO-BREAK SPACE}%: {_points(found['lower'])} to {_points(found['upper'])}) from "
        f"{found['n']:,} answers."
    )
    return Section("loyalty", _TITLE, body, headlines=() if doubts else (headline,))


def _points(score: float) -> str:
    return f"{score:+.0f}" if round(score) else "0"


def _overall(found: Any) -> str:
    body = _page.paragraph(
        "Promoters answer 9 or 10 when asked whether they would recommend the shop, detractors 0 "
        "to 6. The Net Promoter Score is the share of promoters less that of detractors, from -100 "
        "to 100; the interval says how far it may be off because only some were asked. Each answer "
        "counts."
    )
    missing = f" {found['n_missing']:,} rows have no score." if found["n_missing"] else ""
    return body + _page.paragraph(
        f"{found['n']:,} answers: {found['promoters']:,} promoters, {found['passives']:,} "
        f"passives, {found['detractors']:,} detractors.{missing}"
    )


def _over_time(answers: "pd.DataFrame", inputs: Inputs) -> str:
    """Draw the periods, and compare the last full one with the one before."""
    date, word = inputs.columns.date, _WORDS[inputs.period]
    if date not in answers or answers[date].dtype.kind != "M":
        return ""
    dated = answers[answers[date].notna()]
    unit = {"W": "W-SUN"}.get(inputs.period, inputs.period)
    periods = dated[date].dt.to_period(unit)
    if periods.nunique() < 2:
        return ""
    dated = dated.assign(period=periods.dt.start_time)
    table = kpi.nps(dated, by="period").tail(_SHOWN)
    body = _page.heading(f"By {word}")
    over = periods.dt.end_time < np.datetime64(inputs.as_of) + np.timedelta64(1, "D")
    full = sorted(dated.loc[over & dated["score"].notna(), "period"].unique())
    if len(full) > 1:
        before, after = (dated[dated["period"] == period] for period in full[-2:])
        body += _page.paragraph(_change(kpi.nps_change(before, after).iloc[0], word))
    days = table["period"].to_numpy().astype("M8[D]")
    table = table.assign(period=_plot.period_labels(days, inputs.period))
    return body + _picture(table, ["period"], f"Net Promoter Score by {word}, and its parts")


def _change(found: Any, word: str) -> str:
    """Say whether the score has changed."""
    sure = found["p_value"] < 0.05
    moved = (
        f"From one full {word} to the next, the last two with answers, the score went from "
        f"{_points(found['before'])} to {_points(found['after'])}"
    )
    verdict = "more than chance would make it" if sure else "which may be chance"
    return (
        f"{moved}, {verdict} (change {_points(found['change'])}, 95\N{NO-BREAK SPACE}%: "
        f"{_points(found['lower'])} to {_points(found['upper'])})."
    )


def _by_group(answers: "pd.DataFrame", column: str) -> str:
    """Compare channels or languages, where more than one has answers enough."""
    if column not in answers or column == "score":
        return ""
    known = answers[answers[column].notna() & answers["score"].notna()]
    if column == "language":
        named = known[column].astype("str")
        known = known.assign(language=named.map(_LANGUAGES).fillna(named))
    counts = known[column].value_counts()
    often = counts[counts >= _FEWEST].index[:_MOST_GROUPS]
    if len(often) < 2:
        return ""
    table = kpi.nps(known[known[column].isin(often)], by=column)
    compared = kpi.compare_groups(table, by=column)
    body = _page.heading(f"By {column}")
    apart = compared[compared["p_adjusted"] < 0.05]
    overall = compared["p_overall"].iloc[0]
    if len(apart):
        told = ", ".join(
            f"{_page.isolated(row[column])} ({_points(row['value'])}, "
            f"the others {_points(row['rest'])})"
            for _, row in apart.iterrows()
        )
        sentence = f"Different from the others by more than chance: {told}."
    else:
        sentence = f"No {column} differs from the others by more than chance."
    body += _page.paragraph(f"{sentence} All together: p = {_p_value(overall)}.")
    return body + _picture(table, [column], f"Net Promoter Score by {column}, and its parts")


def _p_value(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def _picture(table: "pd.DataFrame", by: list[str], caption: str) -> str:
    ax = _page.blank_figure(8.0, 1.5 + 0.5 * len(table))
    kpi.plot_nps(table, by=by, ax=ax)
    return _page.picture(ax.figure, caption)
