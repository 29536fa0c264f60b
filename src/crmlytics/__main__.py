"""Files in, files out: ``python -m crmlytics --help``.

Each command is one function of the library; its options are that function's own, read from its
signature, so that the two cannot drift apart.
"""

import argparse
import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlytics.errors import CrmlyticsError, CrmlyticsWarning, DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

# command -> room, function: one table in, one table out
COMMANDS = {
    "rfm": ("crmlytics.segmentation", "rfm"),
    "kpi": ("crmlytics.kpi", "kpi_table"),
}
_TABLES = ("cuts", "segment_map")  # options that may name a file with a table
_NOT_HERE = ("collect",)  # options that make no sense for files
_REPORT_TABLES = ("customers", "products", "interactions", "feedback", "campaigns")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 with a sentence on standard error."""
    options = vars(_parser().parse_args(arguments))
    run: Callable[[dict[str, Any]], None] = options.pop("run")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            run(options)
    except CrmlyticsError as error:
        print(f"crmlytics: {error}", file=sys.stderr)
        return 2
    finally:
        for one in caught:
            print(f"crmlytics: note: {one.message}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crmlytics", description="Customer analytics: files in, files out."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_report(commands)
    for name in COMMANDS:
        function = _function(name)
        summary = (function.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--in", dest="source", required=True, metavar="FILE",
                             help="csv or parquet; - for csv on standard input")  # fmt: skip
        command.add_argument("--out", dest="target", required=True, metavar="FILE",
                             help="csv or parquet; - for csv on standard output")  # fmt: skip
        command.add_argument("--on-bad", choices=("raise", "drop"), default="raise",
                             help="unusable rows: refuse, or drop and count")  # fmt: skip
        _add_options(command, function)
        command.set_defaults(run=_run, command=name)
    return parser


def _function(command: str) -> Callable[..., Any]:
    room, name = COMMANDS[command]
    function: Callable[..., Any] = getattr(import_module(room), name)
    return function


def _add_options(command: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY or name in _NOT_HERE:
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(parameter.default, bool):
            command.add_argument(flag, action="store_true", default=parameter.default)
        else:
            command.add_argument(flag, default=argparse.SUPPRESS, metavar="VALUE",
                                 help=f"default {parameter.default!r}")  # fmt: skip


def _add_report(commands: Any) -> None:
    summary = "A page, a customer table and a list of actions from a table of transactions."
    command = commands.add_parser("report", help=summary, description=summary)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--demo", action="store_true", help="use the Complete Journey data")
    source.add_argument("--transactions", metavar="FILE", help="csv or parquet; - for csv on "
                        "standard input")  # fmt: skip
    for name in _REPORT_TABLES:
        command.add_argument(f"--{name}", metavar="FILE", help="csv or parquet")
    command.add_argument("--out", dest="out_dir", default="report", metavar="DIR")
    command.add_argument("--as-of", metavar="DAY", help="default: the last date of the data")
    command.add_argument("--title", default=None)
    command.add_argument("--duplicates", choices=("keep", "drop"), default="keep")
    for role in ("customer_col", "order_col", "date_col", "amount_col"):
        default = {"customer_col": "customer_id", "order_col": "order_id"}.get(role, role[:-4])
        command.add_argument(f"--{role.replace('_', '-')}", default=default, metavar="NAME")
    command.set_defaults(run=_report)


def _report(options: dict[str, Any]) -> None:
    from crmlytics.report import _build, _inputs

    title = options["title"]
    if options["demo"]:
        transactions, others = _demo()
        title = title or "The Complete Journey: a year of a grocery chain"
    else:
        transactions = _read(options["transactions"], "report", "--transactions")
        others = {
            name: _read(options[name], "report", f"--{name}") if options[name] else None
            for name in _REPORT_TABLES
        }
    made, headlines = _build.write_report(
        transactions,
        options["out_dir"],
        columns=_inputs.Columns(
            options["customer_col"],
            options["order_col"],
            options["date_col"],
            options["amount_col"],
        ),
        as_of=options["as_of"],
        title=title or "Customer report",
        duplicates=options["duplicates"],
        others=others,
    )
    print(f"report     {made.report}\ncustomers  {made.customers}\nactions    {made.actions}\n")
    for line in headlines:
        print(f"- {line}")


def _demo() -> tuple[Any, dict[str, Any]]:
    from crmlytics import datasets

    print("Reading the Complete Journey data: 1.47 million lines of 2,469 households ...")
    data = datasets.load_complete_journey()
    others = {"customers": data.customers, "products": data.products, "campaigns": data.campaigns}
    return data.transactions, others


def _run(options: dict[str, Any]) -> None:
    from crmlytics.quality import clean_transactions

    command, on_bad = options.pop("command"), options.pop("on_bad")
    source, target = options.pop("source"), options.pop("target")
    function = _function(command)
    table = _read(source, command, "--in")
    named = _column_names(function, options)
    table = _dates(table, named["date_col"], command, on_bad)
    if on_bad == "drop":
        table = clean_transactions(table, returns="keep", duplicates="keep", on_bad="drop", **named)
    given = {name: _value(name, value, command, function) for name, value in options.items()}
    _write(function(table, **given), target, command)


def _column_names(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    roles = [name for name in parameters if name.endswith("_col")]
    return {role: options.get(role, parameters[role].default) for role in roles}


def _dates(table: "pd.DataFrame", column: str, command: str, on_bad: str) -> "pd.DataFrame":
    """Parse dates that a csv file holds as text; without `on_bad` all of them must parse."""
    import pandas as pd

    if column not in table.columns or not pd.api.types.is_string_dtype(table[column]):
        return table
    parsed = pd.to_datetime(table[column], format="ISO8601", errors="coerce")
    bad = table[column][parsed.isna() & table[column].notna()]
    if len(bad) and on_bad == "raise":
        raise DataError(
            f"{command}: {len(bad)} of {len(table)} values of {column!r} (--date-col) are no ISO "
            f"dates, such as {bad.iloc[0]!r}. Write them as 2026-03-31, or use --on-bad drop."
        )
    return table.assign(**{column: parsed}) if not len(bad) else table


def _value(name: str, value: Any, command: str, function: Callable[..., Any]) -> Any:
    """Turn the words of an option into what the function takes."""
    if not isinstance(value, str):
        return value
    if name in _TABLES and value.endswith((".csv", ".parquet")):
        return _read(value, command, f"--{name.replace('_', '-')}")
    default = inspect.signature(function).parameters[name].default
    if name == "weights" or (name == "bins" and "," in value):
        return [_number(part, name, command) for part in value.split(",")]
    if isinstance(default, int):
        return int(_number(value, name, command))
    if name == "by":
        return value.split(",")
    return value


def _number(value: str, name: str, command: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise OptionError(
            f"{command}: --{name.replace('_', '-')} must be a number; got {value!r}."
        ) from None


def _read(path: str, command: str, option: str) -> "pd.DataFrame":
    """Read a csv or parquet file, or csv on standard input."""
    import pandas as pd
    import pyarrow as pa

    try:
        if path == "-":
            return pd.read_csv(BytesIO(sys.stdin.buffer.read()))
        if path.endswith(".parquet"):
            return pd.read_parquet(path)
        return pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"{command}: no file {path!r} ({option}). Check the path.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        words = str(error).strip().splitlines()
        raise DataError(
            f"{command}: cannot read {path!r} ({option}) as "
            f"{'parquet' if path.endswith('.parquet') else 'csv'}: "
            f"{words[0] if words else type(error).__name__}. Hand over a csv or parquet file."
        ) from error


def _write(table: "pd.DataFrame", path: str, command: str) -> None:
    """Write beside, then rename, so that no half file is left."""
    if path == "-":
        sys.stdout.write(table.to_csv(index=False))
        return
    target = Path(path)
    beside = target.with_name(f".{target.name}.part")
    try:
        if target.suffix == ".parquet":
            table.to_parquet(beside, index=False)
        else:
            table.to_csv(beside, index=False, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise DataError(
            f"{command}: cannot write {path!r} (--out): {error.strerror}. Choose another place."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
