"""Published numbers of waits that are not all over."""

import pandas as pd
import pytest

import crmlytics as crm

approx = pytest.approx

# Freireich et al. (1963), Blood 21, p. 699; as in Cox (1972), JRSS B 34, table 1: weeks to relapse
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_leukaemia_patients_as_tickets():
    # each is watched until one day: weeks become hours of waiting
    end = pd.Timestamp("2026-03-03")
    rows = [("placebo", t, True) for t in PLACEBO] + [("6-MP", t, True) for t in TREATED]
    rows += [("6-MP", t, False) for t in CENSORED]
    table = pd.DataFrame(rows, columns=["arm", "hours", "over"])
    table["opened_at"] = end - pd.to_timedelta(table["hours"], unit="h")
    # what is over was so a second before the end of the day, lest it fall on the day after
    table["opened_at"] -= pd.to_timedelta(table["over"].astype(int), unit="s")
    table["resolved_at"] = (end - pd.Timedelta(seconds=1)).to_datetime64()
    table.loc[~table["over"], "resolved_at"] = pd.NaT
    answer = crm.kpi.response_times(
        table, as_of="2026-03-02", by="arm", answered_col=None, sla_hours=10
    ).set_index("arm")
    # R: survfit(..., conf.type = "log-log"): medians 23 (13, NA) and 8 (4, 11)
    assert answer.loc["6-MP", ["n", "open", "median_hours", "lower"]].tolist() == [21, 12, 23, 13]
    assert pd.isna(answer.loc["6-MP", "upper"])
    assert answer.loc["placebo", ["median_hours", "lower", "upper"]].tolist() == [8, 4, 11]
    # Kleinbaum and Klein (2012), Survival Analysis, 3rd ed., ch. 2: log-rank 16.79 on 1 df
    assert answer["chi2"].tolist() == approx([16.79] * 2, abs=5e-3)
    assert answer["degrees_of_freedom"].tolist() == [1, 1]
    # Klein and Moeschberger (2003), Survival Analysis, 2nd ed., table 4.1: S(10) = 0.753
    assert 1 - answer.loc["6-MP", "within_sla"] == approx(0.753, abs=6e-4)
