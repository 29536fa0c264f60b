"""Who is leaving: labels without leaks, models chosen by backtest, and the money at stake."""

from crmlytics.churn._backtest import backtest_churn
from crmlytics.churn._churn_model import ChurnModel
from crmlytics.churn._drift import population_drift
from crmlytics.churn._evaluate import evaluate_churn
from crmlytics.churn._features import churn_features
from crmlytics.churn._fit import fit_churn
from crmlytics.churn._labels import churn_labels
from crmlytics.churn._lift import calibration_table, lift_table
from crmlytics.churn._plot import plot_churn_calibration, plot_lift, plot_profit
from crmlytics.churn._plot_survival import plot_survival
from crmlytics.churn._profit import expected_maximum_profit, profit_curve
from crmlytics.churn._risk import churn_risk
from crmlytics.churn._survival import survival_curve, survival_summary
from crmlytics.churn._survival_model import SurvivalModel, fit_survival
from crmlytics.churn._threshold import inactivity_threshold

__all__ = [
    "ChurnModel",
    "SurvivalModel",
    "backtest_churn",
    "calibration_table",
    "churn_features",
    "churn_labels",
    "churn_risk",
    "evaluate_churn",
    "expected_maximum_profit",
    "fit_churn",
    "fit_survival",
    "inactivity_threshold",
    "lift_table",
    "plot_churn_calibration",
    "plot_lift",
    "plot_profit",
    "plot_survival",
    "population_drift",
    "profit_curve",
    "survival_curve",
    "survival_summary",
]
