"""The models that are measured, and what each runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.models.catalogue import Feeds, ModelCase, all_cases, text

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

#: Of the runs in the catalogue, the one that is measured: the first has the batch that users have, others are there
#: for correctness. Not so for sentences, the second of which is the longer one.
_RUN = {"bert_base": 1}


@dataclass(frozen=True)
class BenchCase:
    """A model and its inputs."""

    group: str
    case: ModelCase

    @property
    def name(self) -> str:
        return self.case.name

    def feeds(self) -> Feeds:
        return self.case.feeds()[_RUN.get(self.name, 0)]


def bench_cases(words: Sequence[str] = ()) -> list[BenchCase]:
    """Models whose names contain one of the words, all without any; only those whose files are there.

    Models that are in no group are measured when a word names them.
    """
    known = {case.name: case for case in all_cases() if case.path.exists()}
    known = {name: _with_length(case) for name, case in known.items()}
    found = [BenchCase(group, known.pop(name)) for group, names in GROUPS.items() for name in names if name in known]
    if not words:
        return found
    found += [BenchCase("others", case) for case in known.values()]
    exact = [bench for bench in found if bench.name in words]
    return exact or [bench for bench in found if any(word in bench.name for word in words)]


def _with_length(case: ModelCase) -> ModelCase:
    """gpt2 on a prompt of 32 tokens, as everybody measures it."""
    if case.name != "gpt2_small":
        return case
    return replace(case, inputs=_prompt)


def _prompt(rng: np.random.Generator) -> list[Feeds]:
    return text({"input_ids": 50257}, [32], rng)
