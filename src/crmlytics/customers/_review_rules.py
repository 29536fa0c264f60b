"""The rules of a review, as a table you can read and change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _checks, _frame
from crmlytics.errors import ColumnError, DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

COSTLY = ("serial_complainer", "late_payer", "deal_seeker", "heavy_returner", "disruptive")
RATES = (*COSTLY, "innovator")
RULES = (*RATES, "satisfied", "valuable", "end")
ACTIONS = ("keep", "grow", "repair", "reprice")
_COLUMNS = ("rule", "numerator", "denominator", "threshold", "min_count", "action")
# What tables of events are reduced to; a view may have columns of the same names.
MEASURES = (
    "tickets_n", "tickets_disruptive", "payments_n", "payments_late", "transactions_orders",
    "transactions_deals", "transactions_returned", "transactions_products", "transactions_early",
    "feedback_n", "feedback_mean_score", "profit",
)  # fmt: skip
_BUILT_IN = (
    ("serial_complainer", "tickets_n", "transactions_orders", 0.3, 3, "repair"),
    ("late_payer", "payments_late", "payments_n", 0.3, 3, "reprice"),
    ("deal_seeker", "transactions_deals", "transactions_orders", 0.5, 3, "reprice"),
    ("heavy_returner", "transactions_returned", "transactions_orders", 0.3, 3, "reprice"),
    ("disruptive", "tickets_disruptive", "tickets_n", 0.1, 2, "repair"),
    ("innovator", "transactions_early", "transactions_products", 0.2, 3, "grow"),
    ("satisfied", "feedback_mean_score", "feedback_n", 8.0, 1, "grow"),
    ("valuable", "profit", None, 0.2, None, "keep"),
    ("end", "profit", None, 2.0, None, "end"),
)


@dataclass(frozen=True)
class Rule:
    """One rule: what is divided by what, and from where on it holds."""

    name: str
    numerator: str
    denominator: str | None
    threshold: float
    min_count: int
    action: str


def review_rules() -> "pd.DataFrame":
    """Rules by which `relationship_review` judges customers, as a table you can read and change.

    Returns
    -------
    pandas.DataFrame
        One row a rule: ``rule`` (str), ``numerator``, ``denominator`` (str; the measures, by name),
        ``threshold`` (float), ``min_count`` (int) and ``action`` (str; what is proposed where the
        rule holds):

        - a behaviour (the first six) holds where the lower end of its rate's interval is above the
          threshold and the numerator is at least ``min_count``;
        - "satisfied" holds where the mean score is the threshold or more, with at least
          ``min_count`` scores;
        - "valuable" holds for the customers above 0 who are among the best of all; the threshold
          is the share of customers that these are (equal values are all in or all out);
        - "end" is proposed where the numerator is below 0 and at least so many costly behaviours
          hold as the threshold says.

    See Also
    --------
    relationship_review : takes the table as `rules`.

    Notes
    -----
    The thresholds are starting points and no research result: what a trade has to bear differs.
    The numerator and denominator may name columns of your own in the customers of the review.

    Examples
    --------
    >>> import crmlytics as crm
    >>> rules = crm.customers.review_rules()
    >>> rules.loc[rules["rule"] == "deal_seeker", "threshold"] = 0.7
    >>> rules[["rule", "threshold", "min_count", "action"]].head(3)
                    rule  threshold  min_count   action
    0  serial_complainer        0.3          3   repair
    1         late_payer        0.3          3  reprice
    2        deal_seeker        0.7          3  reprice
    """
    import pandas as pd

    columns = dict(zip(_COLUMNS, zip(*_BUILT_IN, strict=True), strict=True))
    table: dict[str, Any] = {
        name: pd.Series(values, dtype="str") for name, values in columns.items()
    }
    table["threshold"] = pd.Series(columns["threshold"], dtype="float64")
    table["min_count"] = pd.array(list(columns["min_count"]), "Int64")
    return pd.DataFrame(table)


def parse(given: Any, caller: str) -> dict[str, Rule]:
    """Read a table of rules, or take the built-in ones."""
    if given is None:
        rows: list[dict[str, Any]] = [dict(zip(_COLUMNS, row, strict=True)) for row in _BUILT_IN]
    else:
        opened, _ = _frame.open_table(given, caller=caller, argument="rules", lazy=False)
        missing = [name for name in _COLUMNS if name not in opened.columns]
        if missing:
            raise ColumnError(
                f"{caller}: rules has no columns {missing}. Make the table with review_rules() and "
                "change it."
            )
        rows = opened.select(*_COLUMNS).to_arrow().to_pylist()
    names = [row["rule"] for row in rows]
    absent = [name for name in RULES if names.count(name) != 1]
    if absent or len(names) != len(RULES):
        odd = absent or sorted({str(name) for name in names} - set(RULES))
        raise DataError(
            f"{caller}: rules must have one row for each of {list(RULES)}; look at {odd}. To "
            "switch a rule off, set its threshold so high that nobody reaches it."
        )
    return {str(row["rule"]): _rule(row, caller) for row in rows}


def _rule(row: dict[str, Any], caller: str) -> Rule:
    name, where = row["rule"], f"{caller}: rules, row {row['rule']!r}:"
    threshold, least = row["threshold"], _none(row["min_count"])
    if not isinstance(threshold, (int, float)) or not np.isfinite(threshold) or threshold < 0:
        raise OptionError(f"{where} threshold must be a number of 0 or more; got {threshold!r}.")
    if least is not None and (not isinstance(least, (int, float)) or least < 0):
        raise OptionError(f"{where} min_count must be a whole number of 0 or more; got {least!r}.")
    allowed = ("end",) if name == "end" else ACTIONS
    if row["action"] not in allowed:
        raise OptionError(
            f"{where} action must be one of {', '.join(map(repr, allowed))}; got {row['action']!r}."
        )
    numerator, denominator = row["numerator"], _none(row["denominator"])
    lacks = denominator is None and name not in {"valuable", "end"}
    if not isinstance(numerator, str) or lacks:
        raise OptionError(f"{where} numerator and denominator must name columns.")
    return Rule(name, numerator, denominator, float(threshold), int(least or 0), row["action"])


def _none(value: Any) -> Any:
    return None if value is None or value != value else value


def columns(rules: dict[str, Rule], known: Any, caller: str) -> list[str]:
    """Name the measures that rules ask for; what is neither a measure nor there is a mistake."""
    asked = [name for rule in rules.values() for name in (rule.numerator, rule.denominator) if name]
    for name in asked:
        if name not in known and name not in MEASURES:
            hint = _checks.did_you_mean(name, [*known, *MEASURES])
            tail = f" Did you mean {hint!r}?" if hint else ""
            raise ColumnError(
                f"{caller}: rules name a column {name!r} that customers does not have.{tail}"
            )
    return list(dict.fromkeys(asked))
