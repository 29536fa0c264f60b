"""The numbers behind the models, held against 30 and more digits of mpmath."""

import itertools

import mpmath as mp
import numpy as np
import pytest

from crmlytics.btyd import _beta, _death, _fit, _process
from crmlytics.btyd._likelihoods import GeometricLikelihood, Weighted
from crmlytics.btyd._pareto_likelihood import ParetoLikelihood


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(40):
        yield


def _death_integral(R, A, s, B, tx, T):
    """Relative to the integrand at tx, in logarithms."""
    R, A, s, B, tx, T = map(mp.mpf, (R, A, s, B, tx, T))
    step = min(A, B) + tx
    end = mp.log(1 + (T - tx) / step)

    def integrand(u):
        since = step * mp.expm1(u)
        fall = R * mp.log1p(since / (A + tx)) + (s + 1) * mp.log1p(since / (B + tx))
        return step * mp.exp(u - fall)

    parts = [0] + [end * mp.mpf(2) ** -k for k in range(12, -1, -1)]
    return float(mp.log(mp.quad(integrand, parts)))


DEATHS = [
    (r + x, A, s, B, T * share, T)
    for (A, B), (r, s), x, (share, T) in itertools.product(
        [(1e-3, 1e3), (1e3, 1e-3), (10, 10), (1, 1e-2), (0.1, 1e5)],
        [(0.5, 0.6), (0.05, 50), (50, 0.01), (5, 1)],
        [1, 30, 1_000],
        [(0.0, 40), (0.5, 700), (0.999, 40)],
    )
]


def test_death_integral():
    rows = np.array(DEATHS[::7])
    got = _death.log_integral(*rows.T)
    with mp.workdps(20):
        want = [_death_integral(*row) for row in rows.tolist()]
    assert np.abs(got - want).max() < 1e-11


def test_death_integral_is_nothing_where_the_last_purchase_is_at_the_end():
    got = _death.log_integral(2.0, 3.0, 0.5, 4.0, np.array([5.0, 0.0]), np.array([5.0, 0.0]))
    assert np.array_equal(got, [-np.inf, -np.inf])


CHANCES = [
    (r + x, c, a, b + x)
    for a, b, x, r, c in itertools.product(
        [1e-3, 0.8, 1.0, 1 + 1e-10, 1.5, 50],
        [1e-2, 2.4, 50],
        [0, 5, 1_000],
        [0.24, 5],
        [1e-4, 0.3, 22.0, 1e4],
    )
]


def test_means_over_the_chance_of_leaving():
    rows = np.array(CHANCES[::5])
    R, c, a, b = rows.T
    expected, survival = _beta.expected(R, c, a, b), _beta.survival(R, c, a, b)
    for row, mean, alive in zip(rows.tolist(), expected, survival, strict=True):
        with mp.workdps(90):
            R, c, a, b = map(mp.mpf, row)
            a_off = a if a != 1 else a + mp.mpf(10) ** -40  # the closed form has a pole there
            left = mp.hyp2f1(R, a_off - 1, a_off + b - 1, -c)
            want = float((a_off + b - 1) / (a_off - 1) * (1 - left))
            want_alive = float(mp.hyp2f1(R, a, a + b, -c))
        assert mean == pytest.approx(want, rel=2e-9), row
        assert alive == pytest.approx(want_alive, abs=1e-11), row


PARETO = [
    (0.5, 10, 0.6, 11), (5.5, 40, 1.0, 40), (200, 400, 2, 1), (10, 0.5, 5, 100),
    (30, 1, 1, 0.01), (1000, 800, 0.6, 50), (0.05, 1e3, 0.01, 1e3),
]  # fmt: skip


def _pareto_tail(R, A, s, B, n, t):
    R, A, s, B, t = map(mp.mpf, (R, A, s, B, t))

    def more(u):
        return mp.betainc(n + 1, R, 0, u / (A + u), regularized=True)

    def of_death(y):
        u = mp.exp(y)
        return more(u) * s * B**s * (B + u) ** -(s + 1) * u

    parts = [mp.log(t) - 40 + 2 * mp.mpf(k) for k in range(21)]
    return float(more(t) * (B / (B + t)) ** s + mp.quad(of_death, parts))


@pytest.mark.parametrize("parameters", PARETO)
def test_tails_of_the_pareto_process(parameters):
    process = _process.ParetoProcess(*(np.array([float(v)]) for v in parameters))
    tails = [tail[0] for tail in itertools.islice(process.tails(39.0), 31)]
    with mp.workdps(20):
        for n in (0, 3, 30):
            want = _pareto_tail(*parameters, n, 39)
            assert tails[n] == pytest.approx(want, abs=1e-12)
            assert process.tail(n, 39.0)[0] == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("kind", [_process.ParetoProcess, _process.GeometricProcess])
def test_moments_follow_from_tails(kind):
    # E[X] = sum P(X > n), E[X^2] = sum (2 n + 1) P(X > n); rate integrated = mean
    columns = [[0.5, 5, 20], [10, 40, 30], [0.6, 1, 2.5], [2.1, 4, 5]]
    process = kind(*(np.array(column, dtype=float) for column in columns))
    tails = np.stack([tail.copy() for tail in itertools.islice(process.tails(39.0), 2_000)])
    n = np.arange(len(tails))[:, None]
    mean = tails.sum(axis=0)
    assert process.expected(39.0) == pytest.approx(mean, rel=1e-9)
    assert process.variance(39.0) == pytest.approx(
        ((2 * n + 1) * tails).sum(axis=0) - mean**2, rel=1e-7
    )
    assert process.discounted(39.0, 1e-12) == pytest.approx(mean, rel=1e-8)
    later = process.survival(np.array([1e-9, 5.0, 500.0]))
    assert ((later > 0) & (later <= 1)).all()


@pytest.mark.parametrize("rate", [1e-4, 0.01, 0.5])
def test_residual_transactions_of_the_pareto_process(rate):
    # Fader, Hardie and Lee 2005b, eq. 2: R / A * B * U(1, 2 - s, rate B), Tricomi's function
    rows = [(0.5, 10, 0.6, 11), (5, 40, 1.5, 40), (20, 30, 2.5, 5), (3, 2, 0.05, 300)]
    process = _process.ParetoProcess(*np.array(rows, dtype=float).T)
    want = [float(R / mp.mpf(A) * B * mp.hyperu(1, 2 - s, rate * B)) for R, A, s, B in rows]
    assert process.residual(rate) == pytest.approx(want, rel=1e-9)


def test_residual_transactions_of_the_geometric_process():
    # E over p of integral of lambda exp(-(d + lambda p) u): mean of lambda / (d + lambda p)
    R, A, a, b, d = 2.5, 7.0, 0.8, 3.0, 0.05
    process = _process.GeometricProcess(*(np.array([v]) for v in (R, A, a, b)))

    def inner(p):
        rate = lambda z: z**R * mp.exp(-A * z) / (d + z * p)  # noqa: E731
        return mp.quad(rate, [0, 0.1, 1, 5, 20]) * A**R / mp.gamma(R)

    with mp.workdps(15):
        mean = mp.quad(
            lambda p: inner(p) * p ** (a - 1) * (1 - p) ** (b - 1) / mp.beta(a, b),
            [0, 0.01, 0.1, 0.5, 1],
        )
    assert process.residual(d)[0] == pytest.approx(float(mean), rel=1e-6)


def _rows():
    rng = np.random.default_rng(0)
    T = rng.uniform(0.1, 1.0, 200)
    x = rng.poisson(3 * rng.gamma(0.5, 2.0, 200)).astype(float)
    tx = np.where(x > 0, T * rng.uniform(size=200), 0.0)
    tx[:3], x[:3] = T[:3], 5.0
    return Weighted(x, tx, T, rng.integers(1, 4, 200).astype(float))


Z = np.random.default_rng(1).normal(size=(3, 200))


@pytest.mark.parametrize(
    ("likelihood", "theta"),
    [
        (GeometricLikelihood(_rows(), 0), np.log([0.3, 0.2, 0.7, 2.0])),
        (GeometricLikelihood(_rows(), 1), np.log([3.0, 0.5, 0.1, 0.2])),
        (ParetoLikelihood(_rows()), np.log([0.3, 0.2, 0.7, 2.0])),
        (ParetoLikelihood(_rows()), np.log([3.0, 20.0, 0.05, 0.01])),
        (ParetoLikelihood(_rows(), Z[:1], Z[1:]), np.append(np.log([2, 1, 1, 3]), [0.3, 0.1, -1])),
    ],
)
def test_derivatives(likelihood, theta):
    here = likelihood(theta)
    for i, step in enumerate(1e-5 * np.eye(len(theta))):
        after, before = likelihood(theta + step), likelihood(theta - step)
        slope = (after.value - before.value) / 2e-5
        assert here.gradient[i] == pytest.approx(slope, rel=1e-6, abs=1e-5)
        curve = (after.gradient - before.gradient) / 2e-5
        assert here.hessian[i] == pytest.approx(curve, rel=1e-6, abs=1e-5)


def test_rising_keeps_its_digits():
    # ln(Gamma(1e10 + 3) / Gamma(1e10)) = ln(1e10 (1e10 + 1) (1e10 + 2)), one customer
    value, slope, _ = _fit.rising(np.ones(3), 1e10)
    want = float(mp.log(mp.mpf(10) ** 10 * (mp.mpf(10) ** 10 + 1) * (mp.mpf(10) ** 10 + 2)))
    assert value == pytest.approx(want, rel=1e-15)
    assert slope == pytest.approx(3e-10, rel=1e-9)
