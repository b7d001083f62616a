"""The models that are measured, and what each runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.models.catalogue import Feeds, ModelCase, all_cases

#: The models by which onnxc is judged, in groups: names in the catalogue.
GROUPS = {
    "float32": (
        "resnet18",
        "resnet50",
        "mobilenetv2",
        "efficientnet_b0",
        "yolov8n_like",
        "vit_tiny",
        "bert_base",
        "gpt2_small",
        "resnet8_cifar",
        "dscnn_kws",
        "mobilenetv1_025_vww",
        "autoencoder_ad",
        "gru_lstm_kws",
        "basic-pitch",
        "swift-f0",
        "dtln_1",
        "PP-OCR cls",
        "silero_vad_op18_ifless",
    ),
    "int8": (
        "digits_cnn_trained_qdq_s8s8",
        "dscnn_kws_qdq_s8s8",
        "mobilenetv1_025_vww_qdq_s8s8",
        "mobilenetv2_100_qdq_u8s8_perchannel",
        "resnet8_cifar_qdq_s8s8",
        "resnet8_cifar_qoperator_u8s8",
    ),
}

#: Tokens of a text, as everybody measures them. Of other models the first of the catalogue's runs is measured, which
#: has the batch that users have; others are there for correctness.
_TOKENS = {"bert_base": 128, "gpt2_small": 32}


@dataclass(frozen=True)
class BenchCase:
    """A model and its inputs."""

    group: str
    case: ModelCase

    @property
    def name(self) -> str:
        return self.case.name

    def feeds(self) -> Feeds:
        runs = self.case.feeds()
        tokens = _TOKENS.get(self.name)
        if tokens is None:
            return runs[0]
        return next(run for run in runs if all(array.shape[1] == tokens for array in run.values()))


def bench_cases(words: Sequence[str] = ()) -> list[BenchCase]:
    """Models whose names contain one of the words, all without any; only those whose files are there.

    Models that are in no group are measured when a word names them.
    """
    known = {case.name: case for case in all_cases() if case.path.exists()}
    found = [BenchCase(group, known.pop(name)) for group, names in GROUPS.items() for name in names if name in known]
    if not words:
        return found
    found += [BenchCase("others", case) for case in known.values()]
    exact = [bench for bench in found if bench.name in words]
    return exact or [bench for bench in found if any(word in bench.name for word in words)]
