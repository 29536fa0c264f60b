"""Groups of an eager table: the columns of `by` as one integer code a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _result
from crmlytics._columns import Bools
from crmlytics._frame import Source


@dataclass(frozen=True)
class Groups:
    """The groups of `by`: a code a row, and the values that name each group."""

    codes: Any  # None without by
    size: int
    names: dict[str, Any]  # role -> Arrow values, one a group

    def columns(self, places: Any) -> dict[str, Any]:
        """Return the columns of `by` for rows that speak of these groups."""
        return {role: values.take(pa.array(places)) for role, values in self.names.items()}

    def of_rows(self, rows: Bools | None, n_rows: int) -> Any:
        """Return the group of each row picked; 0 without by."""
        if self.codes is None:
            return np.zeros(n_rows, dtype=np.int64)
        return self.codes if rows is None else self.codes[rows]


def groups(source: Source, seen: Bools | None) -> Groups:
    """Encode the columns of `by` together, one code for each combination among the rows seen."""
    if not source.by:
        return Groups(None, 1, {})
    codes: Any = rows_together(source, source.by)
    if seen is None:
        rows = np.unique(codes, return_index=True)[1]
    else:
        places = np.flatnonzero(seen)
        used, first = np.unique(codes[places], return_index=True)
        rows, codes = places[first], np.searchsorted(used, codes)
    names = {role: _result.ids(source.column(role)[rows]) for role in source.by}
    return Groups(codes, len(rows), names)


def rows_together(source: Source, roles: list[str]) -> Any:
    """Encode several columns together: equal rows have equal codes, from 0 without gaps."""
    codes: Any = np.zeros(source.n_rows, dtype=np.int64)
    for role in roles:
        keys = source.keys(role)
        _, codes = np.unique(codes * max(keys.size, 1) + keys.codes, return_inverse=True)
    return codes
