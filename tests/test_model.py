"""Model files: what is written comes back equal, and nothing else is let in."""

import json

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
