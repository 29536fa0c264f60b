"""Records linked by probability: a thin adapter to splink, which is an extra."""

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crmlytics.errors import DataError, FitError
from crmlytics.quality._identity_keys import Fields, Links, codes

_CALLER = "resolve_identity"
_RECALL = 0.7  # what the sets of match_on are thought to find; splink needs a guess to start from


def linked(
    found: Fields, sets: Sequence[Sequence[str]], *, threshold: float, most: int | None
) -> Links:
    """Link records whose probability to be one person is high enough."""
    try:
        import splink
        from splink import DuckDBAPI
    except ImportError as error:
        raise DataError(
            f"{_CALLER}: method='splink' needs the package splink, which is not installed. "
            'Run pip install "crmlytics[identity]", or use method="keys".'
        ) from error
    size = len(next(iter(found.texts.values())))
    links = Links(size)
    if size < 2:
        return links
    columns = {f"f_{name}": found.texts[name].cast(pa.string()) for name in found.texts}
    for name, values in found.texts.items():
        if name != "name":
            columns[f"b_{name}"] = _uncrowded(links, name, values, most).cast(pa.string())
    table = pa.table({"record": np.arange(size), **columns})
    rules = [splink.block_on(*(f"f_{name}" for name in each)) for each in sets]
    alone = [splink.block_on(name) for name in columns if name.startswith("b_")]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record",
        comparisons=[_comparison(name) for name in found.texts],
        blocking_rules_to_generate_predictions=[*alone, *rules],
        retain_matching_columns=False,
    )
    with _quiet():
        try:
            linker = splink.Linker(DuckDBAPI().register(table), settings, log_level=None)
            training = linker.training
            training.estimate_probability_two_random_records_match(rules, recall=_RECALL)
            training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
            for rule in rules:
                training.estimate_parameters_using_expectation_maximisation(rule)
            pairs = linker.inference.predict(threshold_match_probability=threshold)
            ends = pairs.as_duckdbpyrelation().select("record_l, record_r").fetchnumpy()
        except Exception as error:
            raise FitError(
                f"{_CALLER}: splink could not fit its model to customers "
                f"({type(error).__name__}: {str(error).strip().splitlines()[0][:200]}). "
                "Take more records, other sets in match_on, or method='keys'."
            ) from error
    heads, tails = (np.asarray(ends[name], dtype=np.int64) for name in ("record_l", "record_r"))
    links.ends.append((heads, tails))
    links.matched[np.append(heads, tails)] = 0
    return links


def _uncrowded(links: Links, name: str, values: Any, most: int | None) -> Any:
    """Leave out values that many records share: all pairs of these would have to be compared."""
    code = codes(values)
    shared = np.bincount(code + 1)
    shared[0] = 0
    crowded = shared > most if most is not None else np.zeros(len(shared), dtype=bool)
    if crowded.any():
        links.crowded[name] = int(crowded.sum())
    return pc.if_else(pa.array(crowded[code + 1]), pa.scalar(None, values.type), values)


def _comparison(name: str) -> Any:
    from splink import comparison_library as library

    column = f"f_{name}"
    if name in {"email", "name"}:
        return library.JaroWinklerAtThresholds(column, [0.92, 0.85]).configure(
            term_frequency_adjustments=True
        )
    if name in {"phone", "postcode"}:
        return library.DamerauLevenshteinAtThresholds(column, [1])
    return library.ExactMatch(column)


@contextmanager
def _quiet() -> Any:
    """Keep splink from writing its progress; what matters comes back in the answer."""
    import warnings

    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
