"""What customers are worth: models of purchasing and spend ("buy till you die")."""

from crmlytics.btyd._bg_bb import BgBbModel, fit_bg_bb
from crmlytics.btyd._bg_nbd import BgNbdModel, MbgNbdModel, fit_bg_nbd, fit_mbg_nbd
from crmlytics.btyd._customer_value import customer_value
from crmlytics.btyd._gamma_gamma import GammaGammaModel, fit_gamma_gamma
from crmlytics.btyd._holdout import evaluate_holdout, holdout_predictions
from crmlytics.btyd._holdout_groups import holdout_groups
from crmlytics.btyd._lifetimes import from_lifetimes
from crmlytics.btyd._pareto_nbd import ParetoNbdModel, fit_pareto_nbd, likelihood_ratio_test
from crmlytics.btyd._plot import (
    plot_calibration,
    plot_frequency_recency,
    plot_p_alive,
    plot_tracking,
)
from crmlytics.btyd._sbg import SbgModel, fit_sbg
from crmlytics.btyd._summary import purchase_summary
from crmlytics.btyd._total import total_interval
from crmlytics.btyd._tracking import frequency_recency_grid, tracking_table

__all__ = [
    "BgBbModel",
    "BgNbdModel",
    "GammaGammaModel",
    "MbgNbdModel",
    "ParetoNbdModel",
    "SbgModel",
    "customer_value",
    "evaluate_holdout",
    "fit_bg_bb",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_mbg_nbd",
    "fit_pareto_nbd",
    "fit_sbg",
    "frequency_recency_grid",
    "from_lifetimes",
    "holdout_groups",
    "holdout_predictions",
    "likelihood_ratio_test",
    "plot_calibration",
    "plot_frequency_recency",
    "plot_p_alive",
    "plot_tracking",
    "purchase_summary",
    "total_interval",
    "tracking_table",
]
