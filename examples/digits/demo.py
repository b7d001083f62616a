"""Compile a trained model for this machine and for 64-bit ARM, and run it: ``make demo``."""

from __future__ import annotations

import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import onnxc

HERE = Path(__file__).resolve().parent
MODEL = HERE / "digits_cnn_trained.onnx"

#: Where Debian's package libc6-arm64-cross puts the C library for ARM.
ARM_LIBRARIES = Path("/usr/aarch64-linux-gnu")


def main(build: Path) -> None:
    test_set = np.load(HERE / "digits_cnn_testset.npz")
    images, labels = test_set["x"], test_set["y"]
    on_this_machine(build / "host", images, labels)
    on_arm(build / "aarch64", images, labels)


def on_this_machine(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    start = time.perf_counter()
    library = onnxc.compile(MODEL, name="digits", output=folder)
    print(f"{library} for this machine, in {time.perf_counter() - start:.1f} s")

    model = onnxc.load(library)
    found, times = [], []
    for image in images:
        start = time.perf_counter()
        outputs = model(image[None])
        times.append(time.perf_counter() - start)
        found.append(outputs["output"].argmax())
    report(np.array(found), labels)
    print(f"  {1e6 * statistics.median(times):.0f} us an image, called from Python")


def on_arm(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    start = time.perf_counter()
    library = onnxc.compile(MODEL, "aarch64", name="digits", output=folder, emit="a")
    program = folder / "digits"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.28", "-O2"]
    subprocess.run(
        [*compiler, HERE / "digits.c", f"-I{folder}", library, "-lm", "-lpthread", "-o", program], check=True
    )
    print(f"{library} and {program} for 64-bit ARM, in {time.perf_counter() - start:.1f} s")

    emulator: list[str | Path] = []
    if platform.machine() != "aarch64":
        if shutil.which("qemu-aarch64") is None or not ARM_LIBRARIES.is_dir():
            print("  (not run here: that takes 'apt install qemu-user libc6-arm64-cross')")
            return
        emulator = ["qemu-aarch64", "-L", ARM_LIBRARIES]
    done = subprocess.run([*emulator, program], input=images.tobytes(), stdout=subprocess.PIPE, check=True)
    report(np.array(done.stdout.split(), dtype=int), labels)


def report(found: np.ndarray, labels: np.ndarray) -> None:
    right = np.count_nonzero(found == labels)
    print(f"  {right} of {len(labels)} images recognised: {right / len(labels):.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build") / "demo")
