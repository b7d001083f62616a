"""Whole models, compiled for this machine, against ONNX Runtime.

All models are compared by ``python -m tests.models.compare``; here are those that take seconds, and of the large ones
one for each kind of network.
"""

from __future__ import annotations

import numpy as np
import pytest

import onnxc
from tests.models.agreement import compare
from tests.models.catalogue import DIGITS, ModelCase, all_cases

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
