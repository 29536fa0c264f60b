"""Groups of an eager table: the columns of `by` as one integer code a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _columns, _result
from crmlytics._columns import Bools
from crmlytics._frame import Source

# As many possible groups a row are counted rather than sorted.
_DENSE = 4


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
    size = int(codes.max(initial=-1)) + 1
    if seen is None:
        rows = _columns.first_rows(codes, size)
    else:
        places = np.flatnonzero(seen)
        used = np.bincount(codes[places], minlength=size) > 0
        # groups of rows that are not seen have no code of their own
        codes = np.maximum(np.cumsum(used) - 1, 0)[codes]
        rows = places[_columns.first_rows(codes[places], int(used.sum()))]
    names = {role: _result.ids(source.column(role)[rows]) for role in source.by}
    return Groups(codes, len(rows), names)


def rows_together(source: Source, roles: list[str]) -> Any:
    """Encode several columns together: equal rows have equal codes, from 0 without gaps."""
    codes: Any = np.zeros(source.n_rows, dtype=np.int64)
    for role in roles:
        keys = source.keys(role)
        size = (int(codes.max(initial=-1)) + 1) * keys.size
        codes = codes * max(keys.size, 1) + keys.codes
        if size > _DENSE * len(codes) + 1_000:
            codes = np.unique(codes, return_inverse=True)[1]
        else:  # counting is cheaper than sorting
            codes = (np.cumsum(np.bincount(codes, minlength=size) > 0) - 1)[codes]
    return codes
