"""evaluate_suggestions against lists by hand and plain loops; nothing later is learnt from."""

from math import log2

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import crmlytics as crm
from crmlytics.errors import ColumnError, NotEnoughDataError, OptionError
from crmlytics.rules import _choose, _history, _lists
from crmlytics.rules._lists import Targets
from crmlytics.rules._scores import Block, Known

evaluate = crm.rules.evaluate_suggestions
LINE = st.tuples(st.integers(1, 6), st.integers(0, 60), st.sampled_from("abcdefgh"))
LINES = st.lists(LINE, min_size=1, max_size=60)
FEW = settings(max_examples=40, deadline=None)
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]  # it would take minutes
CUT = 40
MEASURES = ["hit_rate", "recall", "map", "ndcg", "mrr"]
NAMES = ["hit", "recall", "average_precision", "ndcg", "reciprocal_rank"]


def table(lines):
    who, days, products = zip(*lines, strict=True)
    return pd.DataFrame({"customer_id": who, "date": dates(days), "product_id": products})


def dates(days):
    return np.datetime64("2026-01-01", "us") + np.array(days, dtype="m8[D]")


def measured(suggested, wanted, top):
    """Return the measures of one list by the formulae of the docstring."""
    right = [name in wanted for name in suggested[:top]]
    possible = min(len(wanted), top)
    average = sum(sum(right[: r + 1]) / (r + 1) for r, yes in enumerate(right) if yes) / possible
    gain = sum(1 / log2(r + 2) for r, yes in enumerate(right) if yes)
    ideal = sum(1 / log2(r + 2) for r in range(possible))
    first = 1 / (right.index(True) + 1) if any(right) else 0.0
    return [float(any(right)), sum(right) / len(wanted), average, gain / ideal, first]


def known(popularity):
    none = _choose._none(len(popularity))
    popularity = np.array(popularity)
    return Known("customers", 1, popularity, popularity, 30, none.weights, none.counts, "popular")


def test_measures_by_hand():
    # the list is 0, 1, 2, 3, 4; targets are 1, 3 and one that nobody knew
    block = Block(np.array([0, 1]), np.array([1]), np.array([1]), np.array([0]), np.array([1.0]))
    targets = Targets(np.array([0, 3]), np.array([3, -1, 1]))
    found = _lists.quality("popular", "all", block, targets, known([5, 4, 3, 2, 1]), 4)
    # right at ranks 2 and 4: precision 1 / 2 and 2 / 4, over 3 targets
    assert found.average_precision == pytest.approx([(1 / 2 + 2 / 4) / 3])
    assert found.recall == pytest.approx([2 / 3])
    assert found.hit == [1]
    assert found.reciprocal_rank == [1 / 2]
    # 1 / log2(3) + 1 / log2(5), of 1 / log2(2) + 1 / log2(3) + 1 / log2(4)
    best = 1 + 1 / log2(3) + 1 / 2
    assert found.ndcg == pytest.approx([(1 / log2(3) + 1 / log2(5)) / best])
    assert found.n_suggested == 4
    # "repeat" knows product 1 alone, "new" the others; the unknown target is new
    found = _lists.quality("popular", "repeat", block, targets, known([5, 4, 3, 2, 1]), 4)
    assert [getattr(found, name)[0] for name in NAMES] == [1, 1, 1, 1, 1]
    found = _lists.quality("popular", "new", block, targets, known([5, 4, 3, 2, 1]), 4)
    assert found.average_precision == pytest.approx([1 / 3 / 2])  # right at rank 3 of 0, 2, 3, 4
    assert found.recall == [1 / 2]


@given(data=st.data(), top=st.integers(1, 9))
@FEW
def test_measures_against_loops(data, top):
    n_rows, n = data.draw(st.integers(1, 4)), 7
    held = [sorted(data.draw(st.sets(st.integers(0, n - 1)))) for _ in range(n_rows)]
    wanted = [data.draw(st.lists(st.integers(-1, n - 1), max_size=5)) for _ in range(n_rows)]
    wanted = [[*{one for one in row if one >= 0}, *[-1] * row.count(-1)] for row in wanted]
    popularity = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    flat = np.array([item for row in held for item in row], dtype=np.int64)
    ones = np.ones(len(flat))
    block = Block(np.append(0, np.cumsum([len(row) for row in held])), flat, ones, ones, ones)
    starts = np.append(0, np.cumsum([len(row) for row in wanted]))
    targets = Targets(starts, np.array([one for row in wanted for one in row], dtype=np.int64))
    order = sorted(range(n), key=lambda item: (-popularity[item], item))
    for kind in ("all", "repeat", "new"):
        want, suggested = [], set()
        for mine, aims in zip(held, wanted, strict=True):
            ranked = order
            if kind == "repeat":
                ranked = [item for item in order if item in mine and popularity[item]]
                aims = [one for one in aims if one in mine]  # noqa: PLW2901
            elif kind == "new":
                ranked = [item for item in order if item not in mine]
                aims = [one for one in aims if one not in mine]  # noqa: PLW2901
            suggested.update(ranked[:top])
            if aims:
                want.append(measured(ranked, aims, top))
        found = _lists.quality("popular", kind, block, targets, known(popularity), top)
        got = np.column_stack([getattr(found, name) for name in NAMES])
        assert got == pytest.approx(np.array(want).reshape(-1, 5))
        assert found.n_suggested == len(suggested)


class Oracle:
    """The history up to the cut, and the first basket after it, from loops."""

    def __init__(self, lines, items=None):
        self.past, self.later = {}, {}
        for who, day, product in lines:
            if items is None or product in items:
                part = self.past if day <= CUT else self.later
                part.setdefault((who, day), set()).add(product)
        self.names = sorted(set().union(*self.past.values()), key=lambda x: (-self.n(x), x))

    def n(self, product, after=-1):
        return sum(day > after and product in one for (_, day), one in self.past.items())

    def again(self, who, product):
        return sum(
            0.5 ** ((CUT - day) / 60)
            for (one, day), has in self.past.items()
            if one == who and product in has
        )

    def next(self):
        """Yield each customer with two baskets, what he or she had, and what came next."""
        for who in {one for one, _ in self.past}:
            days = [day for one, day in self.past if one == who]
            first = min((day for one, day in self.later if one == who), default=None)
            if len(days) >= 2 and first is not None:
                held = set().union(*(self.past[who, day] for day in days))
                yield who, held, self.later[who, first]

    def ranked(self, method, who):
        score = {
            "popular": lambda name: self.n(name, CUT - 30),
            "buy_again": lambda name: self.again(who, name),
        }[method]
        scores = {name: score(name) for name in self.names}
        order = sorted(self.names, key=lambda name: -round(scores[name], 12))  # names are in order
        return order, scores

    def rows(self, method, kind, top):
        found, suggested = [], set()
        for who, held, wanted in self.next():
            order, scores = self.ranked(method, who)
            if kind == "repeat":
                order = [name for name in order if name in held and scores[name]]
                wanted &= held  # noqa: PLW2901
            elif kind == "new":
                order = [name for name in order if name not in held]
                wanted -= held  # noqa: PLW2901
            suggested.update(order[:top])
            if wanted:
                found.append(measured(order, wanted, top))
        return found, len(suggested) / len(self.names)


@given(lines=LINES, top=st.integers(1, 4), most=st.none() | st.integers(1, 8))
@FEW
def test_next_basket_against_loops(lines, top, most):
    options = {"half_life_days": 60, "max_items": most, "top": top, "methods": ["buy_again"]}
    oracle = Oracle(lines) if any(line[1] <= CUT for line in lines) else None
    if oracle and most is not None:
        oracle = Oracle(lines, oracle.names[:most])
    if oracle is None or not list(oracle.next()):
        with pytest.raises((NotEnoughDataError, OptionError), match=r"^evaluate_suggestions: "):
            evaluate(table(lines), cutoff=dates([CUT])[0], **options)
        return
    got = evaluate(table(lines), cutoff=dates([CUT])[0], **options)
    kinds = ["all", "repeat", "new"]
    assert list(got["kind"]) == 2 * kinds
    assert list(got["method"]) == ["buy_again"] * 3 + ["popular"] * 3
    for row in got.to_dict("records"):
        measures, coverage = Oracle(lines, oracle.names if most else None).rows(
            row["method"], row["kind"], top
        )
        n = len(measures)
        assert row["n"] == n
        if not n or (row["method"], row["kind"]) == ("buy_again", "new"):
            assert np.isnan([row[name] for name in [*MEASURES, "lower", "map_lower"]]).all()
            continue
        assert [row[name] for name in MEASURES] == pytest.approx(np.mean(measures, axis=0))
        assert row["coverage"] == pytest.approx(coverage)
        hits = sum(one[0] for one in measures)
        interval = proportion_confint(hits, n, 0.05, "wilson")
        assert (row["lower"], row["upper"]) == pytest.approx(interval)
        average = np.array(measures)[:, 2]
        if n == 1:
            assert np.isnan([row["map_lower"], row["map_upper"]]).all()
            continue
        # 1.959964 is the normal quantile of 97.5 %
        half = 1.959964 * average.std(ddof=1) / np.sqrt(n)
        want = (max(average.mean() - half, 0), min(average.mean() + half, 1))
        assert (row["map_lower"], row["map_upper"]) == pytest.approx(want, abs=1e-6)


def shop(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    who, days = rng.integers(0, 80, n), rng.integers(0, 100, n)
    names = [f"p{at:02}" for at in range(25)]
    # each customer has some favourites
    at = np.where(rng.random(n) < 0.6, (who * 3 + rng.integers(0, 3, n)) % 25,
                  np.minimum(rng.geometric(0.15, n), 24))  # fmt: skip
    return list(zip(who.tolist(), days.tolist(), [names[one] for one in at], strict=True))


SHOP = shop()
TASKS = ("next", "completion")


@given(
    seed=st.integers(0, 99),
    added=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 40), st.integers(0, 40))),
)
@settings(max_examples=10, deadline=None, phases=NO_SHRINKING)
def test_what_comes_later_changes_no_list(seed, added):
    """Lines after the first basket after the cut are neither learnt from nor asked about."""
    past = [line for line in SHOP if line[1] <= 70]
    first = {}
    for who, day, _ in SHOP:
        if day > 70:
            first[who] = min(day, first.get(who, day))
    asked = [line for line in SHOP if line[1] > 70 and line[1] == first[line[0]]]
    later = [(w, first[w] + 1 + day, f"p{name:02}") for w, day, name in added if w in first]
    # customers who are seen later alone have no history
    later += [(900 + who, 71 + day, f"p{name:02}") for who, day, name in added]
    lines = [*past, *asked, *later]
    lines = [lines[at] for at in np.random.default_rng(seed).permutation(len(lines))]
    want = evaluate(table([*past, *asked]), cutoff=dates([70])[0])
    pd.testing.assert_frame_equal(evaluate(table(lines), cutoff=dates([70])[0]), want)


def test_ties_in_the_past_are_not_broken_by_the_future():
    # "a" and "b" are in two baskets each up to the cut; later "b" is in many
    past = [(1, 0, "a"), (1, 1, "b"), (2, 0, "a"), (2, 1, "b")]
    later = [(who, 50, "b") for who in range(1, 20)]
    got = evaluate(table([*past, *later]), cutoff=dates([CUT])[0], methods=["popular"], top=1)
    assert got.loc[got["kind"] == "all", "hit_rate"].item() == 0  # "a" comes first by its name
    history, _ = _history.read(
        table([*past, *later]), "x", as_of=None, customer_col="customer_id", date_col="date",
        product_col="product_id", quantity_col=None, amount_col=None,
    )  # fmt: skip
    assert history.items.to_list() == ["b", "a"]
    cut = (dates([CUT])[0] - np.datetime64("1970-01-01")).astype("m8[D]").astype(int)
    assert history.where(history.day <= cut).first_items(2).items.to_list() == ["a", "b"]


@pytest.mark.parametrize("task", TASKS)
def test_popularity_is_always_there_and_once(task):
    options = {"cutoff": dates([70])[0], "task": task}
    got = evaluate(table(SHOP), methods=["rules", "buy_again", "rules"], **options)
    assert list(dict.fromkeys(got["method"])) == ["rules", "buy_again", "popular"]
    got = evaluate(table(SHOP), methods=["popular", "ease"], **options)
    assert list(dict.fromkeys(got["method"])) == ["popular", "ease"]
    one = evaluate(table(SHOP), methods="ease", **options)
    assert list(dict.fromkeys(one["method"])) == ["ease", "popular"]
    again = got[got["method"] == "ease"].reset_index(drop=True)
    pd.testing.assert_frame_equal(one[one["method"] == "ease"], again)


def test_habits_are_found_and_auto_is_as_good():
    got = evaluate(table(SHOP), cutoff=dates([70])[0]).set_index(["method", "kind"])
    assert got.loc[("buy_again", "repeat"), "map"] > got.loc[("popular", "repeat"), "map"]
    assert got.loc[("auto", "repeat"), "map"] >= got.loc[("buy_again", "repeat"), "map"] - 0.03
    assert got["n"].groupby("kind").nunique().eq(1).all()


def test_completion_of_the_same_basket():
    names = ["p00", "p01", "p02", "p03"]
    past = [line for line in SHOP if line[1] <= 70]
    later = [(who, 80, name) for who in range(10) for name in names]
    later += [(who, 81, name) for who in range(10) for name in names[:2]]  # too few products
    options = {"cutoff": dates([70])[0], "task": "completion", "methods": ["buy_again", "ease"]}
    got = evaluate(table([*past, *later]), top=50, **options).set_index("method")
    assert list(got["kind"]) == ["all"] * 3
    assert list(got["n"]) == [10] * 3
    # among all products but the three that are left in the basket, the fourth always is
    assert got.loc[["ease", "popular"], "hit_rate"].tolist() == [1, 1]
    assert got.loc[["ease", "popular"], "recall"].tolist() == [1, 1]
    assert np.isnan(got.loc["buy_again", "hit_rate"])
    # any of the four may be the one taken out; the three others are barred from the list
    recent = {(who, day, name) for who, day, name in past if day > 40}
    count = {name: sum(line[2] == name for line in recent) for _, _, name in past}
    above = {one: [n for n in count if n not in names and count[n] > count[one]] for one in names}
    ranks = [1 / (1 + len(above[one])) for one in names]
    assert min(ranks) - 1e-12 <= got.loc["popular", "mrr"] <= max(ranks) + 1e-12


def test_products_that_nobody_knew_count_as_missed():
    past = [(who, day, name) for who in range(4) for day in (20, 29) for name in "abcd"]
    later = [(who, 50, name) for who in range(400) for name in ("a", "b", "new")]
    options = {"cutoff": dates([CUT])[0], "methods": ["popular"], "top": 1}
    got = evaluate(table([*past, *later]), task="completion", **options)
    # taken out is "a" (then the list is "a"), "b" (the list is "b") or the new one, at random;
    # four standard errors of a share of 2 / 3 are 0.094
    assert list(got["n"]) == [400]
    assert got["hit_rate"].item() == pytest.approx(2 / 3, abs=0.094)
    assert got["recall"].item() == got["hit_rate"].item()
    # the next basket of the four who were there before: one of three products is in the list
    got = evaluate(table([*past, *later]), **options).set_index("kind")
    assert list(got["n"]) == [4, 4, 4]
    assert list(got["recall"]) == [pytest.approx(1 / 3), pytest.approx(1 / 2), 0]
    # with max_items they are no targets, and two products are too few to take one out
    got = evaluate(table([*past, *later]), **options, max_items=4).set_index("kind")
    assert list(got["n"]) == [4, 4, 0]
    with pytest.raises(NotEnoughDataError):
        evaluate(table([*past, *later]), **options, max_items=4, task="completion")


def test_sample_and_seed():
    options = {"cutoff": dates([50])[0], "task": "completion", "methods": ["popular"]}
    lines = table([(who, day // 10 * 10, name) for who, day, name in SHOP])
    whole = evaluate(lines, **options)
    small = evaluate(lines, **options, sample=20)
    assert small["n"].item() == 20 < whole["n"].item()
    other = evaluate(lines, **options, sample=20, random_state=1)
    pd.testing.assert_frame_equal(evaluate(lines, **options, sample=20), small)
    assert not other.equals(small)


@pytest.mark.parametrize("task", TASKS)
def test_any_table_in_and_out(make_eager, plain, schema, task):
    options = {"cutoff": dates([70])[0], "task": task, "methods": ["similar"]}
    lines = table(SHOP)
    want = evaluate(lines, **options)
    made = make_eager({name: lines[name].to_numpy() for name in lines.columns})
    got = evaluate(made, **options)
    assert type(got) is type(made)
    pd.testing.assert_frame_equal(plain(got), plain(want))
    kinds = schema(nw.from_native(got).to_native())
    assert set(kinds.values()) == {"String", "Float64", "Int64"}


def test_orders_without_customers():
    lines = table(SHOP).rename(columns={"customer_id": "order_id"})
    lines["date"] = lines["date"].dt.floor("10D")  # baskets of several products
    lines["order_id"] += 1000 * lines["date"].dt.day_of_year
    options = {"cutoff": dates([70])[0], "customer_col": None, "methods": ["ease"]}
    got = evaluate(lines, task="completion", **options)
    later = lines[lines["date"] > dates([70])[0]]
    sizes = later.groupby(["order_id"])["product_id"].nunique()
    assert (got["n"] == (sizes >= 3).sum()).all()
    with pytest.raises(OptionError, match=r"task='next' follows customers"):
        evaluate(lines, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"methods": ["eas"]}, OptionError, "Did you mean methods='ease'?"),
        ({"methods": None}, OptionError, "methods must be one of"),
        ({"task": "last"}, OptionError, "task must be one of 'next', 'completion'"),
        ({"top": 0}, OptionError, "top must be a whole number of 1 or more"),
        ({"sample": 0}, OptionError, "sample must be a whole number of 1 or more"),
        ({"random_state": -1}, OptionError, "random_state must be a whole number"),
        ({"confidence": 95}, OptionError, "For 95 % write confidence=0.95"),
        ({"max_items": 0}, OptionError, "max_items must be a whole number of 1 or more"),
        ({"half_life_days": 0}, OptionError, "half_life_days must be a number"),
        ({"regularisation": -1}, OptionError, "regularisation must be a number"),
        ({"cutoff": "soon"}, OptionError, "cutoff must be a day"),
        ({"cutoff": "2025-12-31"}, NotEnoughDataError,
         "needs at least 1 lines up to the cutoff; got 0. Choose a later cutoff"),
        ({"cutoff": "2027-01-01"}, NotEnoughDataError,
         "rows with a basket after cutoff 2027-01-01; got 0. Choose an earlier cutoff"),
        ({"product_col": "sku"}, ColumnError, "no column 'sku' (product_col) in transactions"),
    ],
)  # fmt: skip
def test_bad_options(options, error, words):
    given = {"cutoff": dates([70])[0]} | options
    with pytest.raises(error, match=r"^evaluate_suggestions: .*[.?]$") as raised:
        evaluate(table(SHOP), **given)
    assert words in str(raised.value)


def test_input_is_not_changed():
    lines = table(SHOP)
    before = lines.copy()
    evaluate(lines, cutoff=dates([70])[0], methods=["ease"])
    pd.testing.assert_frame_equal(lines, before)
