"""Fitted models: what they share, and how they are kept as JSON.

A model exists only fitted and never changes. A file holds its kind, a format version and plain
numbers; reading one looks the kind up in a fixed list and checks every value against the fields
of that kind, so that a file can never run code. Models with arrays are kept as a zip of that JSON
and of the arrays, which are read without pickle.
"""

import io
import json
import math
import os
import struct
import tempfile
import tokenize
import types
import zipfile
import zlib
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from crmlytics import _checks
from crmlytics._version import __version__
from crmlytics.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
_KINDS = {
    "BgNbdModel": "crmlytics.btyd._bg_nbd",
    "MbgNbdModel": "crmlytics.btyd._bg_nbd",
    "ParetoNbdModel": "crmlytics.btyd._pareto_nbd",
    "BgBbModel": "crmlytics.btyd._bg_bb",
    "GammaGammaModel": "crmlytics.btyd._gamma_gamma",
    "SbgModel": "crmlytics.btyd._sbg",
    "ClvModel": "crmlytics.kpi._clv_model",
    "ClusterModel": "crmlytics.segmentation._cluster_model",
    "ChurnModel": "crmlytics.churn._churn_model",
    "SuggestionModel": "crmlytics.rules._suggestions",
    "SentimentModel": "crmlytics.sentiment._sentiment_model",
    "SurvivalModel": "crmlytics.churn._survival_model",
    "TopicModel": "crmlytics.sentiment._topic_model",
}
_JSON, _ARRAYS = "model.json", "arrays.npz"


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A fitted model, kept with `save` and read again with ``crmlytics.load_model``."""

    def __eq__(self, other: object) -> bool:
        """Compare all values, arrays too; models without arrays have a comparison of their own."""
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> "pd.DataFrame":
        """Return the parameters as a table."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file; ``crmlytics.load_model(path)`` returns an equal one.

        The file is JSON, or a zip of JSON and arrays where a model has arrays; never pickle. It is
        written beside its place and moved there, so that a failure leaves no half file.

        Parameters
        ----------
        path : path
            File to write; one that is there is replaced.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        kept = {"kind": type(self).__name__, "format": FORMAT, "crmlytics": __version__}
        arrays: dict[str, Any] = {}
        values = _values(self, arrays)
        text = json.dumps(kept | {"values": values}, indent=1, allow_nan=False) + "\n"
        place = Path(path)
        try:
            with tempfile.NamedTemporaryFile(
                dir=place.parent, prefix=".model-", delete=False
            ) as beside:
                beside.write(_zipped(text, arrays) if arrays else text.encode())
            Path(beside.name).replace(place)
        except OSError as error:
            raise DataError(
                f"save: cannot write to {str(place)!r} ({error.strerror}). "
                "Choose a folder that can be written."
            ) from error


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that was saved with its ``save`` method.

    Parameters
    ----------
    path : path
        File that ``save`` wrote.

    Returns
    -------
    Model
        A model equal to the one saved, of the same class.

    Raises
    ------
    DataError
        If the file cannot be read, is damaged, holds no model of crmlytics, or was written by a
        newer version.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> table = pd.DataFrame({"age": range(8), "survivors": survivors})
    >>> model = crm.btyd.fit_sbg(table)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "model.json"
    ...     model.save(file)
    ...     crm.load_model(file) == model
    True
    """
    place = Path(path)
    try:
        text, arrays = _unzipped(place.read_bytes())
        kept = json.loads(text, parse_constant=_no_constant)
    except OSError as error:
        raise DataError(
            f"load_model: cannot read {str(place)!r} ({error.strerror}). Give the path of a file "
            "that a model's save() wrote."
        ) from error
    except _BROKEN as error:
        raise DataError(
            f"load_model: {str(place)!r} is no file of a model, or a damaged one. Save the model "
            "again."
        ) from error
    if not isinstance(kept, dict) or not isinstance(kept.get("kind"), str):
        raise DataError(f"load_model: {str(place)!r} holds no model of crmlytics. {_GIVE}")
    if kept["kind"] not in _KINDS:
        raise DataError(
            f"load_model: {str(place)!r} holds a {kept['kind']!r}, which this version of crmlytics "
            "does not know. Update crmlytics, or fit the model again."
        )
    version = kept.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= FORMAT:
        raise DataError(
            f"load_model: {str(place)!r} has format {version!r}, and this version of crmlytics "
            f"reads 1 to {FORMAT}. Update crmlytics, or fit the model again."
        )
    try:
        return _decode_model(kept["kind"], kept.get("values"), arrays)
    except _DamagedError as error:
        raise DataError(
            f"load_model: {str(place)!r} is damaged ({error}). Save the model again."
        ) from error


_GIVE = "Give the path of a file that a model's save() wrote."
# What json, zipfile and numpy raise where bytes are damaged; sizes may be damaged too.
_BROKEN = (
    ValueError, RecursionError, LookupError, EOFError, MemoryError, RuntimeError, TypeError,
    AttributeError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


class _DamagedError(Exception):
    """A value of a file that its field cannot have."""


def _no_constant(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity are no JSON, and no model has them


def _zipped(text: str, arrays: dict[str, Any]) -> bytes:
    """Pack JSON and arrays into one file, the same bytes for the same model."""
    inner, outer = io.BytesIO(), io.BytesIO()
    np.savez(inner, allow_pickle=False, **arrays)
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr(zipfile.ZipInfo(_JSON), text)
        packed.writestr(zipfile.ZipInfo(_ARRAYS), inner.getvalue(), zipfile.ZIP_DEFLATED)
    return outer.getvalue()


def _unzipped(held: bytes) -> tuple[str, dict[str, Any]]:
    """Return the JSON and the arrays of a file."""
    if not held.startswith(b"PK"):
        return held.decode("utf-8"), {}
    with zipfile.ZipFile(io.BytesIO(held)) as packed:
        text = packed.read(_JSON).decode("utf-8")
        with np.load(io.BytesIO(packed.read(_ARRAYS)), allow_pickle=False) as arrays:
            return text, {name: arrays[name] for name in arrays.files}


def _values(model: Model, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        field.name: _encode(getattr(model, field.name), field.name, arrays)
        for field in fields(model)
    }


def _encode(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, Model):
        return {"kind": type(value).__name__, "values": _values(value, arrays)}
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple):
        return [_encode(each, name, arrays) for each in value]
    return value


def _class(kind: str) -> Any:
    return getattr(import_module(_KINDS[kind]), kind)


def _decode_model(kind: str, values: Any, arrays: dict[str, Any]) -> Model:
    made = _class(kind)
    hints = get_type_hints(made)
    names = [field.name for field in fields(made)]
    if not isinstance(values, dict) or set(values) != set(names):
        raise _DamagedError(f"the values of {kind} are not {names}")
    decoded = {name: _decode(values[name], hints[name], name, arrays) for name in names}
    model: Model = made(**decoded)
    return model


def _decode(value: Any, hint: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Return the value of a field if it is what the field's annotation says."""
    if get_origin(hint) in {Union, types.UnionType}:
        return _decode_union(value, hint, name, arrays)
    if get_origin(hint) is np.ndarray:
        return _decode_array(value, hint, name, arrays)
    if isinstance(hint, type) and issubclass(hint, Model):
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS or not issubclass(_class(kind), hint):
            raise _DamagedError(f"{name} is no {hint.__name__}")
        return _decode_model(kind, value.get("values"), arrays)
    if get_origin(hint) is tuple and isinstance(value, list):
        inner = get_args(hint)[0]
        return tuple(_decode(each, inner, name, arrays) for each in value)
    plain = isinstance(value, bool) is (hint is bool)
    if hint is float and plain and isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    if hint in {int, str, bool} and plain and isinstance(value, hint):
        return value
    raise _DamagedError(f"{name} is {_checks.shown(value)}")


def _decode_array(value: Any, hint: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Return an array if its numbers are of the kind that the annotation says."""
    held = arrays.get(name) if value == {"array": name} else None
    wanted = get_args(get_args(hint)[1])[0]
    known = isinstance(held, np.ndarray) and (wanted is Any or held.dtype == np.dtype(wanted))
    if not known:
        raise _DamagedError(f"{name} is no such array")
    return held


def _decode_union(value: Any, hint: Any, name: str, arrays: dict[str, Any]) -> Any:
    for option in get_args(hint):
        if option is type(None):
            if value is None:
                return None
            continue
        try:
            return _decode(value, option, name, arrays)
        except _DamagedError:
            continue
    raise _DamagedError(f"{name} is {_checks.shown(value)}")
