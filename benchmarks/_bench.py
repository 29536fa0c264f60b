"""What the benchmarks share: rows, measuring CPU time and memory, and printing.

A benchmark module has `COMPARISONS`: a name and a `Comparison` each, whose first case is ours. All
cases of a comparison run in turn, round after round, so that noise hits all of them alike, and the
best round counts. Memory is measured in a process of its own, watched from outside.
"""

import argparse
import ctypes
import gc
import importlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OURS = "crmlytics"
DAYS = 730
ROUNDS = (2, 7)  # at least and at most
SECONDS = 10.0  # of wall time a comparison: no round begins later, once the least is done


def make_rows(n_rows: int, ids: str = "numbers") -> pd.DataFrame:
    """Make the rows of a shop's till in the order of time, the lines of an order together.

    About three lines an order and seven orders a customer, each order of one customer at one
    moment. Some customers buy much more often than others. `ids` are "numbers" (1, 2, 3 ...),
    "shuffled" (the same, rows in random order), "sparse" (large random numbers) or "texts".
    """
    rng = np.random.default_rng(0)
    n_orders, n_customers = max(n_rows // 3, 1), max(n_rows // 20, 1)
    lines = np.append(np.arange(n_orders), rng.integers(0, n_orders, n_rows - n_orders))
    lines.sort()
    moments = np.sort(rng.integers(0, DAYS * 86_400, n_orders)).astype("m8[s]")
    buyers = (n_customers * rng.random(n_orders) ** 2).astype(np.int64)
    customers = rng.permutation(n_customers)[buyers]
    columns: dict[str, Any] = {"customer_id": customers[lines] + 1, "order_id": lines + 100_000}
    if ids == "texts":
        columns = {
            "customer_id": _texts("C", n_customers, customers[lines]),
            "order_id": _texts("A", n_orders, lines),
        }
    elif ids == "sparse":
        spread = rng.choice(2**40, n_customers + n_orders, replace=False, shuffle=False)
        columns = {
            "customer_id": spread[customers[lines]],
            "order_id": spread[n_customers + lines],
        }
    columns["date"] = (np.datetime64("2024-01-01") + moments).astype("M8[us]")[lines]
    columns["amount"] = rng.gamma(2.0, 10.0, n_rows).round(2)
    columns["product_id"] = rng.integers(0, 20_000, n_rows)
    table = pd.DataFrame(columns)
    return (
        table.take(rng.permutation(n_rows)).reset_index(drop=True) if ids == "shuffled" else table
    )


def _texts(letter: str, n: int, codes: Any) -> pd.Series:
    names = pd.Series([f"{letter}{number:08d}" for number in range(n)], dtype="str")
    return names.take(codes).reset_index(drop=True)


@dataclass
class Rows:
    """The same rows in the format each peer likes best, so that no conversion is timed."""

    n_rows: int
    ids: str

    @cached_property
    def pandas(self) -> Any:
        return make_rows(self.n_rows, self.ids)

    @cached_property
    def polars(self) -> Any:
        import polars as pl

        return pl.from_pandas(self.pandas)

    @cached_property
    def duckdb(self) -> Any:
        """Return a connection with a table `lines` in memory."""
        import duckdb

        connection = duckdb.connect()
        connection.register("frame", self.pandas)
        connection.execute("CREATE TABLE lines AS SELECT * FROM frame")
        connection.unregister("frame")
        return connection


class Tables(Rows):
    """Other tables of pandas: from `events` follow `events_polars` and `events_duckdb`."""

    def __getattr__(self, name: str) -> Any:
        table, _, library = name.rpartition("_")
        if library not in {"polars", "duckdb"} or not hasattr(type(self), table):
            raise AttributeError(name)
        made = self._polars(table) if library == "polars" else self._duckdb(table)
        setattr(self, name, made)
        return made

    def _polars(self, table: str) -> Any:
        import polars as pl

        return pl.from_pandas(getattr(self, table))

    def _duckdb(self, table: str) -> Any:
        """Return a connection with the table in memory, under its own name."""
        import duckdb

        connection = duckdb.connect()
        connection.register("frame", getattr(self, table))
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM frame")
        connection.unregister("frame")
        return connection


@dataclass(frozen=True)
class Case:
    """One way to the answer: the format it takes and the function of it."""

    takes: str  # an attribute of Rows
    run: Callable[[Any], Any]


@dataclass(frozen=True)
class Comparison:
    """Ways to the same answer, ours first, and what ours is to reach."""

    title: str
    cases: dict[str, Case]
    check: Callable[[dict[str, Any], Rows], None]  # raises where the answers differ
    ids: str = "numbers"
    memory: tuple[str, ...] = (OURS,)
    faster_than: dict[str, float] = field(default_factory=dict)  # peer: at least so many times
    at_most: dict[str, float] = field(default_factory=dict)  # peer: at most so many times its time
    memory_below: float | None = None  # in sizes of the input


def on_table(title: str, table: str, cases: dict[str, Any], check: Any) -> Comparison:
    """Compare ways from one of `Tables`, each in the format of its library."""
    takes = {name: f"{table}_{name.lower()}" for name in ("Polars", "DuckDB")}
    return Comparison(
        title,
        {name: Case(takes.get(name, table), run) for name, run in cases.items()},
        check,
        memory=(OURS, "pandas"),
        faster_than={"pandas": 2.0},
    )


def column(table: Any, name: str) -> Any:
    """Return a column of a table of any library as an array."""
    return np.asarray(table[name])


def duckdb_table(connection: Any, sql: str) -> Any:
    return connection.sql(sql).to_arrow_table()


def time_cases(comparison: Comparison, rows: Rows) -> dict[str, dict[str, float]]:
    """Return CPU (of all threads) and wall seconds of each case, best of several rounds."""
    given = {name: getattr(rows, case.takes) for name, case in comparison.cases.items()}
    best = {name: {"cpu": np.inf, "wall": np.inf} for name in comparison.cases}
    began = time.perf_counter()
    for done in range(ROUNDS[1]):
        if done >= ROUNDS[0] and time.perf_counter() - began > SECONDS:
            break
        answers = {}
        for name, case in comparison.cases.items():
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            answer = case.run(given[name])
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            best[name] = {
                "cpu": min(best[name]["cpu"], cpu),
                "wall": min(best[name]["wall"], wall),
            }
            if done == 0:
                answers[name] = answer
            del answer
        if done == 0:
            comparison.check(answers, rows)
        answers.clear()
    return best


def peak_memory(
    module: str, key: str, name: str, n_rows: int, rows: type[Rows] = Rows
) -> dict[str, float]:
    """Return the bytes of the input and the most that a case had beyond them.

    The case runs in a new process and is watched from this one: a thread inside would wait for
    the interpreter's lock just when memory is at its peak.
    """
    import psutil

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    asked = (there, module, rows.__name__, key, name, n_rows)
    child = context.Process(target=_run_watched, args=asked)
    child.start()
    there.close()
    size = here.recv()
    watched = psutil.Process(child.pid)
    before = peak = watched.memory_info().rss
    here.send("go")
    while not here.poll(0.001):
        peak = max(peak, watched.memory_info().rss)
    peak = max(peak, here.recv())
    child.join()
    return {"input": size, "extra": peak - before}


def _run_watched(
    there: Connection, module: str, kind: str, key: str, name: str, n_rows: int
) -> None:
    import psutil

    loaded = importlib.import_module(module)
    make, comparison = getattr(loaded, kind), loaded.COMPARISONS[key]
    case = comparison.cases[name]
    case.run(getattr(make(min(n_rows, 3_000), comparison.ids), case.takes))  # imports happen here
    rows = make(n_rows, comparison.ids)
    given = getattr(rows, case.takes)
    table = given if isinstance(given, pd.DataFrame) else rows.pandas
    size = int(table.memory_usage(index=False, deep=True).sum())
    del rows, table
    _give_back()
    there.send(size)
    there.recv()
    answer = case.run(given)
    there.send(psutil.Process().memory_info().rss)
    del answer


def _give_back() -> None:
    """Return freed memory to the system, so that what follows cannot hide in it."""
    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def measure(
    module: str, comparisons: dict[str, Comparison], n_rows: int, rows: type[Rows] = Rows
) -> list[dict[str, Any]]:
    """Run all comparisons of a module; plain values, ready for JSON."""
    measured = []
    shared = rows(n_rows, "")
    for key, comparison in comparisons.items():
        if shared.ids != comparison.ids:
            shared = rows(n_rows, comparison.ids)
        times = time_cases(comparison, shared)
        measured.append({"key": key, "title": comparison.title, "times": times})
    del shared
    gc.collect()
    for found, (key, comparison) in zip(measured, comparisons.items(), strict=True):
        found["memory"] = {
            name: peak_memory(module, key, name, n_rows, rows) for name in comparison.memory
        }
        found["targets"] = targets(comparison, found["times"], found["memory"])
    return measured


def targets(comparison: Comparison, times: Any, memory: Any) -> list[dict[str, Any]]:
    """Hold the figures against what was set as a goal."""
    ours, held = times[OURS]["cpu"], []
    for peer, least in comparison.faster_than.items():
        ratio = times[peer]["cpu"] / ours
        held.append((f"at least {least:g} times faster than {peer}", ratio, ratio >= least))
    for peer, most in comparison.at_most.items():
        ratio = ours / times[peer]["cpu"]
        held.append((f"at most {most:g} times the time of {peer}", ratio, ratio <= most))
    if comparison.memory_below is not None:
        share = memory[OURS]["extra"] / memory[OURS]["input"]
        below = f"extra memory / input below {comparison.memory_below:g}"
        held.append((below, share, share < comparison.memory_below))
    return [
        {
            "what": comparison.title,
            "target": target,
            "found": f"{found:.2f}",
            "reached": bool(reached),
        }
        for target, found, reached in held
    ]


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table, numbers to the right."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in [heads, rule, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tables(measured: list[dict[str, Any]]) -> str:
    """Write one table a comparison."""
    parts = []
    for found in measured:
        ours, rows = found["times"][OURS], []
        for name, took in found["times"].items():
            held = found["memory"].get(name)
            rows.append(
                [
                    name,
                    f"{took['cpu'] / ours['cpu']:.2f}",
                    f"{took['wall'] / ours['wall']:.2f}",
                    f"{held['extra'] / held['input']:.2f}" if held else "",
                ]
            )
        heads = ["", "CPU", "wall", "extra memory / input"]
        unit = f"1.00 = {ours['cpu']:.2f} s of CPU, {ours['wall']:.2f} s of wall time."
        parts.append(f"### {found['title']}\n\n{unit}\n\n{markdown(heads, rows)}")
    return "\n\n".join(parts)


def main(module: str, comparisons: dict[str, Comparison], rows: type[Rows] = Rows) -> None:
    """Run one benchmark from the command line."""
    parser = argparse.ArgumentParser(description=f"Run {module} alone.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--only", help="the name of one comparison", choices=list(comparisons))
    asked = parser.parse_args()
    chosen = {asked.only: comparisons[asked.only]} if asked.only else comparisons
    measured = measure(module, chosen, asked.rows, rows)
    if asked.json:
        asked.json.write_text(json.dumps(measured), encoding="utf-8")
    else:
        print(tables(measured))
