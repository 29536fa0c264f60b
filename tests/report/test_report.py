"""The report: three files that agree with the functions they come from."""

import re
import shutil
import subprocess
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)
from crmlytics.report import _build, _page

SHOP = crm.datasets.simulate_shop(n_customers=300, days=500, random_state=4)
VOID = {"meta", "link", "br", "img", "path", "use", "rect", "line", "circle"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return crm.report.build_report(
        transactions=SHOP.transactions,
        customers=SHOP.customers,
        feedback=SHOP.feedback,
        out_dir=folder,
        title="گزارش",
    )


class Page(HTMLParser):
    """Checks that tags close in order, and collects what the page would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.anchors, self.links = [], [], set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [attrs[k] for k in ("src", "data") if k in attrs]
        if tag in {"link", "a"} and not attrs.get("href", "").startswith("#"):
            self.loads.append(attrs["href"])
        if tag == "a":
            self.links.add(attrs["href"].removeprefix("#"))
        if "id" in attrs:
            self.anchors.add(attrs["id"])

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_complete_in_itself(made):
    text = made.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.loads == ["data:,"]  # the empty icon; nothing else is asked for
    assert "<script" not in text
    assert not re.search(r"url\(\s*['\"]?http", text)
    assert page.links <= page.anchors
    assert {
        "data",
        "business",
        "cohorts",
        "segments",
        "value",
        "churn",
        "offers",
        "definitions",
    } <= page.anchors
    assert "<bdi>گزارش</bdi>" in text


def test_the_page_has_a_picture_of_everything(made):
    text = made.report.read_text(encoding="utf-8")
    # revenue, growth, cohorts, retention, heatmap, segments, migration of two quarters, holdout,
    # rules, sentiment over time, aspects, drivers
    assert text.count("<svg") >= 12
    assert text.count("<svg") == text.count("<figcaption>")
    for words in (
        "Who moved",
        "What the checks found",
        "average order value",
        "cant_lose",
        "days since",
    ):
        assert words in text


def test_the_customer_table_is_rfm(made):
    table = pd.read_parquet(made.customers)
    want = crm.segmentation.rfm(SHOP.transactions)
    bought = table[table["frequency"].notna()].reset_index(drop=True)
    columns = ["customer_id", "recency_days", "frequency", "monetary", "r_score", "f_score"]
    pd.testing.assert_frame_equal(
        bought[[*columns, "m_score", "segment"]],
        want[[*columns, "m_score", "segment"]],
        check_dtype=False,
    )
    # customers without a purchase are there, with what the customers table knows of them
    assert set(table["customer_id"]) == set(SHOP.customers["customer_id"])
    assert {"language", "acquired_on"} <= set(table.columns)
    assert table["customer_id"].is_monotonic_increasing


def test_the_actions_are_the_dearest_customers_gone_quiet(made):
    actions = pd.read_csv(made.actions)
    assert list(actions.columns) == ["customer_id", "action", "segment", "monetary", "reason"]
    customers = crm.segmentation.rfm(SHOP.transactions)
    quiet = customers[customers["segment"].isin(["cant_lose", "at_risk"])]
    assert len(actions) == min(100, len(quiet))
    want = quiet["monetary"].sort_values(ascending=False).head(100).tolist()
    assert actions["monetary"].tolist() == pytest.approx(want)
    by_id = quiet.set_index("customer_id")
    for row in actions.itertuples():
        assert f"{by_id.loc[row.customer_id, 'frequency']} order" in row.reason
        assert f"{by_id.loc[row.customer_id, 'recency_days']} days" in row.reason


def test_the_customer_table_has_what_to_offer(made):
    table = pd.read_parquet(made.customers).set_index("customer_id")
    bought = SHOP.transactions[~(SHOP.transactions["amount"] < 0)]
    model = crm.rules.fit_suggestions(bought, max_items=1_500)
    offers = model.predict(bought, top=3)
    for kind, name in (("repeat", "buy_again"), ("new", "offer")):
        for row in offers[offers["kind"] == kind].itertuples():
            assert table.loc[row.customer_id, f"{name}_{row.rank}"] == row.product_id
    first = offers[(offers["kind"] == "new") & (offers["rank"] == 1)]
    want = first.set_index("customer_id")["because"]
    assert table["offer_because"].dropna().to_dict() == want.to_dict()


def test_without_products_the_page_says_so(tmp_path):
    lines = SHOP.transactions.drop(columns="product_id")
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path)
    text = made.report.read_text(encoding="utf-8")
    assert "no column &#x27;product_id&#x27;, so nothing can be said of products" in text
    assert "offer_1" not in pd.read_parquet(made.customers).columns


def test_the_same_tables_make_the_same_page(made, tmp_path):
    again = crm.report.build_report(
        transactions=SHOP.transactions.sample(frac=1, random_state=1),
        customers=SHOP.customers,
        feedback=SHOP.feedback.sample(frac=1, random_state=2),
        out_dir=tmp_path,
        title="گزارش",
    )
    assert again.report.read_bytes() == made.report.read_bytes()
    assert again.actions.read_bytes() == made.actions.read_bytes()


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas])
def test_other_kinds_of_tables(made, make, tmp_path):
    again = crm.report.build_report(
        transactions=make(SHOP.transactions),
        customers=make(SHOP.customers),
        feedback=make(SHOP.feedback),
        out_dir=tmp_path,
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(again.customers), pd.read_parquet(made.customers), check_dtype=False
    )


def test_what_is_dropped_is_said(tmp_path):
    lines = SHOP.transactions[["customer_id", "order_id", "date", "amount"]].copy()
    lines["customer_id"] = lines["customer_id"].astype("Int64")
    lines.loc[[3, 4], "customer_id"] = pd.NA
    lines.loc[7, "amount"] = np.inf
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path)
    text = made.report.read_text(encoding="utf-8")
    assert f"{len(lines) - 3:,} of {len(lines):,} lines are used" in text
    assert "Nothing was dropped" not in text
    assert "null customer" in text


def test_without_an_order_id_a_day_is_an_order(tmp_path):
    lines = crm.datasets.load_cdnow("sample")
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path)
    table = pd.read_parquet(made.customers)
    # CDNOW sample: 2,357 customers (Fader and Hardie); orders are distinct days
    days = lines.groupby("customer_id")["date"].nunique()
    assert len(table) == 2357
    assert table["frequency"].tolist() == days.tolist()
    assert "no order id" in made.report.read_text(encoding="utf-8")


def test_short_data_and_one_customer(tmp_path):
    lines = pd.DataFrame(
        {
            "customer_id": ["<b>x</b>"],
            "order_id": [1],
            "date": pd.to_datetime(["2026-01-02"]),
            "amount": [9.5],
        }
    )
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path / "new" / "folder")
    text = made.report.read_text(encoding="utf-8")
    assert "<b>x</b>" not in text
    assert "do not yet hold two finished quarters" in text
    assert len(pd.read_parquet(made.customers)) == 1


def test_persian_column_names(tmp_path):
    lines = SHOP.transactions.rename(
        columns={"customer_id": "مشتری", "order_id": "سفارش", "date": "تاریخ", "amount": "مبلغ"}
    )
    made = crm.report.build_report(
        transactions=lines,
        out_dir=tmp_path,
        customer_col="مشتری",
        order_col="سفارش",
        date_col="تاریخ",
        amount_col="مبلغ",
    )
    assert "مشتری" in pd.read_parquet(made.customers).columns


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"transactions": 3}, DataError, "transactions must be a table"),
        ({"transactions": SHOP.transactions.head(0)}, NotEnoughDataError, "no rows"),
        ({"transactions": SHOP.transactions.drop(columns="date")}, ColumnError, "no column 'date'"),
        ({"duplicates": "some"}, OptionError, "duplicates must be one of"),
        ({"as_of": date(1999, 1, 1)}, OptionError, "before the first date"),
        ({"customers": SHOP.customers[["name"]]}, DataError, "no column 'customer_id'"),
        (
            {"customers": pd.concat([SHOP.customers, SHOP.customers])},
            DataError,
            "one row for each",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(change, error, sentence, tmp_path):
    given = {"transactions": SHOP.transactions, "out_dir": tmp_path} | change
    with pytest.raises(error, match=sentence):
        crm.report.build_report(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(DataError, match=r"^build_report: cannot write to out_dir"):
        crm.report.build_report(transactions=SHOP.transactions, out_dir=tmp_path / "file" / "in")


def test_a_new_room_adds_a_section_in_one_place(monkeypatch, tmp_path):
    def section(inputs):
        ids = inputs.transactions[["customer_id"]].drop_duplicates()
        return _page.Section("luck", "Luck", "<p>here</p>", customers=ids.assign(luck=0.5))

    monkeypatch.setattr(_build, "SECTIONS", (*_build.SECTIONS, section))
    made = crm.report.build_report(transactions=SHOP.transactions, out_dir=tmp_path)
    assert '<section id="luck">' in made.report.read_text(encoding="utf-8")
    assert (pd.read_parquet(made.customers)["luck"] == 0.5).all()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_the_browser_has_nothing_to_say(made, tmp_path):
    script = _build.Path(__file__).parents[2] / "docs" / "make_screenshot.py"
    picture = tmp_path / "page.png"
    subprocess.run(  # noqa: S603 - our own script
        [shutil.which("python3"), str(script), str(made.report), str(picture)], check=True
    )
    assert picture.stat().st_size > 20_000


def test_returns_are_no_purchases_and_as_of_hides_what_comes_later(tmp_path):
    lines = SHOP.transactions
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path, as_of=date(2025, 1, 31))
    text = made.report.read_text(encoding="utf-8")
    used = int((lines["date"] < "2025-02-01").sum())
    assert f"{used:,} of {len(lines):,} lines are used" in text
    assert f"{len(lines) - used:,} lines are later" in text
    assert "future dates" not in text
    with pytest.raises(NotEnoughDataError, match="returns only"):
        crm.report.build_report(
            transactions=lines.assign(amount=-1.0), out_dir=tmp_path / "returns"
        )


def test_what_dropped_lines_hold_is_said(tmp_path):
    lines = SHOP.transactions.astype({"customer_id": "Int64"})
    lines.loc[lines.index[:3], "customer_id"] = pd.NA
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path)
    lost = _page.money(lines["amount"].iloc[:3].sum())
    assert f"The dropped lines hold {lost} in amounts" in made.report.read_text(encoding="utf-8")


def test_customers_of_another_type_or_of_another_company(tmp_path):
    others = SHOP.customers.assign(customer_id=SHOP.customers["customer_id"].astype("str"))
    with pytest.raises(DataError, match="holds numbers in transactions and texts in customers"):
        crm.report.build_report(transactions=SHOP.transactions, customers=others, out_dir=tmp_path)
    strangers = SHOP.customers.assign(customer_id=SHOP.customers["customer_id"] + 10**6)
    made = crm.report.build_report(
        transactions=SHOP.transactions, customers=strangers, out_dir=tmp_path
    )
    assert ", 0 are in the customers table" in made.report.read_text(encoding="utf-8")


def test_values_are_those_of_clv(made):
    with pytest.warns(CrmlyticsWarning, match="are left out"):
        want = crm.kpi.clv(SHOP.transactions, horizon_days=365)
    got = pd.read_parquet(made.customers).set_index("customer_id").loc[want["customer_id"]]
    for column, name in (
        ("clv", "clv"), ("lower", "clv_lower"), ("upper", "clv_upper"), ("p_alive", "p_alive"),
    ):  # fmt: skip
        assert got[name].to_numpy() == pytest.approx(want[column].to_numpy(), rel=1e-9)
    assert list(got["clv_flag"]) == list(want["flag"])
    text = made.report.read_text(encoding="utf-8")
    assert "Did such predictions hold?" in text
    assert "same rate as before" in text


def test_too_little_for_values_is_said(tmp_path):
    few = SHOP.transactions[SHOP.transactions["customer_id"] < 8]
    made = crm.report.build_report(transactions=few, out_dir=tmp_path)
    text = made.report.read_text(encoding="utf-8")
    assert "The value of customers cannot be predicted from these data: needs at least 10" in text
    assert "clv" not in pd.read_parquet(made.customers).columns


def test_feedback_is_scored_and_joins_the_customer_table(made):
    text = made.report.read_text(encoding="utf-8")
    scores = crm.sentiment.score_sentiment(SHOP.feedback, flavour="improved")
    assert f"Of {len(scores)} texts {int(scores['label'].notna().sum())} could be read" in text
    table = pd.read_parquet(made.customers).set_index("customer_id")
    day = pd.Timestamp(SHOP.transactions["date"].max()).normalize()
    seen = scores[scores["date"] < day + pd.Timedelta(days=1)]
    want = crm.sentiment.customer_sentiment(seen, as_of=day).set_index("customer_id")
    found = table.loc[want.index]
    np.testing.assert_allclose(found["sentiment"], want["mean"])
    assert (found["texts"] == want["n"]).all()


def test_feedback_that_says_nothing(tmp_path):
    lines = SHOP.transactions.head(400)
    for feedback in (pd.DataFrame({"note": ["a"]}), pd.DataFrame({"text": ["Привет", None]})):
        made = crm.report.build_report(transactions=lines, feedback=feedback, out_dir=tmp_path)
        assert 'id="feedback"' in made.report.read_text(encoding="utf-8")
    made = crm.report.build_report(transactions=lines, out_dir=tmp_path)
    assert 'id="feedback"' not in made.report.read_text(encoding="utf-8")
