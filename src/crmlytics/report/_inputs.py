"""What a report is made from: the tables as they came, cleaned, and what was dropped."""

import warnings
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _frame, _periods
from crmlytics.errors import CrmlyticsWarning, NotEnoughDataError
from crmlytics.quality import check_transactions, clean_transactions

if TYPE_CHECKING:
    import pandas as pd

CALLER = "build_report"


@dataclass(frozen=True)
class Columns:
    """The names of the columns of transactions."""

    customer: str
    order: str
    date: str
    amount: str
    product: str = "product_id"

    @property
    def named(self) -> dict[str, Any]:
        """The names as keyword arguments of the rooms' functions."""
        return {
            "customer_col": self.customer,
            "order_col": self.order,
            "date_col": self.date,
            "amount_col": self.amount,
        }


@dataclass(frozen=True)
class Inputs:
    """Everything a section may read."""

    transactions: "pd.DataFrame"  # cleaned
    checks: "pd.DataFrame"  # of the table as it came
    columns: Columns
    as_of: date
    first_day: date
    period: str
    n_rows: int  # before cleaning
    dropped: tuple[str, ...]  # sentences
    others: dict[str, Any] = field(default_factory=dict)  # the other tables given, by name
    orders_are_days: bool = False
    later_rows: int = 0  # usable, but after as_of
    dropped_amount: float | None = None  # what the dropped rows hold, where that can be known

    @property
    def purchases(self) -> "pd.DataFrame":
        """The lines without returns: what counts as having bought."""
        lines = self.transactions
        return lines[~(lines[self.columns.amount] < 0)]

    @property
    def seen(self) -> "pd.DataFrame":
        """The purchases up to `as_of`."""
        lines, end = self.purchases, np.datetime64(self.as_of) + np.timedelta64(1, "D")
        return lines[lines[self.columns.date] < end]

    def up_to(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Leave out the rows of another table that are dated after `as_of`."""
        date = self.columns.date
        if date not in table or table[date].dtype.kind != "M":
            return table
        if getattr(table[date].dtype, "tz", None) is not None:
            table = table.assign(**{date: table[date].dt.tz_localize(None)})
        end = np.datetime64(self.as_of) + np.timedelta64(1, "D")
        kept: pd.DataFrame = table[~(table[date] >= end)]
        return kept

    @property
    def n_used(self) -> int:
        """How many lines the figures are made from."""
        return len(self.transactions) - self.later_rows

    @property
    def days(self) -> int:
        """How many days the data cover."""
        return (self.as_of - self.first_day).days + 1


def gather(
    transactions: Any,
    *,
    columns: Columns,
    as_of: Any,
    duplicates: str,
    others: dict[str, Any],
) -> Inputs:
    """Open the tables, check and clean the transactions, and settle the day and the period."""
    lines = to_pandas(transactions, "transactions")
    days_only = columns.order not in lines.columns and columns.order == "order_id"
    known = None if days_only else columns.order
    named = columns.named | {"order_col": known}
    checks = check_transactions(lines, **named)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CrmlyticsWarning)
        clean = clean_transactions(
            lines, returns="keep", duplicates=duplicates, on_bad="drop", **named
        )
    dropped = tuple(str(one.message).split(": ", 1)[-1] for one in caught)
    if not len(clean):
        raise NotEnoughDataError(
            f"{CALLER}: transactions has no rows that can be used"
            f"{': ' + ' '.join(dropped).rstrip('.') if dropped else ''}. Hand over some purchases."
        )
    if (clean[columns.amount] < 0).all():
        raise NotEnoughDataError(
            f"{CALLER}: transactions has returns only (amounts below 0). Hand over some purchases."
        )
    if days_only:
        clean = clean.assign(order_id=_days_as_orders(clean, columns))
    source = _frame.read(
        clean, caller=CALLER, argument="transactions", roles={"date_col": columns.date}
    )
    last = _frame.as_of(source, as_of)
    first = source.days("date")[0]
    tables = {name: to_pandas(table, name) for name, table in others.items() if table is not None}
    return Inputs(
        transactions=clean,
        checks=checks,
        columns=columns,
        as_of=_as_date(last),
        first_day=_as_date(first),
        period=_period(first, last),
        n_rows=len(lines),
        dropped=dropped,
        others=tables,
        orders_are_days=days_only,
        later_rows=int((source.ticks("date").days() > last).sum()),
        dropped_amount=_dropped_amount(lines, clean, columns.amount),
    )


def _dropped_amount(before: "pd.DataFrame", after: "pd.DataFrame", column: str) -> float | None:
    from pandas.api.types import is_numeric_dtype

    if len(before) == len(after) or not is_numeric_dtype(before[column]):
        return None
    amount = float(before[column].sum()) - float(after[column].sum())
    return amount if np.isfinite(amount) else None


def to_pandas(table: Any, argument: str) -> "pd.DataFrame":
    """Open a table of any eager kind as pandas, which is what the page is drawn from."""
    opened, _ = _frame.open_table(table, caller=CALLER, argument=argument, lazy=False)
    frame: nw.DataFrame[Any] = opened
    pandas = frame.to_pandas() if not frame.implementation.is_pandas() else frame.to_native()
    return pandas.reset_index(drop=True)


def _days_as_orders(lines: "pd.DataFrame", columns: Columns) -> Any:
    """Without an order id, all a customer buys on one day is one order."""
    source = _frame.read(
        lines, caller=CALLER, argument="transactions",
        roles={"customer_col": columns.customer, "date_col": columns.date},
    )  # fmt: skip
    days = source.ticks("date").days()
    span = int(days.max()) - int(days.min()) + 1
    return source.keys("customer").codes.astype(np.int64) * span + (days - days.min())


def _as_date(day: int) -> date:
    return date.fromordinal(day + _checks.EPOCH_ORDINAL)


def _period(first: int, last: int) -> str:
    """Months, unless that makes hardly any rows or too many to read."""
    if last - first < 92:
        return "W"
    return "M" if _periods.of_day(last, "M") - _periods.of_day(first, "M") < 60 else "Q"
