"""A decoder whose cache is empty at first, in one artifact for all lengths and batches."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import onnxc
from tests.models.decoder import VOCABULARY, decoder, first_feeds, next_feeds


@pytest.mark.parametrize("attention", [False, True])
def test_a_text_from_an_empty_cache_on(attention: bool) -> None:
    # ONNX Runtime's Attention takes no batch of 0, so the other model is what both are compared with.
    session = onnxruntime.InferenceSession(decoder().SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rng = np.random.default_rng(1)
    with onnxc.compile(decoder(attention), jobs=1) as compiled:
        assert set(compiled.symbols) >= {"batch", "sequence", "past"}
        for batch in (1, 2, 0):
            results = None
            for length in (3, 1, 1, 20):
                tokens = rng.integers(0, VOCABULARY, (batch, length))
                feeds = first_feeds(tokens) if results is None else next_feeds(tokens, results)
                expected = dict(zip(names, session.run(None, feeds), strict=True))
                results = compiled(feeds)
                for name in names:
                    np.testing.assert_allclose(results[name], expected[name], rtol=1e-4, atol=1e-4, err_msg=name)
