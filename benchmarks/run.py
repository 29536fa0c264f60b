"""Run all benchmarks, hold the figures against the targets, and write them down.

    python benchmarks/run.py --rows 1000000 --out figures.md

Each benchmark runs in a process of its own. Figures are ratios within one run: they can be compared
across machines, seconds cannot.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from _bench import markdown, tables

HERE = Path(__file__).parent
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BENCHES = {
    "bench_segmentation": "Segmentation",
    "bench_kpi": "KPI",
    "bench_kpi_behaviour": "KPI: behaviour over time",
    "bench_kpi_events": "KPI: funnels and service",
    "bench_kpi_customers": "KPI: surveys and subscriptions",
    "bench_btyd": "Value",
    "bench_customers": "Customers",
    "bench_churn": "Churn",
    "bench_rules": "Rules",
    "bench_sentiment": "Sentiment",
}
LIBRARIES = (
    "crmlytics", "numpy", "scipy", "pandas", "pyarrow", "narwhals", "polars", "duckdb", "lifetimes",
    "mlxtend", "nltk", "numba", "pyfim", "kmodes", "empulse",
    "vaderSentiment",
)  # fmt: skip
# module: the most CPU seconds that importing it may take; None: stated only
IMPORTS = {
    "crmlytics": 0.1,
    "crmlytics.segmentation": None,
    "crmlytics.kpi": None,
    "crmlytics.btyd": None,
    "crmlytics.churn": None,
    "crmlytics.rules": None,
    "crmlytics.sentiment": None,
    "pandas": None,
}


def run_bench(module: str, n_rows: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, str(HERE / f"{module}.py"), f"--rows={n_rows}", f"--json={out}"]
        subprocess.run(command, check=True)
        measured: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    return measured


def import_seconds(module: str) -> float:
    """Return the CPU seconds of an import in a new interpreter, best of five."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


def machine(n_rows: int) -> str:
    memory = round(psutil.virtual_memory().total / 2**30)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return (
        f"{n_rows:,} rows; {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"{memory} GiB of memory; Python {platform.python_version()}; {versions}."
    )


def write(out: Path, text: str) -> None:
    """Put the figures between the markers of a page, which is made where it is not there."""
    page = out.read_text(encoding="utf-8") if out.exists() else f"{BEGIN}\n{END}\n"
    if BEGIN not in page or END not in page:
        raise SystemExit(f"{out} lacks the lines {BEGIN} and {END}, where the figures belong.")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    out.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run all benchmarks and write down the figures.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    asked = parser.parse_args()
    began = time.perf_counter()
    imports = {module: import_seconds(module) for module in IMPORTS}
    sections, held = [], []
    for module, title in BENCHES.items():
        print(f"{title} ...", file=sys.stderr)
        measured = run_bench(module, asked.rows)
        sections.append(f"## {title}\n\n{tables(measured)}")
        held += [target for found in measured for target in found["targets"]]
    for module, most in IMPORTS.items():
        if most is not None:
            held.append(
                {
                    "what": f"`import {module}`",
                    "target": f"below {most:g} s of CPU",
                    "found": f"{imports[module]:.3f}",
                    "reached": imports[module] < most,
                }
            )
    reached = [
        [each["what"], each["target"], each["found"], "yes" if each["reached"] else "**no**"]
        for each in held
    ]
    took = [[f"`import {module}`", f"{seconds:.3f}"] for module, seconds in imports.items()]
    parts = [
        machine(asked.rows),
        "## Targets\n\n" + markdown(["", "target", "found", "reached"], reached),
        *sections,
        "## Imports\n\n" + markdown(["", "CPU seconds"], took),
    ]
    text = "\n\n".join(parts)
    print(text)
    write(asked.out, text)
    print(f"\nWritten to {asked.out} after {time.perf_counter() - began:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
