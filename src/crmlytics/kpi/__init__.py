"""How the business does: KPIs with their denominators and intervals."""

from crmlytics.kpi._averages import arpu, average_order_value
from crmlytics.kpi._business import growth_accounting, kpi_table
from crmlytics.kpi._cac import cac
from crmlytics.kpi._channels import channel_table
from crmlytics.kpi._churn_rate import churn_rate, retention_rate
from crmlytics.kpi._clv import clv
from crmlytics.kpi._clv_model import ClvModel, fit_clv
from crmlytics.kpi._clv_simple import clv_formula, clv_historic
from crmlytics.kpi._cohorts import cohort_table
from crmlytics.kpi._compare import compare_groups
from crmlytics.kpi._concentration import revenue_concentration
from crmlytics.kpi._contacts import contact_mix
from crmlytics.kpi._conversion import conversion_rate
from crmlytics.kpi._definitions import kpi_definitions
from crmlytics.kpi._funnel import funnel
from crmlytics.kpi._ltv_cac import ltv_cac
from crmlytics.kpi._mrr import monthly_revenue, mrr_movements
from crmlytics.kpi._nps import nps
from crmlytics.kpi._nps_change import nps_change
from crmlytics.kpi._payback import payback_months
from crmlytics.kpi._plot import plot_growth, plot_kpis
from crmlytics.kpi._plot_cohorts import plot_cohorts, plot_retention
from crmlytics.kpi._plot_concentration import plot_revenue_concentration
from crmlytics.kpi._plot_funnel import plot_funnel
from crmlytics.kpi._plot_mrr import plot_mrr
from crmlytics.kpi._plot_nps import plot_nps
from crmlytics.kpi._plot_service import plot_response_times
from crmlytics.kpi._purchase_gaps import purchase_gap_summary, purchase_gaps
from crmlytics.kpi._referral import referral_value
from crmlytics.kpi._repeat import purchase_frequency, repeat_rate
from crmlytics.kpi._response import resolution_rate, response_times
from crmlytics.kpi._retention import retention_curve
from crmlytics.kpi._revenue_retention import revenue_retention
from crmlytics.kpi._roi import roi
from crmlytics.kpi._service import complaint_rate
from crmlytics.kpi._stickiness import stickiness
from crmlytics.kpi._surveys import ces, csat

__all__ = [
    "ClvModel",
    "arpu",
    "average_order_value",
    "cac",
    "ces",
    "channel_table",
    "churn_rate",
    "clv",
    "clv_formula",
    "clv_historic",
    "cohort_table",
    "compare_groups",
    "complaint_rate",
    "contact_mix",
    "conversion_rate",
    "csat",
    "fit_clv",
    "funnel",
    "growth_accounting",
    "kpi_definitions",
    "kpi_table",
    "ltv_cac",
    "monthly_revenue",
    "mrr_movements",
    "nps",
    "nps_change",
    "payback_months",
    "plot_cohorts",
    "plot_funnel",
    "plot_growth",
    "plot_kpis",
    "plot_mrr",
    "plot_nps",
    "plot_response_times",
    "plot_retention",
    "plot_revenue_concentration",
    "purchase_frequency",
    "purchase_gap_summary",
    "purchase_gaps",
    "referral_value",
    "repeat_rate",
    "resolution_rate",
    "response_times",
    "retention_curve",
    "retention_rate",
    "revenue_concentration",
    "revenue_retention",
    "roi",
    "stickiness",
]
