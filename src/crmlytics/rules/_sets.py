"""Columns of itemsets: frozensets in pandas, sorted lists in Polars and PyArrow."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from crmlytics import _result
from crmlytics._frame import Source
from crmlytics.rules._miner import Codes


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hold Python's search for cycles: a million new sets would start it over and over."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def column(parts: Sequence[Codes], labels: nw.Series[Any], like: Source) -> Any:
    """Return one column of itemsets from matrices of codes, one matrix after another."""
    if like.kind == "pandas DataFrame":
        return pandas_column([frozensets(codes, labels) for codes in parts])
    none = np.zeros(0, dtype=np.int64)
    lengths = np.concatenate([none, *(np.full(len(codes), codes.shape[1]) for codes in parts)])
    flat = np.concatenate([none, *(np.sort(codes, axis=1).ravel() for codes in parts)])
    return lists(flat, lengths, labels)


def frozensets(codes: Codes, labels: nw.Series[Any]) -> list[Any]:
    """Return a frozenset of labels for each row of codes."""
    names = np.empty(len(labels), dtype=object)
    names[:] = labels.to_list()
    with _without_collector():
        return list(map(frozenset, zip(*(names[part].tolist() for part in codes.T), strict=True)))


def pandas_column(parts: Sequence[list[Any]]) -> Any:
    """Return lists of Python objects as one column of pandas."""
    import pandas as pd

    held = np.empty(sum(map(len, parts)), dtype=object)
    at = 0
    for part in parts:
        held[at : at + len(part)] = part
        at += len(part)
    return nw.from_native(pd.Series(held, dtype=object), series_only=True)


def lists(flat: Any, lengths: Any, labels: nw.Series[Any]) -> Any:
    """Return Arrow lists of labels."""
    starts = np.append(0, np.cumsum(np.asarray(lengths, dtype=np.int64)))
    values = _result.ids(labels)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    taken = values.take(pa.array(np.asarray(flat, dtype=np.int64)))
    if starts[-1] < 2**31:
        return pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), taken)
    return pa.LargeListArray.from_arrays(pa.array(starts), taken)
