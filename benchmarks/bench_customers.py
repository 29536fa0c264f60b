"""Customers: clusters, persons behind several ids, and one row of all that is known.

The peers are kmodes' k-prototypes at the same cost function, scikit-learn's silhouette in a loop,
and what is written by hand in pandas. `--rows` sets all sizes: 10,000,000 make 20,000 customers for
k-prototypes and 1,000,000 for the choice of clusters, 100,000 persons with 2.3 records each, and a
view of 1,000,000 customers with 15,000,000 order lines and 5,000,000 contacts.
"""

import argparse
import json
import warnings
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from _bench import OURS, Case, Comparison, Rows, make_rows, measure, tables
from threadpoolctl import threadpool_limits

from crmlytics.customers import customer_view
from crmlytics.datasets import simulate_identities
from crmlytics.quality import _identity_text, resolve_identity
from crmlytics.segmentation import _cluster_table, choose_clusters, fit_clusters

warnings.simplefilter("ignore")  # keys that too many records share, features that are skewed

SIZES = "at full size"
NOTES: dict[str, str] = {}  # what the checks found beside the times, by comparison

# --- k-prototypes ---------------------------------------------------------------------------------

K = 4
NUMBERS, WORDS = ["orders", "spend", "visits", "age"], ["city", "channel", "plan"]
LEVELS = {"city": 6, "channel": 4, "plan": 3}
KMODES, KMODES_ONCE = "kmodes", "kmodes, one start"


def mixed_customers(n: int) -> pd.DataFrame:
    """Customers of four kinds, which overlap: four numbers and three categories."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, K, n)
    middles = rng.normal(0, 2, (K, len(NUMBERS)))
    numbers = middles[kind] + rng.normal(size=(n, len(NUMBERS)))
    columns: dict[str, Any] = dict(zip(NUMBERS, (50 + 10 * numbers).T.round(2), strict=True))
    for word, levels in LEVELS.items():
        usual = rng.integers(0, levels, K)[kind]
        places = np.where(rng.random(n) < 0.6, usual, rng.integers(0, levels, n))
        columns[word] = pd.Series([f"{word} {place}" for place in range(levels)]).to_numpy()[places]
    return pd.DataFrame({"customer_id": np.arange(n), **columns})


def our_prototypes(customers: pd.DataFrame) -> float:
    model = fit_clusters(
        customers, features=NUMBERS + WORDS, n_clusters=K, method="kprototypes", n_stability=0
    )
    return model.inertia


def their_prototypes(given: tuple[Any, float], n_starts: int) -> float:
    from kmodes.kprototypes import KPrototypes

    points, gamma = given
    model = KPrototypes(K, init="Huang", n_init=n_starts, gamma=gamma, random_state=0)
    categorical = list(range(len(NUMBERS), points.shape[1]))
    return float(model.fit(points, categorical=categorical).cost_)


def same_cost(answers: dict[str, Any], _: Rows) -> None:
    """Ours must be as good as the best of theirs, within a per cent."""
    least = min(answers.values())
    assert answers[OURS] <= 1.01 * least, answers
    told = ", ".join(f"{name} {cost:,.0f}" for name, cost in answers.items())
    NOTES["prototypes"] = f"Cost of Huang (1998) with four clusters: {told}."


# --- the number of clusters -----------------------------------------------------------------------

TRIED = range(2, 11)
APART = np.array([[0, 0, 0], [6, 0, 3], [0, 6, -3], [6, 6, 0]]) * 1.5
FEATURES = ["recency", "frequency", "monetary"]


def grouped_customers(n: int) -> pd.DataFrame:
    """Customers of four kinds, which lie apart, in three numbers."""
    rng = np.random.default_rng(0)
    numbers = APART[rng.integers(0, len(APART), n)] + rng.normal(size=(n, 3))
    return pd.DataFrame(numbers, columns=FEATURES)


def our_choice(customers: pd.DataFrame, part: int) -> int:
    customers = customers.head(len(customers) // part)
    choice = choose_clusters(customers, features=FEATURES, k_range=TRIED)
    return int(choice["k"].to_numpy()[choice["silhouette"].to_numpy().argmax()])


def their_choice(customers: pd.DataFrame, part: int) -> int:
    """Take the number with the highest silhouette of all customers, as in the tutorials."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from sklearn.preprocessing import StandardScaler

    points = StandardScaler().fit_transform(customers.head(len(customers) // part))
    scores = {
        k: silhouette_score(points, KMeans(k, n_init=10, random_state=0).fit_predict(points))
        for k in TRIED
    }
    return max(scores, key=lambda k: scores[k])


def same_number(answers: dict[str, Any], _: Rows) -> None:
    assert set(answers.values()) == {len(APART)}, answers


# --- one person behind several ids ----------------------------------------------------------------

FIELDS = ["email", "phone", "name", "postcode"]
SETS = [["email"], ["phone", "name"], ["name", "postcode"]]  # those of ours
MOST = 20
ONE_SCRIPT = "one script only"
MERGES, BY_HAND = "pandas merges, keys given", "pandas, keys and merges"
DIGITS = {zero + digit: str(digit) for zero in (0x660, 0x6F0) for digit in range(10)}
LETTERS = str.maketrans("يك,", "یک ") | {0x5B7: None}


def keys_by_ours(records: pd.DataFrame) -> pd.DataFrame:
    """Return the fields in the spelling of ours, so that merging alone is timed."""
    keys = {}
    for name in FIELDS:
        series = nw.from_native(records[name], series_only=True)
        rewrite = getattr(_identity_text, f"{name}s")
        keys[name] = rewrite(_identity_text.texts(series)).to_pandas()
    return pd.DataFrame(keys)


def keys_by_hand(records: pd.DataFrame) -> pd.DataFrame:
    """Write the fields in one spelling with the methods of pandas; these records need no more."""
    email = records["email"].str.lower().str.replace(r"\+[^@]*@", "@", regex=True)
    gmail = email.str.endswith("@gmail.com", na=False)
    bare = email[gmail].str.removesuffix("@gmail.com").str.replace(".", "", regex=False)
    email = email.where(~gmail, bare + "@gmail.com")
    phone = records["phone"].str.translate(DIGITS).str.replace("(0)", "", regex=False)
    phone = phone.str.replace(r"[^0-9+]", "", regex=True)
    phone = phone.str.replace(r"^(?:\+|00)(?:44|98|972)|^0", "", regex=True)
    words = records["name"].str.lower().str.translate(LETTERS).str.split()
    name = words.map(sorted, na_action="ignore").str.join(" ").astype("str")
    postcode = records["postcode"].str.lower().str.translate(DIGITS)
    postcode = postcode.str.replace(" ", "", regex=False)
    return pd.DataFrame({"email": email, "phone": phone, "name": name, "postcode": postcode})


def merged(keys: pd.DataFrame) -> Any:
    """Merge the table with itself on each set, and number what hangs together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = keys.assign(row=np.arange(len(keys)))
    pairs = []
    for each in SETS:
        held = keys[[*each, "row"]].dropna()
        if each == ["name", "postcode"]:
            held = held[held["name"].str.contains(" ", regex=False)]
        shared = held.groupby(each)["row"].transform("size")
        held = held[shared.between(2, MOST)]
        pairs.append(held.merge(held, on=each)[["row_x", "row_y"]])
    ends = pd.concat(pairs).to_numpy().T
    links = coo_array((np.ones(ends.shape[1], bool), tuple(ends)), (len(keys), len(keys)))
    return connected_components(links, directed=False)[1]


def our_persons(records: pd.DataFrame, *, across: bool) -> Any:
    return resolve_identity(records, across_scripts=across)["person_id"].to_numpy()


def quality(person: Any, found: Any) -> tuple[float, float]:
    """Return precision and recall of the pairs of records that are said to be one person."""

    def pairs(*columns: Any) -> int:
        counts = pd.Series(1, index=range(len(person))).groupby(list(columns)).size().to_numpy()
        return int((counts * (counts - 1) // 2).sum())

    both = pairs(person, found)
    return both / max(pairs(found), 1), both / max(pairs(person), 1)


def same_persons(answers: dict[str, Any], rows: Rows) -> None:
    """On the same keys the same persons must be found; then say how right they are."""
    one, other = pd.factorize(answers[ONE_SCRIPT])[0], pd.factorize(answers[MERGES])[0]
    assert np.array_equal(one, other)
    person = rows.records["true_person_id"].to_numpy()
    parts = []
    for name, found in answers.items():
        precision, recall = quality(person, found)
        assert min(precision, recall) > 0.7, (name, precision, recall)
        parts.append(f"{name} {precision:.4f} and {recall:.4f}")
    NOTES["identity"] = f"Precision and recall of pairs: {'; '.join(parts)}."


# --- the view of customers ------------------------------------------------------------------------

AS_OF = "2025-10-31"
END = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
CHANNELS = ["email", "phone", "shop", "chat", "app"]
COUNTED = ["transactions_orders", "interactions_n", "interactions_channels"]


@dataclass(frozen=True)
class Shop:
    customers: pd.DataFrame
    transactions: pd.DataFrame
    interactions: pd.DataFrame

    def memory_usage(self, *, index: bool, deep: bool) -> pd.Series:
        every = (self.customers, self.transactions, self.interactions)
        return pd.concat([table.memory_usage(index=index, deep=deep) for table in every])


def make_shop(n_rows: int) -> Shop:
    """Two years; a quarter of the customers never buy, 2 % of lines are returns."""
    rng = np.random.default_rng(1)
    n, n_contacts = max(n_rows // 10, 1), max(n_rows // 2, 1)
    lines = make_rows(3 * n_rows // 2)
    lines.loc[rng.random(len(lines)) < 0.02, "amount"] *= -1
    moments = np.sort(rng.integers(0, 730 * 86_400, n_contacts)).astype("m8[s]")
    channels = pd.Series(CHANNELS, dtype="str")
    shares = (0.4, 0.2, 0.15, 0.15, 0.1)
    contacts = {
        "customer_id": (n * rng.random(n_contacts) ** 1.5).astype(np.int64) + 1,
        "date": (np.datetime64("2024-01-01") + moments).astype("M8[us]"),
        "channel": channels.take(rng.choice(len(CHANNELS), n_contacts, p=shares)).array,
    }
    customers = pd.DataFrame({"customer_id": np.arange(1, n + 1), "age": rng.integers(18, 90, n)})
    return Shop(customers, lines, pd.DataFrame(contacts))


def our_view(shop: Shop) -> pd.DataFrame:
    return customer_view(
        shop.customers, transactions=shop.transactions, interactions=shop.interactions, as_of=AS_OF
    )


def view_by_pandas(shop: Shop) -> pd.DataFrame:
    """Reduce each table to a row a customer, then merge; no column more than ours."""
    ends = {"first_date": ("date", "min"), "last_date": ("date", "max")}
    lines = shop.transactions[shop.transactions["date"] < END]
    amounts = lines.groupby("customer_id").agg(transactions_amount=("amount", "sum"))
    orders = lines[lines["amount"] >= 0].groupby("customer_id")
    orders = orders.agg(orders=("order_id", "nunique"), **ends).add_prefix("transactions_")
    contacts = shop.interactions[shop.interactions["date"] < END]
    met = contacts.groupby("customer_id").agg(
        n=("channel", "size"), channels=("channel", "nunique"), **ends
    )
    used = contacts.groupby(["customer_id", "channel"])["date"].agg(n="size", last="max")
    used["last"] = used["last"].dt.normalize()
    used = used.reset_index().sort_values(["n", "last", "channel"], ascending=[False, False, True])
    top = used.drop_duplicates("customer_id").set_index("customer_id")[["channel"]]
    met = met.add_prefix("interactions_")
    view = shop.customers
    for part in (orders, amounts, met, top.rename(columns={"channel": "interactions_top_channel"})):
        view = view.merge(part, how="left", on="customer_id")
    view = view.fillna(dict.fromkeys([*COUNTED, "transactions_amount"], 0))
    view = view.astype(dict.fromkeys(COUNTED, "int64"))
    for name in ("transactions", "interactions"):
        for end in ("first", "last"):
            view[f"{name}_{end}_date"] = view[f"{name}_{end}_date"].dt.normalize()
        view[f"{name}_recency_days"] = (pd.Timestamp(AS_OF) - view[f"{name}_last_date"]).dt.days
    return view.sort_values("customer_id", ignore_index=True)


def same_view(answers: dict[str, Any], _: Rows) -> None:
    """Each column of ours must be in the view by hand with the same values, money to the cent."""
    ours, theirs = answers[OURS], answers["pandas"]
    assert set(ours.columns) == set(theirs.columns)
    for name in ours.columns:
        left, right = ours[name], theirs[name]
        if name == "interactions_top_channel":
            assert (left.fillna("") == right.fillna("")).all()
            continue
        if name.endswith("_date"):
            left, right = ((each - pd.Timestamp("2020-01-01")).dt.days for each in (left, right))
        left, right = (each.to_numpy(np.float64, na_value=np.nan) for each in (left, right))
        assert np.allclose(left, right, rtol=0, atol=0.006, equal_nan=True), name


# --- all of them ----------------------------------------------------------------------------------


class Customers(Rows):
    """What each comparison takes, in the sizes that follow from the rows."""

    @cached_property
    def mixed(self) -> pd.DataFrame:
        return mixed_customers(max(self.n_rows // 500, 100))

    @cached_property
    def prototypes(self) -> tuple[Any, float]:
        """Return the space of ours for kmodes: numbers placed, then codes of categories."""
        table = _cluster_table.read_table(
            self.mixed, NUMBERS + WORDS, method="kprototypes", weights=None, gamma=None,
            caller="bench",
        )  # fmt: skip
        codes = [pd.factorize(table.read[word].to_numpy(zero_copy_only=False))[0] for word in WORDS]
        numbers = table.points[:, table.design.numeric]
        return np.column_stack([numbers, *codes]), table.design.gamma

    @cached_property
    def grouped(self) -> pd.DataFrame:
        return grouped_customers(max(self.n_rows // 10, 10_000))

    @cached_property
    def records(self) -> pd.DataFrame:
        return simulate_identities(max(self.n_rows // 100, 100))

    @cached_property
    def keys(self) -> pd.DataFrame:
        return keys_by_ours(self.records)

    @cached_property
    def shop(self) -> Shop:
        return make_shop(self.n_rows)

    @property
    def pandas(self) -> Any:
        """Return what memory is a share of: only of the shop and of records it is measured."""
        return self.shop


COMPARISONS = {
    "prototypes": Comparison(
        f'`fit_clusters(method="kprototypes")`, 20,000 customers {SIZES}, ten starts',
        {
            OURS: Case("mixed", our_prototypes),
            KMODES: Case("prototypes", partial(their_prototypes, n_starts=10)),
            KMODES_ONCE: Case("prototypes", partial(their_prototypes, n_starts=1)),
        },
        same_cost, memory=(), faster_than={KMODES: 10},
    ),
    "choice": Comparison(
        f"`choose_clusters`, 2 to 10 clusters, 1M customers {SIZES}",
        {
            OURS: Case("grouped", partial(our_choice, part=1)),
            "a tenth of the customers": Case("grouped", partial(our_choice, part=10)),
            "a hundredth of the customers": Case("grouped", partial(our_choice, part=100)),
            "scikit-learn, a fiftieth": Case("grouped", partial(their_choice, part=50)),
            "scikit-learn, a hundredth": Case("grouped", partial(their_choice, part=100)),
        },
        same_number, memory=(),
        at_most={"a tenth of the customers": 10, "a hundredth of the customers": 100},
    ),
    "identity": Comparison(
        f"`resolve_identity`, records of 100,000 persons {SIZES}",
        {
            OURS: Case("records", partial(our_persons, across=True)),
            ONE_SCRIPT: Case("records", partial(our_persons, across=False)),
            MERGES: Case("keys", merged),
            BY_HAND: Case("records", lambda records: merged(keys_by_hand(records))),
        },
        same_persons, memory=(OURS, BY_HAND),
    ),
    "view": Comparison(
        f"`customer_view`, 1M customers, 20M events {SIZES}",
        {OURS: Case("shop", our_view), "pandas": Case("shop", view_by_pandas)},
        same_view, memory=(OURS, "pandas"), faster_than={"pandas": 1},
    ),
}  # fmt: skip


def noted(found: dict[str, Any]) -> dict[str, Any]:
    """Put under the title what is told beside the times."""
    if found["key"] == "view":
        memory = found["memory"]
        held = [f"{name} {sum(memory[name].values()) / 2**30:.2f}" for name in memory]
        size = memory[OURS]["input"] / 2**30
        NOTES["view"] = f"GiB at the peak, with tables of {size:.2f} GiB: {', '.join(held)}."
    note = NOTES.get(found["key"])
    return found | {"title": f"{found['title']}\n\n{note}"} if note else found


def main() -> None:
    """Run this benchmark from the command line, as the others do, with the notes."""
    parser = argparse.ArgumentParser(description=f"Run {Path(__file__).stem} alone.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--only", help="the name of one comparison", choices=list(COMPARISONS))
    asked = parser.parse_args()
    chosen = {asked.only: COMPARISONS[asked.only]} if asked.only else COMPARISONS
    with threadpool_limits(1, "blas"):  # threads that wait in loops would count as CPU time
        measured = measure(Path(__file__).stem, chosen, asked.rows, Customers)
    measured = [noted(found) for found in measured]
    if asked.json:
        asked.json.write_text(json.dumps(measured), encoding="utf-8")
    else:
        print(tables(measured))


if __name__ == "__main__":
    main()
