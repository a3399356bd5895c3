"""Cases of a few pixels, as if a network had said so."""

import numpy as np

from nnunet_taichi.explanation.two_paths import PredictedCase


def make_case(name="case", heads=("lesion",), shape=(1, 4, 6), valid=None, spacing=(1.0, 1.0, 1.0), **arrays):
    """A case whose arrays are zero but for those given: truth, lesion, background or fused, as (K, Z, Y, X)."""
    full = (len(heads), *shape)
    given = {key: np.asarray(value, float).reshape(full) for key, value in arrays.items()}
    probabilities = {output: given.get(output, np.zeros(full)) for output in ("fused", "lesion", "background")}
    return PredictedCase(
        name=name,
        heads=heads,
        image=np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape),
        spacing=spacing,
        truth=given.get("truth", np.zeros(full)) > 0.5,
        valid=np.ones(shape, bool) if valid is None else np.asarray(valid, bool).reshape(shape),
        probabilities=probabilities,
        masks={output: probability > 0.5 for output, probability in probabilities.items()},
        preprocessed=np.zeros((1, *shape), np.float32),
        properties={},
    )
