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
from typing import Any, get_args

from crmlytics.errors import CrmlyticsError, CrmlyticsWarning, OptionError

# command -> room, function: one table in, one table out
COMMANDS = {
    "rfm": ("crmlytics.segmentation", "rfm"),
    "kpi": ("crmlytics.kpi", "kpi_table"),
    "clv": ("crmlytics.kpi", "clv"),
    "churn": ("crmlytics.churn", "churn_risk"),
    "cross-sell": ("crmlytics.rules", "cross_sell"),
    "rules": ("crmlytics.rules", "mine_rules"),
    "nps": ("crmlytics.kpi", "nps"),
    "mrr": ("crmlytics.kpi", "mrr_movements"),
    "sentiment": ("crmlytics.sentiment", "score_sentiment"),
}
_IDS = ("customer_col", "order_col", "product_col")
_TABLES = (
    "clv",
    "customers",
    "cuts",
    "feedback",
    "interactions",
    "lexicon",
    "products",
    "segment_map",
)  # options that may name a file with a table
_PRODUCTS = ("exclude", "in_stock", "antecedents_in", "consequents_in")
_DATES = (
    "date_col", "start_col", "end_col", "acquired_col", "opened_col", "answered_col",
    "resolved_col",
)  # fmt: skip
_NAMES_OF_DATES = (
    "date", "start_date", "end_date", "acquired_on", "opened_at", "first_response_at",
    "resolved_at",
)  # fmt: skip
_LISTS = ("by", "candidates", *_PRODUCTS)  # written with commas
_NOT_HERE = ("collect",)  # options that make no sense for files
_REPORT_TABLES = (
    "customers", "products", "interactions", "feedback", "campaigns", "subscriptions", "spend",
)  # fmt: skip


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
        _add_date_format(command)
        _add_options(command, function)
        command.set_defaults(run=_run, command=name)
    return parser


def _add_date_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--date-format", metavar="FORM", default=None,
                         help="of dates as text, such as %%d/%%m/%%Y; default ISO")  # fmt: skip


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
        elif parameter.default is parameter.empty:
            command.add_argument(flag, required=True, metavar="VALUE", help="needed")
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
    _add_date_format(command)
    command.add_argument("--title", default=None)
    command.add_argument("--duplicates", choices=("keep", "drop"), default="keep")
    for role in ("customer_col", "order_col", "date_col", "amount_col", "product_col"):
        default = f"{role[:-4]}_id" if role in _IDS else role[:-4]
        command.add_argument(f"--{role.replace('_', '-')}", default=default, metavar="NAME")
    command.set_defaults(run=_report)


def _report(options: dict[str, Any]) -> None:
    from crmlytics import _files
    from crmlytics.report import _build, _inputs

    ids = (options["customer_col"], options["order_col"], options["product_col"])
    title = options["title"]
    if options["demo"]:
        transactions, others = _demo()
        title = title or "The Complete Journey: a year of a grocery chain"
    else:
        transactions = _files.read(
            options["transactions"], caller="report", option="--transactions", ids=ids
        )
        transactions = _files.parse_dates(
            transactions, options["date_col"], caller="report", form=options["date_format"],
            on_bad="drop",
        )  # fmt: skip
        others = {name: _other(name, options, ids) for name in _REPORT_TABLES if options[name]}
    made, headlines = _build.write_report(
        transactions,
        options["out_dir"],
        columns=_inputs.Columns(
            options["customer_col"],
            options["order_col"],
            options["date_col"],
            options["amount_col"],
            options["product_col"],
        ),
        as_of=options["as_of"],
        title=title or "Customer report",
        duplicates=options["duplicates"],
        others=others,
    )
    print(f"report     {made.report}\ncustomers  {made.customers}\nactions    {made.actions}\n")
    for line in headlines:
        print(f"- {line}")


def _other(name: str, options: dict[str, Any], ids: tuple[str, ...]) -> Any:
    """Read a table that goes with the transactions, and the dates in it."""
    from crmlytics import _files

    table = _files.read(options[name], caller="report", option=f"--{name}", ids=ids)
    for column in {options["date_col"]: None, **dict.fromkeys(_NAMES_OF_DATES)}:
        table = _files.parse_dates(
            table, column, caller="report", form=options["date_format"], on_bad="raise",
            option=f"--{name}",
        )  # fmt: skip
    return table


def _demo() -> tuple[Any, dict[str, Any]]:
    from crmlytics import datasets

    print("Reading the Complete Journey data: 1.47 million lines of 2,469 households ...")
    data = datasets.load_complete_journey()
    others = {"customers": data.customers, "products": data.products, "campaigns": data.campaigns}
    return data.transactions, others


def _run(options: dict[str, Any]) -> None:
    from crmlytics import _files
    from crmlytics.quality import clean_transactions

    command, on_bad = options.pop("command"), options.pop("on_bad")
    source, target = options.pop("source"), options.pop("target")
    form = options.pop("date_format")
    function = _function(command)
    named = _column_names(function, options)
    by = str(options["by"]).split(",") if options.get("by") else []
    ids = (*(name for role, name in named.items() if role in _IDS), *by)
    table = _files.read(source, caller=command, option="--in", ids=ids)
    for role in (role for role in _DATES if named.get(role)):
        table = _files.parse_dates(
            table, named[role], caller=command, form=form, on_bad=on_bad,
            option=f"--{role.replace('_', '-')}",
        )  # fmt: skip
    if on_bad == "drop":
        known = inspect.signature(clean_transactions).parameters
        roles = {role: name for role, name in named.items() if role in known}
        if roles:  # texts have nothing that would have to be dropped
            table = clean_transactions(
                table, returns="keep", duplicates="keep", on_bad="drop", **roles
            )
    given = {name: _value(name, value, command, function, ids) for name, value in options.items()}
    for name in _PRODUCTS:  # ids are numbers where the file has them as numbers
        column = named.get("product_col")
        if given.get(name) and column in table and table[column].dtype.kind in "iu":
            flag = f"--{name.replace('_', '-')}"
            given[name] = [_number(each, int, flag, command) for each in given[name]]
    _files.write(function(table, **given), target, caller=command)


def _column_names(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    roles = [name for name in parameters if name.endswith("_col")]
    return {role: options.get(role, parameters[role].default) for role in roles}


def _value(
    name: str, value: Any, command: str, function: Callable[..., Any], ids: tuple[str, ...]
) -> Any:
    """Turn the words of an option into what the function takes."""
    from crmlytics import _files

    if not isinstance(value, str):
        return value
    flag = f"--{name.replace('_', '-')}"
    if name in _TABLES and value.lower().endswith(_files.ENDINGS):
        return _files.read(value, caller=command, option=flag, ids=ids)
    parameter = inspect.signature(function).parameters[name]
    default, kinds = parameter.default, get_args(parameter.annotation)
    if parameter.annotation is float:  # a number of baskets is whole, a share of them is not
        return _number(value, int if value.isdecimal() else float, flag, command)
    if float in kinds and str in kinds:  # a share, or the column that holds it
        try:
            return float(value)
        except ValueError:
            return value
    if name == "weights" or (name == "bins" and "," in value):
        return [_number(part, float, flag, command) for part in value.split(",")]
    if isinstance(default, (int, float)):
        return _number(value, type(default), flag, command)
    if name in _LISTS or (name == "flavour" and "," in value):
        return value.split(",")
    if int in kinds:  # a whole number, or none
        return _number(value, int, flag, command)
    if name == "order_col" and value == "":
        return None  # orders have no id
    return value


def _number(value: str, kind: Any, flag: str, command: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise OptionError(f"{command}: {flag} must be {wanted}; got {value!r}.") from None


if __name__ == "__main__":
    sys.exit(main())
