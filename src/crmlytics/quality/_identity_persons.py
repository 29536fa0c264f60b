"""Ids of persons that stay the same when records are added."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _columns, _frame, _result
from crmlytics._columns import Ints
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, DataError


@dataclass(frozen=True)
class Persons:
    """The id of each record's person, and what became of the persons known before."""

    ids: Any  # Arrow values, one a record
    joined: int = 0
    taken_apart: int = 0


def read_previous(previous: Any, source: Source, customer_col: str) -> Source:
    """Read the answer of an earlier run."""
    before = _frame.read(
        previous, caller=source.caller, argument="previous", maker=source.caller,
        roles={"customer_col": customer_col, "person_id": "person_id"},
    )  # fmt: skip
    _frame.same_library(source, before)
    one_row_each(before, customer_col)
    if source.n_rows and before.n_rows:
        wanted = _columns.family(source.column("customer"))
        for role in ("customer", "person_id"):
            held = _columns.family(before.column(role))
            if held != wanted:
                raise ColumnError(
                    f"{source.caller}: {before.names[role]!r} of previous holds {held}s, and the "
                    f"ids of customers are {wanted}s. Hand over an earlier answer as it came."
                )
    return before


def one_row_each(source: Source, customer_col: str) -> None:
    """Refuse a table with several rows of one id."""
    keys = source.keys("customer")
    twice = int((np.bincount(keys.codes, minlength=1) > 1).sum())
    if twice:
        raise DataError(
            f"{source.caller}: {source.argument} has several rows for {twice} "
            f"{customer_col!r} (customer_col). Keep one row for each id."
        )


def persons(source: Source, group: Ints, before: Source | None) -> Persons:
    """Give each group of records the id of its first record, or the one that it had before."""
    series = source.column("customer")
    ids = _result.ids(series)
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    rank = np.empty(len(ids), dtype=np.int64)
    rank[_columns.argsort(series)] = np.arange(len(ids))
    first = _first_of(group, rank)  # the record with the lowest id of each group
    if before is None or not before.n_rows or not len(ids):
        return Persons(ids.take(pa.array(first[group])))
    was, who = (_like(before, role, ids) for role in ("customer", "person_id"))
    record = _places(was, ids)
    here = record >= 0
    if not here.any():
        return Persons(ids.take(pa.array(first[group])))
    pool = pa.concat_arrays([ids, pc.unique(who)])
    person = _places(who, pool)[here]  # the place of a person's own record, if it is still there
    claims = np.unique(np.stack([group[record[here]], person]), axis=1, return_counts=True)
    (claimant, claimed), votes = claims
    kept = _kept(claimant, claimed, votes, group, rank[first], _ranks(pool))
    chosen = first.copy()
    chosen[claimant[kept]] = claimed[kept]
    return Persons(
        pool.take(pa.array(chosen[group])),
        joined=len(claimant) - len(np.unique(claimant)),
        taken_apart=len(claimed) - len(np.unique(claimed)),
    )


def _first_of(group: Ints, rank: Ints) -> Ints:
    order = np.lexsort([rank, group])
    return np.asarray(order[_begins(group[order])], dtype=np.int64)


def _begins(ordered: Any) -> Any:
    """Mark the entries that differ from the one before."""
    begins = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins


def _like(before: Source, role: str, ids: Any) -> Any:
    values = _result.ids(before.column(role))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    try:
        return values.cast(ids.type)
    except pa.ArrowInvalid as error:  # 300 among ids of one byte, or 1.5 among whole numbers
        raise ColumnError(
            f"{before.caller}: {before.names[role]!r} of previous does not fit into the type of "
            "the ids of customers. Hand over an earlier answer as it came."
        ) from error


def _places(values: Any, among: Any) -> Ints:
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _ranks(pool: Any) -> Ints:
    rank = np.empty(len(pool), dtype=np.int64)
    rank[np.asarray(pc.sort_indices(pool))] = np.arange(len(pool))
    return rank


def _kept(claimant: Ints, claimed: Ints, votes: Ints, group: Ints, first: Ints, rank: Ints) -> Ints:
    """Pick the claims that are met: each group keeps one id, and each id goes to one group.

    An id that is that of a record stays with this record. Another goes where most of its
    records are; of equals the group of the lowest id gets it, and takes the lowest.
    """
    own = claimed < len(group)
    owner = np.full(len(claimed), -1)
    owner[own] = group[claimed[own]]
    order = np.lexsort([first[claimant], -votes, claimed])
    leads = np.zeros(len(order), dtype=bool)
    leads[order[_begins(claimed[order])]] = True
    met = np.flatnonzero(np.where(own, owner == claimant, leads))
    order = met[np.lexsort([rank[claimed[met]], -votes[met], claimant[met]])]
    return np.asarray(order[_begins(claimant[order])], dtype=np.int64)
