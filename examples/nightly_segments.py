"""A nightly batch: score today's customers by cuts that were made once, and say who moved.

    python examples/nightly_segments.py lines.parquet store/

The first run makes the cuts and keeps them in the store; later runs use them again, so that a
customer changes segment only by what the customer did. Files are written beside their place and
renamed, so that readers never see half a file.
"""

import argparse
from pathlib import Path

import pandas as pd

import crmlytics as crm


def keep(table: pd.DataFrame, path: Path) -> None:
    """Write beside, then rename."""
    beside = path.with_suffix(".part")
    table.to_parquet(beside, index=False)
    beside.replace(path)


def main() -> None:
    """Read the lines, score them, keep the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path)
    parser.add_argument("store", type=Path)
    options = parser.parse_args()
    options.store.mkdir(parents=True, exist_ok=True)
    cuts_file = options.store / "cuts.parquet"
    segments_file = options.store / "segments.parquet"

    lines = crm.quality.clean_transactions(
        pd.read_parquet(options.lines), returns="keep", duplicates="keep"
    )
    if not cuts_file.exists():
        keep(crm.segmentation.rfm_cuts(crm.segmentation.rfm_table(lines)), cuts_file)
    customers = crm.segmentation.rfm(lines, cuts=pd.read_parquet(cuts_file))
    if segments_file.exists():
        before = pd.read_parquet(segments_file)
        moved = crm.segmentation.segment_migration(before, customers)
        changed = moved[moved["from_segment"] != moved["to_segment"]]
        keep(moved, options.store / "moved.parquet")
        print(f"{changed['customers'].sum():,} of {moved['customers'].sum():,} customers moved")
    keep(customers, segments_file)
    print(f"{len(customers):,} customers in {segments_file}")


if __name__ == "__main__":
    main()
