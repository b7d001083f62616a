"""The C compiler of this machine, for tests that compile C themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

ZIG = [sys.executable, "-m", "ziglang", "cc"]

#: What ``CC`` names, else cc, else Zig, which is installed with the tests.
COMPILER = shlex.split(os.environ["CC"]) if os.environ.get("CC") else ["cc"] if shutil.which("cc") else ZIG
