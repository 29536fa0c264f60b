"""Model files: what is written comes back equal, and nothing else is let in."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.errors import DataError


@pytest.fixture(scope="module")
def models():
    purchases = crm.datasets.load_cdnow()
    summary = crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30")
    summary = summary.assign(group=summary["customer_id"] % 2)
    plain = crm.btyd.fit_pareto_nbd(summary)
    return {
        "BgNbdModel": crm.btyd.fit_bg_nbd(summary),
        "MbgNbdModel": crm.btyd.fit_mbg_nbd(summary),
        "ParetoNbdModel": plain,
        "with covariates": crm.btyd.fit_pareto_nbd(summary, purchase_covariates=["group"]),
        "ClvModel": crm.kpi.fit_clv(purchases, as_of="1997-09-30", margin="share"),
    }


def test_round_trip(models, tmp_path):
    for name, model in models.items():
        path = tmp_path / f"{name}.json"
        model.save(path)
        again = crm.load_model(path)
        assert again == model
        assert type(again) is type(model)
        assert again.summary().equals(model.summary())
    # nothing is left beside the files
    assert len(list(tmp_path.iterdir())) == len(models)


def test_the_file_is_plain_json(models, tmp_path):
    path = tmp_path / "model.json"
    models["BgNbdModel"].save(path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert list(kept) == ["kind", "format", "crmlytics", "values"]
    assert kept["kind"] == "BgNbdModel"
    assert kept["format"] == 1
    assert kept["values"]["r"] == models["BgNbdModel"].r


def _changed(**changes):
    return lambda kept: kept | changes


def _value(**changes):
    return lambda kept: kept | {"values": kept["values"] | changes}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed(kind="os.system"), "does not know"),
        (_changed(kind=3), "holds no model"),
        (_changed(format=2), "has format 2"),
        (_changed(format=True), "has format True"),
        (_changed(values=[1]), "damaged"),
        (_value(r="1"), "r is '1'"),
        (_value(r=True), "r is True"),
        (_value(r=None), "r is None"),
        (_value(converged=1), "converged is 1"),
        (_value(log_covariance=[[1.0, "x"]]), "log_covariance is"),
        (_value(extra=1), "values of BgNbdModel are not"),
        (lambda _: [1, 2], "holds no model"),
    ],
)
def test_damaged_and_foreign_files_are_one_sentence(models, tmp_path, change, words):
    path = tmp_path / "model.json"
    models["BgNbdModel"].save(path)
    kept = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(DataError, match=r"^load_model: ") as raised:
        crm.load_model(path)
    assert words in str(raised.value)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("text", ["", "{", '{"kind": NaN}', "\x80", "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "model.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"^load_model: .* is no file of a model"):
        crm.load_model(path)


def test_a_nested_model_of_another_kind_is_refused(models, tmp_path):
    path = tmp_path / "model.json"
    models["ClvModel"].save(path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["values"]["purchases"], kept["values"]["spend"] = (
        kept["values"]["spend"],
        kept["values"]["purchases"],
    )
    path.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(DataError, match="is damaged"):
        crm.load_model(path)


def test_files_that_cannot_be_read_or_written(models, tmp_path):
    with pytest.raises(DataError, match=r"^load_model: cannot read"):
        crm.load_model(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"^save: cannot write"):
        models["BgNbdModel"].save(tmp_path / "no folder" / "model.json")


@pytest.fixture(scope="module")
def shop():
    rng = np.random.default_rng(0)
    days = np.datetime64("2026-01-01", "us") + rng.integers(0, 90, 200).astype("m8[D]")
    products = rng.choice(["tea", "milk", "halva", "خرما", "לחם"], 200)
    lines = {"customer_id": rng.integers(0, 30, 200), "date": days, "product_id": products}
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def with_arrays(shop):
    return crm.rules.fit_suggestions(shop)


def _members(path):
    """Return the parts of a zip."""
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _write(path, members):
    with zipfile.ZipFile(path, "w") as packed:
        for name, held in members.items():
            packed.writestr(name, held)


def _packed(arrays):
    inner = io.BytesIO()
    np.savez(inner, **arrays)
    return inner.getvalue()


def _damaged(path):
    with pytest.raises(DataError, match=r"^load_model: .*damaged.*\.$") as raised:
        crm.load_model(path)
    return str(raised.value)


def test_arrays_come_back_equal(with_arrays, shop, tmp_path):
    for name in ("one", "two"):
        with_arrays.save(tmp_path / name)
    again = crm.load_model(tmp_path / "one")
    assert again == with_arrays
    assert type(again) is type(with_arrays)
    assert repr(again) == "SuggestionModel(method='auto', n_customers=30, n_items=5)"
    assert again.summary().equals(with_arrays.summary())
    assert again.predict(shop).equals(with_arrays.predict(shop))
    # the same model is the same file, byte by byte
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert crm.rules.fit_suggestions(shop, method="ease") != with_arrays
    assert with_arrays != "SuggestionModel"


def test_a_file_with_arrays_is_a_zip_of_json_and_arrays(with_arrays, tmp_path):
    path = tmp_path / "model"
    with_arrays.save(path)
    members = _members(path)
    assert list(members) == ["model.json", "arrays.npz"]
    with np.load(io.BytesIO(members["arrays.npz"]), allow_pickle=False) as read:
        arrays = dict(read)
    values = json.loads(members["model.json"])["values"]
    assert {name for name, value in values.items() if value == {"array": name}} == set(arrays)
    assert not any(values.dtype == object for values in arrays.values())
    for name, changed in (
        ("held", arrays["held"].astype(float)),
        ("held", arrays["held"].astype(np.int32)),
        ("weights", arrays["weights"].astype(np.float32)),
        ("items", np.array([{}], dtype=object)),  # would need pickle
        ("held", None),
    ):
        held = {key: value for key, value in arrays.items() if key != name}
        if changed is not None:
            held[name] = changed
        _write(path, members | {"arrays.npz": _packed(held)})
        message = _damaged(path)
        assert name == "items" or f"{name} is no such array" in message
    # an array more does no harm
    _write(path, members | {"arrays.npz": _packed(arrays | {"more": np.zeros(3)})})
    assert crm.load_model(path) == with_arrays


def test_names_of_arrays_are_those_of_their_fields(with_arrays, tmp_path):
    path = tmp_path / "model"
    with_arrays.save(path)
    members = _members(path)
    kept = json.loads(members["model.json"])
    for value in ({"array": "starts"}, {"array": ["held"]}, {"array": None}, [1, 2], None, "held"):
        changed = kept | {"values": kept["values"] | {"held": value}}
        _write(path, members | {"model.json": json.dumps(changed)})
        assert "held is no such array" in _damaged(path)
    # the values alone, with no arrays beside them
    path.write_text(members["model.json"].decode(), encoding="utf-8")
    _damaged(path)


def _unclosed_header(packed):
    """Return arrays of which each begins with half a header, and checksums are right."""
    inner = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as read, zipfile.ZipFile(inner, "w") as made:
        for name in read.namelist():
            made.writestr(name, read.read(name).replace(b"}", b"(", 1))
    return inner.getvalue()


def test_parts_that_are_missing_or_something_else(with_arrays, tmp_path):
    path = tmp_path / "model"
    with_arrays.save(path)
    members = _members(path)
    one = io.BytesIO()
    np.save(one, np.zeros(3))
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as packed:
        packed.writestr("held", "no array")
    for change in (
        {"arrays.npz": b""},
        {"arrays.npz": b"cos\nsystem\n(S'true'\ntR."},  # a pickle
        {"arrays.npz": one.getvalue()},
        {"arrays.npz": text.getvalue()},
        {"arrays.npz": _unclosed_header(members["arrays.npz"])},
        {"model.json": b""},
        {"model.json": b"{"},
    ):
        _write(path, members | change)
        _damaged(path)
    for name in members:
        _write(path, {name: members[name]})
        _damaged(path)


def test_damaged_bytes_are_one_sentence(with_arrays, tmp_path):
    path = tmp_path / "model"
    with_arrays.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in (2, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        _damaged(path)
    for at in rng.integers(2, len(whole), 300):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.integers(8)]) + whole[at + 1 :])
        try:
            again = crm.load_model(path)
        except DataError as error:
            assert str(error).startswith("load_model: ")  # noqa: PT017 - some bytes mean nothing
        else:
            assert again == with_arrays
