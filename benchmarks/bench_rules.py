"""Itemsets, rules and suggestions: crmlytics against mlxtend and PyFIM.

The data are real: the Complete Journey, and Groceries, FIMI retail and Online Retail where the
environment variable CRMLYTICS_CHECK_DATA names a folder that has them. `--rows` changes nothing
but the number of copies of the Complete Journey's lines that are mined to see memory: 10,000,000
make eight.
"""

import os
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fim
import numpy as np
import pandas as pd
from _bench import OURS, Case, Comparison, Rows, main
from mlxtend.frequent_patterns import association_rules as their_rules
from mlxtend.frequent_patterns import fpgrowth, hmine

from crmlytics.datasets import load_complete_journey
from crmlytics.rules import _itemsets, association_rules, frequent_itemsets

warnings.simplefilter("ignore")  # mlxtend asks for bool columns that it is given
FOLDER = Path(os.environ.get("CRMLYTICS_CHECK_DATA", "/nowhere")) / "retail"
FAST = "crmlytics[fast]"
ORDER, PRODUCT = "order_id", "product_id"
LEVEL = 10  # mlxtend is to be beaten so many times without compiled kernels, and 25 times with


class Lines(Rows):
    """Order lines as (order, product), and what rules are made from."""

    @cached_property
    def journey(self) -> pd.DataFrame:
        return load_complete_journey().transactions[[ORDER, PRODUCT]]

    @cached_property
    def copies(self) -> pd.DataFrame:
        n = max(self.n_rows * 8 // 10_000_000, 1)
        parts = [
            self.journey.assign(**{ORDER: self.journey[ORDER] + copy * 10**11}) for copy in range(n)
        ]
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def categories(self) -> pd.DataFrame:
        data = load_complete_journey()
        names = data.products.set_index("product_id")["category"]
        lines = data.transactions[[ORDER]].assign(
            **{PRODUCT: data.transactions["product_id"].map(names)}
        )
        return lines.dropna().reset_index(drop=True)

    @cached_property
    def groceries(self) -> pd.DataFrame:
        table = pd.read_csv(FOLDER / "groceries_long.csv")
        return table.rename(columns={"product": PRODUCT})[[ORDER, PRODUCT]]

    @cached_property
    def retail(self) -> pd.DataFrame:
        table = pd.read_parquet(FOLDER / "retail_long.parquet")
        return table.rename(columns={"product": PRODUCT})[[ORDER, PRODUCT]]

    @cached_property
    def online(self) -> pd.DataFrame:
        table = pd.read_parquet(FOLDER / "online_retail.parquet")
        sold = (table.Quantity > 0) & (table.UnitPrice > 0) & ~table.InvoiceNo.str.startswith("C")
        names = {"InvoiceNo": ORDER, "StockCode": PRODUCT}
        return table[sold].rename(columns=names)[[ORDER, PRODUCT]].reset_index(drop=True)

    @cached_property
    def many_sets(self) -> tuple[pd.DataFrame, int]:
        """Return itemsets of categories in at least 0.4 % of baskets, and the number of baskets."""
        found = frequent_itemsets(self.categories, min_support=0.004)
        return found, int(self.categories[ORDER].nunique())


def ours(support: float, *, compiled: bool) -> Any:
    def run(lines: pd.DataFrame) -> pd.DataFrame:
        with patch.object(_itemsets, "_COMPILED_FROM", 0 if compiled else 2**62):
            return frequent_itemsets(lines, min_support=support)

    return run


def least(lines: pd.DataFrame, support: float) -> int:
    return int(np.ceil(support * lines[ORDER].nunique() - 1e-9))


def pyfim(algorithm: str, support: float) -> Any:
    """Lists by groupby, as users feed it."""

    def run(lines: pd.DataFrame) -> Any:
        lists = lines.drop_duplicates().groupby(ORDER)[PRODUCT].agg(list).tolist()
        found = getattr(fim, algorithm)(lists, supp=-least(lines, support), zmin=1)
        n = len(lists)
        sets = [frozenset(items) for items, _ in found]
        return pd.DataFrame({"support": [count / n for _, count in found], "itemsets": sets})

    return run


def mlxtend(algorithm: Any, support: float) -> Any:
    """A dense frame of the frequent products alone: what mlxtend does best on."""

    def run(lines: pd.DataFrame) -> Any:
        order, _ = pd.factorize(lines[ORDER])
        product, names = pd.factorize(lines[PRODUCT])
        pairs = np.unique(order.astype(np.int64) * len(names) + product)
        order, product = pairs // len(names), pairs % len(names)
        n, fewest = order.max() + 1, least(lines, support)
        frequent = np.bincount(product) >= fewest
        place = np.cumsum(frequent) - 1
        grid = np.zeros((n, frequent.sum()), dtype=bool)
        kept = frequent[product]
        grid[order[kept], place[product[kept]]] = True
        frame = pd.DataFrame(grid, columns=names[frequent])
        return algorithm(frame, min_support=(fewest - 0.5) / n, use_colnames=True)

    return run


def same_sets(answers: dict[str, Any], rows: Rows) -> None:
    del rows
    wanted = None
    for answer in answers.values():
        found = dict(zip(answer["itemsets"], answer["support"].round(9), strict=True))
        wanted = wanted or found
        assert found == wanted


def itemsets(
    title: str, takes: str, support: float, *, peers: tuple[str, ...], memory: bool = False
) -> Comparison:
    every = {
        "PyFIM eclat": pyfim("eclat", support),
        "PyFIM fpgrowth": pyfim("fpgrowth", support),
        "mlxtend fpgrowth": mlxtend(fpgrowth, support),
        "mlxtend hmine": mlxtend(hmine, support),
    }
    cases = {
        OURS: Case(takes, ours(support, compiled=False)),
        FAST: Case(takes, ours(support, compiled=True)),
    } | {peer: Case(takes, every[peer]) for peer in peers}
    faster = {peer: LEVEL for peer in peers if peer.startswith("mlxtend")}
    if "PyFIM eclat" in peers:
        faster["PyFIM eclat"] = 1.5
    dense = {} if "PyFIM eclat" in peers else {"PyFIM fpgrowth": 2.0}
    return Comparison(
        title, cases, same_sets, memory=(OURS,) if memory else (), faster_than=faster,
        at_most={peer: most for peer, most in dense.items() if peer in peers},
    )  # fmt: skip


def same_number(answers: dict[str, Any], rows: Rows) -> None:
    """Confidences at the threshold may fall on either side of it in mlxtend."""
    del rows
    ours, theirs = (len(answers[name]) for name in (OURS, "mlxtend"))
    assert abs(ours - theirs) <= 1e-3 * ours, (ours, theirs)


def same_single_rules(answers: dict[str, Any], rows: Rows) -> None:
    """Hold ours to what mlxtend has too: rules to one product."""
    del rows
    single = answers["mlxtend"]["consequents"].map(len) == 1
    assert abs(len(answers[OURS]) - int(single.sum())) <= 1e-3 * len(answers[OURS])
    assert answers[OURS]["redundant"].notna().all()


def rules(title: str, ours: dict[str, Any], confidence: float, times: float) -> Comparison:
    def run(given: Any) -> Any:
        found, n = given
        return association_rules(found, n_baskets=n, min_confidence=confidence, **ours)

    def theirs(given: Any) -> Any:
        found, n = given
        table = found[["support", "itemsets"]]
        return their_rules(table, num_itemsets=n, metric="confidence", min_threshold=confidence)

    cases = {OURS: Case("many_sets", run), "mlxtend": Case("many_sets", theirs)}
    plain = "max_consequents" in ours
    return Comparison(
        title, cases, same_number if plain else same_single_rules, memory=(),
        faster_than={"mlxtend": times},
    )  # fmt: skip


ALL = ("PyFIM eclat", "PyFIM fpgrowth", "mlxtend fpgrowth", "mlxtend hmine")
COMPARISONS = {
    "journey": itemsets(
        "Complete Journey, products, support .001", "journey", 0.001,
        peers=("PyFIM eclat", "PyFIM fpgrowth", "mlxtend fpgrowth"), memory=True,
    ),
    "categories": itemsets(
        "Complete Journey, categories, support .002", "categories", 0.002,
        peers=("PyFIM fpgrowth",), memory=True,
    ),
    "dense": itemsets(
        "Complete Journey, categories, support .001", "categories", 0.001,
        peers=("PyFIM fpgrowth",),
    ),
    "copies": itemsets(
        "Complete Journey eight times over at full size, products, support .001", "copies", 0.001,
        peers=("PyFIM eclat",), memory=True,
    ),
    "splits": rules(
        "all rules of categories in 0.4 % of baskets, confidence .1",
        {"max_consequents": None, "test": None, "redundancy": False}, 0.1, 10,
    ),
    "rules": rules(
        "rules with tests and redundancy, categories in 0.4 % of baskets, confidence .5", {}, 0.5, 5
    ),
}  # fmt: skip
if FOLDER.is_dir():
    COMPARISONS |= {
        "groceries": itemsets("Groceries, support .001", "groceries", 0.001, peers=ALL),
        "retail": itemsets("FIMI retail, support .001", "retail", 0.001, peers=ALL[:3]),
        "retail_deep": itemsets(
            "FIMI retail, support .0005", "retail", 0.0005, peers=ALL[:3], memory=True
        ),
        "online": itemsets("Online Retail, support .005", "online", 0.005, peers=ALL),
    }

if __name__ == "__main__":
    main(Path(__file__).stem, COMPARISONS, Lines)
