import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

resolve = crm.quality.resolve_identity
SETS = [["email"], ["phone", "name"], ["name", "postcode"]]
FIELDS = ["email", "phone", "name", "postcode"]
# already in one spelling, so that an oracle needs no rules of its own
VALUES = {
    "email": [None, "a@x.org", "b@x.org", "c@x.org"],
    "phone": [None, "9121234567", "9127654321"],
    "name": [None, "karimi sara", "kohen dan"],
    "postcode": [None, "19199", "61000"],
}
ROW = st.tuples(*(st.sampled_from(VALUES[name]) for name in FIELDS))
ROWS = st.lists(ROW, min_size=1, max_size=12)


def records(rows, ids=None):
    ids = list(range(len(rows))) if ids is None else ids
    columns = zip(*rows, strict=True)
    fields = {n: pa.array(v, pa.string()) for n, v in zip(FIELDS, columns, strict=True)}
    return pa.table({"customer_id": ids, **fields})


def quietly(table, **options):
    """Return the answer and the sentences of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = resolve(table, **options)
    return answer, [str(one.message) for one in caught if one.category is CrmlyticsWarning]


def loop(rows, most=None):
    """Link every pair by hand, and follow the links until nothing changes."""
    n, first, person = len(rows), [None] * len(rows), list(range(len(rows)))
    for fields in SETS:
        places = [FIELDS.index(name) for name in fields]
        keys = [tuple(row[at] for at in places) for row in rows]
        for one in range(n):
            shared = [other for other in range(n) if keys[other] == keys[one]]
            if None in keys[one] or len(shared) < 2 or (most and len(shared) > most):
                continue
            first[one] = first[one] or "+".join(fields)
            for other in shared:
                low, high = sorted((person[one], person[other]))
                person = [low if each == high else each for each in person]
    return person, first


@given(rows=ROWS, most=st.sampled_from([None, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_oracle_union_by_hand(rows, most):
    answer, _ = quietly(records(rows), max_records=most)
    person, first = loop(rows, most)
    assert answer["person_id"].to_pylist() == person
    assert answer["matched_on"].to_pylist() == first


def test_same_on_every_engine(make_eager, as_lists):
    rows = [
        ("a@x.org", None, None, None),
        (None, "0912 1234567", "Sara Karimi", None),
        ("A@X.org", "+98 912 1234567", "KARIMI, Sara", "19199"),
        (None, None, None, None),
    ]
    table = make_eager(records(rows, ["d", "c", "b", "a"]))
    answer = resolve(table)
    assert isinstance(answer, type(table))
    assert as_lists(answer) == {
        "customer_id": ["a", "b", "c", "d"],
        "person_id": ["a", "b", "b", "b"],
        "matched_on": [None, "email", "phone+name", "email"],
    }


SAME = {
    "email": [
        ("Sara@X.org ", "sara@x.org"),
        ("s.a.r.a@gmail.com", "sara+news@googlemail.com"),
        ("sara+news@outlook.com", "sara@outlook.com"),
        ("Sara K <sara@x.org>", "mailto:sara@x.org"),
        ("sara@x.org.", "sara@x.org"),
    ],
    "phone": [
        ("+98 (0)912 345 6789", "۰۹۱۲-۳۴۵-۶۷۸۹"),
        ("00989123456789", "٠٩١٢٣٤٥٦٧٨٩"),
        ("989123456789", "09123456789"),
        ("+972-50-123-4567", "050 1234567"),
        ("020 7946 0958 ext. 12", "+44 20 7946 0958"),
        ("+1 (212) 555-1234", "2125551234"),
    ],
    "name": [
        ("Dr. José O'Brien", "OBRIEN, Jose"),
        ("علی كريمي", "کریمی علی"),
        ("علی‌رضا کریمی", "علیرضا کریمی"),
        ("دکتر آرش کیانی", "ارش کیانی"),
        ("דָּוִד כֹּהֵן", "כהן דוד"),
        ("Anna-Lena Groß", "anna lena gross"),
        ("Ｓara Karimi", "sara  karimi"),
        ("Mohammad Karimi", "محمد کریمی"),
        ("Yitzhak Peretz", "יצחק פרץ"),
    ],
    "postcode": [("SW1A 1AA", "sw1a1aa"), ("۱۹۱۹۹-۱۲۳۴۵", "1919912345")],
}
OTHER = {
    "email": [
        ("s.ara@x.org", "sara@x.org"),
        ("sara+news@x.org", "sara@x.org"),
        ("s.ara@outlook.com", "sara@outlook.com"),
        ("sara", "sara"),
        ("a@b", "a@b"),
    ],
    "phone": [("0912 345 6789", "0912 345 6780"), ("123", "123"), ("0000000000", "0000000000")],
    "name": [("Sara Karimi", "Sarah Karimi"), ("علی کریمی", "علی رحیمی"), ("-", "-")],
    "postcode": [("SW1A 1AA", "SW1A 1AB"), ("1", "1")],
}
BESIDE = {"name": "postcode", "postcode": "phone", "email": "phone", "phone": "postcode"}


@pytest.mark.parametrize(
    ("field", "one", "other", "same"),
    [(f, *pair, True) for f, pairs in SAME.items() for pair in pairs]
    + [(f, *pair, False) for f, pairs in OTHER.items() for pair in pairs],
)
def test_spellings(field, one, other, same):
    beside = BESIDE[field]
    equal = {"phone": "09121234567", "postcode": "19199"}[beside]
    table = pd.DataFrame({"customer_id": [1, 2], field: [one, other], beside: equal})
    answer, _ = quietly(table, match_on=[[field, beside]])
    assert (answer["person_id"].tolist() == [1, 1]) is same


def test_phones_and_postcodes_may_be_numbers():
    table = pd.DataFrame(
        {"customer_id": [1, 2], "phone": [9123456789.0, np.nan], "postcode": 19199}
    )
    other = pd.DataFrame({"customer_id": [3], "phone": ["0912 345 6789"], "postcode": ["19199"]})
    one = resolve(table, match_on=[["phone"], ["postcode"]])
    assert one["person_id"].tolist() == [1, 1]
    both = pd.concat([table.astype({"phone": "Int64"}).astype({"phone": "str"}), other])
    assert resolve(both, match_on=[["phone"]])["person_id"].tolist() == [1, 2, 1]


def test_names_in_two_scripts():
    table = pd.DataFrame(
        {
            "customer_id": [1, 2, 3, 4],
            "phone": "0912 345 6789",
            "name": ["Hosein Karimi", "Hossein Karimi", "حسین کریمی", "علی کریمی"],
        }
    )
    on = [["phone", "name"]]
    assert resolve(table, match_on=on)["person_id"].tolist() == [1, 1, 1, 4]
    apart = resolve(table, match_on=on, across_scripts=False)
    assert apart["person_id"].tolist() == [1, 2, 3, 4]
    # the two Latin spellings alone are two names
    assert resolve(table.head(2), match_on=on)["person_id"].tolist() == [1, 2]


def test_a_single_word_needs_a_phone_or_an_address():
    table = pd.DataFrame({"customer_id": [1, 2], "name": "Sara", "phone": "09123456789",
                          "postcode": "19199"})  # fmt: skip
    assert resolve(table, match_on=[["name", "postcode"]])["person_id"].tolist() == [1, 2]
    assert resolve(table, match_on=[["phone", "name"]])["person_id"].tolist() == [1, 1]


def test_any_column_may_be_compared():
    table = pd.DataFrame(
        {
            "customer_id": [1, 2, 3],
            "card": [77, 77, 78],
            "name": ["A B", "b a", "x y"],
            "born": pd.to_datetime(["1990-01-01"] * 3),
        }
    )
    answer = resolve(table, match_on=[["card"], ["name", "born"]])
    assert answer["person_id"].tolist() == [1, 1, 3]
    assert answer["matched_on"].tolist()[:2] == ["card", "card"]


def test_a_ring_of_ids_is_one_person():
    n = 20_000
    ring = pd.DataFrame({"customer_id": range(n), "even": np.arange(n) // 2,
                         "odd": (np.arange(n) + 1) // 2 % (n // 2)})  # fmt: skip
    answer = resolve(ring.sample(frac=1, random_state=0), match_on=[["even"], ["odd"]])
    assert (answer["person_id"] == 0).all()


def test_keys_that_many_share_link_nothing():
    rows = [("info@x.org", None, None, None)] * 5
    answer, said = quietly(records(rows), max_records=4)
    assert answer["person_id"].to_pylist() == [0, 1, 2, 3, 4]
    assert said == [
        "resolve_identity: left unused 1 value of email that more than 4 records share."
    ]
    assert quietly(records(rows), max_records=5)[0]["person_id"].to_pylist() == [0] * 5


def test_values_that_cannot_be_read_are_counted():
    rows = [("none", "12", None, None), (" ", None, None, None), ("none", None, None, None)]
    answer, said = quietly(records(rows))
    assert answer["matched_on"].null_count == 3
    assert said == [
        "resolve_identity: left unused 2 values of email that cannot be read, "
        "1 value of phone that cannot be read."
    ]


@given(rows=ROWS, more=ROWS)
@settings(max_examples=60, deadline=None)
def test_persons_keep_their_ids_when_records_are_added(rows, more):
    # the new records come first by id, so that without `previous` they would name the persons
    ids = [*range(100, 100 + len(rows)), *range(len(more))]
    before, _ = quietly(records(rows, ids[: len(rows)]), max_records=None)
    whole = records(rows + more, ids)
    after, _ = quietly(whole, max_records=None, previous=before)
    fresh, _ = quietly(whole, max_records=None)
    found = pd.DataFrame({
        "id": after["customer_id"].to_pylist(), "person": after["person_id"].to_pylist(),
        "fresh": fresh["person_id"].to_pylist(),
    }).set_index("id")  # fmt: skip
    was = dict(zip(before["customer_id"].to_pylist(), before["person_id"].to_pylist(), strict=True))
    # the same groups as without a memory
    assert found.groupby("person")["fresh"].nunique().max() == 1
    assert found.groupby("fresh")["person"].nunique().max() == 1
    for _, group in found.groupby("person"):
        known = {was[one] for one in group.index if one in was}
        assert group["person"].iloc[0] in (known or set(group.index))


def test_a_thousand_new_records_change_no_person():
    table = crm.datasets.simulate_identities(2_000)
    new = crm.datasets.simulate_identities(450, random_state=9).head(1_000)
    new = new.assign(customer_id=-new["customer_id"], email=new["email"] + ".example",
                     phone=None, postcode=None)  # fmt: skip
    before, _ = quietly(table)
    after, said = quietly(pd.concat([table, new]), previous=before)
    kept = after[after["customer_id"] > 0].reset_index(drop=True)
    pd.testing.assert_series_equal(kept["person_id"], before["person_id"])
    assert not any("previous" in one for one in said)


def test_joined_and_taken_apart():
    before = pd.DataFrame({"customer_id": [1, 2, 3, 4, 5], "person_id": [1, 1, 3, 3, 3]})
    table = records([("a@x.org", None, None, None), ("b@x.org", None, None, None),
                     ("b@x.org", None, None, None), ("b@x.org", None, None, None),
                     (None, None, None, None)], [1, 2, 3, 4, 5]).to_pandas()  # fmt: skip
    answer, said = quietly(table, previous=before)
    # 2 left person 1 for 3 and 4, whose id most of the three had; 5 left them, and 3 keeps its own
    assert answer["person_id"].tolist() == [1, 3, 3, 3, 5]
    assert said == [
        "resolve_identity: joined 1 person of previous to others; "
        "took 2 parts off persons of previous."
    ]


def test_a_person_outlives_the_first_record():
    before = pd.DataFrame({"customer_id": [1, 2, 3], "person_id": [1, 1, 1]})
    table = records([("a@x.org", None, None, None)] * 2, [2, 3]).to_pandas()
    assert quietly(table, previous=before)[0]["person_id"].tolist() == [1, 1]
    apart = table.assign(email=["a@x.org", "b@x.org"])
    # of two parts with as many records the one with the lower id keeps it
    assert quietly(apart, previous=before)[0]["person_id"].tolist() == [1, 3]


def test_any_previous_gives_each_group_one_id_of_its_own():
    rng = np.random.default_rng(0)
    for _ in range(30):
        table = pd.DataFrame({"customer_id": np.arange(12), "key": rng.integers(0, 6, 12)})
        before = pd.DataFrame({"customer_id": np.arange(12), "person_id": rng.integers(0, 20, 12)})
        answer, _ = quietly(table, match_on=[["key"]], previous=before)
        pairs = pd.DataFrame({"key": table["key"], "person": answer["person_id"]}).drop_duplicates()
        assert pairs["key"].is_unique
        assert pairs["person"].is_unique


GOOD = pd.DataFrame({"customer_id": [1, 2], "email": "a@x.org", "phone": "0912 3456789",
                     "name": "A B", "postcode": "19199"})  # fmt: skip


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({"customer_id": [1, 1]}, {}, DataError,
         r"customers has several rows for 1 'customer_id' \(customer_col\)\. Keep one row"),
        ({"customer_id": [1, None]}, {}, DataError, "1 of 2 rows have no 'customer_id'"),
        ({}, {"match_on": "email"}, OptionError, "match_on must be a list of lists .* got 'email'"),
        ({}, {"match_on": ["email"]}, OptionError, "match_on must be a list of lists"),
        ({}, {"match_on": []}, OptionError, r"match_on must be a list of lists .* got \[\]"),
        ({}, {"match_on": [["email", "email"]]}, OptionError, "match_on must be a list of lists"),
        ({}, {"match_on": [["e_mail"]]}, ColumnError,
         r"no column 'e_mail' in customers; it has .* Did you mean 'email'\?"),
        ({}, {"email_col": "mail"}, ColumnError, r"no column 'mail' \(email_col\) in customers"),
        ({"email": [1, 2]}, {}, ColumnError, r"column 'email' \(email_col\) holds Int64, not text"),
        ({}, {"method": "fuzzy"}, OptionError, "method must be one of 'keys', 'splink'"),
        ({}, {"max_records": 1}, OptionError, "max_records must be a whole number of 2 or more"),
        ({}, {"threshold": 95}, OptionError, "threshold must be a number from 0 to 1; got 95"),
        ({}, {"across_scripts": 1}, OptionError, "across_scripts must be True or False; got 1"),
        ({}, {"customer_col": "person_id"}, ColumnError, "no column 'person_id'"),
        ({}, {"previous": pd.DataFrame({"customer_id": [1]})}, ColumnError,
         "no column 'person_id' in previous.*Make the table with resolve_identity"),
        ({}, {"previous": pd.DataFrame({"customer_id": [1, 1], "person_id": [1, 2]})}, DataError,
         "previous has several rows for 1 'customer_id'"),
        ({}, {"previous": pd.DataFrame({"customer_id": [1], "person_id": ["x"]})}, ColumnError,
         "'person_id' of previous holds texts, and the ids of customers are numbers"),
        ({"customer_id": np.array([1, 2], "uint8")},
         {"previous": pd.DataFrame({"customer_id": [1], "person_id": [300]})}, ColumnError,
         "'person_id' of previous does not fit into the type"),
        ({}, {"previous": pl.DataFrame({"customer_id": [1], "person_id": [1]})}, DataError,
         "the tables come from two libraries"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(change, options, error, sentence):
    with pytest.raises(error, match=f"^resolve_identity: {sentence}"):
        resolve(GOOD.assign(**change), **options)


def test_columns_that_no_set_names_need_not_be_there():
    table = GOOD[["customer_id", "email"]]
    assert resolve(table, match_on=[["email"]])["person_id"].tolist() == [1, 1]


def test_empty_and_null_columns():
    assert len(resolve(GOOD.head(0))) == 0
    assert list(resolve(GOOD.head(0))) == ["customer_id", "person_id", "matched_on"]
    before = GOOD.head(0).assign(person_id=1)[["customer_id", "person_id"]]
    assert resolve(GOOD, previous=before)["person_id"].tolist() == [1, 1]
    null = GOOD.assign(email=None, name=None)
    assert resolve(null)["person_id"].tolist() == [1, 2]


def test_splink_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    sentence = r"^resolve_identity: method='splink' needs the package splink.*crmlytics\[identity\]"
    with pytest.raises(DataError, match=sentence):
        resolve(GOOD, method="splink")


def test_splink_links_what_is_alike():
    pytest.importorskip("splink")
    table = crm.datasets.simulate_identities(400, typos=0.1)
    keys, _ = quietly(table)
    answer, _ = quietly(table, method="splink", previous=keys)
    assert set(answer["matched_on"].dropna()) == {"splink"}
    truth = table[["customer_id", "true_person_id"]].merge(answer).merge(
        keys, on="customer_id", suffixes=("", "_keys")
    )  # fmt: skip

    def found(column):
        pairs = truth.groupby(["true_person_id", column]).size()
        return (pairs * (pairs - 1)).sum()

    assert found("person_id") > found("person_id_keys")
    assert resolve(table.head(1), method="splink")["person_id"].tolist() == [1]


def test_fields_of_nothing_but_nulls(make_eager, plain):
    rows = {"customer_id": [1, 2], "email": ["a@x.org"] * 2, "name": ["q r", "s t"]}
    table = make_eager(pa.table({**rows, "phone": pa.nulls(2), "postcode": pa.nulls(2)}))
    assert plain(resolve(table))["person_id"].tolist() == [1, 1]
