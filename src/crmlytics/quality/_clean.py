"""Make a table of transactions that every function takes."""

import re
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _result
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.quality import _loose, _net
from crmlytics.quality._loose import Ids, Values

RETURNS = ("net", "drop", "keep")
DUPLICATES = ("drop", "keep")
ON_BAD = ("raise", "drop")
_CALLER = "clean_transactions"
_CONVERTER = {"dates": "datetime", "numbers": "numeric"}


def clean_transactions(
    transactions: IntoDataFrameT,
    *,
    returns: str = "net",
    duplicates: str = "drop",
    on_bad: str = "raise",
    precision: int = 2,
    customer_col: str = "customer_id",
    order_col: str | None = "order_id",
    product_col: str | None = "product_id",
    date_col: str = "date",
    amount_col: str | None = "amount",
    quantity_col: str | None = "quantity",
) -> IntoDataFrameT:
    """Drop what is bad or double, and set returns against the purchases they undo.

    First rows that cannot be used are refused or dropped, then duplicates are dropped, then
    returns (rows with an amount below 0) are netted, dropped or kept.

    Parameters
    ----------
    transactions : table
        One row per order line.
    returns : {"net", "drop", "keep"}, default "net"
        What happens to rows with an amount below 0. "net" takes them off earlier purchases, see
        Notes, and leaves no amount below 0; "drop" drops them, and what was bought stays bought;
        "keep" leaves them as they are.
    duplicates : {"drop", "keep"}, default "drop"
        Whether rows that equal an earlier row in all columns (null equal to null) are dropped.
        Keep them where equal lines are meant, as with two scans of one product.
    on_bad : {"raise", "drop"}, default "raise"
        What happens to null ids (also text without a letter), dates and amounts, infinite amounts
        and quantities, ids of another type than most, and dates, amounts or quantities not held as
        such. "raise" is an error that counts them. "drop" reads ISO 8601 dates (at the time of day
        they say, whatever their offset) and plain decimal numbers held as text, so that the column
        becomes timestamps or floats, and drops the other bad rows. Dates with and without offset
        in one column are an error always.
    precision : int, default 2
        Decimals in which returns are netted (0 to 6): 2 for cents.
    customer_col, date_col : str
        Names of the columns; they must be there.
    order_col : str or None
        Name of the column; None where orders have no id.
    amount_col : str or None
        Name of the column; None where there is none, with ``returns="keep"``.
    product_col, quantity_col : str or None
        Names of the columns, read where the table has them under their usual names, "product_id"
        and "quantity"; another name must be there. None leaves the column as it is, unread.

    Returns
    -------
    table
        The caller's columns, dtypes and order of rows, less the rows dropped. With
        ``returns="net"`` amounts and quantities are what is left of them, and with
        ``on_bad="drop"`` text dates have become timestamps and text numbers floats.

    Raises
    ------
    ColumnError
        If a column is missing, or none of its values can be used.
    DataError
        If rows are bad and `on_bad` is "raise", dates with and without offset are mixed, or the
        table is lazy.
    OptionError
        If an option has a value outside what it allows, or `amount_col` is None and `returns` is
        not "keep".

    Warns
    -----
    CrmlyticsWarning
        If rows were left out or returns found no purchase, with counts, in one sentence each.

    See Also
    --------
    check_transactions : counts what is wrong and shows examples.

    Notes
    -----
    A return is taken off purchases of the same customer (and the same product, where the table has
    products) at the same moment or earlier: off those of the same order first, then off the latest
    before the earlier ones. Of purchases at one moment the smaller amount goes first, then the
    smaller quantity; of those equal in both the higher order id, so that the answer depends on no
    order of rows. A purchase returned in full loses its row. Quantities are netted likewise
    and on their own, whichever sign returns give them: a refund of money without goods leaves them
    as they are. What finds no purchase is dropped, and counted with its sum.

    Amounts are netted in whole units of ``10**-precision``, halves up; a purchase that no return
    touched keeps its amount to the last digit. A quantity below 0 does not make a return where the
    amount is not below 0: `check_transactions` counts these.

    Examples
    --------
    Customer a buys 3 pieces for 30 and gives one back:

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = ["2026-01-02", "2026-01-05", "2026-01-09"]
    >>> lines = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "a"],
    ...         "order_id": [1, 2, 3],
    ...         "date": pd.to_datetime(days),
    ...         "quantity": [3, 1, -1],
    ...         "amount": [30.0, 5.0, -10.0],
    ...     }
    ... )
    >>> crm.quality.clean_transactions(lines)
      customer_id  order_id       date  quantity  amount
    0           a         1 2026-01-02         2    20.0
    1           b         2 2026-01-05         1     5.0
    """
    _checks.choice(returns, RETURNS, name="returns", caller=_CALLER)
    _checks.choice(duplicates, DUPLICATES, name="duplicates", caller=_CALLER)
    _checks.choice(on_bad, ON_BAD, name="on_bad", caller=_CALLER)
    _checks.whole(precision, name="precision", caller=_CALLER, low=0, high=6)
    if amount_col is None and returns != "keep":
        raise OptionError(
            f"{_CALLER}: returns={returns!r} looks at amounts, and amount_col is None. "
            "Set amount_col, or choose returns='keep'."
        )
    source = _loose.read(
        transactions,
        caller=_CALLER,
        roles={
            "customer_col": customer_col,
            "order_col": order_col,
            "product_col": product_col,
            "date_col": date_col,
            "amount_col": amount_col,
            "quantity_col": quantity_col,
        },
        lazy=False,
    )
    rows, left_out = _usable(source, drop=on_bad == "drop")
    if duplicates == "drop" and len(rows.places):
        repeats = _loose.repeated([rows.table[name] for name in rows.table.columns])
        left_out += _counted(repeats, "duplicate rows")
        rows = rows.pick(~repeats)
    unmatched = ""
    is_return = rows.numbers["amount"] < 0 if "amount" in rows.numbers else np.zeros(0, bool)
    if is_return.any() and returns == "net":
        rows, unmatched = _netted(source, rows, precision)
    elif is_return.any() and returns == "drop":
        left_out += _counted(is_return, "returns")
        rows = rows.pick(~is_return)
    _warn(source, left_out, unmatched)
    answer: IntoDataFrameT = _result.fresh_index(rows.table).to_native()
    return answer


@dataclass(frozen=True)
class _Rows:
    """The rows still in: their places in the caller's table, and what was read of them."""

    table: nw.DataFrame[Any]
    places: Ints
    numbers: dict[str, Any]  # amount, quantity, moment

    def pick(self, chosen: Bools) -> "_Rows":
        if chosen.all():
            return self
        rows = np.flatnonzero(chosen)
        numbers = {role: values[rows] for role, values in self.numbers.items()}
        return _Rows(self.table[rows], self.places[rows], numbers)


def _counted(marked: Bools, what: str) -> list[tuple[int, str]]:
    """Return how many rows are marked, and that in words; `what` is a plural."""
    count = int(marked.sum())
    if count == 1:
        what = re.sub(r"\b(row|value|return)s\b", r"\1", what, count=1)
    return [(count, f"{count:,} {what}")] if count else []


def _usable(source: Source, *, drop: bool) -> tuple[_Rows, list[tuple[int, str]]]:
    """Refuse or drop bad rows; text that can be read becomes dates and numbers."""
    named = {role: f"{name!r} ({role}_col)" for role, name in source.names.items()}
    bad: dict[str, Bools] = {}
    read: dict[str, Values] = {}
    for role in source.names:
        if role in {"customer", "order"}:
            bad |= _bad_ids(source, role, _loose.ids(source.column(role)), named[role], drop=drop)
        elif role != "product":
            series = source.column(role)
            read[role] = _loose.dates(series) if role == "date" else _loose.amounts(series)
            bad |= _bad_values(source, role, read[role], named[role], drop=drop)
    bad = {what: marked for what, marked in bad.items() if marked.any()}
    left_out = [entry for what, marked in bad.items() for entry in _counted(marked, what)]
    if bad and not drop:
        raise DataError(_refusal(source, [text for _, text in left_out], read))
    good = ~np.any(list(bad.values()), axis=0) if bad else np.ones(source.n_rows, dtype=bool)
    if left_out:
        left_out = [(int((~good).sum()), ", ".join(text for _, text in left_out))]
    numbers = {role: values.values for role, values in read.items()}
    rows = _Rows(source.table, np.arange(source.n_rows), numbers).pick(good)
    converted = {}
    for role, values in read.items():
        if values.wrong.any() and len(rows.places):
            kind = pa.timestamp("us") if role == "date" else pa.float64()
            kept = pa.array(rows.numbers[role], mask=~values.known[good])
            converted[source.names[role]] = pa.chunked_array([kept.cast(kind)])
    if converted:
        native = _result.extended(replace(source, table=rows.table), converted)
        rows = replace(rows, table=nw.from_native(native, eager_only=True))
    return rows, left_out


def _bad_ids(source: Source, role: str, ids: Ids, name: str, *, drop: bool) -> dict[str, Bools]:
    if drop and ids.odd.any() and not (~ids.odd & ~ids.null).any():
        held = _columns.describe(source.column(role))
        raise ColumnError(
            f"{source.caller}: column {name} holds {held}, not ids. "
            "Make it one type before the call, as with .astype(str)."
        )
    return {
        f"rows without {name}": ids.null,
        f"values of {name} of another type than most": ids.odd,
    }


def _bad_values(
    source: Source, role: str, read: Values, name: str, *, drop: bool
) -> dict[str, Bools]:
    wanted = _wanted(role)
    held = _columns.describe(source.column(role)) if read.wrong.any() else ""
    if drop and read.wrong.any() and not read.known.any():
        form = "ISO dates such as 2026-03-31" if role == "date" else "plain decimal numbers"
        raise ColumnError(
            f"{source.caller}: column {name} holds {held}, and none of its values can be read as "
            f"{form}. Convert it before the call, as with pd.to_{_CONVERTER[wanted]}."
        )
    if read.zoned is not None and read.naive is not None:
        zoned, naive = int(read.zoned.sum()), int(read.naive.sum())
        if zoned and naive:
            raise DataError(
                f"{source.caller}: column {name} mixes {zoned:,} dates with an offset and "
                f"{naive:,} without. Convert all of them to one time zone before the call."
            )
    bad = {} if role == "quantity" else {f"rows without {name}": read.null}
    if role != "date":
        bad[f"infinite values of {name}"] = read.known & np.isinf(read.values)
    if drop:
        bad[f"values of {name} that cannot be read"] = read.unread
    else:
        bad[f"values of {name} held as {held}, not as {wanted}"] = read.wrong
    return bad


def _wanted(role: str) -> str:
    return "dates" if role == "date" else "numbers"


def _refusal(source: Source, found: list[str], read: dict[str, Values]) -> str:
    advice = "Drop them with on_bad='drop', or look at check_transactions for examples."
    wrong = [role for role, values in read.items() if values.wrong.any()]
    if wrong:
        converters = sorted({f"pd.to_{_CONVERTER[_wanted(role)]}" for role in wrong})
        advice = (
            f"Convert columns before the call, as with {' and '.join(converters)}, or choose "
            "on_bad='drop', which reads ISO dates and plain numbers and drops the rest."
        )
    return f"{source.caller}: {source.argument} has {_listed(found)}. {advice}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _netted(source: Source, rows: _Rows, precision: int) -> tuple[_Rows, str]:
    """Take returns off earlier purchases, and say what of them found none."""
    names, table = source.names, rows.table
    amounts, quantities = rows.numbers["amount"], rows.numbers.get("quantity")
    same = [names[role] for role in ("customer", "product") if role in names]
    stacks = [_together(table, same)]
    if "order" in names:
        stacks.insert(0, _together(table, [*same, names["order"]]))
    looked_at = {names[role] for role in names if role != "order"}
    others = sorted(set(table.columns) - looked_at - {names.get("order")})
    others += [names["order"]] if "order" in names else []
    # last, the amounts to the last digit and the signs of quantities, which netting does not see
    others += [names[role] for role in ("amount", "quantity") if role in names]

    def ranks(places: Ints) -> list[Any]:
        tied = [_loose.ranks(table[name][places]) for name in others]
        return tied or [np.zeros(len(places), dtype=np.int64)]

    netted = _net.net(
        amounts, quantities, rows.numbers["date"],
        stacks=stacks, ranks=ranks, precision=precision,
    )  # fmt: skip
    scale = 10.0**precision
    changed = {"amount": (netted.taken > 0, netted.cents / scale)}
    if quantities is not None:
        left = np.abs(quantities) - netted.goods_taken / _net.UNITS
        left = np.round(np.maximum(left, 0.0), 6) * np.sign(quantities)
        changed["quantity"] = (netted.goods_taken > 0, left)
    for role, (touched, values) in changed.items():
        series = _replaced(table[names[role]], np.flatnonzero(touched), values[touched])
        table = table.with_columns(series)
    gone = (amounts < 0) | ((netted.cents == 0) & (netted.taken > 0))
    short = netted.unmatched > 0
    unmatched = ""
    if short.any():
        total = int(netted.unmatched.sum()) / scale
        unmatched = (
            f"{int(short.sum()):,} of {int((amounts < 0).sum()):,} returns found no earlier "
            f"purchase for all they gave back; {total:,.{precision}f} of {names['amount']!r} "
            "is left out with them."
        )
    return replace(rows, table=table).pick(~gone), unmatched


def _together(table: nw.DataFrame[Any], names: list[str]) -> Ints:
    """Encode columns together, one code for each combination."""
    import pandas as pd

    together: Any = np.zeros(len(table), dtype=np.int64)
    for name in names:
        codes, size = _loose.row_codes(table[name])
        together, _ = pd.factorize(together * size + codes)
    return np.asarray(together, dtype=np.int64)


def _replaced(series: nw.Series[Any], places: Ints, values: Any) -> nw.Series[Any]:
    """Put numbers into a column that keeps its dtype; all other values stay as they are."""
    native = series.to_native()
    if len(places) == 0:
        return series
    if series.implementation.is_pandas() and _columns.is_object(series):
        made = native.copy()
        kind = type(native.iloc[places[0]])
        made.iloc[places] = [kind(str(v)) if kind.__name__ == "Decimal" else v for v in values]
        return nw.from_native(made, series_only=True)
    if series.implementation.is_pandas() and isinstance(native.dtype, np.dtype):
        plain = native.to_numpy(copy=True)
        plain[places] = values
        made = type(native)(plain, index=native.index, name=native.name)
        return nw.from_native(made, series_only=True)
    held = series.to_arrow()
    held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
    mask = np.zeros(len(held), dtype=bool)
    mask[places] = True
    held = pc.replace_with_mask(held, pa.array(mask), pa.array(values).cast(held.type))
    if series.implementation.is_pandas():
        values = native.dtype.__from_arrow__(held)
        made = type(native)(values, index=native.index, name=native.name)
        return nw.from_native(made, series_only=True)
    restored = _result.restore(held, series)
    return restored.alias(series.name)


def _warn(source: Source, left_out: list[tuple[int, str]], unmatched: str) -> None:
    """Say in one warning what is not in the answer."""
    said = []
    if left_out:
        total = sum(count for count, _ in left_out)
        parts = ", ".join(text for _, text in left_out)
        said.append(f"left out {total:,} of {source.n_rows:,} rows: {parts}.")
    if unmatched:
        said.append(unmatched)
    if said:
        _checks.warn(f"{source.caller}: {' '.join(said)}")
