"""The command line: files in, files out, one sentence and exit code 2 when it cannot be."""

import inspect
import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.__main__ import COMMANDS, main

LINES = crm.datasets.simulate_shop(n_customers=60, days=400, random_state=2).transactions[
    ["customer_id", "order_id", "date", "amount"]
]


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "lines.csv"
    LINES.to_csv(path, index=False)
    return path


def test_rfm_is_the_function(csv, tmp_path):
    out = tmp_path / "rfm.parquet"
    assert main(["rfm", "--in", str(csv), "--out", str(out), "--as-of", "2024-12-31"]) == 0
    want = crm.segmentation.rfm(LINES, as_of="2024-12-31")
    pd.testing.assert_frame_equal(pd.read_parquet(out), want, check_dtype=False)


def test_kpi_with_options(csv, tmp_path):
    out = tmp_path / "kpi.csv"
    assert main(["kpi", "--in", str(csv), "--out", str(out), "--period", "Q"]) == 0
    want = crm.kpi.kpi_table(LINES, period="Q")
    got = pd.read_csv(out, parse_dates=["period"])
    pd.testing.assert_frame_equal(got, want, check_dtype=False)


def test_clv_takes_a_share_or_a_column(tmp_path, capsys):
    path, out = tmp_path / "lines.csv", tmp_path / "clv.csv"
    lines = LINES.assign(share=0.25)
    lines.to_csv(path, index=False)
    for margin in ("0.25", "share"):
        asked = ["--horizon-days", "90.5", "--margin", margin, "--discount-rate", "0.1"]
        assert main(["clv", "--in", str(path), "--out", str(out), *asked]) == 0
        want = crm.kpi.clv(lines, horizon_days=90.5, margin=0.25, discount_rate=0.1)
        pd.testing.assert_frame_equal(pd.read_csv(out), want, check_dtype=False, rtol=1e-9)
    asked = ["--horizon-days", "a year"]
    assert main(["clv", "--in", str(path), "--out", str(out), *asked]) == 2
    assert "clv: --horizon-days must be a number; got 'a year'." in capsys.readouterr().err
    with pytest.raises(SystemExit):  # it has no default
        main(["clv", "--in", str(path), "--out", str(out)])


def test_cross_sell_takes_lists_and_a_table_of_products(tmp_path):
    products = pd.DataFrame({"product_id": range(12), "category": ["a", "b", "c"] * 4})
    rows = np.random.default_rng(0).integers(0, [[30], [12]], (2, 200))
    lines = LINES[["date"]].head(200).assign(customer_id=rows[0], product_id=rows[1])
    for ending, write in ((".csv", "to_csv"), (".parquet", "to_parquet")):
        path, out = tmp_path / f"lines{ending}", tmp_path / f"offers{ending}"
        shelf = tmp_path / f"products{ending}"
        getattr(lines, write)(path, index=False)
        getattr(products, write)(shelf, index=False)
        asked = ["--top", "2", "--exclude", "3,4", "--method", "similar"]
        asked += ["--products", str(shelf), "--max-per-category", "1"]
        assert main(["cross-sell", "--in", str(path), "--out", str(out), *asked]) == 0
        want = crm.rules.cross_sell(
            lines, top=2, exclude=[3, 4], method="similar", products=products, max_per_category=1
        )
        got = pd.read_csv(out) if ending == ".csv" else pd.read_parquet(out)
        assert not set(got["product_id"]) & {3, 4}
        assert len(got) == len(want)
        # ids of a csv file are text, which sorts otherwise
        one, other = (table.sort_values(["customer_id", "rank"]) for table in (got, want))
        assert one["score"].to_numpy() == pytest.approx(other["score"].to_numpy())


def test_rules_are_written_as_text_or_lists(tmp_path):
    rng = np.random.default_rng(0)
    lines = pd.DataFrame(
        {"order_id": rng.integers(0, 90, 300), "product_id": rng.integers(0, 9, 300)}
    )
    path = tmp_path / "lines.parquet"
    lines.to_parquet(path)
    want = crm.rules.mine_rules(lines, min_support=3, min_confidence=0.2)
    assert want["antecedents"].map(len).max() >= 2
    asked = ["--min-support", "3", "--min-confidence", "0.2"]
    for ending in (".csv", ".parquet"):
        out = tmp_path / f"rules{ending}"
        assert main(["rules", "--in", str(path), "--out", str(out), *asked]) == 0
        got = pd.read_csv(out) if ending == ".csv" else pd.read_parquet(out)
        assert got["count"].tolist() == want["count"].tolist()
        for one, sets in zip(got["antecedents"], want["antecedents"], strict=True):
            parts = [int(part) for part in str(one).split(" + ")] if ending == ".csv" else list(one)
            assert parts == sorted(sets)


def test_every_option_of_a_function_is_an_option_of_its_command(capsys):
    for command, (room, name) in COMMANDS.items():
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        text = capsys.readouterr().out
        function = getattr(getattr(crm, room.split(".")[1]), name)
        for option, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY and option != "collect":
                assert f"--{option.replace('_', '-')}" in text


def test_standard_streams(csv, monkeypatch, capsys):
    stream = io.TextIOWrapper(io.BytesIO(csv.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["rfm", "--in", "-", "--out", "-", "--explain"]) == 0
    got = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert len(got) == LINES["customer_id"].nunique()
    assert "reason" in got


def test_renamed_columns_bins_weights_and_cuts(tmp_path):
    source, cuts = tmp_path / "in.parquet", tmp_path / "cuts.csv"
    LINES.rename(columns={"customer_id": "who", "amount": "paid"}).to_parquet(source)
    rfm = crm.segmentation.rfm_table(LINES)
    crm.segmentation.rfm_cuts(rfm).to_csv(cuts, index=False)
    out = tmp_path / "out.csv"
    options = ["--customer-col", "who", "--amount-col", "paid", "--weights", "2,1,1"]
    code = main(["rfm", "--in", str(source), "--out", str(out), "--cuts", str(cuts), *options])
    assert code == 0
    want = crm.segmentation.rfm(LINES, weights=[2, 1, 1])
    got = pd.read_csv(out)
    assert got["rfm_code"].tolist() == want["rfm_code"].tolist()
    assert got["rfm_score"].tolist() == pytest.approx(want["rfm_score"].tolist())


def test_report_from_a_file(csv, tmp_path, capsys):
    assert main(["report", "--transactions", str(csv), "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "report.html" in text
    assert "customers.parquet" in text
    assert text.count("\n- ") >= 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "actions.csv",
        "customers.parquet",
        "report.html",
    ]


def test_bad_dates_are_refused_or_dropped(tmp_path, capsys):
    path = tmp_path / "lines.csv"
    LINES.astype({"date": "str"}).assign(
        date=lambda t: t["date"].where(t.index != 5, "31/31/2024")
    ).to_csv(path, index=False)
    out = tmp_path / "out.csv"
    assert main(["rfm", "--in", str(path), "--out", str(out)]) == 2
    assert "rfm: 1 of" in capsys.readouterr().err
    assert not out.exists()
    assert main(["rfm", "--in", str(path), "--out", str(out), "--on-bad", "drop"]) == 0
    assert "note:" in capsys.readouterr().err
    assert out.exists()


@pytest.mark.parametrize(
    ("content", "name", "options", "sentence"),
    [
        (None, "lines.csv", [], "no file"),
        (b"", "lines.csv", [], "cannot read"),
        (b"PAR1 this is not parquet", "lines.parquet", [], "cannot read"),
        (b"\xff\xfe\x00\x01\x80", "lines.csv", [], "cannot read"),
        (b"a,b\n1,2\n", "lines.csv", [], "no column 'customer_id'"),
        (b"customer_id,order_id,date,amount\n", "lines.csv", [], "has no rows"),
        (b"customer_id,order_id,date,amount\n1,1,2026-01-01,x\n", "lines.csv", [], "not numbers"),
        (b"customer_id,order_id,date,amount\n,1,2026-01-01,1\n", "lines.csv", [], "have no"),
        (
            b"customer_id,order_id,date,amount\n1,1,2026-01-01,1\n",
            "lines.csv",
            ["--bins", "many"],
            "--bins must be a whole number",
        ),
        (
            b"customer_id,order_id,date,amount\n1,1,2026-01-01,1\n",
            "lines.csv",
            ["--segment-map", "grid11"],
            "Did you mean segment_map='grid10'",
        ),
        (
            b"customer_id,order_id,date,amount\n1,1,2026-01-01,1\n",
            "lines.csv",
            ["--as-of", "soon"],
            "as_of must be a day",
        ),
    ],
)
def test_a_sentence_and_exit_code_two(content, name, options, sentence, tmp_path, capsys):
    source, out = tmp_path / name, tmp_path / "out.csv"
    if content is not None:
        source.write_bytes(content)
    assert main(["rfm", "--in", str(source), "--out", str(out), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("crmlytics: rfm: ")
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()
    assert [p for p in tmp_path.iterdir() if p != source] == []


def _rfm(tmp_path, text, *options):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text, encoding="utf-8")
    code = main(["rfm", "--in", str(source), "--out", str(out), *options])
    return code, out


def test_ids_stay_as_they_are_written(tmp_path):
    head = "customer_id,order_id,date,amount\n"
    text = head + "007,1,2026-01-01,1\n7,2,2026-01-02,1\nNA,3,2026-01-03,1\n"
    code, out = _rfm(tmp_path, text)
    assert code == 0
    ids = pd.read_csv(out, dtype=str, keep_default_na=False)["customer_id"].tolist()
    assert ids == ["007", "7", "NA"]


def test_long_ids_beside_an_empty_one(tmp_path):
    head = "customer_id,order_id,date,amount\n"
    text = (
        head + "12345678901234567,1,2026-01-01,1\n12345678901234568,2,2026-01-02,1\n,3,2026-01-03,1"
    )
    code, out = _rfm(tmp_path, text, "--on-bad", "drop")
    assert code == 0
    assert pd.read_csv(out)["customer_id"].tolist() == [12345678901234567, 12345678901234568]


def test_ids_once_held_as_floats(tmp_path):
    head = "customer_id,order_id,date,amount\n"
    code, out = _rfm(tmp_path, head + "17850.0,1,2026-01-01,1\n17851.0,2,2026-01-02,1\n")
    assert code == 0
    assert pd.read_csv(out)["customer_id"].tolist() == [17850, 17851]


def test_a_date_format_that_fits_nothing(tmp_path, capsys):
    head = "customer_id,order_id,date,amount\n"
    text = head + "1,1,31/12/2025 10:00,1\n"
    code, _ = _rfm(tmp_path, text, "--date-format", "%d/%m/%Y", "--on-bad", "drop")
    assert code == 2
    assert "1 of 1 values of 'date' (--date-col) are not of the form" in capsys.readouterr().err


def test_semicolons_a_byte_order_mark_and_other_dates(tmp_path):
    text = "\ufeffcustomer_id;order_id;date;amount\n1;1;31/12/2025;5\n1;2;30/11/2025;6\n"
    code, out = _rfm(tmp_path, text, "--date-format", "%d/%m/%Y")
    assert code == 0
    assert pd.read_csv(out)["first_date"].tolist() == ["2025-11-30"]


def test_dates_with_summer_and_winter_offsets_are_read_where_they_were_written(tmp_path, capsys):
    head = "customer_id,order_id,date,amount\n"
    text = head + "1,1,2026-01-01T23:30:00+01:00,1\n1,2,2026-07-01T23:30:00+02:00,1\n"
    code, out = _rfm(tmp_path, text)
    assert code == 0
    assert pd.read_csv(out)["last_date"].tolist() == ["2026-07-01"]
    code, _ = _rfm(tmp_path, text + "1,3,2026-07-02T10:00:00,1\n")
    assert code == 2
    assert "mixes dates with an offset and dates without" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--precision", "inf"], "--precision must be a whole number"),
        (["--precision", "1.7"], "--precision must be a whole number"),
        (["--weights", "1,x,1"], "--weights must be a number"),
    ],
)
def test_numbers_are_read_as_they_are(options, sentence, tmp_path, capsys):
    text = "customer_id,order_id,date,amount\n1,1,2026-01-01,1\n"
    assert _rfm(tmp_path, text, *options)[0] == 2
    assert sentence in capsys.readouterr().err


def test_endings_that_are_not_known(csv, tmp_path, capsys):
    assert main(["rfm", "--in", str(csv), "--out", str(tmp_path / "out.xlsx")]) == 2
    assert "must end in .csv or .parquet" in capsys.readouterr().err
    assert main(["rfm", "--in", str(csv), "--out", str(tmp_path / "OUT.PARQUET")]) == 0
    assert len(pd.read_parquet(tmp_path / "OUT.PARQUET")) > 0


def test_a_place_that_cannot_be_written(csv, tmp_path, capsys):
    out = tmp_path / "nowhere" / "out.csv"
    assert main(["rfm", "--in", str(csv), "--out", str(out)]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_python_m_crmlytics():
    run = subprocess.run(
        [sys.executable, "-m", "crmlytics", "rfm", "--in", "missing.csv", "--out", "-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == "crmlytics: rfm: no file 'missing.csv' (--in). Check the path.\n"
    assert run.stdout == ""


def test_sentiment_reads_texts_and_a_lexicon(tmp_path):
    feedback = pd.DataFrame(
        {"customer_id": [1, 2, 3], "text": ["It is lengthy", "خیلی خوب بود", "No problem, thanks"]}
    )
    path, out, words = (tmp_path / name for name in ("in.csv", "out.csv", "words.csv"))
    feedback.to_csv(path, index=False)
    pd.DataFrame({"term": ["lengthy"], "valence": [-2.5]}).to_csv(words, index=False)
    asked = ["--flavour", "no_problem,so_this", "--lexicon", str(words), "--on-bad", "drop"]
    assert main(["sentiment", "--in", str(path), "--out", str(out), *asked]) == 0
    want = crm.sentiment.score_sentiment(
        feedback, flavour=["no_problem", "so_this"], lexicon={"lengthy": -2.5}
    )
    pd.testing.assert_frame_equal(pd.read_csv(out), want, check_dtype=False)


def test_nps_and_mrr_read_their_own_tables(tmp_path, capsys):
    shop = crm.datasets.simulate_shop(n_customers=80, days=300, random_state=3)
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    shop.feedback.to_csv(path, index=False)
    assert main(["nps", "--in", str(path), "--out", str(out), "--by", "channel"]) == 0
    want = crm.kpi.nps(shop.feedback, by="channel")
    pd.testing.assert_frame_equal(pd.read_csv(out), want, check_dtype=False)
    shop.subscriptions.to_csv(path, index=False)
    assert main(["mrr", "--in", str(path), "--out", str(out), "--proration", "day"]) == 0
    want = crm.kpi.mrr_movements(shop.subscriptions, proration="day")
    got = pd.read_csv(out, parse_dates=["month"])
    pd.testing.assert_frame_equal(got, want, check_dtype=False)
    path.write_text("customer_id,start_date,end_date,amount\n1,2026-01-01,soon,9\n", "utf-8")
    assert main(["mrr", "--in", str(path), "--out", str(out)]) == 2
    assert "1 of 1 values of 'end_date' (--end-col) are not ISO dates" in capsys.readouterr().err


def test_report_reads_dates_of_every_table(tmp_path, capsys):
    shop = crm.datasets.simulate_shop(n_customers=80, days=300, random_state=3)
    names = ("transactions", "customers", "interactions", "feedback", "subscriptions", "spend")
    asked = []
    for name in names:
        path = tmp_path / f"{name}.csv"
        getattr(shop, name).to_csv(path, index=False)
        asked += [f"--{name}", str(path)]
    assert main(["report", *asked, "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{part}"' in page for part in ("loyalty", "subscriptions", "service"))
    assert all(f'id="{part}"' in page for part in ("acquisition", "funnel"))
    assert "does not allow it" not in page
    spend = tmp_path / "spend.csv"
    spend.write_text("channel,date,cost\nweb,yesterday,1\n", "utf-8")
    assert main(["report", *asked, "--out", str(tmp_path / "report")]) == 2
    assert "values of 'date' (--spend) are not ISO dates" in capsys.readouterr().err
