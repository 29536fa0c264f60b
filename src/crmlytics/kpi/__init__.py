"""How the business does: KPIs with their denominators and intervals."""

from crmlytics.kpi._averages import arpu, average_order_value, purchase_frequency, repeat_rate
from crmlytics.kpi._business import growth_accounting, kpi_table
from crmlytics.kpi._cohorts import cohort_table, retention_curve
from crmlytics.kpi._definitions import DEFINITIONS, Definition, definition

__all__ = [
    "DEFINITIONS",
    "Definition",
    "arpu",
    "average_order_value",
    "cohort_table",
    "definition",
    "growth_accounting",
    "kpi_table",
    "purchase_frequency",
    "repeat_rate",
    "retention_curve",
]
