"""Who is leaving: labels without leaks, models chosen by backtest, and the money at stake."""

from crmlytics.churn._backtest import backtest_churn
from crmlytics.churn._churn_model import ChurnModel
from crmlytics.churn._features import churn_features
from crmlytics.churn._fit import fit_churn
from crmlytics.churn._labels import churn_labels

__all__ = [
    "ChurnModel",
    "backtest_churn",
    "churn_features",
    "churn_labels",
    "fit_churn",
]
