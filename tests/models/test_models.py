"""Whole models, compiled for this machine, against ONNX Runtime.

All models are compared by ``python -m tests.models.compare``; here are those that take seconds, and of the large ones
one for each kind of network.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx.utils
import onnxruntime
import pytest

import onnxc
from tests.models.agreement import compare
from tests.models.catalogue import DIGITS, ModelCase, all_cases
from tests.models.weights import fill_skeleton

#: Those of the shared folder are left out where it is not.
TESTED = [
    "autoencoder_ad", "basic-pitch", "digits_cnn_trained", "digits_cnn_trained_qdq_s8s8", "dscnn_kws", "dtln_1",
    "gru_lstm_kws", "light_inception_v1", "light_shufflenet", "light_squeezenet", "mobilenetv1_025_vww",
    "resnet8_cifar", "resnet8_cifar_qdq_s8s8", "resnet8_cifar_qoperator_u8s8", "silero_vad_op18_ifless", "swift-f0",
    "vit_tiny",
]  # fmt: skip

CASES = [case for case in all_cases() if case.name in TESTED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_agrees_with_onnx_runtime(case: ModelCase) -> None:
    model = case.load()
    with onnxc.compile(model, name=case.name, jobs=1) as compiled:
        agreement = compare(model, compiled.run, case.feeds())
    assert agreement.holds, f"{case.name}: {agreement}, allowed are {agreement.bound_text}"


TRANSFORMERS = [case for case in all_cases() if case.name in ("gpt2_small", "bert_base")]


@pytest.mark.parametrize("case", TRANSFORMERS, ids=lambda case: case.name)
def test_sentences_of_any_length_run_in_one_artifact(case: ModelCase) -> None:
    """The embedding and the first two layers of language models: the others are of the same kind."""
    model = onnx.load(case.path)
    names = [value.name for value in model.graph.input]
    first = onnx.utils.Extractor(model).extract_model(names, ["layer_norm_4"])
    fill_skeleton(first)
    with onnxc.compile(first, name=case.name, jobs=1) as compiled:
        agreement = compare(first, compiled.run, [*case.feeds(), case.feeds()[1]])
    assert agreement.holds, f"{case.name}: {agreement}, allowed are {agreement.bound_text}"


SILERO = [case for case in all_cases() if case.name == "silero_vad"]


@pytest.mark.parametrize("case", SILERO, ids=lambda case: case.name)
def test_a_stream_agrees_with_onnx_runtime(case: ModelCase) -> None:
    """100 chunks of each sampling rate, with the state of one run as an input of the next, from one artifact."""
    session = onnxruntime.InferenceSession(case.path, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    with onnxc.compile(case.path, jobs=1) as compiled:
        for rate, samples in ((16000, 576), (8000, 288)):
            ours = theirs = np.zeros((2, 1, 128), np.float32)
            for _ in range(100):
                sound = (random.standard_normal((1, samples)) / 10).astype(np.float32)
                feeds = {"input": sound, "sr": np.array(rate, np.int64)}
                wanted, theirs = session.run(None, {**feeds, "state": theirs})
                got = compiled.run({**feeds, "state": ours})
                ours = got["stateN"]
                np.testing.assert_allclose(got["output"], wanted, atol=1e-4)
                np.testing.assert_allclose(ours, theirs, atol=1e-3)
        with pytest.raises(onnxc.RunError, match="a tensor's shape"):  # longer than the branch is made for
            compiled.run({"input": np.zeros((1, 5000), np.float32), "sr": np.array(16000), "state": ours})


@pytest.mark.parametrize("level", range(4))
def test_every_level_agrees_with_onnx_runtime(level: int) -> None:
    (case,) = (case for case in CASES if case.name == "resnet8_cifar")
    model = case.load()
    with onnxc.compile(model, level=level, jobs=1) as compiled:
        agreement = compare(model, compiled.run, case.feeds())
    assert agreement.holds, f"level {level}: {agreement}"


@pytest.mark.parametrize(("name", "accuracy"), [("digits_cnn_trained", 0.981), ("digits_cnn_trained_qdq_s8s8", 0.977)])
def test_accuracy_on_the_digits(name: str, accuracy: float) -> None:
    (case,) = (case for case in CASES if case.name == name)
    test_set = np.load(DIGITS / "digits_cnn_testset.npz")
    with onnxc.compile(case.path, jobs=1) as compiled:
        found = np.array([compiled(image[None])["output"].argmax() for image in test_set["x"]])
    assert np.mean(found == test_set["y"]) >= accuracy
