"""Methods of suggestion against plain loops over small random shops."""

from datetime import date, timedelta
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.rules import _choose, _rank, _scores, _weights

START = date(2026, 1, 1)
LINE = st.tuples(st.integers(1, 6), st.integers(0, 80), st.sampled_from("abcdef"))
LINES = st.lists(LINE, min_size=1, max_size=60)
FEW = settings(max_examples=20, deadline=None)
WEIGHED = ("ease", "similar", "rules")


def table(lines):
    who, days, products = zip(*lines, strict=True)
    dates = pd.to_datetime([START + timedelta(days=int(day)) for day in days])
    return pd.DataFrame({"customer_id": who, "date": dates, "product_id": products})


def fit(lines, **options):
    return crm.rules.fit_suggestions(table(lines), **options)


def lists(model, ids, **options):
    """Return rows of the answer by customer, in their order."""
    found = model.predict(pd.DataFrame({"customer_id": list(ids)}), **options)
    assert found["customer_id"].is_monotonic_increasing
    return {who: part.to_dict("records") for who, part in found.groupby("customer_id")}


class Oracle:
    """What a shop knows, from loops over its lines."""

    def __init__(self, lines, of):
        self.of, self.last = of, max(day for _, day, _ in lines)
        self.baskets, self.histories = {}, {}
        for who, day, product in lines:
            self.baskets.setdefault((who, day), set()).add(product)
            self.histories.setdefault(who, set()).add(product)
        self.units = list((self.histories if of == "customers" else self.baskets).values())
        products = {line[2] for line in lines}
        self.items = sorted(products, key=lambda name: (-self.n_baskets(name), name))
        self.recent = {name: self.n_baskets(name, self.last - 30) for name in products}

    def n_baskets(self, product, after=-1):
        return sum(day > after and product in one for (_, day), one in self.baskets.items())

    def n(self, *products):
        return sum(set(products) <= unit for unit in self.units)

    def times(self, who, product):
        return [day for (one, day), has in self.baskets.items() if who == one and product in has]

    def weights(self, method):
        """Return how much the first product of a pair speaks for the second."""
        if method == "ease":
            units = np.array([[name in unit for name in self.items] for unit in self.units], float)
            penalty = 500 if self.of == "customers" else 100
            inverse = np.linalg.inv(units.T @ units + penalty * np.eye(len(self.items)))
            found = -inverse / np.diag(inverse)
            numbers = {name: at for at, name in enumerate(self.items)}
            return lambda a, b: 0.0 if a == b else found[numbers[a], numbers[b]]
        if method == "rules":
            return self._rule
        if self.of == "customers":
            return lambda a, b: 0.0 if a == b else self.n(a, b) / (sqrt(self.n(a) * self.n(b)) + 10)
        return lambda a, b: 0.0 if a == b else self.n(a, b) / (self.n(a) + 10)

    def _rule(self, a, b):
        confidence = self.n(a, b) / self.n(a)
        lift = confidence * len(self.units) / self.n(b)
        enough = self.n(a, b) >= max(3, 0.0005 * len(self.units)) and confidence >= 0.02
        return confidence * log(lift) if a != b and enough and lift > 1 else 0.0

    def scores(self, method, held, who=None, half_life=60.0):
        """Return the score of every product for a customer or basket that holds some."""
        if method == "popular" or not held:
            return {name: float(self.recent[name]) for name in self.items}
        if method == "buy_again":
            return {
                name: sum(0.5 ** ((self.last - day) / half_life) for day in self.times(who, name))
                for name in self.items
            }
        weight = self.weights(method)
        found = {name: sum(weight(one, name) for one in held) for name in self.items}
        if method == "similar" and self.of == "customers":
            most, recent = max(found.values()), max(1, *self.recent.values())
            return {
                name: value / most * sqrt(self.recent[name] / recent) if most else 0.0
                for name, value in found.items()
            }
        return found


def check(rows, scores, allowed, top):
    """Compare a list with scores; products within rounding of each other may change places."""
    best = sorted((scores[name] for name in allowed), reverse=True)[:top]
    assert [row["rank"] for row in rows] == list(range(1, len(best) + 1))
    assert [row["score"] for row in rows] == pytest.approx(best, abs=1e-9)
    names = [row["product_id"] for row in rows]
    assert len(set(names)) == len(names)
    assert set(names) <= set(allowed)
    assert [scores[name] for name in names] == pytest.approx(best, abs=1e-9)


def check_reason(row, oracle, held, who, method):
    product, by = row["product_id"], row["because_product"]
    days = oracle.times(who, product)
    if row["kind"] == "repeat":
        last = START + timedelta(days=max(days))
        often = "once, on" if len(days) == 1 else f"{len(days)} times, last on"
        assert row["because"] == f"bought {often} {last}"
        assert pd.isna(by)
        return
    assert not days
    weight = oracle.weights(method) if method in WEIGHED else lambda *_: 0.0
    most = max((weight(one, product) for one in held), default=0.0)
    if pd.isna(by):
        assert most < 1e-12
        n = oracle.recent[product]
        by = "bought by" if oracle.of == "customers" else "in"
        assert row["because"] == (
            f"popular: in {n} baskets of the last 30 days"
            if n
            else f"popular: {by} {oracle.n(product)} {oracle.of} in all"
        )
        return
    assert by in held
    assert weight(by, product) == pytest.approx(most, rel=1e-9)
    assert most > 0
    share = oracle.n(by, product) / oracle.n(by)
    lift = share * len(oracle.units) / oracle.n(product)
    whose = "buyers" if oracle.of == "customers" else "baskets"
    assert row["because"] == f"goes with {by}: {100 * share:.0f}% of its {whose}, lift {lift:.1f}"


@pytest.mark.parametrize("method", [*WEIGHED, "popular", "buy_again"])
@pytest.mark.parametrize("of", ["customers", "baskets"])
@FEW
@given(lines=LINES, top=st.integers(1, 7))
def test_customers_against_loops(of, method, lines, top):
    oracle = Oracle(lines, of)
    model = fit(lines, method=method, of=of, half_life_days=60)
    ids = [0, *oracle.histories]  # nobody knows customer 0
    for kind in ("repeat", "new", "all"):
        found = lists(model, ids, kind=kind, top=top)
        for who in ids:
            held = oracle.histories.get(who, set())
            by = "popular" if (method, kind) == ("buy_again", "new") else method
            scores = oracle.scores(by, held, who)
            allowed = {
                "repeat": [name for name in held if scores[name] > 1e-12],
                "new": [name for name in oracle.items if name not in held],
                "all": oracle.items,
            }[kind]
            rows = found.get(who, [])
            if kind == "repeat" and method == "ease":  # 0 but for rounding
                rows = [row for row in rows if row["score"] > 1e-12]
            check(rows, scores, allowed, top)
            for row in rows:
                assert row["kind"] == ("repeat" if row["product_id"] in held else "new")
                check_reason(row, oracle, held, who, by)


@pytest.mark.parametrize("method", [*WEIGHED, "popular", "buy_again"])
@FEW
@given(
    lines=LINES, baskets=st.lists(st.sets(st.sampled_from("abcdefgh")), min_size=1, max_size=6),
    of=st.sampled_from(["customers", "baskets"]),
)  # fmt: skip
def test_baskets_against_loops(method, lines, baskets, of):
    oracle = Oracle(lines, of)
    model = fit(lines, method=method, of=of)
    found = model.predict(crm.rules.baskets([sorted(one) for one in baskets]), top=3)
    assert list(found.columns[:3]) == ["basket", "rank", "product_id"]
    for at, basket in enumerate(baskets):
        held = basket & set(oracle.items)
        scores = oracle.scores("popular" if method == "buy_again" else method, held)
        rows = found[found["basket"] == at].to_dict("records")
        check(rows, scores, [name for name in oracle.items if name not in held], 3)
        assert {row["kind"] for row in rows} <= {"new"}


@FEW
@given(lines=LINES, half_life=st.sampled_from([0.5, 7.0, 1e6]))
def test_half_life(lines, half_life):
    oracle = Oracle(lines, "customers")
    model = fit(lines, method="buy_again", half_life_days=half_life)
    assert model.half_life_days == half_life
    for who, rows in lists(model, oracle.histories, kind="repeat").items():
        held = oracle.histories[who]
        # what is below the smallest number counts for nothing
        scores = oracle.scores("buy_again", held, who, half_life)
        check(rows, scores, [name for name in held if scores[name] > 0], 10)


def test_by_hand():
    # the first day before the last one counts half; "c" was bought by nobody else
    lines = [(1, 0, "a"), (1, 10, "b"), (2, 10, "a"), (2, 10, "c")]
    found = lists(fit(lines, method="buy_again", half_life_days=10), [1], kind="repeat")[1]
    assert [(row["product_id"], row["score"]) for row in found] == [("b", 1.0), ("a", 0.5)]
    # EASE of two products that always go together, penalty 1, two customers: X'X = 2 everywhere, so
    # G = [[3, 2], [2, 3]], its inverse [[3, -2], [-2, 3]] / 5, and B = 2 / 3
    pairs = [(who, 0, name) for who in (1, 2) for name in "ab"]
    model = fit(pairs, method="ease", regularisation=1)
    assert model.weights == pytest.approx([2 / 3, 2 / 3])


def test_ties_go_by_popularity_then_name():
    # all of the last 30 days; "d" is in two baskets, the others in one
    lines = [(1, 5, "c"), (2, 5, "b"), (3, 5, "d"), (4, 5, "d"), (4, 5, "a")]
    model = fit(lines, method="popular")
    assert model.items.tolist() == ["d", "a", "b", "c"]
    [rows] = lists(model, [9], kind="new").values()
    assert [row["product_id"] for row in rows] == ["d", "a", "b", "c"]
    # equal in the last 30 days: then the baskets of all time count
    model = fit([(1, 0, "z"), (1, 50, "z"), (1, 50, "a")], method="popular")
    assert [row["product_id"] for row in lists(model, [9])[9]] == ["z", "a"]


def test_of_equal_reasons_the_more_popular_product_counts():
    # "a" and "b" both stand once with "c", in one customer; "b" is in more baskets, not customers
    lines = [(1, 0, "a"), (1, 0, "b"), (1, 0, "c"), (2, 1, "a"), (2, 1, "b"), (2, 2, "b")]
    [row] = lists(fit(lines, method="similar"), [2], kind="new")[2]
    assert (row["product_id"], row["because_product"]) == ("c", "b")
    assert row["because"] == "goes with b: 50% of its buyers, lift 1.0"


@given(data=st.data(), n=st.integers(1, 8), top=st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_best_is_a_sort(data, n, top):
    n_rows = data.draw(st.integers(0, 4))
    cells = n_rows * n
    values = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0])
    scores = data.draw(st.lists(values, min_size=cells, max_size=cells))
    allowed = data.draw(st.lists(st.booleans(), min_size=cells, max_size=cells))
    groups = data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    most = data.draw(st.none() | st.integers(1, 3))
    scores = np.array(scores, dtype=float).reshape(n_rows, n)
    allowed = np.array(allowed, dtype=bool).reshape(n_rows, n)
    found = _rank.best(scores, allowed, top, np.array(groups), most)
    want = []
    for row in range(n_rows):
        taken, rank = {}, 0
        for item in sorted(range(n), key=lambda item: (-scores[row, item], item)):
            group = groups[item]
            full = most is not None and group >= 0 and taken.get(group, 0) >= most
            if allowed[row, item] and rank < top and not full:
                rank += 1
                taken[group] = taken.get(group, 0) + 1
                want.append((row, rank, item, scores[row, item]))
    got = zip(found.row, found.rank, found.item, found.score, strict=True)
    assert list(got) == want


@given(data=st.data(), most=st.integers(1, 7))
def test_largest_weights_are_a_sort(data, most):
    values = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])
    n = data.draw(st.integers(1, 6))
    column = st.lists(values, min_size=n, max_size=n)
    weight = np.array([data.draw(column), data.draw(column)]).T
    row, place = _weights._largest(weight, most)
    want = set()
    for at in range(2):
        order = sorted(range(n), key=lambda item: (-abs(weight[item, at]), item))
        want |= {(item, at) for item in order[:most] if weight[item, at]}
    assert set(zip(row.tolist(), place.tolist(), strict=True)) == want
    assert len(row) == len(want)


@pytest.mark.parametrize("method", ["auto", *WEIGHED])
@pytest.mark.parametrize("of", ["customers", "baskets"])
def test_blocks_change_nothing(monkeypatch, method, of):
    rng = np.random.default_rng(0)
    lines = list(
        zip(rng.integers(0, 60, 900), rng.integers(0, 90, 900), rng.choice(list("abcdefgh"), 900),
            strict=True)
    )  # fmt: skip
    ids = pd.DataFrame({"customer_id": range(65)})
    model = fit(lines, method=method, of=of)
    whole = model.predict(ids, kind="both")
    checked = crm.rules.evaluate_suggestions(table(lines), cutoff="2026-03-01", methods=[method])
    monkeypatch.setattr(_scores, "_CELLS", 20)  # two customers at a time
    monkeypatch.setattr(_weights, "_BLOCK", 20)
    again = fit(lines, method=method, of=of)
    assert again == model
    pd.testing.assert_frame_equal(again.predict(ids, kind="both"), whole)
    pd.testing.assert_frame_equal(
        crm.rules.evaluate_suggestions(table(lines), cutoff="2026-03-01", methods=[method]), checked
    )


def habits(n_customers=60, weeks=12, seed=0):
    """Return customers who buy their own two products every week, and another at random."""
    rng = np.random.default_rng(seed)
    products = [f"p{at:02}" for at in range(20)]
    lines = []
    for who in range(n_customers):
        own = rng.choice(products, 2, replace=False)
        for week in range(weeks):
            lines += [(who, 7 * week, product) for product in (*own, rng.choice(products))]
    return lines


def test_auto_tries_and_says_so():
    model = fit(habits())
    # nothing but the own products comes again, so the habit is found
    assert model.repeat_method == "buy_again"
    found = model.summary()
    assert list(found.columns) == ["kind", "method", "chosen", "hit_rate", "map"]
    assert found["chosen"].sum() == 3
    for kind, by in (("new", "hit_rate"), ("all", "map"), ("repeat", "map")):
        tried = found[found["kind"] == kind]
        [chosen] = tried.loc[tried["chosen"], by]
        assert tried["method"].is_unique
        few = {"buy_again", "popular", "blend", model.new_method}
        among = tried if kind == "new" else tried[tried["method"].isin(few)]
        assert chosen == among[by].max()
    tried = {kind: set(part["method"]) for kind, part in found.groupby("kind")}
    methods = {*WEIGHED, "popular"}
    every = {"all": methods | {"buy_again", "blend"}, "repeat": methods | {"buy_again"}}
    assert tried == every | {"new": methods}


def test_blend_is_a_sum_of_two_lists(monkeypatch):
    choice = _choose.Choice("buy_again", "similar", "blend", 60.0, [])
    monkeypatch.setattr(_choose, "decide", lambda *_, **__: choice)
    lines = habits(8, 5)
    model = fit(lines)
    oracle = Oracle(lines, "customers")
    for who, rows in lists(model, oracle.histories, kind="all", top=30).items():
        held = oracle.histories[who]
        parts = [oracle.scores(method, held, who) for method in ("buy_again", "similar")]
        again, other = ({k: v / max(part.values()) for k, v in part.items()} for part in parts)
        check(rows, {k: again[k] + 0.2 * other[k] for k in again}, oracle.items, 30)


@pytest.mark.parametrize("of", ["customers", "baskets"])
def test_auto_falls_back_with_few_customers(of):
    model = fit(habits(29, 2), of=of)
    chosen = model.summary()
    assert chosen["chosen"].all()
    assert chosen["hit_rate"].isna().all()
    assert (model.repeat_method, model.new_method, model.all_method, model.half_life_days) == (
        "buy_again", "similar", "blend", 60.0,
    )  # fmt: skip
    assert fit(habits(5, 2), half_life_days=9).half_life_days == 9


def test_auto_for_baskets_takes_what_completes_them_best():
    model = fit(habits(), of="baskets")
    tried = model.summary().dropna(subset="hit_rate")
    assert set(tried["kind"]) == {"new"}
    assert set(tried["method"]) == {*WEIGHED, "popular"}
    [best] = tried.loc[tried["chosen"], "hit_rate"]
    assert best == tried["hit_rate"].max()


def test_a_shop_where_nobody_comes_again():
    lines = [(who, who % 50, name) for who in range(200) for name in ("tea", "milk")[: who % 2 + 1]]
    model = fit(lines)
    # customer 0 bought tea alone; the other half has both
    rows = lists(model, [0, 1])
    assert [(row["product_id"], row["kind"]) for row in rows[0]] == [
        ("tea", "repeat"), ("milk", "new"),
    ]  # fmt: skip
    assert {row["kind"] for row in rows[1]} == {"repeat"}


def test_one_line_is_enough():
    for method in _choose.METHODS:
        model = fit([(1, 0, "tea")], method=method)
        assert {row["product_id"] for row in lists(model, [1, 2])[2]} == {"tea"}
