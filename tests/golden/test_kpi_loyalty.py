"""Published numbers of survey measures."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm

Z = 1.959963984540054  # R: qnorm(0.975)


def test_error_of_an_nps():
    # cybaea, "How do you calculate the standard error of a net promoter score": 1/2 promoters and
    # 1/6 detractors among 324 -> NPS 33.33, variance of an answer 5/9, standard error 4.1 points
    score = np.repeat([10, 7, 3], [162, 108, 54])
    got = crm.kpi.nps(pd.DataFrame({"score": score}), interval="wald").iloc[0]
    assert got["nps"] == pytest.approx(100 / 3)
    error = (got["upper"] - got["lower"]) / 2 / Z
    assert error == pytest.approx(100 * np.sqrt(5 / 9 / 324))
    assert round(error, 1) == 4.1


def test_adjusted_interval_by_hand():
    # 3/4 detractors, 3/2 passives and 3/4 promoters more (Rocks 2016; Sauro, MeasuringU), worked
    # out by hand for 5 promoters, 3 passives and 2 detractors: p = 5.75 / 13, d = 2.75 / 13,
    # difference 3 / 13 = 0.2308, variance (8.5 / 13 - 0.0533) / 13 = 0.0462, half-width 0.4213
    score = np.repeat([10, 7, 3], [5, 3, 2])
    got = crm.kpi.nps(pd.DataFrame({"score": score})).iloc[0]
    assert got["nps"] == pytest.approx(30)
    assert got[["lower", "upper"]].tolist() == pytest.approx([-19.05, 65.21], abs=0.02)


def test_newcombe_of_two_groups():
    # Newcombe 1998, Statistics in Medicine 17, table II, (a), method 10: 56/70 - 48/80
    table = pd.DataFrame({"shop": ["a", "b"], "numerator": [56, 48], "denominator": [70, 80]})
    got = crm.kpi.compare_groups(table, by="shop").iloc[0]
    assert got["difference"] == pytest.approx(0.2)
    assert got[["lower", "upper"]].round(4).tolist() == [0.0524, 0.3339]


def test_satisfaction_of_a_usual_example():
    # 4 and 5 of 5 are satisfied; R: binom::binom.wilson(5, 10) -> 0.2366 to 0.7634
    got = crm.kpi.csat(pd.DataFrame({"score": [1, 2, 3, 3, 2, 4, 4, 5, 5, 5]})).iloc[0]
    assert got[["numerator", "denominator"]].tolist() == [5, 10]
    assert got[["lower", "upper"]].round(4).tolist() == [0.2366, 0.7634]
