"""From measures to flags, and from flags to what is proposed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from crmlytics import _checks, _columns, _frame, _result, _stats
from crmlytics._columns import Bools, Floats
from crmlytics._frame import Source
from crmlytics.customers import _align, _review_measures
from crmlytics.customers._review_rules import COSTLY, RATES, Rule
from crmlytics.errors import OptionError

_ORDER = ("end", "repair", "reprice", "grow", "keep")  # the first that fits is proposed
_NOTHING = "nothing speaks for a change"


@dataclass(frozen=True)
class _Flag:
    """Who a rule holds for, and for whom that is known."""

    holds: Bools
    known: Bools

    def column(self) -> pa.Array:
        return _result.column(self.holds, self.known)


def protected(source: Source, given: Any, customer_col: str) -> Bools:
    """Mark the customers who are protected; ids that are nobody's are counted."""
    size, caller = source.n_rows, source.caller
    if given is None:
        return np.zeros(size, dtype=bool)
    if isinstance(given, str):
        read = _frame.read(
            source.native, caller=caller, argument="customers", roles={"protected": given}
        )
        if not size:
            return np.zeros(0, dtype=bool)
        marked, unknown = _align.flags(read, "protected")
        return marked | unknown
    # arrays and Series have one of these, tables have neither
    listing = getattr(given, "to_list", None) or getattr(given, "tolist", None)
    if listing or isinstance(given, (list, tuple, set, frozenset)):
        ids = _listed(source, listing() if listing else given)
    else:
        table = _frame.read(
            given, caller=caller, argument="protected", roles={"customer_col": customer_col}
        )
        _frame.same_library(source, table)
        _align.check_kinds(table, source)
        ids, _ = _align.distinct(table)
    place = _align.places(ids, _align.ids(source))
    strangers = int(np.count_nonzero(place < 0))
    if strangers:
        _checks.warn(
            f"{caller}: {strangers} of the {len(ids)} ids in protected are of nobody in customers."
        )
    safe = np.zeros(size, dtype=bool)
    safe[place[place >= 0]] = True
    return safe


def _listed(source: Source, given: Any) -> Any:
    try:
        ids = pa.array(list(dict.fromkeys(given)))
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise OptionError(
            f"{source.caller}: protected must be a list of ids of one kind, a table of ids, or a "
            f"column of customers; got {_checks.shown(given)}."
        ) from error
    if len(ids) and source.n_rows:
        text = _columns.family(source.column("customer")) == "text"
        if text != (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
            raise OptionError(
                f"{source.caller}: protected holds ids such as {next(iter(given))!r}, and those of "
                f"customers are {'texts' if text else 'no texts'}. Convert them first."
            )
    return ids


def judged(
    measures: Mapping[str, Floats],
    rules: Mapping[str, Rule],
    safe: Bools,
    level: float,
    caller: str,
) -> dict[str, Any]:
    """Return all columns of a review but the ids."""
    size = len(safe)
    nobody = np.full(size, np.nan)
    columns: dict[str, Any] = {}
    flags: dict[str, _Flag] = {}
    for name in RATES:
        rule = rules[name]
        names = (rule.numerator, str(rule.denominator))
        hits, tries = _review_measures.counts(
            measures.get(names[0], nobody), measures.get(names[1], nobody), names, caller
        )
        flags[name], made = _rated(rule, hits, tries, level)
        columns |= made
    flags["satisfied"] = _satisfied(rules["satisfied"], measures, nobody)
    flags["valuable"] = _valuable(rules["valuable"], measures, nobody)
    for name in ("satisfied", "valuable"):
        columns[name] = flags[name].column()
    columns["protected"] = safe
    money = measures.get(rules["end"].numerator, nobody)
    return columns | _proposed(flags, rules, safe, money)


def _rated(rule: Rule, hits: Floats, tries: Floats, level: float) -> tuple[_Flag, dict[str, Any]]:
    """Shrink the rates of one behaviour, and flag those surely above the threshold."""
    known = ~np.isnan(tries)
    rate, lower, upper = (np.full(len(hits), np.nan) for _ in range(3))
    if known.any():
        found = _stats.shrunken_rates(hits[known], tries[known], level)
        rate[known], lower[known], upper[known] = found
    with np.errstate(invalid="ignore"):
        flag = _Flag((lower > rule.threshold) & (hits >= rule.min_count), known)
    name = rule.name
    return flag, {
        name: flag.column(),
        f"{name}_rate": _result.column(rate),
        f"{name}_lower": _result.column(lower),
        f"{name}_upper": _result.column(upper),
        f"{name}_numerator": _whole(hits, known),
        f"{name}_denominator": _whole(tries, known),
    }


def _whole(values: Floats, known: Bools) -> pa.Array:
    return _result.column(np.where(known, values, 0.0).astype(np.int64), known)


def _satisfied(rule: Rule, measures: Mapping[str, Floats], nobody: Floats) -> _Flag:
    score = measures.get(rule.numerator, nobody)
    times = np.nan_to_num(measures.get(str(rule.denominator), nobody), nan=0.0)
    known = ~np.isnan(score)
    return _Flag(known & (score >= rule.threshold) & (times >= rule.min_count), known)


def _valuable(rule: Rule, measures: Mapping[str, Floats], nobody: Floats) -> _Flag:
    """Mark the best customers above 0; equal values are all in."""
    value = measures.get(rule.numerator, nobody)
    known = ~np.isnan(value)
    best = np.sort(value[known])[::-1]
    # 0.07 * 100 is 7.000000000000001
    n = min(int(np.ceil(rule.threshold * len(best) - 1e-9)), len(best))
    if not n:
        return _Flag(np.zeros(len(value), dtype=bool), known)
    return _Flag(known & (value > 0) & (value >= best[n - 1]), known)


def _proposed(
    flags: Mapping[str, _Flag], rules: Mapping[str, Rule], safe: Bools, money: Floats
) -> dict[str, pa.Array]:
    """Return the action and the reason of each customer."""
    holds = {name: flag.holds & flag.known for name, flag in flags.items()}
    loses, valuable = money < 0, holds["valuable"]
    costly = np.sum([holds[name] for name in COSTLY], axis=0)
    many = costly >= rules["end"].threshold
    fits = {action: np.zeros(len(safe), dtype=bool) for action in _ORDER}
    for name, held in holds.items():
        fits[rules[name].action] |= held
    fits["reprice"] = (fits["reprice"] | loses) & ~valuable & ~safe
    fits["grow"] &= (costly == 0) & ~loses
    # whose value is not known may be valuable
    fits["end"] = loses & many & ~valuable & flags["valuable"].known & ~safe
    fits["keep"][:] = True
    action = np.argmax([fits[name] for name in _ORDER], axis=0)
    said = {
        **{name: holds[name] for name in COSTLY},
        "loses money": loses,
        "profit unknown": (costly > 0) & many & np.isnan(money),
        **{name: holds[name] for name in ("valuable", "satisfied", "innovator")},
        "protected": safe,
    }
    code = np.zeros(len(safe), dtype=np.int64)
    for place, held in enumerate(said.values()):
        code |= held.astype(np.int64) << place
    cases, case = np.unique(code, return_inverse=True)
    words = [_words(int(one), list(said)) for one in cases]
    return {
        "action": pa.array(_ORDER, pa.string()).take(pa.array(action)),
        "reason": pa.array(words, pa.string()).take(pa.array(case)),
    }


def _words(code: int, names: list[str]) -> str:
    held = [name.replace("_", " ") for place, name in enumerate(names) if code >> place & 1]
    return ", ".join(held) or _NOTHING
