"""How the business does: KPIs with their denominators and intervals."""

from crmlytics.kpi._averages import arpu, average_order_value
from crmlytics.kpi._business import growth_accounting, kpi_table
from crmlytics.kpi._churn_rate import churn_rate, retention_rate
from crmlytics.kpi._clv import clv
from crmlytics.kpi._clv_model import ClvModel, fit_clv
from crmlytics.kpi._clv_simple import clv_formula, clv_historic
from crmlytics.kpi._cohorts import cohort_table
from crmlytics.kpi._definitions import kpi_definitions
from crmlytics.kpi._plot import plot_growth, plot_kpis
from crmlytics.kpi._plot_cohorts import plot_cohorts, plot_retention
from crmlytics.kpi._repeat import purchase_frequency, repeat_rate
from crmlytics.kpi._retention import retention_curve

__all__ = [
    "ClvModel",
    "arpu",
    "average_order_value",
    "churn_rate",
    "clv",
    "clv_formula",
    "clv_historic",
    "cohort_table",
    "fit_clv",
    "growth_accounting",
    "kpi_definitions",
    "kpi_table",
    "plot_cohorts",
    "plot_growth",
    "plot_kpis",
    "plot_retention",
    "purchase_frequency",
    "repeat_rate",
    "retention_curve",
    "retention_rate",
]
