from itertools import product

import pandas as pd
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

CELLS = list(product(range(1, 6), repeat=3))
# the grid of recency (rows 5 to 1) and frequency (columns 1 to 5), as notebooks print it
GRID10 = """
new            potential_loyalist potential_loyalist champions champions
promising      potential_loyalist potential_loyalist loyal     loyal
about_to_sleep about_to_sleep     need_attention     loyal     loyal
hibernating    hibernating        at_risk            at_risk   cant_lose
hibernating    hibernating        at_risk            at_risk   cant_lose
"""
# R package rfm 0.3.0, vignette: segment_names, recency_lower, recency_upper, frequency_lower ...
R_RFM = [
    ("champions", 5, 5, 5, 5, 5, 5),
    ("potential_loyalist", 3, 5, 3, 5, 2, 5),
    ("loyal_customers", 2, 4, 2, 4, 2, 4),
    ("promising", 3, 4, 1, 3, 3, 5),
    ("new_customers", 4, 5, 1, 3, 1, 5),
    ("cant_lose_them", 1, 2, 3, 4, 4, 5),
    ("at_risk", 1, 2, 2, 5, 4, 5),
    ("need_attention", 1, 3, 3, 5, 3, 5),
    ("about_to_sleep", 2, 3, 1, 3, 1, 4),
    ("lost", 1, 1, 1, 5, 1, 5),
]
# enumerated: the cells that no row of the vignette's map holds
UNCOVERED = [215, 241, 251, 252, 341, 351, 441, 451, 541, 551]


@pytest.fixture
def every_cell():
    return pd.DataFrame(CELLS, columns=["r_score", "f_score", "m_score"])


def test_grid10_names_each_cell_once(every_cell):
    assert len(crm.segmentation.check_segment_map("grid10")) == 0
    named = crm.segmentation.rfm_segments(every_cell)
    names = [line.split() for line in GRID10.strip().splitlines()]
    want = [names[5 - r][f - 1] for r, f, _ in CELLS]
    assert list(named["segment"]) == want
    assert len(set(want)) == 10


def test_classic11_covers_all_and_overlaps_in_20_of_25_cells():
    odd = crm.segmentation.check_segment_map("classic11")
    assert (odd["n_rules"] >= 2).all()  # none is left out
    fm = (odd["f_score"] + odd["m_score"] + 1) // 2
    assert len(set(zip(odd["r_score"], fm, strict=True))) == 20


@pytest.mark.parametrize(
    ("scores", "want"),
    # FM = floor((f + m) / 2 + 0.5) by hand: 4.5 -> 5, 1.5 -> 2; then the first row that fits
    [
        ((5, 4, 5), "champions"),
        ((5, 3, 4), "champions"),  # FM 3.5 -> 4
        ((4, 3, 3), "loyal_customers"),
        ((5, 1, 1), "potential_loyalist"),
        ((2, 1, 1), "about_to_sleep"),
        ((2, 1, 2), "need_attention"),
        ((1, 2, 2), "at_risk"),
        ((1, 1, 1), "hibernating"),
    ],
)
def test_classic11_takes_the_first_rule(scores, want):
    table = pd.DataFrame([scores], columns=["r_score", "f_score", "m_score"])
    named = crm.segmentation.rfm_segments(table, segment_map="classic11")
    assert named["segment"].tolist() == [want]


def test_r_rfm_map_leaves_out_ten_cells_and_names_58_twice():
    odd = crm.segmentation.check_segment_map("r_rfm")
    code = odd["r_score"] * 100 + odd["f_score"] * 10 + odd["m_score"]
    assert list(code[odd["n_rules"] == 0]) == UNCOVERED
    assert (odd["n_rules"] >= 2).sum() == 58
    assert list(odd.loc[odd["n_rules"] == 0, "segments"].unique()) == [""]


def test_r_rfm_map_by_a_plain_loop(every_cell):
    want = [
        next(
            (
                name
                for name, r0, r1, f0, f1, m0, m1 in R_RFM
                if r0 <= r <= r1 and f0 <= f <= f1 and m0 <= m <= m1
            ),
            "others",
        )
        for r, f, m in CELLS
    ]
    named = crm.segmentation.rfm_segments(every_cell, segment_map="r_rfm")
    assert list(named["segment"]) == want
    assert want.count("others") == 10


@pytest.mark.parametrize("name", ["grid10", "classic11", "r_rfm"])
def test_a_map_given_as_a_table_says_the_same(every_cell, name):
    rules = crm.segmentation.segment_map(name)
    want = crm.segmentation.rfm_segments(every_cell, segment_map=name)
    got = crm.segmentation.rfm_segments(every_cell, segment_map=rules)
    pd.testing.assert_frame_equal(got, want)
    odd = crm.segmentation.check_segment_map(name)
    pd.testing.assert_frame_equal(crm.segmentation.check_segment_map(rules), odd)


def test_maps_of_every_engine(make_eager, every_cell, plain):
    rules = make_eager({"segment": ["top", "rest"], "r_min": [4, None], "f_max": [None, 3]})
    named = crm.segmentation.rfm_segments(every_cell, segment_map=rules)
    want = ["top" if r >= 4 else "rest" if f <= 3 else "others" for r, f, _ in CELLS]
    assert list(named["segment"]) == want
    odd = crm.segmentation.check_segment_map(rules)
    assert isinstance(odd, type(rules))
    # by hand: r 4, 5 with f 1 to 3 fit both, r 1 to 3 with f 4, 5 none; each with five m
    counted = plain(odd)["n_rules"].value_counts().to_dict()
    assert counted == {2: 2 * 3 * 5, 0: 3 * 2 * 5}


def test_unknown_scores_have_no_segment_where_the_map_asks_for_them():
    scores = pd.DataFrame(
        {
            "r_score": pd.array([5, None, 5, 5], "Int64"),
            "f_score": pd.array([5, 5, None, 5], "Int64"),
            "m_score": pd.array([5, 5, 5, None], "Int64"),
        }
    )
    named = crm.segmentation.rfm_segments(scores)
    # grid10 asks for r and f; m does not enter
    assert named["segment"].isna().tolist() == [False, True, True, False]
    assert named["segment"][3] == "champions"
    by_all = crm.segmentation.rfm_segments(scores, segment_map="r_rfm")
    assert by_all["segment"].isna().tolist() == [False, True, True, True]


def test_a_rule_without_the_unknown_score_still_names():
    # lost: r 1, whatever else; the second customer's m is unknown, and only r is asked for
    rules = pd.DataFrame({"segment": ["lost", "rich"], "r_max": [1, None], "m_min": [None, 4]})
    scores = pd.DataFrame({
        "r_score": [1, 3], "f_score": [1, 1], "m_score": pd.array([None, None], "Int64")
    })  # fmt: skip
    named = crm.segmentation.rfm_segments(scores, segment_map=rules)
    assert named["segment"][0] == "lost"
    assert pd.isna(named["segment"][1])


def test_a_rule_further_up_that_hangs_on_the_unknown_score_leaves_all_open():
    rules = pd.DataFrame({"segment": ["top", "good"], "r_min": [5, 3], "m_min": [5, None]})
    scores = pd.DataFrame({
        "r_score": [5, 4, 1], "f_score": [1, 1, 1], "m_score": pd.array([None] * 3, "Int64")
    })  # fmt: skip
    named = crm.segmentation.rfm_segments(scores, segment_map=rules, explain=True)
    # r 5 is top or good by an unknown m; r 4 cannot be top; r 1 is neither, whatever m is
    assert pd.isna(named["segment"][0])
    assert "not known which rule fits" in named["reason"][0]
    assert list(named["segment"][1:]) == ["good", "others"]


def test_scores_without_end():
    rules = pd.DataFrame({"segment": ["best"], "r_min": [100_000]})
    scores = SCORES.assign(r_score=100_000)
    assert crm.segmentation.rfm_segments(scores, segment_map=rules)["segment"][0] == "best"


def test_an_empty_table(make_eager, plain):
    empty = make_eager(pa.table(dict.fromkeys(SCORES, pa.array([], pa.int64()))))
    named = crm.segmentation.rfm_segments(empty, explain=True)
    assert list(plain(named)) == [*SCORES, "segment", "reason"]


def test_reasons_name_the_rule():
    scores = pd.DataFrame({"r_score": [5, 2], "f_score": [4, 1], "m_score": [1, 5]})
    named = crm.segmentation.rfm_segments(scores, explain=True)
    assert named["reason"][0] == "r_score is 5 (rule: 5), f_score is 4 (rule: 4 to 5)"
    odd = crm.segmentation.rfm_segments(scores, segment_map="r_rfm", explain=True)
    # 215 is one of the ten cells that no rule of the vignette holds
    assert odd["reason"][1] == "r_score is 2, f_score is 1, m_score is 5: no rule fits"
    assert odd["segment"][1] == "others"


def test_the_caller_keeps_columns_and_order(make_eager, plain):
    table = make_eager({
        "m_score": [1, 1], "who": ["b", "a"], "r_score": [1, 5], "f_score": [1, 5]
    })  # fmt: skip
    named = crm.segmentation.rfm_segments(table)
    assert isinstance(named, type(table))
    got = plain(named)
    assert list(got) == ["m_score", "who", "r_score", "f_score", "segment"]
    assert list(got["segment"]) == ["hibernating", "champions"]


def test_a_map_of_three_bins():
    rules = pd.DataFrame({"segment": ["top", "rest"], "r_min": [3, 1], "r_max": [3, 2]})
    assert len(crm.segmentation.check_segment_map(rules, bins=3)) == 0
    # r 4 and 5 fit no rule: 2 * 5 * 5 cells
    assert len(crm.segmentation.check_segment_map(rules)) == 50


SCORES = pd.DataFrame({"r_score": [5], "f_score": [5], "m_score": [5]})
BAD_MAPS = {
    "no such map": ("grid11", OptionError, "Did you mean segment_map='grid10'"),
    "no table": ([("top", 5)], DataError, "segment_map must be a table"),
    "no segment": (pd.DataFrame({"name": ["a"]}), ColumnError, "no column 'segment'"),
    "no rule": (pd.DataFrame({"segment": [], "r_min": []}), DataError, "has no rules"),
    "no name": (pd.DataFrame({"segment": ["a", None]}), DataError, "without a segment name"),
    "numbers as names": (pd.DataFrame({"segment": [1]}), DataError, "without a segment name"),
    "bound of text": (
        pd.DataFrame({"segment": ["a"], "r_min": ["x"]}), ColumnError, "not numbers",
    ),
    "bounds swapped": (
        pd.DataFrame({"segment": ["a"], "r_min": [5], "r_max": [4]}), OptionError,
        "lower bound is above its upper",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "kind", "words"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_bad_maps(rules, kind, words):
    with pytest.raises(kind) as refused:
        crm.segmentation.rfm_segments(SCORES, segment_map=rules)
    assert str(refused.value).startswith("rfm_segments: ")
    assert words in str(refused.value)


def test_scores_beyond_a_built_in_map():
    with pytest.raises(OptionError, match=r"^rfm_segments: scores go up to 7, but segment_map="):
        crm.segmentation.rfm_segments(SCORES.assign(r_score=7))
    lines = pd.DataFrame({
        "customer_id": [1], "order_id": [1], "date": [pd.Timestamp(2026, 1, 1)], "amount": [1.0]
    })  # fmt: skip
    with pytest.raises(OptionError, match=r"^rfm: segment_map='grid10' is made for scores"):
        crm.segmentation.rfm(lines, bins=7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: crm.segmentation.segment_map("grid"), "segment_map: name must be one of"),
        (lambda: crm.segmentation.check_segment_map("grid"), "check_segment_map: map must be"),
        (lambda: crm.segmentation.check_segment_map("grid10", bins=1), "bins must be a whole"),
        (lambda: crm.segmentation.rfm_segments(SCORES, explain="yes"), "explain must be True"),
    ],
)
def test_bad_options(call, words):
    with pytest.raises(OptionError) as refused:
        call()
    assert words in str(refused.value)


@pytest.mark.parametrize("score", [0, -1, 2.5])
def test_scores_that_no_scoring_makes(score):
    with pytest.raises(DataError, match=r"^rfm_segments: 1 of 1 values of 'f_score'"):
        crm.segmentation.rfm_segments(SCORES.assign(f_score=score))
