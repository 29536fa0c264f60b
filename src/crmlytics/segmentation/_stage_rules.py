"""The stages of the life cycle, what to do in each, and the thresholds between them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _gaps, _intervals, _result
from crmlytics.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

STAGES = (
    "prospect", "new", "onboarding", "active", "advocate", "won_back", "at_risk", "lapsed", "lost",
)  # fmt: skip
# threshold -> the share of silences over by then, where it comes from percentiles
PERCENTILES = {
    "new": 0.5, "onboarding": 0.8, "at_risk": 0.8, "lapsed": 0.9, "lost": 0.95, "won_back": 0.8,
}  # fmt: skip
# threshold -> the most that may come back later, where it comes from rates of error
ERRORS = {"at_risk": 0.5, "lapsed": 0.2, "lost": 0.1}
USUAL = "usual_gap"
THRESHOLDS = (*PERCENTILES, USUAL)
SCHEMA = {
    "threshold": "text", "days": "float", "rule": "text", "returned_later_share": "float",
    "lower": "float", "upper": "float", "n_silences": "int",
}  # fmt: skip
_ACTIONS = (
    ("prospect", "first purchase", "welcome offer, proof by others, answers to doubts",
     "website, advertising, e-mail if allowed"),
    ("new", "second purchase", "thanks, how to use what was bought, what goes with it",
     "e-mail, parcel insert, app"),
    ("onboarding", "a habit", "guide, service check, invitation to the loyalty programme",
     "e-mail, app, phone for large customers"),
    ("active", "more of the need met", "cross-sell, early access, reminder at the usual rhythm",
     "e-mail, app, store"),
    ("advocate", "others brought along", "referral programme, reviews, a say in new products",
     "personal letter, community, events"),
    ("won_back", "the cause of leaving gone", "ask why they left, keep the promise, no new offer",
     "e-mail, phone"),
    ("at_risk", "next purchase in time", "reminder, check of open complaints, small favour",
     "e-mail, text message, phone for large customers"),
    ("lapsed", "return while worth it", "win-back offer tested against a control group, survey",
     "e-mail, letter, retargeting"),
    ("lost", "cost avoided, lesson kept", "last message, then seldom; delete data when due",
     "letter or none"),
)  # fmt: skip


def stage_actions() -> "pd.DataFrame":
    """Goals and usual actions for each stage, as a table you can read and change.

    A starting point for your own plan, not a finding of your data: what works has to be tested in
    each shop against customers who are left alone.

    Returns
    -------
    pandas.DataFrame
        One row a stage, in the order of a customer's life: ``stage``, ``goal``, ``actions``,
        ``channels`` (str).

    See Also
    --------
    lifecycle_stages : who is in which stage; merge the two on ``stage``.

    Examples
    --------
    >>> import crmlytics as crm
    >>> crm.segmentation.stage_actions()[["stage", "goal"]].head(3)
            stage             goal
    0    prospect   first purchase
    1         new  second purchase
    2  onboarding          a habit
    """
    import pandas as pd

    columns = ("stage", "goal", "actions", "channels")
    return pd.DataFrame(
        {
            name: pd.Series([row[place] for row in _ACTIONS], dtype="str")
            for place, name in enumerate(columns)
        }
    )


def measured(
    silences: _gaps.Silences,
    *,
    method: str,
    use: str,
    shares: Mapping[str, float],
    level: float,
) -> pa.Table:
    """Take each threshold from the silences, with how often it would have been wrong."""
    over = silences.ended == 1
    gaps = silences.length[over]
    lengths = silences.length if use == "all" else gaps
    ended = silences.ended if use == "all" else np.ones(len(gaps), dtype=np.int64)
    named = [name for name in PERCENTILES if method == "percentile" or name not in ERRORS]
    found = _gaps.percentiles(lengths, ended, [shares[name] for name in named])
    limits = dict(zip(named, found, strict=True))
    days, rules = [], []
    for name in PERCENTILES:
        if name not in limits:
            limits[name] = _gaps.by_error(silences.length, silences.ended, shares[name])
        days.append(limits[name])
        rules.append(f"{'percentile' if name in named else 'error rate'} {shares[name]:g}")
    days.append(float(gaps.mean()) if len(gaps) else np.nan)
    later = [int(np.count_nonzero(gaps > limit)) for limit in days]
    n = [int(np.count_nonzero(silences.length > limit)) for limit in days]
    lower, upper = _intervals.wilson(later, n, level)
    with np.errstate(invalid="ignore"):
        share = np.array(later) / np.where(np.array(n) > 0, n, np.nan)
    return pa.table(
        {
            "threshold": pa.array(THRESHOLDS, pa.string()),
            "days": _result.column(days),
            "rule": pa.array([*rules, "mean"], pa.string()),
            "returned_later_share": _result.column(share),
            "lower": _result.column(lower),
            "upper": _result.column(upper),
            "n_silences": pa.array(n, pa.int64()),
        }
    )


def shares_of(given: Any, method: str, caller: str) -> dict[str, float]:
    """Return the share behind each threshold: the usual ones, changed where the caller says so."""
    usual = PERCENTILES | (ERRORS if method == "error_rate" else {})
    if given is None:
        return usual
    if not isinstance(given, Mapping):
        raise OptionError(
            f"{caller}: shares must be a mapping, such as {{'lapsed': 0.9}}; got "
            f"{_checks.shown(given)}."
        )
    for name, share in given.items():
        _checks.choice(name, tuple(PERCENTILES), name="shares", caller=caller)
        _checks.number(share, name=f"shares[{name!r}]", caller=caller, low=0.0, high=1.0)
    return usual | {name: float(share) for name, share in given.items()}


def parse(given: Any, caller: str) -> dict[str, float] | None:
    """Return the thresholds that the caller gave, NaN for null; None for "auto"."""
    if isinstance(given, str):
        _checks.choice(given, ("auto",), name="thresholds", caller=caller)
        return None
    if not isinstance(given, Mapping):
        given = _of_table(given, caller)
    days: dict[str, float] = {}
    for name, value in given.items():
        _checks.choice(name, THRESHOLDS, name="thresholds", caller=caller)
        if value is None or value != value:
            days[name] = np.nan
            continue
        days[name] = _checks.number(
            value, name=f"thresholds[{name!r}]", caller=caller, low=0.0, high=1e6
        )
    if days.get(USUAL) == 0:
        raise OptionError(
            f"{caller}: thresholds[{USUAL!r}] is 0 days, by which no gap can be measured. Write a "
            "number above 0, or null for no personal clock."
        )
    return days


def _of_table(table: Any, caller: str) -> dict[str, Any]:
    source = _frame.read(
        table, caller=caller, argument="thresholds",
        roles={"threshold": "threshold", "days": "days"}, maker="lifecycle_thresholds",
    )  # fmt: skip
    names = _result.ids(source.column("threshold")).to_pylist()
    if len(set(names)) < len(names):
        raise DataError(
            f"{caller}: thresholds has several rows of one threshold. Keep one row for each."
        )
    if not names:
        return {}
    return dict(zip(names, source.numbers("days").tolist(), strict=True))


def check_order(days: Mapping[str, float | None], caller: str) -> None:
    """Refuse thresholds of silence that do not rise from at_risk to lost."""
    reached = {name: days[name] for name in ("at_risk", "lapsed", "lost")}
    silent = [(name, d) for name, d in reached.items() if d is not None and d == d]
    for (name, one), (later, other) in pairwise(silent):
        if one > other:
            raise OptionError(
                f"{caller}: thresholds must not fall from at_risk over lapsed to lost; {name} is "
                f"{one:g} days and {later} {other:g}. Change one, or name all three."
            )
