"""What an offer to the customers at highest risk earns, and how many of them to make it to."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _intervals, _result
from crmlytics._columns import Floats
from crmlytics.churn import _scored
from crmlytics.churn._scored import Steps
from crmlytics.errors import OptionError

CURVE = {
    "contacted_share": "float",
    "threshold": "float",
    "contacted": "int",
    "churners": "int",
    "profit": "float",
    "lower": "float",
    "upper": "float",
    "total_profit": "float",
    "best": "bool",
}
MAXIMUM = {"empc": "float", "target_share": "float", "threshold": "float", "n": "int"}


@dataclass(frozen=True)
class _Terms:
    """What a saved customer is worth, an offer costs if taken, and a contact costs."""

    clv: float
    offer: float
    contact: float

    @property
    def stayer(self) -> float:
        """Loss on a stayer contacted, who takes the offer."""
        return self.offer + self.contact

    def churner(self, accept: float) -> float:
        """Gain on a churner contacted, who takes the offer with this probability and stays."""
        return accept * (self.clv - self.offer) - self.contact


def profit_curve(
    predictions: IntoDataFrameT,
    *,
    label_col: str = "churned",
    prob_col: str = "churn_probability",
    clv: float = 200,
    offer_cost: float = 10,
    contact_cost: float = 1,
    accept_rate: float = 0.3,
    confidence: float = 0.95,
) -> IntoDataFrameT:
    """Profit of a retention offer by how many customers, from the highest risk down, get it.

    Parameters
    ----------
    predictions : table
        One row per customer, with a score and what happened without an offer.
    label_col : str, default "churned"
        Column of what happened: 1 or True for who churned, 0 or False for who stayed.
    prob_col : str, default "churn_probability"
        Column of the probability of churn, or of any score that is higher for higher risk.
    clv : float, default 200
        Value of a customer who is kept, in money; above 0.
    offer_cost : float, default 10
        Cost of an offer that is taken, in money; 0 or more and below `clv`.
    contact_cost : float, default 1
        Cost of contacting a customer, in money; 0 or more.
    accept_rate : float, default 0.3
        Share of the churners contacted who take the offer and stay, 0 to 1.
    confidence : float, default 0.95
        Level of the interval of the profit, between 0 and 1.

    Returns
    -------
    table
        One row for contacting nobody and one for each distinct score, highest first:
        ``contacted_share`` (float, share of all customers), ``threshold`` (float; all with this
        score or more are contacted; null for nobody), ``contacted``, ``churners`` (int, customers
        contacted, and churners among them), ``profit`` (float, money per customer of the table,
        contacted or not), ``lower``, ``upper`` (float, its normal interval), ``total_profit``
        (float, money), ``best`` (bool; true in the row of the highest profit, the first of equal
        ones). No row for an empty table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels or scores are null, or labels are not 0 or 1.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    expected_maximum_profit : the same where the acceptance is not known.
    plot_profit : draws the answer.

    Notes
    -----
    A churner who is contacted brings ``accept_rate * (clv - offer_cost) - contact_cost``; a stayer
    who is contacted takes the offer and costs ``offer_cost + contact_cost`` (Verbraken et al. 2013,
    with the acceptance held fixed). The interval is that of a mean over customers at a threshold
    set beforehand, with costs and acceptance known. The best row was chosen after the
    fact, and so looks better than it will be: choose the threshold on other customers than those
    the profit is read from.

    References
    ----------
    Verbraken, Verbeke and Baesens (2013), A novel profit maximizing metric for measuring
    classification performance of customer churn prediction models, IEEE Transactions on Knowledge
    and Data Engineering 25, p. 961.

    Examples
    --------
    A churner contacted brings 0.3 * (200 - 10) - 1 = 56, a stayer -11.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [1, 0, 1, 0], "churn_probability": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> profit = crm.churn.profit_curve(predictions)
    >>> profit[["threshold", "contacted", "churners", "profit", "total_profit", "best"]]
       threshold  contacted  churners  profit  total_profit   best
    0        NaN          0         0    0.00           0.0  False
    1        0.9          1         1   14.00          56.0  False
    2        0.5          2         1   11.25          45.0  False
    3        0.4          3         2   25.25         101.0   True
    4        0.2          4         2   22.50          90.0  False
    """
    caller = "profit_curve"
    terms = _terms(clv, offer_cost, contact_cost, caller)
    accept = _checks.number(accept_rate, name="accept_rate", caller=caller, low=0, high=1)
    level = _checks.confidence(confidence, caller)
    source, churned, score = _scored.read(
        predictions, caller, label_col=label_col, prob_col=prob_col, probabilities=False
    )
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, CURVE)
        return nothing
    by, n = _scored.steps(churned, score), len(score)
    contacted = np.append(0.0, by.n_above)
    churners = np.append(0.0, by.churned_above)
    win, loss = terms.churner(accept), terms.stayer
    total = churners * win - (contacted - churners) * loss
    squares = churners * win**2 + (contacted - churners) * loss**2
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0.0) / (n - 1))
    half = _intervals.z_value(level) * error
    columns = {
        "contacted_share": contacted / n,
        "threshold": np.append(np.nan, by.score),
        "contacted": contacted,
        "churners": churners,
        "profit": total / n,
        "lower": total / n - half,
        "upper": total / n + half,
        "total_profit": total,
        "best": np.arange(len(total)) == np.argmax(total),
    }
    table = pa.table({name: _result.column(values) for name, values in columns.items()})
    answer: IntoDataFrameT = _result.native(source, table, CURVE)
    return answer


def expected_maximum_profit(
    predictions: IntoDataFrameT,
    *,
    label_col: str = "churned",
    prob_col: str = "churn_probability",
    clv: float = 200,
    offer_cost: float = 10,
    contact_cost: float = 1,
    alpha: float = 6,
    beta: float = 14,
) -> IntoDataFrameT:
    """Highest profit per customer that a ranking allows, where acceptance is uncertain (EMPC).

    Parameters
    ----------
    predictions : table
        One row per customer, with a score and what happened without an offer.
    label_col : str, default "churned"
        Column of what happened: 1 or True for who churned, 0 or False for who stayed.
    prob_col : str, default "churn_probability"
        Column of the probability of churn, or of any score that is higher for higher risk.
    clv : float, default 200
        Value of a customer who is kept, in money; above 0.
    offer_cost : float, default 10
        Cost of an offer that is taken, in money; 0 or more and below `clv`.
    contact_cost : float, default 1
        Cost of contacting a customer, in money; 0 or more.
    alpha, beta : float, default 6 and 14
        Parameters of the beta distribution of the share of churners who accept: its mean is
        alpha / (alpha + beta), 0.3 by default; above 0.

    Returns
    -------
    table
        One row: ``empc`` (float, money per customer), ``target_share`` (float, share of customers
        contacted on average over the acceptance), ``threshold`` (float, score at which that share
        is reached; null where nobody is contacted), ``n`` (int, customers). No row for an empty
        table.

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If labels or scores are null, or labels are not 0 or 1.
    OptionError
        If an option has a value outside what it allows.

    See Also
    --------
    profit_curve : profit at every threshold, for one acceptance.
    evaluate_churn : how good the probabilities are.

    Notes
    -----
    With g the share of churners who accept and c(t), s(t) the churners and stayers with scores of t
    or more as shares of all customers, ``EMPC = integral over g of max over t of
    [c(t) (g (clv - offer_cost) - contact_cost) - s(t) (offer_cost + contact_cost)] Beta(g)``. Only
    points of the convex hull of the ROC curve can be best; between neighbours lies one break-even
    g, and between two of those the integral is closed (incomplete beta functions). The hull is the
    isotonic regression of the labels on the score, and equal scores are one step. For each g the
    best of the same customers is taken, so that small tables flatter.

    References
    ----------
    Verbraken, Verbeke and Baesens (2013), A novel profit maximizing metric for measuring
    classification performance of customer churn prediction models, IEEE Transactions on Knowledge
    and Data Engineering 25, p. 961.

    Examples
    --------
    Where churners score above all others, contacting just these pays as soon as g > 1 / 190, and
    EMPC is 0.5 * (0.3 * 190 - 1) = 28.

    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> predictions = pd.DataFrame(
    ...     {"churned": [1, 1, 0, 0], "churn_probability": [0.9, 0.8, 0.3, 0.1]}
    ... )
    >>> crm.churn.expected_maximum_profit(predictions)
       empc  target_share  threshold  n
    0  28.0           0.5        0.8  4
    """
    caller = "expected_maximum_profit"
    terms = _terms(clv, offer_cost, contact_cost, caller)
    shape = (_above_zero(alpha, "alpha", caller), _above_zero(beta, "beta", caller))
    source, churned, score = _scored.read(
        predictions, caller, label_col=label_col, prob_col=prob_col, probabilities=False
    )
    if source.n_rows == 0:
        nothing: IntoDataFrameT = _result.empty(source, MAXIMUM)
        return nothing
    by, n = _scored.steps(churned, score), len(score)
    profit, share = _empc(by, terms, shape)
    at = min(int(np.searchsorted(by.n_above / n, share - 1e-12)), len(by.score) - 1)
    row = {"empc": profit, "target_share": share, "threshold": by.score[at] if share else np.nan}
    table = {name: _result.column([value]) for name, value in row.items()} | {"n": [n]}
    answer: IntoDataFrameT = _result.native(source, pa.table(table), MAXIMUM)
    return answer


def _terms(clv: float, offer_cost: float, contact_cost: float, caller: str) -> _Terms:
    value = _above_zero(clv, "clv", caller)
    offer = _checks.number(offer_cost, name="offer_cost", caller=caller, low=0)
    contact = _checks.number(contact_cost, name="contact_cost", caller=caller, low=0)
    if offer >= value:
        raise OptionError(
            f"{caller}: offer_cost must be below clv; got {offer:g} and {value:g}. An offer that "
            "costs what it saves can earn nothing."
        )
    return _Terms(value, offer, contact)


def _above_zero(value: float, name: str, caller: str) -> float:
    number = _checks.number(value, name=name, caller=caller, low=0)
    if number == 0:
        raise OptionError(f"{caller}: {name} must be a number above 0; got {value!r}.")
    return number


def _hull(by: Steps) -> tuple[Floats, Floats]:
    """Return churners and stayers of each edge of the ROC curve's convex hull, from the top."""
    rate = by.rates()
    edges = np.flatnonzero(np.append(True, rate[1:] != rate[:-1]))
    churned = np.add.reduceat(by.churned, edges)
    return churned, np.add.reduceat(by.n, edges) - churned


def _empc(by: Steps, terms: _Terms, shape: tuple[float, float]) -> tuple[float, float]:
    """Return the expected maximum profit and the share contacted (Verbraken et al. 2013)."""
    from scipy.special import betainc

    n, (a, b) = by.n.sum(), shape
    churned, stayed = _hull(by)
    # the acceptance from which on each edge of the hull pays; edges are in the order of it
    cost, won = stayed * terms.stayer + churned * terms.contact, churned * (terms.clv - terms.offer)
    even = np.divide(cost, won, out=np.ones(len(won)), where=won > 0)
    even = np.maximum.accumulate(np.minimum(even, 1.0))
    above = 1 - betainc(a, b, even)
    accepted = a / (a + b) * (1 - betainc(a + 1, b, even))
    gain = churned * (accepted * (terms.clv - terms.offer) - above * terms.contact)
    profit = float((gain - stayed * above * terms.stayer).sum() / n)
    return profit, float(((churned + stayed) * above).sum() / n)
