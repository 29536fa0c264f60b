"""Fisher's exact test against fractions, scipy and numbers of 60 digits."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from crmlytics.rules import _fisher

FEW = settings(max_examples=60, deadline=None)


def p_value(k, drawn, marked, n):
    return _fisher.p_values(*(np.array([each]) for each in (k, drawn, marked)), n)[0]


def exact(k, drawn, marked, n):
    """Sum the terms of the hypergeometric distribution from k on, as a fraction."""
    terms = (
        comb(marked, x) * comb(n - marked, drawn - x) for x in range(k, min(drawn, marked) + 1)
    )
    return float(Fraction(sum(terms), comb(n, drawn)))


@pytest.mark.parametrize(
    ("k", "drawn", "marked", "n", "p"),
    [
        # Fisher's lady and tea: R, fisher.test(matrix(c(3, 1, 1, 3), 2), alternative = "greater")
        (3, 4, 4, 8, 17 / 70),
        (4, 4, 4, 8, 1 / 70),
        (0, 4, 4, 8, 1.0),
        # mpmath, 60 digits: the first term from loggamma, the others by their ratios
        (100, 50_000, 70_000, 10**8, 2.448189880919095e-19),
        (36, 50_000, 70_000, 10**8, 0.4552079820992952),
        (30, 50_000, 70_000, 10**8, 0.8231085547501112),
        (103_000, 10**6, 10**6, 10**7, 4.38995206536444e-26),
        (1_002_000, 10**8, 10**7, 10**9, 0.01709626657422696),
        # nothing is left to chance: all are drawn, or all are marked
        (7, 10, 7, 10, 1.0),
        (7, 7, 10, 10, 1.0),
        (1, 1, 1, 1, 1.0),
        # C(2000, 1000) is about 2e600: too small for a float
        (1_000, 1_000, 1_000, 2_000, 0.0),
    ],
)
def test_numbers(k, drawn, marked, n, p):
    assert p_value(k, drawn, marked, n) == pytest.approx(p, rel=1e-12)


@FEW
@given(n=st.integers(1, 400), data=st.data())
def test_exact_fractions(n, data):
    drawn, marked = data.draw(st.integers(1, n)), data.draw(st.integers(1, n))
    k = np.arange(max(0, drawn + marked - n), min(drawn, marked) + 1)
    got = _fisher.p_values(k, np.full(len(k), drawn), np.full(len(k), marked), n)
    want = [exact(each, drawn, marked, n) for each in k.tolist()]
    assert list(got) == pytest.approx(want, rel=1e-11, abs=1e-300)
    assert (np.diff(got) <= 0).all()  # more together is never more probable


@FEW
@given(cells=st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(lambda c: c[0] + c[1] > 0))
def test_scipy(cells):
    both, left, right, neither = cells
    got = p_value(both, both + left, both + right, sum(cells))
    want = fisher_exact([[both, left], [right, neither]], alternative="greater").pvalue
    assert got == pytest.approx(want, rel=1e-8)


def test_many_tables_are_tested_one_by_one(monkeypatch):
    rng = np.random.default_rng(4)
    drawn, marked = rng.integers(1, 90, (2, 50))
    k = np.minimum(drawn, marked) // 2
    whole = _fisher.p_values(k, drawn, marked, 200)
    monkeypatch.setattr(_fisher, "_CHUNK", 7)
    assert (_fisher.p_values(k, drawn, marked, 200) == whole).all()
    assert len(_fisher.p_values(k[:0], drawn[:0], marked[:0], 200)) == 0
