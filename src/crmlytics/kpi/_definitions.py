"""What each KPI is: the one table that feeds docstrings, the glossary and the report."""

from typing import NamedTuple


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
        "sum of amounts", "1", "currency of the amounts", "Farris et al. 2010, ch. 3",
    ),
    Definition(
        "orders", "kpi_table", "different orders with an amount that is not below 0",
        "orders", "1", "orders", "Farris et al. 2010, ch. 3",
    ),
    Definition(
        "active", "kpi_table", "customers with at least one order in the period",
        "customers", "1", "customers", "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "new", "kpi_table", "customers whose first order of all falls in the period",
        "customers", "1", "customers", "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "returning", "kpi_table", "customers active in the period and in the one before",
        "customers", "1", "customers", "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "reactivated", "kpi_table",
        "customers active in the period, not in the one before, but at some earlier time",
        "customers", "1", "customers", "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "churned", "kpi_table", "customers active in the period before and not in this one",
        "customers", "1", "customers", "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "quick ratio", "growth_accounting", "(new + resurrected) / churned",
        "new and resurrected customers", "churned customers", "ratio",
        "Amplitude, growth accounting (Social Capital 2017)",
    ),
    Definition(
        "average order value", "average_order_value", "revenue / orders",
        "revenue", "orders", "currency per order", "Farris et al. 2010, ch. 3",
    ),
    Definition(
        "ARPU", "arpu", "revenue / active customers",
        "revenue", "customers with at least one order", "currency per customer",
        "Farris et al. 2010, ch. 5",
    ),
    Definition(
        "purchase frequency", "purchase_frequency", "orders / customers",
        "orders", "customers with at least one order", "orders per customer",
        "Farris et al. 2010, ch. 5",
    ),
    Definition(
        "repeat rate", "repeat_rate", "customers with two or more orders / customers",
        "customers with two or more orders", "customers with at least one order", "share, 0 to 1",
        "Farris et al. 2010, ch. 2",
    ),
    Definition(
        "cohort retention", "cohort_table",
        "customers of a cohort active at an age / customers of the cohort",
        "customers of the cohort active at the age", "customers of the cohort", "share, 0 to 1",
        "Farris et al. 2010, ch. 5; clvkit 0.2.1 for the triangle of observed cells",
    ),
    Definition(
        "retention", "retention_curve",
        "customers active at an age / customers of the cohorts observed at that age",
        "active customers of the observed cohorts", "customers of the observed cohorts",
        "share, 0 to 1", "Fader and Hardie 2007, p. 76",
    ),
)  # fmt: skip


def definition(name: str) -> Definition:
    """Return the definition of one KPI."""
    return next(entry for entry in DEFINITIONS if entry.name == name)
