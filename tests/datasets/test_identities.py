import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.datasets import simulate_identities
from crmlytics.datasets._identity_names import FAMILY, GIVEN
from crmlytics.errors import OptionError


@pytest.fixture(scope="module")
def records():
    return simulate_identities(4_000)


def test_columns_and_keys(records):
    kinds = {"customer_id": "int64", "true_person_id": "int64"}
    assert {name: str(kind) for name, kind in records.dtypes.items()} == {
        **dict.fromkeys(("name", "email", "phone", "postcode", "language"), "str"),
        **kinds,
    }
    assert list(records.columns) == [
        "customer_id", "name", "email", "phone", "postcode", "language", "true_person_id",
    ]  # fmt: skip
    assert (records["customer_id"] == np.arange(1, len(records) + 1)).all()
    assert set(records["true_person_id"]) == set(range(1, 4_001))
    # 1 + a Poisson number with mean 1.3, cut at 6
    assert records.groupby("true_person_id").size().mean() == pytest.approx(2.3, abs=0.05)


def test_nulls_and_languages(records):
    nulls = records[["name", "email", "phone", "postcode"]].isna().mean()
    assert nulls.to_numpy() == pytest.approx(0.15, abs=0.015)
    shares = records.drop_duplicates("true_person_id")["language"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({"en": 0.4, "fa": 0.3, "he": 0.3}, abs=0.03)


def test_same_seed_same_table():
    one, other = simulate_identities(50), simulate_identities(50)
    pd.testing.assert_frame_equal(one, other)
    assert not one.equals(simulate_identities(50, random_state=1))


def test_options_do_what_they_say():
    plain = simulate_identities(2_000, typos=0, shared_phones=0, transliterated=0)
    known = plain.dropna(subset=["name"])
    foreign = known[known["language"] != "en"]
    assert not foreign["name"].str.contains("[A-Za-z]").any()
    people = plain.assign(phone=plain["phone"].str.replace(r"\D", "", regex=True).str[-7:])
    per_phone = people.dropna(subset=["phone"]).groupby("phone")["true_person_id"].nunique()
    assert (per_phone == 1).mean() > 0.99  # a few of 10^7 endings are equal by chance
    latin = simulate_identities(2_000, transliterated=1.0).dropna(subset=["name"])
    assert latin["name"].str.contains("[A-Za-z]").all()
    shared = simulate_identities(2_000, shared_phones=0.5, typos=0)
    ends = shared["phone"].str.translate(str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789"))
    ends = ends.str.replace(r"\D", "", regex=True).str[-7:]
    together = shared.assign(ends=ends).dropna(subset=["ends"])
    assert together.groupby("ends")["true_person_id"].nunique().max() > 10  # a switchboard


def test_e_mails_without_typos_belong_to_one_person():
    records = simulate_identities(3_000, typos=0)
    people = crm.quality.resolve_identity(records, match_on=[["email"]]).merge(records)
    assert people.groupby("person_id")["true_person_id"].nunique().max() == 1


def test_lists_of_names():
    for lists in (GIVEN, FAMILY):
        assert len({len(names) for names in lists.values()}) == 1  # one table of codes for all
        for names in lists.values():
            natives = [native for native, *_ in names]
            assert len(set(natives)) == len(natives)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_customers": 0}, "n_customers must be a whole number of at least 1; got 0"),
        ({"typos": 2}, "typos must be a number from 0 to 1; got 2"),
        ({"shared_phones": -0.1}, "shared_phones must be a number from 0 to 1; got -0.1"),
        ({"transliterated": "5%"}, "transliterated must be a number from 0 to 1; got '5%'"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0; got -1"),
    ],
)
def test_wrong_options(options, sentence):
    with pytest.raises(OptionError, match=f"^simulate_identities: {sentence}"):
        simulate_identities(**options)


def test_one_person_and_everybody_sharing():
    assert simulate_identities(1)["true_person_id"].unique().tolist() == [1]
    assert len(simulate_identities(30, shared_phones=1.0)) >= 30
