"""Text columns at the door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmlytics import _columns, _frame
from crmlytics._frame import Source


@dataclass(frozen=True)
class Texts:
    """A table of feedback that came through the door, with its texts as a list."""

    source: Source
    values: list[str | None]  # one a row, None where nothing was written


def read(
    feedback: Any,
    caller: str,
    *,
    text_col: str,
    roles: Mapping[str, str | None] | None = None,
    optional: Sequence[str] = (),
    by: Any = None,
    result: tuple[str, ...] = (),
    argument: str = "feedback",
) -> Texts:
    """Read a table with a column of text; `roles` are further columns, as for `_frame.read`."""
    source = _frame.read(
        feedback, caller=caller, argument=argument, by=by, result=result, optional=optional,
        roles={"text_col": text_col, **(roles or {})},
    )  # fmt: skip
    return Texts(source, values(source, "text"))


def values(source: Source, role: str) -> list[str | None]:
    """Return a column of text as Python strings, categories decoded, None where null."""
    series = source.column(role)
    if _columns.is_object(series):  # NaN and pd.NA of pandas are no text
        return [each if isinstance(each, str) else None for each in series.to_list()]
    arrow = series.to_arrow()
    listed: list[str | None] = arrow.to_pylist()
    return listed
