"""The section of the report on whether customers recommend."""

import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _inputs, _loyalty

SHOP = crm.datasets.simulate_shop(n_customers=150, days=500, random_state=3)
COLUMNS = _inputs.Columns("customer_id", "order_id", "date", "amount")


def section(feedback):
    """The section alone; None where it is left out."""
    inputs = _inputs.gather(
        SHOP.transactions, columns=COLUMNS, as_of=None, duplicates="keep",
        others={"feedback": feedback},
    )  # fmt: skip
    return _loyalty.section(inputs)


def test_score_over_all_by_period_channel_and_language():
    made = section(SHOP.feedback)
    found = crm.kpi.nps(SHOP.feedback).to_dict("records")[0]
    score, lower, upper = (
        f"{found[name]:+.0f}" if round(found[name]) else "0" for name in ("nps", "lower", "upper")
    )
    headline = f"Net Promoter Score {score} (95\N{NO-BREAK SPACE}%: {lower} to {upper}) from "
    assert made.headlines == (f"{headline}{found['n']} answers.",)
    for words in ("By month", "By channel", "By language", "From one full month to the next"):
        assert words in made.body
    assert made.body.count("<svg") == 3
    assert f"{found['promoters']} promoters" in made.body


def test_what_differs_is_named():
    feedback = pd.DataFrame(
        {"score": [10] * 40 + [2] * 30 + [8] * 30, "channel": ["وب"] * 40 + ["אפליקציה"] * 60}
    )
    body = section(feedback).body
    assert "Different from the others by more than chance" in body
    assert "\N{FIRST STRONG ISOLATE}וב" not in body
    assert "\N{FIRST STRONG ISOLATE}وب\N{POP DIRECTIONAL ISOLATE} (+100" in body
    assert "By month" not in body  # there are no dates


def test_scores_of_another_scale_are_a_sentence():
    body = section(pd.DataFrame({"score": [100, 80, 55], "channel": "web"})).body
    assert "give no Net Promoter Score: 3 of 3 values" in body
    stars = section(pd.DataFrame({"score": [1, 5, 4, 5] * 6}))
    assert "above 5, though the scale goes up to 10" in stars.body
    assert stars.headlines == ()


@pytest.mark.parametrize(
    "feedback",
    [
        pd.DataFrame({"text": ["good"]}),
        pd.DataFrame({"score": pd.Series([None, None], dtype=float)}),
        pd.DataFrame({"score": [9], "date": pd.to_datetime(["2200-01-01"])}),
    ],
)
def test_without_scores_there_is_no_section(feedback):
    assert section(feedback) is None


def test_dates_of_feedback_may_have_a_zone_or_be_unknown(tmp_path):
    """Scores and texts of the table are read by two sections, in the same way."""
    shop = crm.datasets.simulate_shop(n_customers=80, days=200, random_state=4)
    dates = shop.feedback["date"].mask(shop.feedback.index == 0)
    for given in (dates, dates.dt.tz_localize("Asia/Tehran")):
        made = crm.report.build_report(
            transactions=shop.transactions,
            feedback=shop.feedback.assign(date=given),
            out_dir=tmp_path,
        )
        page = made.report.read_text(encoding="utf-8")
        assert 'id="loyalty"' in page
        assert "Is it changing?" in page
