"""What customers are worth for the customers they bring."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _groups, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics._groups import Groups
from crmlytics.errors import DataError
from crmlytics.kpi import _cac_tables, _pairs
from crmlytics.kpi._definitions import defined

SCHEMA = {
    "n_referred": "int",
    "n_unknown": "int",
    "referral_value": "float",
    "clv": "float",
    "total_value": "float",
}


@dataclass(frozen=True)
class _Pairs:
    """Each different pair of referrer and referred customer in a group, once."""

    grouped: Groups
    group: Ints
    referrer: Ints  # place of the referrer in `rows`
    rows: Ints  # a row of referrals with each referrer
    referrer_row: Ints  # row of clv of each of `rows`, -1 where there is none
    referred_row: Ints  # row of clv of the referred, -1 where there is none
    referred: Ints  # a number for each customer referred
    shared: Ints  # by how many referrers of the group the customer was referred
    joined: Floats  # probability of having come anyway


@defined
def referral_value(
    referrals: IntoDataFrameT,
    clv: IntoDataFrameT,
    *,
    cac: float = 0.0,
    reward: float = 0.0,
    would_have_joined: float | str = 0.0,
    by: str | Sequence[str] | None = None,
    customer_col: str = "customer_id",
    referrer_col: str = "referrer_id",
    referred_col: str = "referred_id",
) -> IntoDataFrameT:
    """Value referrers for the customers they brought, beside what they buy themselves.

    Each referred customer brings the referrer ``(1 - w) * clv + cac - reward``: the value of the
    customer, unless the customer would have come anyway (probability w), and the cost of winning a
    customer, which is saved in either case. The sum over the customers referred is the referral
    value.

    Parameters
    ----------
    referrals : table
        One row per referral. Only direct referrals count, so that nobody's value is counted twice
        along a chain; in a ring each counts for the one who referred. The same pair twice is one
        referral. A customer referred by k customers counts 1 / k for each.
    clv : table
        One row per customer, with a column "clv" as `clv` makes it: on margin.
    cac : float, default 0.0
        What winning a customer costs without a referral, 0 or more; see `cac`.
    reward : float, default 0.0
        What a referral costs, such as the rewards of both, 0 or more; paid for everyone, as nobody
        can tell who would have come.
    would_have_joined : float or str, default 0.0
        Share of the referred who would have come anyway, 0 to 1, or a column of referrals with the
        probability of each (0 or 1 where it is known; the mean where a pair is there twice).
    by : str or list of str, optional
        Columns of referrals to group by: each group is counted as if it were alone.
    customer_col : str
        Name of the id in `clv`.
    referrer_col, referred_col : str
        Names of the columns of referrals: who referred, and whom.

    Returns
    -------
    table
        One row (a group and) referrer, sorted: the columns of `by`, the id of the referrer under
        the name of `referrer_col`, ``n_referred`` (int, different customers), ``n_unknown`` (int;
        those of them who have no known CLV, and are not in the value), ``referral_value`` (float,
        unit of the CLV; null where none of them has a known CLV), ``clv`` (float, the referrer's
        own; null where it is not known), ``total_value`` (float, their sum).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If referred ids or probabilities are null, probabilities lie outside 0 to 1, customers are
        twice in `clv`, numbers are infinite, or the tables come from two libraries.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows without a referrer, or customers who referred themselves, are left out, or ids have
        no known CLV.

    See Also
    --------
    clv : the value of customers.
    cac : what winning a customer costs.

    Notes
    -----
    Kumar and others let go of the CLV of those who would have come anyway and keep the cost saved,
    as here; they know for each who is who, from a survey, and discount each year's margin, which
    here is done in `clv` already.

    References
    ----------
    Kumar, Petersen and Leone (2007), How valuable is word of mouth?, Harvard Business Review
    85(10), 139-146. Kumar, Petersen and Leone (2010), Driving profitability by encouraging customer
    referrals, Journal of Marketing 74(5), 1-17.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> referrals = pd.DataFrame({"referrer_id": [1, 1, 2], "referred_id": [2, 3, 4]})
    >>> values = pd.DataFrame({"customer_id": [1, 2, 3, 4], "clv": [50.0, 100, 200, 300]})
    >>> table = crm.kpi.referral_value(referrals, values, cac=20, would_have_joined=0.5)
    >>> table[["referrer_id", "n_referred", "referral_value", "clv", "total_value"]]
       referrer_id  n_referred  referral_value    clv  total_value
    0            1           2           190.0   50.0        240.0
    1            2           1           170.0  100.0        270.0
    """
    caller = "referral_value"
    saved = _checks.number(cac, name="cac", caller=caller, low=0.0)
    paid = _checks.number(reward, name="reward", caller=caller, low=0.0)
    roles = {"referrer_col": referrer_col, "referred_col": referred_col}
    anyway = would_have_joined
    if isinstance(anyway, str):
        roles["joined_col"] = anyway
    else:
        anyway = _checks.number(anyway, name="would_have_joined", caller=caller, low=0.0, high=1.0)
    source = _frame.read(
        referrals, caller=caller, argument="referrals", roles=roles, by=by, result=tuple(SCHEMA)
    )
    values = _frame.read(
        clv, caller=caller, argument="clv", maker="clv",
        roles={"customer_col": customer_col, "clv": "clv"},
    )  # fmt: skip
    _frame.same_library(source, values)
    _cac_tables.refuse_repeated(values)
    found = _pairs_of(source, values, _probabilities(source, anyway))
    answer: IntoDataFrameT = _added(source, found, values.numbers("clv"), saved - paid)
    return answer


def _probabilities(source: Source, anyway: float | str) -> Floats:
    """Return for each row the probability that the referred would have come anyway."""
    if not isinstance(anyway, str):
        return np.full(source.n_rows, anyway)
    chances = source.numbers("joined") if source.n_rows else np.zeros(0)
    bad = int(np.count_nonzero(~((chances >= 0) & (chances <= 1))))
    if bad:
        raise DataError(
            f"{source.caller}: {bad:,} of {source.n_rows:,} values of {anyway!r} "
            "(would_have_joined) are no probabilities from 0 to 1. Correct them, and fill unknown "
            "ones in, such as with the mean of the others."
        )
    return chances


def _pairs_of(source: Source, values: Source, chances: Floats) -> _Pairs:
    """Find the different pairs, and where their values stand."""
    by_referrer, by_referred = (_as_customers(source, role) for role in ("referrer", "referred"))
    same = _pairs.customers(by_referrer, by_referred)
    nobody = _columns.null_mask(source.column("referrer"))
    itself = ~nobody & (same.left == same.right)
    rows = np.flatnonzero(~nobody & ~itself)
    referrer_row, referred_row = (_rows_in(each, values) for each in (by_referrer, by_referred))
    grouped = _groups.groups(source, ~nobody & ~itself)
    group = grouped.of_rows(None if len(rows) == source.n_rows else ~nobody & ~itself, len(rows))
    who = np.asarray(group, dtype=np.int64) * same.size + same.left[rows]
    owners, first, who = np.unique(who, return_index=True, return_inverse=True)
    pair = who * same.size + same.right[rows]
    pairs, at, pair = np.unique(pair, return_index=True, return_inverse=True)
    times = np.bincount(pair, minlength=len(pairs))
    chance = np.bincount(pair, chances[rows], len(pairs)) / np.maximum(times, 1)
    owner, referred = pairs // max(same.size, 1), same.right[rows[at]]
    of_group = owners // max(same.size, 1)
    _, whom, shared = np.unique(
        of_group[owner] * same.size + referred, return_inverse=True, return_counts=True
    )
    _say_left_out(source, nobody, itself)
    return _Pairs(
        grouped, of_group, owner, rows[first], referrer_row[rows[first]],
        referred_row[rows[at]], referred, shared[whom], chance,
    )  # fmt: skip


def _as_customers(source: Source, role: str) -> Source:
    """Return the source with one of its columns of ids in the role of the customer."""
    return replace(source, names={"customer": source.names[role]}, _read={})


def _rows_in(source: Source, values: Source) -> Ints:
    """Return the row of `values` with the customer of each row, -1 where there is none."""
    found = _pairs.customers(source, values)
    place = np.full(max(found.size, 1), -1, dtype=np.int64)
    place[found.right] = np.arange(values.n_rows)
    return np.asarray(place[found.left])


def _say_left_out(source: Source, nobody: Bools, itself: Bools) -> None:
    left_out = [
        (int(np.count_nonzero(nobody)), f"without {source.names['referrer']!r} (referrer_col)"),
        (int(np.count_nonzero(itself)), "of customers who referred themselves"),
    ]
    parts = [f"{count:,} {what}" for count, what in left_out if count]
    if parts:
        _checks.warn(
            f"{source.caller}: of {source.n_rows:,} rows of referrals these are left out: "
            f"{', '.join(parts)}."
        )


def _say_unknown(source: Source, referrers: int, referred: int) -> None:
    if referrers or referred:
        _checks.warn(
            f"{source.caller}: {referrers:,} referrers and {referred:,} of the customers they "
            "referred have no value in clv, and theirs is not in the answer."
        )


def _added(source: Source, found: _Pairs, values: Floats, saved: float) -> Any:
    """Add up the pairs of each referrer, and lay them out."""
    size = len(found.rows)
    own = np.append(values, np.nan)  # the last stands for customers that clv does not know
    worth = (1 - found.joined) * own[found.referred_row] + saved
    known = ~np.isnan(worth)
    n_referred = np.bincount(found.referrer, minlength=size)
    n_known = np.bincount(found.referrer[known], minlength=size)
    total = np.bincount(found.referrer[known], (worth / found.shared)[known], size)
    total = np.where(n_known > 0, total, np.nan)
    clv = own[found.referrer_row]
    strangers = np.unique(found.referred[~known])
    _say_unknown(source, int(np.count_nonzero(np.isnan(clv))), len(strangers))
    columns = found.grouped.columns(found.group) | {
        "referrer": _result.ids(source.column("referrer")[found.rows]),
        "n_referred": n_referred,
        "n_unknown": n_referred - n_known,
        "referral_value": _result.column(total),
        "clv": _result.column(clv),
        "total_value": _result.column(clv + total),
    }
    schema = {**dict.fromkeys([*source.by, "referrer"], "id"), **SCHEMA}
    return _result.native(source, pa.table(columns), schema, sort_by=[*source.by, "referrer"])
