"""How feedback feels period by period, and which periods are worse than chance allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _frame, _groups, _intervals, _periods, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.errors import OptionError
from crmlytics.sentiment import _aspect_table, _language, _rollup, _texts
from crmlytics.sentiment._scored import NEGATIVE

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoDataFrameT

SCHEMA = {
    "period": "date",
    "n": "int",
    "n_negative": "int",
    "share_negative": "float",
    "lower": "float",
    "upper": "float",
    "mean_compound": "float",
    "centre": "float",
    "lower_limit": "float",
    "upper_limit": "float",
    "dispersion": "float",
    "p_value": "float",
    "q_value": "float",
    "alert": "bool",
    "complete": "bool",
}
_SIGMAS = 3.0  # Shewhart's limits
_FEWEST = 8  # periods, to tell overdispersion from chance
_MEDIAN_RANGE = 0.9539  # of two standard normal values: sqrt(2) * 0.6745


def sentiment_trend(
    feedback: "IntoDataFrameT",
    *,
    period: str = "W",
    aspects: "IntoDataFrame | Mapping[str, Sequence[str] | str] | None" = None,
    by: str | Sequence[str] | None = None,
    as_of: Any = None,
    baseline: Any = None,
    date_col: str = "date",
    text_col: str = "text",
    language: str = "auto",
    confidence: float = 0.95,
) -> "IntoDataFrameT":
    """Follow the share of negative texts over time, and say which periods are alarming.

    A control chart: each period is compared with the others of its line, and an alert is given
    only where chance, over all periods and aspects looked at, is not enough to explain it.

    Parameters
    ----------
    feedback : table
        One row a text. A column ``compound``, as :func:`score_sentiment` adds it, is used where
        there is one; otherwise the texts are scored.
    period : {"W", "D", "M", "Q", "Y"}, default "W"
        Days, weeks from Monday, months, quarters or years.
    aspects : table or mapping, optional
        One line an aspect, as for :func:`score_aspects`: what is counted are then the texts that
        mention it, by what they say on it.
    by : str or list of str, optional
        Columns to group by, such as the channel or the language: one line a group.
    as_of : date or str, optional
        Last day seen, inclusive; later texts are not used. By default the last date in the table.
    baseline : date or str, optional
        Last day of the time that periods are compared with. By default they are compared with all
        other periods; after a lasting change give the last good day, or the change itself becomes
        part of what is usual.
    date_col : str, default "date"
        Column of dates.
    text_col : str, default "text"
        Column of texts; null where nothing was written.
    language : {"auto", "en", "fa", "he"}, default "auto"
        Language of the texts; "auto" tells it text by text.
    confidence : float, default 0.95
        Level of the intervals, between 0 and 1; alerts are given where `q_value` is below 1 minus
        this.

    Returns
    -------
    table
        One row (a group, an aspect and) a period, from that of the first text to that of `as_of`,
        sorted: the columns of `by`, ``aspect`` (str, where `aspects` is given), ``period`` (date,
        its first day), ``n`` (int, texts whose sentiment is known), ``n_negative`` (int, with a
        compound of -0.05 or less), ``share_negative`` (float, 0 to 1), ``lower``, ``upper`` (float,
        its Wilson interval), ``mean_compound`` (float, -1 to 1), ``centre`` (float, share in the
        periods it is compared with), ``lower_limit``, ``upper_limit`` (float, control limits for
        this `n`), ``dispersion`` (float, by how much more than chance the line moves; 1 = not),
        ``p_value`` (float, chance of so many negative texts or more), ``q_value`` (float, the
        false discovery rate over all rows), ``alert`` (bool), ``complete`` (bool, whether the
        period was over by the end of `as_of`). A period without texts has n 0 and null shares; the
        one that is not over is compared with nothing, and never gives an alert: p and q are null.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or `by` has the name of a result.
    DataError
        If dates are null, a compound lies outside -1 to 1, `aspects` cannot be used, or an empty
        table has no `as_of`.
    OptionError
        If an option has a value outside what it allows, `baseline` ends before the first period
        does, or the periods are too many.

    See Also
    --------
    plot_sentiment_trend : draws the answer.
    score_aspects : what each text says on each aspect.
    customer_sentiment : who is unhappy.

    Notes
    -----
    A period is compared with the complete periods of its own line other than itself (those that
    end by `baseline`, where given): K negative texts of N, ``centre = K / N``. The limits are
    ``centre +- 3 s sqrt(centre (1 - centre) / n)``, cut at 0 and 1 (p'-chart). The factor s, the
    dispersion, is 1 where a line moves as chance has it, and above where texts are not
    independent, as when one event makes many write: from eight complete periods on, the median
    of the moving ranges of the standardised shares over 0.954, at least 1. (Laney takes
    their mean; the median is not moved by the very periods that the chart is to find.)

    The p-value is the upper tail of the hypergeometric distribution, k or more of n texts
    negative given k + K of n + N (Fisher's exact test in one direction): other than a binomial
    tail it knows that the centre is itself an estimate. With a dispersion above 1 its normal
    quantile is divided by s. In simulated lines of 26 periods in which nothing happens, one in a
    hundred has an alert where texts are independent, and one in seven where they strongly depend
    on each other (without s: nearly all). Alerts speak of worse periods, never of better ones, and
    may lie within the limits, which do not know how many periods are looked at.

    References
    ----------
    Shewhart (1931), Economic Control of Quality of Manufactured Product, ch. 19.
    Laney (2002), Improved control charts for attributes, Quality Engineering 14(4), 531-537.
    Wilson (1927), J. Am. Stat. Assoc. 22, p. 209.
    Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> days = pd.to_datetime(["2026-01-05"] * 4 + ["2026-01-12"] * 2 + ["2026-01-19"])
    >>> texts = ["Good", "Great", "Thanks, nice", "Awful", "Terrible", "Bad", "Good"]
    >>> feedback = pd.DataFrame({"date": days, "text": texts})
    >>> trend = crm.sentiment.sentiment_trend(feedback, as_of="2026-01-20")
    >>> trend[["period", "n", "n_negative", "share_negative", "centre", "complete"]]
          period  n  n_negative  share_negative  centre  complete
    0 2026-01-05  4           1            0.25    1.00      True
    1 2026-01-12  2           2            1.00    0.25      True
    2 2026-01-19  1           0            0.00    0.50     False
    """
    caller = "sentiment_trend"
    unit = _checks.period(period, caller)
    level = _checks.confidence(confidence, caller)
    until = None if baseline is None else _checks.day(baseline, name="baseline", caller=caller)
    schema = ({} if aspects is None else {"aspect": "text"}) | SCHEMA
    texts = _texts.read(
        feedback, caller, text_col=text_col, by=by, result=tuple(schema),
        roles={"date_col": date_col},
    )  # fmt: skip
    source = texts.source
    schema = dict.fromkeys(source.by, "id") | schema
    day = _frame.as_of(source, as_of)
    _checks.choice(language, _language.SPOKEN, name="language", caller=caller)
    names = [] if aspects is None else _aspect_table.read(aspects, caller).names
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, schema)
        return nothing
    days = source.ticks("date").days()
    seen = days <= day
    grouped = _groups.groups(source, seen)
    first, last = (_periods.of_day(each, unit) for each in (int(days[seen].min()), day))
    length, n_aspects = last - first + 1, 1 if aspects is None else len(names)
    _checks.cells(length * n_aspects * grouped.size, period=unit, caller=caller)
    if aspects is None:
        rows, which = np.arange(source.n_rows), np.zeros(source.n_rows, dtype=np.int64)
        compound = _rollup.compounds(texts, language)
    else:
        rows, which, compound = _rollup.mentions(texts, names, aspects, text_col, language)
    kept = seen[rows] & ~np.isnan(compound)
    rows, which, compound = rows[kept], which[kept], compound[kept]
    line = grouped.of_rows(None, source.n_rows)[rows] * n_aspects + which
    cell = line * length + _periods.of_days(days[rows], unit) - first
    numbers = np.arange(first, last + 1)
    ends = _periods.first_days(numbers + 1, unit) - 1
    shape = (grouped.size * n_aspects, length)
    chart = _chart(cell, compound, shape, ends <= day, _reference(ends, day, until, caller), level)
    lines = np.repeat(np.arange(shape[0]), length)
    table: dict[str, Any] = grouped.columns(lines // n_aspects)
    if aspects is not None:
        table["aspect"] = pa.array(names, pa.string()).take(pa.array(lines % n_aspects))
    table["period"] = _periods.timestamps(np.tile(_periods.first_days(numbers, unit), shape[0]))
    answer: IntoDataFrameT = _result.native(
        source, pa.table(table | chart), schema,
        sort_by=[*source.by, *(["aspect"] if aspects is not None else []), "period"],
    )  # fmt: skip
    return answer


def _reference(ends: Ints, day: int, until: int | None, caller: str) -> Bools:
    """Mark the periods that others are compared with: over, and not after the baseline."""
    done: Bools = ends <= day
    if until is None:
        return done
    if until < ends[0]:
        raise OptionError(
            f"{caller}: baseline {_checks.iso(until)} is before the end of the first period, "
            f"{_checks.iso(int(ends[0]))}. Choose that day or later."
        )
    return done & (ends <= until)


@dataclass(frozen=True)
class _Compared:
    """Each period beside those it is compared with: negative texts and texts."""

    k: Floats
    n: Floats
    k_other: Floats
    n_other: Floats

    @property
    def centre(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.k_other / self.n_other


def _chart(
    cell: Any, compound: Floats, shape: tuple[int, int], done: Bools, usual: Bools, level: float
) -> dict[str, Any]:
    """Return the columns of the answer, line by line; `usual` are the periods of reference."""
    size = shape[0] * shape[1]
    n = np.bincount(cell, minlength=size).reshape(shape)
    k = np.bincount(cell[compound <= NEGATIVE], minlength=size).reshape(shape)
    lower, upper = _intervals.wilson(k, n, level)
    # a period is never part of what it is compared with
    k_other = (k * usual).sum(axis=1, keepdims=True) - k * usual
    n_other = (n * usual).sum(axis=1, keepdims=True) - n * usual
    with np.errstate(divide="ignore", invalid="ignore"):
        compared = _Compared(*(part.astype(np.float64) for part in (k, n, k_other, n_other)))
        mean = _rollup.grouped(cell, compound, size).reshape(shape) / n
        spread = np.sqrt(compared.centre * (1 - compared.centre) / n)
        lines = zip(k, n, usual & (n > 0), strict=True)
        dispersion = np.array([_dispersion(*row) for row in lines])
        half = _SIGMAS * dispersion[:, None] * spread
        p_value = np.where(done, _tail(compared, dispersion[:, None]), np.nan)
        share = k / n
    half = np.where(n > 0, half, np.nan)
    q_value = _intervals.benjamini_hochberg(p_value.ravel())
    floats = {
        "share_negative": share,
        "lower": lower,
        "upper": upper,
        "mean_compound": mean,
        "centre": compared.centre,
        "lower_limit": np.maximum(compared.centre - half, 0.0),
        "upper_limit": np.minimum(compared.centre + half, 1.0),
        "dispersion": np.broadcast_to(dispersion[:, None], shape),
        "p_value": p_value,
        "q_value": q_value,
    }
    return {
        "n": pa.array(n.ravel()),
        "n_negative": pa.array(k.ravel()),
        **{name: _result.column(values.ravel()) for name, values in floats.items()},
        "alert": pa.array(np.nan_to_num(q_value, nan=1.0) < 1 - level),
        "complete": pa.array(np.tile(done, shape[0])),
    }


def _dispersion(k: Ints, n: Ints, used: Bools) -> float:
    """Return by how much more a line moves than chance lets it, 1 at least."""
    k, n = k[used], n[used]
    if len(n) < _FEWEST or not 0 < k.sum() < n.sum():
        return 1.0
    centre = k.sum() / n.sum()
    standard = (k / n - centre) / np.sqrt(centre * (1 - centre) / n)
    return max(1.0, float(np.median(np.abs(np.diff(standard)))) / _MEDIAN_RANGE)


def _tail(compared: _Compared, dispersion: Floats) -> Floats:
    """Return the chance of so many negative texts or more; NaN where nothing can be compared."""
    from scipy.special import ndtr, ndtri
    from scipy.stats import hypergeom

    both = (compared.n > 0) & (compared.n_other > 0)
    k, n = np.where(both, compared.k, 0), np.where(both, compared.n, 1)
    negative = np.where(both, compared.k + compared.k_other, 0)
    everything = np.where(both, compared.n + compared.n_other, 1)
    tail = hypergeom.sf(k - 1, everything, negative, n)
    tail = np.clip(tail, 0.0, 1.0)  # the sum of its terms may miss 1 by a last bit
    # -38 is the quantile of the least number there is
    z = np.clip(-ndtri(np.maximum(tail, 1e-300)), -38, 38)
    tail = np.where(dispersion > 1, ndtr(-z / dispersion), tail)
    return np.where(both, tail, np.nan)
