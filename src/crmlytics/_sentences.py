"""What the door says of a table it refuses: function, argument, what was there, what to do."""

from typing import Protocol

from crmlytics import _checks

_WANTED = {
    "id": "ids",
    "key": "keys",
    "field": "keys",
    "date": "dates",
    "moment": "dates",
    "number": "numbers",
    "group": "keys",
    "flag": "True or False",
    "text": "text",
}


class Table(Protocol):
    """What a sentence needs to know of a table at the door."""

    @property
    def caller(self) -> str: ...
    @property
    def names(self) -> dict[str, str]: ...
    @property
    def n_rows(self) -> int: ...


def missing(
    column: str,
    option: str,
    columns: list[str],
    caller: str,
    argument: str,
    maker: str | None = None,
) -> str:
    """Write the sentence for a column that is not there."""
    hint = _checks.did_you_mean(column, columns)
    setting = f"{option}={hint!r}" if option.endswith("_col") else repr(hint)
    tail = f"Did you mean {setting}?" if hint else f"Set {option} to the column that holds it."
    if maker and not option.endswith("_col"):
        tail = f"Make the table with {maker}, or rename its columns."
    shown = columns if len(columns) <= 20 else [*columns[:20], "..."]
    role = f" ({option})" if option.endswith("_col") or option in {"by", "features"} else ""
    return f"{caller}: no column {column!r}{role} in {argument}; it has {shown}. {tail}"


def wrong_type(caller: str, where: str, kind: str, held: str) -> str:
    """Write the sentence for a column that cannot play its role."""
    advice = {
        "date": "Convert it before the call, as with pd.to_datetime.",
        "number": "Convert it before the call, as with pd.to_numeric.",
    }.get(kind, "Make it one type before the call, as with .astype(str).")
    if kind == "date" and "time zone" in held:
        advice = "Its zone cannot be known there: convert it to a plain timestamp first."
    return f"{caller}: {where} holds {held}, not {_WANTED[kind]}. {advice}"


def nulls(source: Table, role: str, option: str, count: int) -> str:
    """Write the sentence for ids or dates that are not there."""
    advice = {
        "customer": "Drop them, or give guests an id of their own.",
        "order": "Drop them, or count days where orders have no id (count='days', order_col=None).",
    }.get(role, "Drop them, or look at check_transactions for what else is there.")
    return (
        f"{source.caller}: {count} of {source.n_rows} rows have no {source.names[role]!r} "
        f"({option}). {advice}"
    )


def infinite(source: Table, where: str, count: int) -> str:
    """Write the sentence for amounts without end."""
    return (
        f"{source.caller}: {count} of {source.n_rows} values of {where.removeprefix('column ')} "
        "are infinite (or beyond 1e290). Replace them by null where they are unknown, or drop the "
        "rows."
    )
