"""Tables from files and into files, for the command line: ids as they are written, ISO dates."""

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from crmlytics.errors import DataError
from crmlytics.quality import _loose

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")
# What csv files write for unknown in columns that are no ids; a customer may well be called NA.
_UNKNOWN = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "<NA>"]
_SEPARATORS = ",;\t|"
# Whole numbers that come back as the same text, so that 007 and 7 stay two customers.
_WHOLE = r"(?:0|-?[1-9][0-9]{0,17})"


def read(path: str, *, caller: str, option: str, ids: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Read a csv or parquet file, or csv on standard input ("-")."""
    import pandas as pd
    import pyarrow as pa

    kind = _ending(path, caller, option)
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return _read_csv(data, ids)
    except FileNotFoundError:
        raise DataError(f"{caller}: no file {path!r} ({option}). Check the path.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        words = str(error).strip().splitlines()
        raise DataError(
            f"{caller}: cannot read {path!r} ({option}) as {kind[1:]}: "
            f"{words[0] if words else type(error).__name__}. Hand over a csv or parquet file."
        ) from error


def _ending(path: str, caller: str, option: str) -> str:
    ending = ".csv" if path == "-" else Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"{caller}: {path!r} ({option}) must end in .csv or .parquet, or be - for csv on the "
            "standard streams. Convert it first."
        )
    return ending


def _read_csv(data: bytes, ids: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd

    head = data.split(b"\n", 1)[0].decode("utf-8-sig")
    separator = max(_SEPARATORS, key=head.count)
    columns = list(pd.read_csv(BytesIO(data), sep=separator, nrows=0).columns)
    texts = [column for column in columns if column in ids]
    table = pd.read_csv(
        BytesIO(data),
        sep=separator,
        dtype=dict.fromkeys(texts, "str"),
        keep_default_na=False,
        na_values={column: [""] if column in texts else _UNKNOWN for column in columns},
    )
    for column in texts:
        if table[column].str.fullmatch(_WHOLE + r"\.0", na=True).all():
            table[column] = table[column].str.removesuffix(".0")  # ids once held as floats
        if table[column].str.fullmatch(_WHOLE, na=True).all():
            kind = "Int64" if table[column].isna().any() else "int64"
            table[column] = table[column].astype("Int64").astype(kind)
    return table


def parse_dates(
    table: "pd.DataFrame",
    column: str,
    *,
    caller: str,
    form: str | None,
    on_bad: str,
    option: str = "--date-col",
) -> "pd.DataFrame":
    """Read dates held as text: ISO 8601, or in a given form; all of them unless bad ones go."""
    import pandas as pd

    if column not in table.columns or not pd.api.types.is_string_dtype(table[column]):
        return table
    given = table[column]
    if form is not None:
        parsed = pd.to_datetime(given, format=form, errors="coerce")
    else:
        values = _loose.dates(nw.from_native(given, series_only=True))
        if values.zoned is not None and (values.known & values.zoned).any() and _any(values.naive):
            raise DataError(
                f"{caller}: {column!r} ({option}) mixes dates with an offset and dates without. "
                "Write all of them in one time zone."
            )
        moments = np.where(values.known, values.values, np.iinfo(np.int64).min)
        parsed = pd.Series(moments.astype("M8[us]"), index=table.index)
    bad = given[parsed.isna() & given.notna()]
    if len(bad) and (on_bad == "raise" or len(bad) == given.notna().sum()):
        wanted = f"of the form {form!r}" if form else "ISO dates such as 2026-03-31"
        raise DataError(
            f"{caller}: {len(bad)} of {len(table)} values of {column!r} ({option}) are not "
            f"{wanted}; the first is {bad.iloc[0]!r}. Set --date-format to how they are written."
        )
    if form is None and len(bad):
        return table  # the cleaning that follows drops and counts them
    return table.assign(**{column: parsed})


def _any(marks: Any) -> bool:
    return marks is not None and bool(marks.any())


def _without_sets(table: "pd.DataFrame", *, as_text: bool) -> "pd.DataFrame":
    """Write sets of products as sorted lists, or as text with " + " between them."""
    held = [name for name in table if len(table) and isinstance(table[name].iloc[0], frozenset)]
    for name in held:
        lists = [sorted(one, key=str) for one in table[name]]
        texts = [" + ".join(map(str, one)) for one in lists]
        table = table.assign(**{name: texts if as_text else lists})
    return table


def write(table: "pd.DataFrame", path: str, *, caller: str) -> None:
    """Write beside, then rename, so that no half file is left; "-" is standard output."""
    kind = _ending(path, caller, "--out")
    table = _without_sets(table, as_text=kind != ".parquet")
    if path == "-":
        try:
            sys.stdout.write(table.to_csv(index=False))
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    target = Path(path)
    beside = target.with_name(f".{target.name}.part")
    try:
        if kind == ".parquet":
            table.to_parquet(beside, index=False)
        else:
            table.to_csv(beside, index=False, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        raise DataError(
            f"{caller}: cannot write {path!r} (--out): {error.strerror or error}. "
            "Choose another place."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
