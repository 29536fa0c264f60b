"""Customers who speak well of the shop: by the score they gave, or whom they brought along."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _columns, _result
from crmlytics._columns import Bools, Floats, Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError
from crmlytics.segmentation._stages import NEVER, Advocacy


class Voices:
    """Scores and referrals of customers, each with its day."""

    def __init__(
        self, feedback: Source | None, interactions: Source | None, *, score: float, referral: str
    ) -> None:
        self._needed = score
        self._scored: tuple[Any, Ints, Floats] | None = None
        self._brought: tuple[Any, Ints] | None = None
        if feedback is not None and feedback.n_rows:
            values = feedback.numbers("score")
            known = ~np.isnan(values)
            ids = _ids(feedback).filter(pa.array(known))
            self._scored = (ids, feedback.ticks("date").days()[known], values[known])
        if interactions is not None and interactions.n_rows:
            hit = _equal(interactions, referral)
            ids = _ids(interactions).filter(pa.array(hit))
            self._brought = (ids, interactions.ticks("date").days()[hit])

    def at(self, customers: Any, day: int) -> Advocacy:
        """Say who of these customers is an advocate at the end of a day."""
        n = len(customers)
        who, when, good = self._events(customers, day)
        is_one, since = np.zeros(n, dtype=bool), np.full(n, -NEVER)
        if len(who):
            starts = np.append(True, who[1:] != who[:-1])
            before = np.append(False, good[:-1]) & ~starts
            changed = good != before
            np.maximum.at(since, who[changed], when[changed])
            ends = np.append(who[1:] != who[:-1], True)
            is_one[who[ends]] = good[ends]
        return Advocacy(is_one, since, self._proof(customers, day))

    def _events(self, customers: Any, day: int) -> tuple[Ints, Ints, Bools]:
        """Return the days on which somebody spoke, and whether they are an advocate from then."""
        who, when, score = self._scores(customers, day)
        first = self._referred(customers, day)
        brought = np.flatnonzero(first < NEVER)
        good = (score >= self._needed) | (first[who] <= when)
        who, when = np.append(who, brought), np.append(when, first[brought])
        good = np.append(good, np.ones(len(brought), dtype=bool))
        order = np.lexsort([good, when, who])  # of one day the referral stands last
        who, when, good = who[order], when[order], good[order]
        kept = _last_of(who, when)
        return who[kept], when[kept], good[kept]

    def _scores(self, customers: Any, day: int) -> tuple[Ints, Ints, Floats]:
        """Return the score of each customer and day; of one day the highest counts."""
        if self._scored is None:
            none = np.zeros(0, dtype=np.int64)
            return none, none, np.zeros(0)
        ids, when, score = self._scored
        who = places(ids, customers)
        kept = (who >= 0) & (when <= day)
        who, when, score = who[kept], when[kept], score[kept]
        order = np.lexsort([score, when, who])
        who, when, score = who[order], when[order], score[order]
        kept = _last_of(who, when)
        return who[kept], when[kept], score[kept]

    def _referred(self, customers: Any, day: int) -> Ints:
        first = np.full(len(customers), NEVER)
        if self._brought is not None:
            ids, when = self._brought
            who = places(ids, customers)
            kept = (who >= 0) & (when <= day)
            np.minimum.at(first, who[kept], when[kept])
        return first

    def _proof(self, customers: Any, day: int) -> Any:
        who, _, score = self._scores(customers, day)
        latest = np.full(len(customers), np.nan)
        latest[who] = score  # sorted by day: the last one stays
        shown = pc.binary_join_element_wise("score ", pa.array(latest).cast(pa.string()), "")
        return pc.if_else(pa.array(latest >= self._needed), shown, "referral")


def _last_of(who: Ints, when: Ints) -> Bools:
    """Mark the last row of each customer and day."""
    return np.append((who[1:] != who[:-1]) | (when[1:] != when[:-1]), True)[: len(who)]


def _equal(source: Source, word: str) -> Bools:
    keys = source.keys("event")
    codes = np.unique(keys.codes)
    hit = np.zeros(max(keys.size, 1), dtype=bool)
    hit[codes] = [value == word for value in _result.ids(keys.take(codes)).to_pylist()]
    return np.asarray(hit[keys.codes], dtype=bool)


def _ids(source: Source) -> Any:
    return whole(_result.ids(source.column("customer")))


def whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def check_kinds(source: Source, transactions: Source) -> None:
    """Refuse ids of two kinds, of which no two can be the same."""
    if not source.n_rows or not transactions.n_rows:
        return
    one, other = (_columns.family(each.column("customer")) for each in (source, transactions))
    if one != other:
        raise ColumnError(
            f"{source.caller}: ids in {source.names['customer']!r} are {one}s in "
            f"{source.argument} and {other}s in transactions, so that no two are the same. "
            "Convert one of them first."
        )


def alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Return two arrays of ids in one type."""
    if one.type == other.type:
        return one, other
    floating = pa.types.is_floating(one.type) or pa.types.is_floating(other.type)
    textual = pa.types.is_string(one.type) or pa.types.is_large_string(one.type)
    common = pa.large_string() if textual else pa.float64() if floating else pa.int64()
    return one.cast(common), other.cast(common)


def places(values: Any, among: Any) -> Ints:
    """Return where each id stands in another array of ids; -1 where it does not."""
    if not len(values) or not len(among):
        return np.full(len(values), -1)
    values, among = alike(values, among)
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
