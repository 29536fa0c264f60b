"""The ways into baskets: long tables, lazy ones, one-hot tables, lists, sparse matrices."""

from dataclasses import replace
from itertools import chain, compress
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics import _checks, _codes, _columns, _frame, _lazy
from crmlytics._columns import Bools, Keys
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError
from crmlytics.rules import _baskets
from crmlytics.rules._baskets import Baskets

OPTIONAL = {"quantity_col": "quantity", "amount_col": "amount"}
_ARGUMENT = "transactions"


def read(
    transactions: Any,
    caller: str,
    *,
    level_col: str | None,
    max_size: int | None,
    lazy: bool = False,
    **columns: Any,
) -> Baskets:
    """Return baskets from whatever a caller has; baskets themselves are left as they are."""
    most = _baskets.max_size_of(max_size, caller)
    if isinstance(transactions, Baskets):
        return transactions
    made = _of_no_lines(transactions, caller, most) if level_col is None else None
    if made is not None:
        return made
    opened, kind = _frame.open_table(transactions, caller=caller, argument=_ARGUMENT, lazy=lazy)
    here = opened.collect_schema().names()
    item = columns["product_col"] if level_col is None else level_col
    neither = level_col is None and not {columns["order_col"], item} & set(here)
    if neither and _is_one_hot(opened, caller):
        return _of_one_hot(opened, kind, caller, most)
    roles = {"order_col": columns["order_col"]}
    if level_col is None:
        roles["product_col"] = columns["product_col"]
    else:
        roles["level_col"] = level_col
    for option, usual in OPTIONAL.items():
        name = columns[option]
        if name is not None and not (name == usual and usual not in here):
            roles[option] = name
    source = _frame.read(
        transactions, caller=caller, argument=_ARGUMENT, roles=roles, lazy=lazy,
        result=("support", "itemsets", "length", "count"),
    )  # fmt: skip
    role = "product" if level_col is None else "level"
    return _of_lazy(source, role, most) if source.lazy else _of_lines(source, role, most)


def _of_no_lines(transactions: Any, caller: str, most: int | None) -> Baskets | None:
    """Read lists and sparse matrices, which have no columns; None for anything else."""
    if _is_sparse(transactions):
        return _of_matrix(transactions, caller, most, None)
    if _is_list(transactions):
        return _of_lists(transactions, caller, most)
    if type(transactions).__module__.startswith("pandas") and hasattr(transactions, "sparse"):
        matrix = _sparse_frame(transactions, caller)
        if matrix is not None:
            return _of_matrix(matrix, caller, most, [str(name) for name in transactions.columns])
    return None


def _of_lines(source: Source, role: str, most: int | None) -> Baskets:
    """Read one row per order line."""
    kept, dropped = usable(source, role)
    return _numbered(source, role, kept, most, dropped)


def usable(source: Source, role: str) -> tuple[Bools | None, dict[str, int]]:
    """Mark the lines with an item that are no returns (None: all); count the others."""
    column = source.column(role)
    missing = _columns.null_mask(column) if _columns.null_count(column) else None
    returned = None
    for option in ("quantity", "amount"):
        below = source.negative(option) if option in source.names else None
        returned = below if returned is None else returned if below is None else returned | below
    dropped, kept = {}, None
    if missing is not None:
        dropped["missing"] = int(np.count_nonzero(missing))
        kept = ~missing
    if returned is not None:
        dropped["returns"] = int(np.count_nonzero(returned if kept is None else returned & kept))
        kept = ~returned if kept is None else kept & ~returned
    return kept, dropped


def _numbered(
    source: Source, role: str, kept: Any, most: int | None, dropped: dict[str, int],
    lines: Any = None,
) -> Baskets:  # fmt: skip
    """Give numbers to orders and items; items in the order of their names."""
    keys, orders = source.keys(role), source.keys("order")
    owner, present = _dense(_codes.pick(orders.codes, kept), orders.size)
    items, names = by_name(keys, kept)
    return _baskets.make(
        source, owner, items, names, orders.take(present), max_size=most, dropped=dropped,
        lines=lines,
    )  # fmt: skip


def by_name(keys: Keys, kept: Bools | None = None) -> tuple[Any, nw.Series[Any]]:
    """Return a number for each row, from 0 in the order of the labels, and the labels."""
    codes, used = _dense(_codes.pick(keys.codes, kept), keys.size)
    ordered = keys.sort(used)
    return _ranks(used, ordered)[codes], keys.take(ordered)


def _ranks(used: Any, ordered: Any) -> Any:
    """Return the place of each of some ascending numbers in an order of them."""
    rank = np.empty(len(used), dtype=np.int64)
    rank[np.searchsorted(used, ordered)] = np.arange(len(used))
    return rank


def _dense(codes: Any, size: int) -> tuple[Any, Any]:
    """Renumber codes from 0 without gaps; also return which codes there were, ascending."""
    there = np.bincount(codes, minlength=size) > 0
    present = np.flatnonzero(there)
    if len(present) == size:
        return codes, present
    return (np.cumsum(there) - 1)[codes], present


def _of_lazy(source: Source, role: str, most: int | None) -> Baskets:
    """Reduce to different pairs of order and item in the engine; what is left fits here."""
    below = nw.lit(0)
    for option in ("quantity", "amount"):
        if option in source.names:
            below = nw.when(nw.col(option) < 0).then(1).otherwise(below)
    lines = source.table.with_columns(returned=below.cast(nw.Int64))
    pairs = _lazy.collect(
        _lazy.agg(lines, ["order", role], lines="len", returned=("returned", "sum"))
    )
    polars = source.kind.startswith("Polars")
    local = nw.from_arrow(pairs, backend="polars" if polars else "pyarrow")
    missing = np.asarray(local[role].is_null().to_numpy(), dtype=bool)
    n_lines = np.asarray(local["lines"].to_numpy(), dtype=np.int64)
    returned = np.asarray(local["returned"].to_numpy(), dtype=np.int64)
    dropped = {
        "missing": int(n_lines[missing].sum()),
        "returns": int(returned[~missing].sum()),
    }
    kept = np.flatnonzero(~missing & (n_lines > returned))
    table = local[kept].select("order", role)
    table = table.rename({"order": source.names["order"], role: source.names[role]})
    named = {each: source.names[each] for each in ("order", role)}
    reduced = Source(
        table.to_native(), "Polars DataFrame" if polars else "PyArrow Table",
        source.caller, source.argument, named, table,
    )  # fmt: skip
    return _numbered(reduced, role, None, most, dropped, (n_lines - returned)[kept])


def _is_list(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return given.ndim == 1 and given.dtype == object
    return isinstance(given, list | tuple | set | frozenset) or (
        type(given).__name__ == "Series" and type(given).__module__.startswith(("pandas", "polars"))
    )


def _of_lists(given: Any, caller: str, most: int | None) -> Baskets:
    """Read one list of items per basket; an empty list is a basket too."""
    import pandas as pd

    lists = list(given)
    for one in lists:
        if isinstance(one, str | bytes):
            raise DataError(
                f"{caller}: {_ARGUMENT} has the text {_checks.shown(one)} as a basket, which would "
                "be read as its letters. Write each basket as a list, such as "
                f"[{_checks.shown(one)}], or hand over a table of order lines."
            )
        is_table = hasattr(one, "columns")
        if not hasattr(one, "__iter__") or isinstance(one, dict) or is_table:
            raise DataError(
                f"{caller}: {_ARGUMENT} must be a table, or a list with a list of items for each "
                f"basket; got {'a table' if is_table else _checks.shown(one)} as a basket."
            )
    parts = [list(one) for one in lists]
    flat = pd.Series(list(chain.from_iterable(parts)), dtype=None if any(parts) else "str")
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    known = flat.notna().to_numpy()
    dropped = {"missing": int(np.count_nonzero(~known))}
    if dropped["missing"]:  # with None among them, whole numbers would be read as floats
        held = list(compress(chain.from_iterable(parts), known))
        owner, flat = owner[known], pd.Series(held, dtype=None if held else "str")
    table = nw.from_native(pd.DataFrame({"product": flat}), eager_only=True)
    source = Source(
        None,
        "pandas DataFrame",
        caller,
        _ARGUMENT,
        {"product": "product", "order": "basket"},
        table,
    )
    column = source.column("product")
    if _columns.family(column) == "other" and len(flat):
        raise DataError(
            f"{caller}: the baskets of {_ARGUMENT} hold {_columns.describe(column)}, not names or "
            "numbers of one type. Make all items text, as with str(item)."
        )
    items, names = by_name(source.keys("product"))
    return _baskets.make(
        _listed(source), owner, items, names, _numbers(len(parts)), max_size=most, dropped=dropped
    )


def _numbers(n: int) -> nw.Series[Any]:
    """Return numbers for baskets that have no name."""
    import pandas as pd

    made: nw.Series[Any] = nw.from_native(
        pd.Series(np.arange(n, dtype=np.int64), name="basket"), series_only=True
    )
    return made


def _listed(source: Source) -> Source:
    """Return a source whose template has a column for the baskets' numbers."""
    table = source.table.head(0).with_columns(nw.lit(0).alias("basket"))
    return Source(None, source.kind, source.caller, source.argument, source.names, table)


def _is_sparse(given: Any) -> bool:
    return hasattr(given, "tocsr") and hasattr(given, "nnz")


def _sparse_frame(table: Any, caller: str) -> Any:
    """Return a pandas table of sparse columns as a matrix; None for any other table."""
    import pandas as pd

    sparse = [isinstance(dtype, pd.SparseDtype) for dtype in table.dtypes]
    if not sparse or not all(sparse):
        return None
    names = table.columns.map(str)
    if names.has_duplicates:
        twice = sorted(set(names[names.duplicated()]))
        raise ColumnError(
            f"{caller}: {_ARGUMENT} has columns of the same name: {twice[:5]}. Rename or drop one."
        )
    filled = np.array([dtype.fill_value != 0 for dtype in table.dtypes])
    if filled.any():
        raise ColumnError(
            f"{caller}: column {names[filled][0]!r} of {_ARGUMENT} is sparse with another fill "
            "value than 0 or False. Convert it, as with .sparse.to_dense()."
        )
    return table.sparse.to_coo()


def _of_matrix(matrix: Any, caller: str, most: int | None, names: list[str] | None) -> Baskets:
    """Read a sparse matrix with a row for each basket; items without names are column numbers."""
    import pandas as pd

    entries = matrix.tocoo()
    there = entries.data != 0
    if entries.dtype.kind not in "biuf" or not (entries.data >= 0).all():  # NaN neither
        raise DataError(
            f"{caller}: {_ARGUMENT} is a matrix with values below 0, unknown or no numbers. Write "
            "1 where a basket holds an item, and 0 or nothing elsewhere."
        )
    named = pd.Series(np.arange(entries.shape[1]) if names is None else names, name="product")
    labels = nw.from_native(named, series_only=True)
    source = Source(
        None, "pandas DataFrame", caller, _ARGUMENT, {"product": "product", "order": "basket"},
        labels.to_frame(),
    )  # fmt: skip
    return _of_columns(
        _listed(source), entries.row[there], entries.col[there], labels, entries.shape[0], most
    )


def _of_columns(
    source: Source, owner: Any, column: Any, labels: nw.Series[Any], n_rows: int, most: int | None
) -> Baskets:
    """Give numbers to the columns that any basket holds, in the order of their names."""
    there, used = _dense(column, len(labels))
    order = used[_columns.argsort(labels[used])] if len(used) else used
    return _baskets.make(
        source,
        owner,
        _ranks(used, order)[there],
        labels[order],
        _numbers(n_rows),
        max_size=most,
        dropped={},
    )


def _is_one_hot(opened: Any, caller: str) -> bool:
    """Say whether every column is True or False, or 0 or 1; refuse other numbers."""
    if isinstance(opened, nw.LazyFrame) or not opened.columns:
        return False
    families = {name: _columns.family(opened[name]) for name in opened.columns}
    if not set(families.values()) <= {"flag", "number"}:
        return False
    for name in opened.columns:
        values = _columns.numbers(opened[name]) if families[name] == "number" else np.zeros(0)
        other = values[(values != 0) & (values != 1) & ~np.isnan(values)]
        if len(other):
            raise ColumnError(
                f"{caller}: {_ARGUMENT} has no columns for orders and products, and is no one-hot "
                f"table: column {name!r} holds {other[0]:g}. Name the columns (order_col, "
                "product_col), or write 1 where a basket holds an item and 0 elsewhere."
            )
    return True


def _of_one_hot(opened: Any, kind: str, caller: str, most: int | None) -> Baskets:
    """Read a table with a column for each item and a row for each basket."""
    import pandas as pd

    owners, unknown = [], 0
    for name in opened.columns:
        unknown += _columns.null_count(opened[name])
        held = opened[name].cast(nw.Float64).fill_null(0.0).to_numpy()
        owners.append(np.flatnonzero(held == 1))
    if unknown:
        raise ColumnError(
            f"{caller}: {unknown} cells of the one-hot table {_ARGUMENT} are null, neither held "
            "nor not held. Fill them, as with .fillna(False)."
        )
    labels = nw.from_native(
        pd.Series(opened.columns, name="product", dtype="str"), series_only=True
    )
    backend = opened.implementation
    named = nw.new_series("product", opened.columns, nw.String, backend=backend)
    source = Source(
        None, kind, caller, _ARGUMENT, {"product": "product", "order": "basket"}, named.to_frame()
    )
    column = np.repeat(np.arange(len(owners)), [len(each) for each in owners])
    owner = np.concatenate(owners) if owners else np.zeros(0, dtype=np.int64)
    made = _of_columns(_listed(source), owner, column, labels, len(opened), most)
    places = {name: place for place, name in enumerate(opened.columns)}
    return replace(made, labels=named[[places[name] for name in made.labels.to_list()]])
