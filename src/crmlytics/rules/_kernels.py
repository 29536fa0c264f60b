"""The miner of `_miner`, compiled: the same itemsets, depth first, with nothing but loops.

Each root is given the part of every basket that holds more frequent items, as in `_miner`. What
stays frequent there becomes bit rows, and these are joined depth first in one growing pool. The
itemsets are written as nodes of a tree, and laid out by length in the end.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from crmlytics._columns import Ints
from crmlytics.rules import _miner
from crmlytics.rules._miner import Codes, Words

_F = TypeVar("_F", bound=Callable[..., Any])

_ROOTS = 64  # in one compiled run, at most: between runs progress is told and signals are heard
_WORK = 1 << 18  # in one compiled run: baskets looked at and itemsets found
_SPARSE = 32  # items per basket of a root from where on it pays to note what was counted
_LOW = 0xFFFFFFFF

_PARENT, _ITEM, _COUNT = 0, 1, 2  # columns of nodes
_START, _WIDTH, _BASE, _ROWS, _NEXT = 0, 1, 2, 3, 4  # columns of the stack

_ONE, _TWO, _FOUR, _LAST_BYTE = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
_BITS_1 = np.uint64(0x5555555555555555)
_BITS_2 = np.uint64(0x3333333333333333)
_BITS_4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)


def _compiled(function: _F) -> _F:
    """Compile a function, and keep the outcome on disk where there is a place for it."""
    njit: Any = numba.njit
    try:
        compiled: _F = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither this folder nor that of the user can be written to
        compiled = njit(nogil=True)(function)
    return compiled


class _Table(NamedTuple):
    """What is read of `_miner.Lines`."""

    codes: NDArray[Any]
    after: NDArray[Any]
    at: Ints
    begins: Ints


class _Rule(NamedTuple):
    """What is looked for."""

    least: int
    longest: int
    budget: int


class _Desk(NamedTuple):
    """Room of a fixed size; clean between roots."""

    counts: Codes  # of items in the baskets of the root, else 0; some more than there are items
    rows: Codes  # of items that are frequent with the root, else -1
    keys: Ints  # of these rows: the count, then the item
    stack: Ints  # by depth: a block of bit rows, its place among the nodes, the next row


class _Store(NamedTuple):
    """Room that grows, and is kept from run to run."""

    nodes: Ints  # the itemset without its last item, that item, the count
    size: int  # of the nodes
    roots: int  # that are done
    pool: Words  # bit rows
    hits: Codes  # rows that the baskets of a root hold; the last of a basket inverted


def mine(
    lines: _miner.Lines,
    least: int,
    longest: int,
    budget: int,
    tell: Callable[[int], object] | None = None,
) -> _miner.Mined:
    """Find all itemsets that at least `least` baskets hold, up to a length; see `_miner.mine`."""
    m = len(lines.items)
    if m > budget:
        raise _miner.BudgetError(m)
    # a basket has no more items than there are codes
    after = lines.after.astype(lines.codes.dtype)
    table = _Table(lines.codes, after, lines.at, lines.begins)
    rule = _Rule(int(least), min(int(longest), m + 1), min(int(budget), 1 << 62))
    nodes = np.column_stack([np.full(m, -1), np.arange(m), np.diff(lines.begins)])
    pool, hits = np.empty(1 << 12, dtype=np.uint64), np.empty(1 << 12, dtype=np.int32)
    store, desk = _Store(np.ascontiguousarray(nodes), m, 0, pool, hits), _desk(m)
    while store.roots < m and rule.longest > 1:
        done = store.roots
        store = _grow(table, rule, desk, store)
        if store.size > budget:
            raise _miner.BudgetError(store.size)
        if tell is not None:
            tell(store.roots - done)
    return _mined(store.nodes[: store.size], lines.items)


def _desk(m: int) -> _Desk:
    return _Desk(
        np.zeros(m + 16, dtype=np.int32),
        np.full(m, -1, dtype=np.int32),
        np.zeros(m + 1, dtype=np.int64),
        np.zeros((m, 5), dtype=np.int64),
    )


def _mined(nodes: Ints, items: Ints) -> _miner.Mined:
    """Lay out the nodes by length."""
    lengths = _lengths(nodes)
    sizes = np.bincount(lengths)[1:]
    widths = np.arange(1, len(sizes) + 1)
    at_counts = np.append(0, np.cumsum(sizes))
    at_codes = np.append(0, np.cumsum(sizes * widths))
    codes = np.empty(at_codes[-1], dtype=np.int32)
    counts = np.empty(at_counts[-1], dtype=np.int64)
    _lay_out(nodes, lengths, items, (at_codes.copy(), at_counts.copy()), codes, counts)
    return _miner.Mined(
        [
            codes[first:last].reshape(-1, width)
            for (first, last), width in zip(pairwise(at_codes), widths, strict=True)
        ],
        [counts[first:last] for first, last in pairwise(at_counts)],
    )


@_compiled
def _lengths(nodes: Ints) -> Ints:
    lengths = np.ones(len(nodes), dtype=np.int64)
    for node in range(len(nodes)):
        parent = nodes[node, _PARENT]
        if parent >= 0:
            lengths[node] = lengths[parent] + 1
    return lengths


@_compiled
def _lay_out(
    nodes: Ints, lengths: Ints, items: Ints, at: tuple[Ints, Ints], codes: Codes, counts: Ints
) -> None:
    """Write each itemset as that of its parent with one item set in, so that it is ascending."""
    at_codes, at_counts = at
    begins = np.empty(len(nodes), dtype=np.int64)
    for node in range(len(nodes)):
        length = lengths[node]
        counts[at_counts[length - 1]] = nodes[node, _COUNT]
        at_counts[length - 1] += 1
        begin = at_codes[length - 1]
        at_codes[length - 1] += length
        begins[node] = begin
        item = items[nodes[node, _ITEM]]
        place = length - 1
        if place > 0:
            source = begins[nodes[node, _PARENT]]
            while place > 0 and codes[source + place - 1] > item:
                codes[begin + place] = codes[source + place - 1]
                place -= 1
            for i in range(place):
                codes[begin + i] = codes[source + i]
        codes[begin + place] = item


@_compiled
def _grow(table: _Table, rule: _Rule, desk: _Desk, store: _Store) -> _Store:
    """Find all itemsets that begin with one of the next roots."""
    nodes, size, first, pool, hits = store
    root, work = first, 0
    while root < min(first + _ROOTS, len(desk.rows)) and work < _WORK and size <= rule.budget:
        base = size
        rows, entries = _partners(table, desk, root, rule.least)
        nodes = _longer(nodes, size + rows, size)
        for row in range(rows):
            nodes[size, _PARENT] = root
            nodes[size, _ITEM] = desk.keys[row] & _LOW
            nodes[size, _COUNT] = desk.keys[row] >> 32
            size += 1
        if rows > 1 and rule.longest > 2 and size <= rule.budget:
            hits = _longer(hits, entries + 1, 0)
            baskets, n_hits = _gather(table, desk.rows, hits, root)
            if baskets >= rule.least:
                width = (baskets + 63) >> 6
                pool = _longer(pool, rows * width, 0)
                _set_bits(pool[: rows * width], width, hits[:n_hits])
                _push(desk.stack[0], 0, width, base, rows)
                nodes, size, pool = _extend(rule, desk.stack, nodes, size, pool)
        for row in range(rows):
            desk.rows[desk.keys[row] & _LOW] = -1
        work += table.begins[root + 1] - table.begins[root] + size - base
        root += 1
    return _Store(nodes, size, root, pool, hits)


@_compiled
def _push(block: Ints, start: int, width: int, base: int, rows: int) -> None:
    block[_START], block[_WIDTH], block[_BASE], block[_ROWS], block[_NEXT] = (
        start, width, base, rows, 0,
    )  # fmt: skip


@_compiled
def _longer(values: Any, need: int, used: int) -> Any:
    """Return an array with at least the room that is needed, and what was used of it."""
    if need <= len(values):
        return values
    longer = np.empty((max(need, 2 * len(values)), *values.shape[1:]), values.dtype)
    # cell by cell: to assign a slice is as fast, and takes seconds to compile
    source, target = values.ravel(), longer.ravel()
    for i in range(used * (values.size // len(values))):
        target[i] = source[i]
    return longer


@_compiled
def _partners(table: _Table, desk: _Desk, root: int, least: int) -> tuple[int, int]:
    """Give numbers to the items frequent with a root, by ascending count; sum the counts."""
    places = table.at[table.begins[root] : table.begins[root + 1]]
    if len(places) * _SPARSE < len(desk.rows) - root:
        n = _count_few(table, desk, places, least)
    else:
        n = _count_many(table, desk, places, root, least)
    keys = desk.keys[:n]
    keys.sort()
    entries = 0
    for row in range(n):
        desk.rows[keys[row] & _LOW] = row
        entries += keys[row] >> 32
    return n, entries


@_compiled
def _count_few(table: _Table, desk: _Desk, places: Ints, least: int) -> int:
    """Count the items after a root, and note each at its first time."""
    counts, keys = desk.counts, desk.keys
    touched = 0
    for place in places:
        for code in table.codes[place + 1 : place + 1 + table.after[place]]:
            count = counts[code]
            keys[touched] = code
            touched += count == 0
            counts[code] = count + 1
    n = 0
    for i in range(touched):
        code = keys[i]
        count = np.int64(counts[code])
        counts[code] = 0
        if count >= least:
            keys[n] = count << 32 | code
            n += 1
    return n


@_compiled
def _count_many(table: _Table, desk: _Desk, places: Ints, root: int, least: int) -> int:
    """Count the items after a root, and look at all counts then, some at once."""
    counts = desk.counts
    for place in places:
        for code in table.codes[place + 1 : place + 1 + table.after[place]]:
            counts[code] += 1
    n = 0
    for first in range((root + 1) & ~15, len(desk.rows), 16):
        bits = counts[first]
        for i in range(1, 16):
            bits |= counts[first + i]
        if bits >= least:
            for code in range(first, first + 16):
                count = np.int64(counts[code])
                if count >= least:
                    desk.keys[n] = count << 32 | code
                    n += 1
    counts[root + 1 :] = 0
    return n


@_compiled
def _gather(table: _Table, rows: Codes, hits: Codes, root: int) -> tuple[int, int]:
    """Collect the rows of each basket that holds two at least: of one, nothing longer comes."""
    baskets = n = 0
    for k in range(table.begins[root], table.begins[root + 1]):
        place = table.at[k]
        begin = n
        for code in table.codes[place + 1 : place + 1 + table.after[place]]:
            row = rows[code]
            hits[n] = row
            n += row >= 0
        if n - begin >= 2:
            hits[n - 1] = ~hits[n - 1]
            baskets += 1
        else:
            n = begin
    return baskets, n


@_compiled
def _set_bits(pool: Words, width: int, hits: Codes) -> None:
    pool[:] = 0
    basket = 0
    for hit in hits:
        row = hit if hit >= 0 else ~hit
        pool[row * width + (basket >> 6)] |= _ONE << np.uint64(basket & 63)
        if hit < 0:
            basket += 1


@_compiled
def _extend(
    rule: _Rule, stack: Ints, nodes: Ints, size: int, pool: Words
) -> tuple[Ints, int, Words]:
    """Join the rows of the first block of the stack, and what comes of that again."""
    depth = 0
    while depth >= 0 and size <= rule.budget:
        block = stack[depth]
        start, width, rows, row = block[_START], block[_WIDTH], block[_ROWS], block[_NEXT]
        block[_NEXT] = row + 1
        others = rows - row - 1
        if others <= 0:
            depth -= 1
            continue
        end = start + rows * width
        pool = _longer(pool, end + others * width, end)
        nodes = _longer(nodes, size + others, size)
        kept = _join(pool, nodes, block, size, rule.least)
        size += kept
        if kept >= 2 and depth + 3 < rule.longest:
            if 2 * nodes[block[_BASE] + row, _COUNT] <= width:
                width = _squeeze(pool, start + row * width, (end, kept, width))
            depth += 1
            _push(stack[depth], end, width, size - kept, kept)
    return nodes, size, pool


@_compiled
def _ones(word: np.uint64) -> Any:
    """Count the bits that are set; LLVM knows this form, and puts one instruction in its place."""
    word -= (word >> _ONE) & _BITS_1
    word = (word & _BITS_2) + ((word >> _TWO) & _BITS_2)
    word = (word + (word >> _FOUR)) & _BITS_4
    return np.int64((word * _BYTES) >> _LAST_BYTE)


@_compiled
def _join(pool: Words, nodes: Ints, block: Ints, size: int, least: int) -> int:
    """Join a row with the later rows of its block; leave what is frequent after the block."""
    start, width, rows, row = block[_START], block[_WIDTH], block[_ROWS], block[_NEXT] - 1
    base = block[_BASE]
    left = pool[start + row * width : start + row * width + width]
    end = start + rows * width
    kept = 0
    for other in range(row + 1, rows):
        right = pool[start + other * width : start + other * width + width]
        both = pool[end + kept * width : end + kept * width + width]
        count = 0
        for i in range(width):
            word = left[i] & right[i]
            both[i] = word
            count += _ones(word)
        if count >= least:
            nodes[size + kept, _PARENT] = base + row
            nodes[size + kept, _ITEM] = nodes[base + other, _ITEM]
            nodes[size + kept, _COUNT] = count
            kept += 1
    return kept


@_compiled
def _squeeze(pool: Words, mask: int, block: tuple[int, int, int]) -> int:
    """Drop the words in which a row has no bits from the rows after it; return how many stay.

    Of a wide block few words may matter to what is rare: without this, each of its offspring
    would be joined in the full width.
    """
    start, rows, width = block
    target = start
    for row in range(rows):
        source = start + row * width
        for i in range(width):
            if pool[mask + i]:
                pool[target] = pool[source + i]
                target += 1
    return (target - start) // rows
