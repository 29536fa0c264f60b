"""Records linked by keys: what is equal in all fields of a set belongs to one person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics._columns import Bools, Ints
from crmlytics._frame import Source
from crmlytics.quality import _identity_text

_HOW = {
    "email": _identity_text.emails,
    "phone": _identity_text.phones,
    "name": _identity_text.names,
    "postcode": _identity_text.postcodes,
}


@dataclass(frozen=True)
class Fields:
    """The fields of all records in one spelling, null where there is nothing to compare."""

    texts: Mapping[str, Any]  # as Arrow text
    unread: Mapping[str, int]  # values that are there and are no address or number

    def known(self, name: str) -> Bools:
        return np.asarray(self.texts[name].is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def fields(source: Source, roles: Mapping[str, str]) -> Fields:
    """Read each field by the role of its column."""
    made, unread = {}, {}
    for name, role in roles.items():
        given = _identity_text.texts(source.column(role))
        made[name] = _HOW.get(name, _identity_text.plain)(given)
        there = given.drop_null()
        blank = pc.sum(pc.equal(pc.utf8_trim_whitespace(there), "")).as_py() or 0
        unread[name] = len(there) - blank - (len(given) - made[name].null_count)
    return Fields(made, {name: n for name, n in unread.items() if n})


@dataclass
class Links:
    """Pairs of records that belong together, and what was found on the way."""

    size: int
    ends: list[tuple[Ints, Ints]] = field(default_factory=list)
    matched: Any = None  # the first set by which each record was linked; -1 without
    crowded: dict[str, int] = field(default_factory=dict)  # keys that too many records share

    def __post_init__(self) -> None:
        self.matched = np.full(self.size, -1, dtype=np.int64)

    def add(self, rows: Ints, key: Ints, number: int) -> None:
        """Link the records of each key to its first."""
        if not len(rows):
            return
        order = np.argsort(key, kind="stable")
        rows, key = rows[order], key[order]
        starts = np.append(True, key[1:] != key[:-1])
        heads = rows[starts][np.cumsum(starts) - 1]
        self.ends.append((heads, rows))
        unmatched = rows[self.matched[rows] < 0]
        self.matched[unmatched] = number

    def components(self) -> Ints:
        """Give records that are linked, also through others, one number."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not self.ends:
            return np.arange(self.size)
        heads = np.concatenate([ends[0] for ends in self.ends])
        tails = np.concatenate([ends[1] for ends in self.ends])
        links = coo_array((np.ones(len(heads), bool), (heads, tails)), (self.size, self.size))
        return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def linked(
    found: Fields, sets: Sequence[Sequence[str]], *, most: int | None, across: bool
) -> Links:
    """Link records that are equal in all fields of one of the sets."""
    size = len(next(iter(found.texts.values())))
    links = Links(size)
    plain = {name: codes(values) for name, values in found.texts.items()}
    by_sound = {}
    if across and any("name" in each for each in sets):
        names = found.texts["name"]
        by_sound = {"name": codes(_identity_text.sounds(names))}
        latin = _identity_text.in_latin(names)
    for number, each in enumerate(sets):
        rows, key = _keyed(found, each, plain)
        shared = np.bincount(key)
        crowded = shared > most if most is not None else np.zeros(len(shared), dtype=bool)
        if crowded.any():
            links.crowded["+".join(each)] = int(crowded.sum())
        used = ((shared > 1) & ~crowded)[key]
        links.add(rows[used], key[used], number)
        if by_sound and "name" in each:
            rows, key = _keyed(found, each, plain | by_sound)
            shared = np.bincount(key)
            in_latin = np.bincount(key[latin[rows]], minlength=len(shared))
            both = (in_latin > 0) & (in_latin < shared)
            if most is not None:
                both &= shared <= most
            used = both[key]
            links.add(rows[used], key[used], number)
    return links


def codes(values: Any) -> Ints:
    """Encode texts; null is -1."""
    indices = pc.dictionary_encode(values).indices
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _keyed(found: Fields, each: Sequence[str], code: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """Return the records that have all fields of a set, and the number of their key."""
    there = np.all([code[name] >= 0 for name in each], axis=0)
    if "name" in each and not {"email", "phone"} & set(each):
        there &= _identity_text.has_several_words(found.texts["name"])
    rows = np.flatnonzero(there)
    key: Any = np.zeros(len(rows), dtype=np.int64)
    for name in each:
        own = code[name][rows]
        _, key = np.unique(key * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return rows, np.asarray(key, dtype=np.int64)


def first_sets(links: Links, sets: Sequence[Sequence[str]]) -> pa.Array:
    """Name the set that linked each record; null for those linked to none."""
    names = pa.array(["+".join(each) for each in sets], pa.string())
    return names.take(pa.array(links.matched, mask=links.matched < 0))
