"""The stage of each customer on one day, by arithmetic on purchase days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics import _gaps
from crmlytics._columns import Bools, Floats, Ints
from crmlytics.segmentation._stage_rules import STAGES, USUAL

NEVER = np.int64(2**40)  # days; sums of a few of them stay far inside 64 bits
_SILENT = ("at_risk", "lapsed", "lost")
_CODES = {name: place for place, name in enumerate(STAGES)}


@dataclass(frozen=True)
class Clock:
    """Thresholds in days, and how far a customer's own rhythm stretches those of silence."""

    days: Mapping[str, float]
    personal: bool
    prior_gaps: float

    def limit(self, name: str) -> int:
        """Return a shop-wide threshold in whole days; unknown: new never ends, others never are."""
        days = self.days[name]
        if days == days:
            return int(np.floor(days + 1e-9))
        return -1 if name in {"onboarding", "won_back"} else int(NEVER)

    def limits(self, name: str, stretch: Floats) -> Ints:
        """Return a threshold of silence in whole days after each purchase."""
        days = self.days[name]
        if days != days:
            return np.full(len(stretch), NEVER)
        return np.floor(days * stretch + 1e-9).astype(np.int64)

    def stretch(self, gaps: Ints, total: Ints) -> Floats:
        """Return a customer's mean gap, shrunk towards the shop's, in units of the shop's."""
        usual = self.days[USUAL]
        if not self.personal or usual != usual:
            return np.ones(len(gaps))
        weight = gaps + self.prior_gaps
        own = (total + self.prior_gaps * usual) / np.where(weight > 0, weight, 1.0)
        return np.where(weight > 0, own / usual, 1.0)


@dataclass(frozen=True)
class Advocacy:
    """Who is an advocate on a day, since when that is so (or is so no more), and by what."""

    is_one: Bools
    since: Ints
    proof: Any  # Arrow text


@dataclass(frozen=True)
class _Lives:
    """What decides the stage, one entry a customer, in the order of ids."""

    first: Ints
    last: Ints
    purchases: Ints
    awake: Ints  # day from which no silence has been longer than at_risk
    not_new: Ints
    back: Ints  # the last return from a lapse; -NEVER where there was none
    away: Ints  # the silence before it
    limits: dict[str, Ints]


def classify(
    days: _gaps.PurchaseDays, day: int, clock: Clock, advocacy: Advocacy | None
) -> pa.Table:
    """Return customer, stage, since, days_in_stage and reason of all who bought by a day."""
    lives = _lives(days, clock)
    silence, age = day - lives.last, day - lives.first
    over = {name: silence > lives.limits[name] for name in _SILENT}
    won = day - lives.back <= clock.limit("won_back")
    fits = [
        *(over[name] for name in reversed(_SILENT)),
        (lives.purchases == 1) & (age <= clock.limit("new")),
        won,
        age <= clock.limit("onboarding"),
    ]
    named = [*reversed(_SILENT), "new", "won_back", "onboarding"]
    if advocacy is not None:
        fits, named = [*fits, advocacy.is_one], [*named, "advocate"]
    stage = np.select(fits, [_CODES[name] for name in named], _CODES["active"]).astype(np.int64)
    since = _since(lives, stage, clock, advocacy)
    return pa.table(
        {
            "customer": days.customers,
            "stage": pa.array(STAGES, pa.string()).take(pa.array(stage)),
            "since": pa.array(since.astype("M8[D]").astype("M8[us]")),
            "days_in_stage": pa.array(day - since),
            "reason": _reasons(lives, stage, day, advocacy),
        }
    )


def _lives(days: _gaps.PurchaseDays, clock: Clock) -> _Lives:
    begins, ends = np.flatnonzero(days.first), np.flatnonzero(days.last)
    who, when = days.customer, days.day
    first, last = when[begins], when[ends]
    stretch = clock.stretch(np.arange(len(who)) - begins[who], when - first[who])
    limits = {name: clock.limits(name, stretch) for name in _SILENT}
    following = np.flatnonzero(~days.last)  # purchases after which another came
    gap, then, whose = when[following + 1] - when[following], when[following + 1], who[following]
    # on the day before the next purchase the silence was one day shorter than the gap
    broken = gap - 1 > limits["at_risk"][following]
    awake = first.copy()
    np.maximum.at(awake, whose[broken], then[broken])
    returned = gap > limits["lapsed"][following]
    back, away = np.full(len(first), -NEVER), np.zeros(len(first), dtype=np.int64)
    np.maximum.at(back, whose[returned], then[returned])
    latest = returned & (then == back[whose])
    away[whose[latest]] = gap[latest]
    purchases = ends - begins + 1
    not_new = first + clock.limit("new") + 1
    several = purchases > 1
    not_new[several] = np.minimum(not_new, when[np.minimum(begins + 1, ends)])[several]
    at_end = {name: values[ends] for name, values in limits.items()}
    return _Lives(first, last, purchases, awake, not_new, back, away, at_end)


def _since(lives: _Lives, stage: Ints, clock: Clock, advocacy: Advocacy | None) -> Ints:
    """Return the first day of the unbroken run of days in the stage."""
    settled = np.maximum(lives.awake, lives.not_new)
    if clock.limit("won_back") >= 0:
        settled = np.maximum(settled, lives.back + clock.limit("won_back") + 1)
    grown = np.maximum(settled, lives.first + clock.limit("onboarding") + 1)
    if advocacy is not None:
        grown = np.maximum(grown, advocacy.since)
    starts = {
        "new": lives.first,
        "won_back": np.maximum(lives.back, lives.awake),
        "onboarding": settled,
        "active": grown,
        "advocate": grown,
    } | {name: lives.last + lives.limits[name] + 1 for name in _SILENT}
    since = np.zeros(len(stage), dtype=np.int64)
    for name, values in starts.items():
        here = stage == _CODES[name]
        since[here] = values[here]
    return since


def _reasons(lives: _Lives, stage: Ints, day: int, advocacy: Advocacy | None) -> pa.Array:
    """Say in words what decided, one sentence a customer."""
    parts, places = [pa.array([], pa.string())], [np.zeros(0, dtype=np.int64)]
    for name in STAGES:
        rows = np.flatnonzero(stage == _CODES[name])
        if len(rows):
            parts.append(_reason(name, lives, rows, day, advocacy))
            places.append(rows)
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(places))))


def _reason(name: str, lives: _Lives, rows: Ints, day: int, advocacy: Advocacy | None) -> pa.Array:
    if name in {"new", "onboarding"}:
        age = _joined("first purchase ", _text(day - lives.first[rows]), " days ago")
        if name == "new":
            return _joined(age, ", no other since")
        return _joined(age, ", bought on ", _text(lives.purchases[rows]), " days")
    if name == "won_back":
        since, away = _text(day - lives.back[rows]), _text(lives.away[rows])
        return _joined("came back ", since, " days ago after ", away, " days")
    still = _joined("last purchase ", _text(day - lives.last[rows]), " days ago")
    if name in _SILENT:
        return _joined(still, ", more than ", _text(lives.limits[name][rows]))
    limit = lives.limits["at_risk"][rows]
    awaited = _joined(still, ", awaited within ", _text(limit))
    still = pc.if_else(pa.array(limit < NEVER), awaited, still)
    if name == "advocate" and advocacy is not None:
        return _joined(still, "; ", advocacy.proof.take(pa.array(rows)))
    return still


def _text(numbers: Ints) -> Any:
    return pa.array(numbers, pa.int64()).cast(pa.string())


def _joined(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "")
