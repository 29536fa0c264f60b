"""The batch scripts in examples/ run as their own help says."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

import crmlytics as crm

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(script, *words):
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603


def test_every_example_is_run_here():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["nightly_segments.py"]


def test_nightly_segments(tmp_path):
    lines = crm.datasets.simulate_shop(n_customers=200, days=500).transactions
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    lines[lines["date"] < "2025-03-01"].to_parquet(first)
    lines.to_parquet(second)
    assert "customers in" in _run("nightly_segments.py", first, tmp_path / "store")
    cuts = pd.read_parquet(tmp_path / "store" / "cuts.parquet")
    assert "customers moved" in _run("nightly_segments.py", second, tmp_path / "store")
    kept = pd.read_parquet(tmp_path / "store" / "cuts.parquet")
    pd.testing.assert_frame_equal(kept, cuts)  # the second night scores by the first night's cuts
    customers = pd.read_parquet(tmp_path / "store" / "segments.parquet")
    want = crm.segmentation.rfm(lines, cuts=cuts)
    assert customers["segment"].tolist() == want["segment"].tolist()
