"""Who may be contacted, for what and over which channel."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _result
from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.customers import _align
from crmlytics.errors import OptionError

_CALLER = "contactable"
SCHEMA = {"customer": "id", "contactable": "bool", "reason": "text"}
REASONS = (
    "granted", "opt-in missing", "withdrawn", "expired", "wrong channel", "contradictory",
)  # fmt: skip
_GRANTED, _MISSING, _WITHDRAWN, _EXPIRED, _ELSEWHERE, _CONTRADICTORY = range(6)
_NEVER, _ALWAYS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def contactable(
    customers: IntoDataFrameT,
    *,
    consents: IntoDataFrameT,
    purpose: str,
    channel: str,
    as_of: date | str,
    customer_col: str = "customer_id",
    purpose_col: str = "purpose",
    channel_col: str = "channel",
    granted_col: str = "granted",
    date_col: str = "date",
    expires_col: str | None = "expires_on",
) -> IntoDataFrameT:
    """Say of each customer whether a contact is allowed, and if not, why.

    Nobody is left out: those who may not be contacted leave the targets of a campaign, and stay in
    the totals of a report.

    Parameters
    ----------
    customers : table
        One row per customer.
    consents : table
        One row for each time that a customer gave or withdrew consent.
    purpose : str
        What the contact is for, such as "marketing", as `consents` writes it.
    channel : str
        How the customer would be contacted, such as "email", as `consents` writes it.
    as_of : date
        The last day seen, inclusive; later rows are not used.
    customer_col, purpose_col, channel_col, date_col : str
        Names of the columns; the id is that of both tables. Of two rows the later moment counts,
        with its time of day.
    granted_col : str, default "granted"
        Column of True or False (or 1 and 0): given or withdrawn.
    expires_col : str or None, default "expires_on"
        Column of the first day on which consent no longer holds; null: it holds until it is
        withdrawn. The usual name is read where `consents` has it; another must be there.

    Returns
    -------
    table
        One row per row of `customers`, sorted by id: the id, ``contactable`` (bool), ``reason``
        (str): "granted" where contactable, and else

        - "opt-in missing": no row for the purpose and channel, or one that does not say which;
        - "withdrawn": the latest row withdraws;
        - "expired": the latest row grants, but no longer on `as_of`;
        - "wrong channel": no row for this channel, and consent for the purpose over another;
        - "contradictory": rows of one moment, the latest, both grant and withdraw.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or the ids of the tables are of two kinds.
    DataError
        If ids or dates are null, or a customer has several rows in `customers`.
    OptionError
        If an option has a value outside what it allows.

    Warns
    -----
    CrmlyticsWarning
        If rows contradict each other, grant without a purpose or channel, or are of customers that
        `customers` does not list, or if no row has the purpose or the channel; with counts.

    See Also
    --------
    customer_view : hand the answer over as one of `extra`.

    Notes
    -----
    Where the table leaves room, the answer is the cautious one. A withdrawal without a channel (or
    purpose) withdraws from all; a grant without one grants nothing. Contradicting rows allow no
    contact; of two grants of one moment the one that expires first counts. A null in `granted_col`
    is no consent. Consent is not law: whether another ground allows the contact is not decided
    here.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame({"customer_id": ["a", "b", "c", "d"]})
    >>> consents = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "b", "b", "c"],
    ...         "purpose": "marketing",
    ...         "channel": ["email", "email", "email", "sms"],
    ...         "granted": [True, True, False, True],
    ...         "date": pd.to_datetime(["2026-01-02", "2026-01-02", "2026-02-01", "2026-01-09"]),
    ...     }
    ... )
    >>> crm.customers.contactable(
    ...     customers, consents=consents, purpose="marketing", channel="email", as_of="2026-03-31"
    ... )
      customer_id  contactable          reason
    0           a         True         granted
    1           b        False       withdrawn
    2           c        False   wrong channel
    3           d        False  opt-in missing
    """
    asked = {"purpose": _word(purpose, "purpose"), "channel": _word(channel, "channel")}
    day = _checks.day(as_of, name="as_of", caller=_CALLER)
    source = _frame.read(
        customers, caller=_CALLER, argument="customers", roles={"customer_col": customer_col},
        result=("contactable", "reason"),
    )  # fmt: skip
    roles: dict[str, str | None] = {
        "customer_col": customer_col, "purpose_col": purpose_col, "channel_col": channel_col,
        "granted_col": granted_col, "date_col": date_col,
    }  # fmt: skip
    opened, _ = _frame.open_table(consents, caller=_CALLER, argument="consents", lazy=False)
    if expires_col != "expires_on" or expires_col in opened.columns:
        roles["expires_col"] = expires_col
    given = _frame.read(
        consents, caller=_CALLER, argument="consents", roles=roles, optional=("expires_col",)
    )
    _frame.same_library(source, given)
    _align.one_row_each(source)
    reason = _reasons(_rows(given, source, asked, day), source.n_rows, day)
    made = pa.table(
        {
            "customer": _align.ids(source),
            "contactable": reason == _GRANTED,
            "reason": pa.array(REASONS, pa.string()).take(pa.array(reason)),
        }
    )
    answer: IntoDataFrameT = _result.native(source, made, SCHEMA, sort_by=["customer"])
    return answer


def _word(value: Any, name: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise OptionError(f"{_CALLER}: {name} must be a word of the column; got {value!r}.")


@dataclass(frozen=True)
class _Rows:
    """Rows that speak of the purpose: who, when, for how long, and over which channel."""

    who: Ints
    moment: Ints
    granted: Bools
    unknown: Bools  # neither granted nor withdrawn
    expires: Ints  # day number
    channel: Ints  # code; -1 without one
    here: Bools  # the channel asked for, or all

    def only(self, rows: Bools) -> "_Rows":
        return _Rows(*(values[rows] for values in vars(self).values()))


def _rows(given: Source, customers: Source, asked: dict[str, str], day: int) -> _Rows:
    """Read the rows seen of the purpose, and say what cannot be used."""
    _align.check_kinds(given, customers)
    who = _align.rows_of(given, _align.ids(customers))
    seen = given.ticks("date").days() <= day
    flag, unknown = _align.flags(given, "granted")
    equal, empty, said = {}, {}, []
    for role, word in asked.items():
        texts, equal[role], empty[role] = _words(given, role, word)
        if given.n_rows and not equal[role].any():
            hint = _checks.did_you_mean(word, texts)
            tail = f" (is {hint!r} meant?)" if hint else ""
            said.append(f"no row of consents has the {role} {word!r}{tail}")
    fits = {role: equal[role] | empty[role] for role in asked}
    vague = seen & flag & fits["purpose"] & fits["channel"]
    vague &= empty["purpose"] | empty["channel"]
    if vague.any():
        said.append(
            f"{_rows_say(vague, 'grants', 'grant')} without a purpose or channel, and thus nothing"
        )
    orphans = seen & (who < 0)
    if orphans.any():
        said.append(f"{_rows_say(orphans, 'is', 'are')} of nobody in customers")
    if said:
        _checks.warn(f"{_CALLER}: {'; '.join(said)}.")
    used = seen & (who >= 0) & (equal["purpose"] | (empty["purpose"] & ~flag))
    used &= ~(empty["channel"] & flag)
    keys = given.keys("channel").codes
    channel = np.where(empty["channel"], -1, keys)
    rows = _Rows(
        who, given.ticks("date").values, flag, unknown, _expiry(given), channel,
        equal["channel"] | empty["channel"],
    )  # fmt: skip
    return rows.only(used)


def _rows_say(rows: Bools, one: str, several: str) -> str:
    n = int(rows.sum())
    return f"1 row of consents {one}" if n == 1 else f"{n} rows of consents {several}"


def _words(given: Source, role: str, word: str) -> tuple[list[str], Bools, Bools]:
    """Return the words of a column, the rows with the one asked for, and those without any."""
    values = _result.ids(given.column(role))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    texts = values.cast(pa.large_string())
    empty = np.asarray(texts.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    same = pc.fill_null(pc.equal(texts, pa.scalar(word, pa.large_string())), fill_value=False)
    known = texts.drop_null().dictionary_encode().dictionary.to_pylist()
    return known, np.asarray(same.to_numpy(zero_copy_only=False), dtype=bool), empty


def _expiry(given: Source) -> Ints:
    """Return the day of expiry of each row; never where there is none."""
    days = np.full(given.n_rows, _ALWAYS)
    if "expires" in given.names:
        series = given.column("expires")
        known = np.flatnonzero(~_columns.null_mask(series))
        if len(known):
            days[known] = _columns.ticks(series[known]).days()
    return days


def _reasons(rows: _Rows, size: int, day: int) -> Ints:
    """Judge each customer by the latest rows of the channel, and else by other channels."""
    reason = np.full(size, _MISSING)
    elsewhere = _granted_elsewhere(rows, size, day)
    reason[elsewhere] = _ELSEWHERE
    asked = rows.only(rows.here)
    last = _latest(asked.who, asked.moment, size)
    asked = asked.only(asked.moment == last[asked.who])
    granted = np.bincount(asked.who[asked.granted], minlength=size) > 0
    refused = np.bincount(asked.who[~asked.granted], minlength=size) > 0
    said = np.bincount(asked.who[~asked.granted & ~asked.unknown], minlength=size) > 0
    expires = np.full(size, _ALWAYS)
    np.minimum.at(expires, asked.who[asked.granted], asked.expires[asked.granted])
    reason[refused] = _MISSING
    reason[said] = _WITHDRAWN
    reason[granted] = np.where(expires > day, _GRANTED, _EXPIRED)[granted]
    both = granted & refused
    reason[both] = _CONTRADICTORY
    if both.any():
        _checks.warn(
            f"{_CALLER}: of {int(both.sum())} customer{'s' if both.sum() > 1 else ''} the latest "
            "rows of consents both grant and do not; not contactable."
        )
    return reason


def _granted_elsewhere(rows: _Rows, size: int, day: int) -> Bools:
    """Mark the customers with consent for the purpose that holds over another channel."""
    over_all = rows.only(rows.channel < 0)
    stopped = _latest(over_all.who, over_all.moment, size)
    others = rows.only(~rows.here)
    n_channels = int(others.channel.max(initial=0)) + 1
    cell = others.who * n_channels + others.channel
    cells, place = np.unique(cell, return_inverse=True)
    last = _latest(place, others.moment, len(cells))
    holds = np.ones(len(cells), dtype=bool)
    now = others.moment == last[place]
    fine = others.granted & (others.expires > day) & (others.moment > stopped[others.who])
    holds[place[now & ~fine]] = False
    found = np.zeros(size, dtype=bool)
    found[cells[holds] // n_channels] = True
    return found


def _latest(who: Any, moment: Ints, size: int) -> Ints:
    last = np.full(size, _NEVER)
    np.maximum.at(last, who, moment)
    return last
