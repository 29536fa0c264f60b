"""What each KPI is: the one table that feeds docstrings, the glossary and the report."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import pandas as pd

F = TypeVar("F", bound=Callable[..., Any])

# Names that everybody uses and nobody owns; the formula here is what this library means by them.
HOUSE = "common usage, fixed here"
GROWTH = "Hsu, Diligence at Social Capital, part 1: accounting for user growth"


class Definition(NamedTuple):
    """One KPI: how it is computed, in which unit, and who says so."""

    name: str
    function: str
    formula: str
    numerator: str
    denominator: str
    unit: str
    source: str


DEFINITIONS = (
    Definition(
        "revenue", "kpi_table", "sum of amounts, returns netted in the period of the return",
        "sum of amounts", "1", "currency of the amounts", HOUSE,
    ),
    Definition(
        "orders", "kpi_table", "different orders with an amount that is not below 0",
        "orders", "1", "orders", HOUSE,
    ),
    Definition(
        "active", "kpi_table", "customers with at least one order in the period",
        "customers", "1", "customers", GROWTH,
    ),
    Definition(
        "new", "kpi_table", "customers whose first order of all falls in the period",
        "customers", "1", "customers", GROWTH,
    ),
    Definition(
        "returning", "kpi_table", "customers active in the period and in the one before",
        "customers", "1", "customers", GROWTH,
    ),
    Definition(
        "reactivated", "kpi_table",
        "customers active in the period, not in the one before, but at some earlier time",
        "customers", "1", "customers", GROWTH,
    ),
    Definition(
        "churned", "kpi_table", "customers active in the period before and not in this one",
        "customers", "1", "customers", GROWTH,
    ),
    Definition(
        "quick ratio", "growth_accounting", "(new + resurrected) / churned",
        "new and resurrected customers", "churned customers", "ratio",
        GROWTH,
    ),
    Definition(
        "average order value", "average_order_value", "revenue / orders",
        "revenue", "orders", "currency per order", HOUSE,
    ),
    Definition(
        "ARPU", "arpu", "revenue / active customers",
        "revenue", "customers with at least one order", "currency per customer",
        HOUSE,
    ),
    Definition(
        "purchase frequency", "purchase_frequency", "orders / customers",
        "orders", "customers with at least one order", "orders per customer",
        HOUSE,
    ),
    Definition(
        "repeat rate", "repeat_rate", "customers with two or more orders / customers",
        "customers with two or more orders", "customers with at least one order", "share, 0 to 1",
        HOUSE,
    ),
    Definition(
        "CLV", "clv", "margin * expected spend per purchase * expected purchases, discounted",
        "expected margin in the horizon", "1", "currency per customer",
        "Fader, Hardie and Lee 2005, J. Marketing Research 42",
    ),
    Definition(
        "CLV, historic", "clv_historic", "sum of amount * margin, discounted to a day",
        "margins so far", "customers", "currency per customer", HOUSE,
    ),
    Definition(
        "CLV, formula", "clv_formula", "margin * revenue per customer / churn",
        "margin * revenue per active customer and period",
        "1 - retention * discount factor", "currency per active customer",
        "Gupta and Lehmann 2003",
    ),
    Definition(
        "cohort retention", "cohort_table",
        "customers of a cohort active at an age / customers of the cohort",
        "customers of the cohort active at the age", "customers of the cohort", "share, 0 to 1",
        "Fader and Hardie 2007, p. 76",
    ),
    Definition(
        "retention", "retention_curve",
        "customers active at an age / customers of the cohorts observed at that age",
        "active customers of the observed cohorts", "customers of the observed cohorts",
        "share, 0 to 1", "Fader and Hardie 2007, p. 76",
    ),
    Definition(
        "churn rate", "churn_rate", "customers lost in the period / customers on its eve",
        "customers on the eve who are gone on the last day", "customers on the day before",
        "share, 0 to 1", HOUSE,
    ),
    Definition(
        "revenue churn, gross", "churn_rate",
        "revenue lost by leaving or paying less / revenue on the eve",
        "revenue of the eve less what of it is left", "revenue of the customers of the eve",
        "share, 0 to 1", "ChartMogul, gross MRR churn rate",
    ),
    Definition(
        "retention rate", "retention_rate", "customers kept in the period / customers on its eve",
        "customers on the eve who are there on the last day", "customers on the day before",
        "share, 0 to 1", HOUSE,
    ),
)  # fmt: skip


def defined(function: F) -> F:
    """Write the definitions of a function's KPIs into the Notes of its docstring."""
    own = [entry for entry in DEFINITIONS if entry.function == function.__name__]
    lines = [f"    * {d.name} = {d.formula} [{d.unit}] ({d.source})" for d in own]
    doc = function.__doc__ or ""
    if lines and "    References\n" in doc:
        block = "\n".join(lines) + "\n\n"
        if "    Notes\n    -----\n" not in doc:
            block = "    Notes\n    -----\n" + block
        function.__doc__ = doc.replace("    References\n", block + "    References\n", 1)
    return function


def kpi_definitions() -> "pd.DataFrame":
    """Say how each KPI is computed, in which unit, and who defines it so.

    Returns
    -------
    pandas.DataFrame
        One row a KPI, all columns str: ``name``, ``function`` (that computes it), ``formula``,
        ``numerator``, ``denominator``, ``unit``, ``source``.

    See Also
    --------
    kpi_table : computes many of them period by period.

    Examples
    --------
    >>> import crmlytics as crm
    >>> table = crm.kpi.kpi_definitions().set_index("name")
    >>> table.loc["repeat rate", "formula"]
    'customers with two or more orders / customers'
    """
    import pandas as pd

    return pd.DataFrame(DEFINITIONS, columns=list(Definition._fields), dtype="str")
