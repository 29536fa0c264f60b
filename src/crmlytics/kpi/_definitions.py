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
        "stickiness", "stickiness", "mean daily active customers / active customers of the month",
        "days on which customers came, added up", "active customers * days", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "time between purchases", "purchase_gap_summary",
        "days between purchase days of a customer; their mean, or the day by which half have ended",
        "days of all gaps", "gaps", "days", HOUSE,
    ),
    Definition(
        "revenue concentration", "revenue_concentration",
        "revenue of the best customers / revenue, for each share of customers",
        "revenue of the best customers", "revenue of all customers", "share, 0 to 1",
        "Lorenz 1905, Publications of the American Statistical Association 9",
    ),
    Definition(
        "Gini coefficient of revenue", "revenue_concentration",
        "twice the area between the curve of concentration and that of equal customers",
        "twice that area", "1", "0 to 1", "Gini 1914",
    ),
    Definition(
        "conversion rate", "conversion_rate", "customers converted / customers reached",
        "customers converted at least once", "customers reached at least once", "share, 0 to 1",
        HOUSE,
    ),
    Definition(
        "funnel rate", "funnel", "customers who came to a step / customers who began",
        "customers who came to the step", "customers at the first step", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "step rate", "funnel", "customers who came to a step / customers at the step before",
        "customers who came to the step", "customers at the step before", "share, 0 to 1", HOUSE,
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
        "CAC, blended", "cac", "all cost / all new customers, organic ones included",
        "cost of the time", "customers acquired in the time", "currency per customer", HOUSE,
    ),
    Definition(
        "CAC, paid", "cac", "cost of channels / new customers of channels with a cost",
        "cost of channels", "customers of channels with a cost", "currency per customer", HOUSE,
    ),
    Definition(
        "LTV:CAC", "ltv_cac", "mean CLV / CAC, both on margin",
        "mean CLV of customers", "cost of winning one", "ratio", "Skok, SaaS metrics 2.0",
    ),
    Definition(
        "CAC payback", "payback_months", "CAC / (revenue per customer and month * gross margin)",
        "cost of winning a customer", "margin of a customer in a month", "months",
        "Skok, SaaS metrics 2.0",
    ),
    Definition(
        "ROI", "roi", "(revenue * margin - cost) / cost",
        "revenue * margin - cost", "cost", "ratio; 0 is break-even",
        "Farris, Bendle, Pfeifer and Reibstein 2010, ch. 10",
    ),
    Definition(
        "ROAS", "roi", "revenue / cost", "revenue", "cost of advertising", "ratio", HOUSE,
    ),
    Definition(
        "customer referral value", "referral_value",
        "CLV of those referred who would not have come anyway, and the acquisition cost saved",
        "value brought by referrals", "1", "currency per referrer",
        "Kumar, Petersen and Leone 2010, J. Marketing 74",
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
    Definition(
        "MRR", "monthly_revenue",
        "sum of the monthly amounts of a customer's subscriptions on the last day of the month",
        "monthly amounts", "1", "currency a month", "ChartMogul, What is MRR?",
    ),
    Definition(
        "new MRR", "mrr_movements", "MRR of customers who never had any before",
        "MRR", "1", "currency a month", "dbt Labs, MRR playbook",
    ),
    Definition(
        "expansion MRR", "mrr_movements", "what customers pay more than in the month before",
        "MRR less that of the month before", "1", "currency a month", "dbt Labs, MRR playbook",
    ),
    Definition(
        "contraction MRR", "mrr_movements",
        "what customers pay less than in the month before, and still pay",
        "MRR of the month before less that of the month", "1", "currency a month",
        "dbt Labs, MRR playbook",
    ),
    Definition(
        "churned MRR", "mrr_movements",
        "MRR of the month before of customers who pay nothing any more",
        "MRR of the month before", "1", "currency a month", "dbt Labs, MRR playbook",
    ),
    Definition(
        "reactivation MRR", "mrr_movements",
        "MRR of customers who paid nothing in the month before, but at some earlier time",
        "MRR", "1", "currency a month", "dbt Labs, MRR playbook",
    ),
    Definition(
        "net revenue retention (NRR)", "revenue_retention",
        "MRR now of the customers of some months ago / their MRR then",
        "MRR now of the customers of then", "MRR then", "ratio, 0 or more", HOUSE,
    ),
    Definition(
        "gross revenue retention (GRR)", "revenue_retention",
        "sum of the lower of MRR now and then / MRR then",
        "lower of MRR now and then, customer by customer", "MRR then", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "logo retention", "revenue_retention",
        "customers paying some months ago and now / customers paying then",
        "customers paying then and now", "customers paying then", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "quick ratio of MRR", "revenue_retention",
        "(new + reactivation + expansion) / (churn + contraction)",
        "MRR won in the month", "MRR lost in the month", "ratio", GROWTH,
    ),
    Definition(
        "gross MRR churn", "revenue_retention",
        "(churn + contraction) / MRR at the start of the month",
        "MRR lost in the month", "MRR of the month before", "share, 0 to 1",
        "ChartMogul, gross MRR churn rate",
    ),
    Definition(
        "net MRR churn", "revenue_retention",
        "(churn + contraction - expansion - reactivation) / MRR at the start of the month",
        "MRR lost less MRR won from old customers", "MRR of the month before",
        "share, 1 or less", "ChartMogul, net MRR churn rate",
    ),
    Definition(
        "NPS", "nps", "100 * (promoters - detractors) / answers",
        "answers of 9 and 10 less answers of 0 to 6", "answers", "points, -100 to 100",
        "Reichheld 2003, Harvard Business Review 81(12)",
    ),
    Definition(
        "NPS change", "nps_change", "NPS of the later answers - NPS of the earlier ones",
        "difference of two NPS", "1", "points, -200 to 200", HOUSE,
    ),
    Definition(
        "CSAT", "csat", "satisfied answers / answers",
        "answers at the satisfied end of the scale, 4 and 5 of 5", "answers", "share, 0 to 1",
        "Zencity, positive answers by length of scale",
    ),
    Definition(
        "CES, mean", "ces", "sum of answers / answers, a higher one being easier",
        "sum of answers", "answers", "points of the scale, 1 to 7",
        "Dixon, Freeman and Toman 2010, Harvard Business Review 88(7/8)",
    ),
    Definition(
        "CES, share who agree", "ces", "answers above the middle of the scale / answers",
        "answers 5 to 7 of 7", "answers", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "CES, top two", "ces", "answers of the two best kinds / answers",
        "answers 6 and 7 of 7", "answers", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "first response time", "response_times",
        "median time from opening to answer or resolution, open tickets censored",
        "time by which half of the tickets were answered", "1", "hours",
        "Kaplan and Meier 1958, JASA 53",
    ),
    Definition(
        "resolution time", "response_times",
        "median time from opening to resolution, open tickets censored",
        "time by which half of the tickets were resolved", "1", "hours",
        "Kaplan and Meier 1958, JASA 53",
    ),
    Definition(
        "share within the limit", "response_times",
        "1 - share of tickets that wait longer than sla_hours, open tickets censored",
        "tickets done within the limit", "tickets", "share, 0 to 1",
        "Kaplan and Meier 1958, JASA 53",
    ),
    Definition(
        "resolution rate", "resolution_rate", "tickets resolved / tickets",
        "tickets resolved", "tickets", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "complaint rate, per order", "complaint_rate", "complaints / orders",
        "complaints", "orders", "complaints per order; times 100, per 100 orders", HOUSE,
    ),
    Definition(
        "complaint rate, per customer", "complaint_rate",
        "customers with a complaint / customers",
        "customers with an order and a complaint", "customers with an order", "share, 0 to 1",
        HOUSE,
    ),
    Definition(
        "value restoration, value creation", "contact_mix", "contacts of the kind / contacts",
        "contacts whose event is in the list of the kind", "contacts", "share, 0 to 1", HOUSE,
    ),
    Definition(
        "resolution share of a channel", "channel_table", "tickets resolved / tickets",
        "tickets of the channel resolved", "tickets of the channel", "share, 0 to 1", HOUSE,
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
