"""k-prototypes against the package kmodes."""

import numpy as np
import pytest

from crmlytics.segmentation import _lloyd

# kmodes 0.12.2: KPrototypes(k, init="Huang", n_init=50, gamma=0.7, random_state=0)
#   .fit(numbers and texts side by side, categorical=[2, 3]).cost_
KMODES = {2: 231.35054405965303, 3: 121.33643630852109, 4: 104.57623664830001, 6: 72.1885180451003}


def test_cost_of_k_prototypes():
    i = np.arange(90)
    numbers = np.column_stack([np.sin(i), np.cos(1.7 * i)]) + 2 * (i % 3)[:, None]
    texts = np.column_stack([i % 3, (i // 3) % 2])
    marks = [np.eye(n)[texts[:, j]] * np.sqrt(0.7 / 2) for j, n in enumerate((3, 2))]
    points = np.hstack([numbers, *marks])
    blocks = [slice(2, 5), slice(5, 7)]
    for k, cost in KMODES.items():
        rng = np.random.default_rng(0)
        found = _lloyd.lloyd(points, k, modes=blocks, n_starts=50, rng=rng)[2]
        # kmodes moves customers one at a time, which can end in a slightly better place
        assert found == pytest.approx(cost, rel=1e-9 if k <= 3 else 5e-3)
