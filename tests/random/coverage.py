"""Which operators random graphs have:  python -m tests.random.coverage [COUNT]

Makes so many graphs, compiles none, and prints how often each operator of the standard is in one, and
why others are not.
"""

from __future__ import annotations

import argparse
from collections import Counter

import onnx

from tests.random.model import all_nodes
from tests.random.registry import families

#: Operators that no generator has, and why.
OMITTED = {
    ("", "Bernoulli"): "random",
    ("", "Multinomial"): "random",
    ("", "RandomNormal"): "random",
    ("", "RandomNormalLike"): "random",
    ("", "RandomUniform"): "random",
    ("", "RandomUniformLike"): "random",
    ("", "ImageDecoder"): "files of images; tests/images",
    ("", "Scatter"): "deprecated",
    ("ai.onnx.preview", "FlexAttention"): "graphs of scores as attributes, on a preview of the standard",
    ("", "Upsample"): "deprecated",
    ("ai.onnx.ml", "CastMap"): "maps; tests/ml/test_maps.py",
    ("ai.onnx.ml", "DictVectorizer"): "maps; tests/ml/test_maps.py",
    ("ai.onnx.ml", "ZipMap"): "maps; tests/ml/test_maps.py",
    ("ai.onnx.ml", "SVMClassifier"): "ONNX Runtime decides what is vague, not the evaluator; tests/ml/test_svm.py",
    **{
        ("ai.onnx.preview.training", name): "training; tests/ml/test_gradient.py and the onnx package's cases"
        for name in ("Adagrad", "Adam", "Gradient", "Momentum")
    },
}


def standard() -> set[tuple[str, str]]:
    """All operators of the standard."""
    return {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas()}


def declared() -> set[tuple[str, str]]:
    """Operators that generators have."""
    return {operator for family in families() for operator in family.operators if operator[0] != "local"}


def emitted(count: int) -> Counter[tuple[str, str]]:
    """How many of so many graphs have each operator."""
    from tests.random.search import seeded

    found: Counter[tuple[str, str]] = Counter()
    for seed in range(count):
        found.update({(node.domain, node.op_type) for node in all_nodes(seeded(seed, 8).proto.graph.node)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    options = parser.parse_args()
    found = emitted(options.count)
    for family in families():
        counts = [f"{name} {found[domain, name]}" for domain, name in family.operators]
        print(f"{family.name}: {', '.join(counts)}")
    for (domain, name), reason in OMITTED.items():
        print(f"not {domain}{'.' if domain else ''}{name}: {reason}")
    have = {operator for operator in standard() if found[operator]}
    print(f"{len(have)} of {len(standard())} operators of the standard are in one of {options.count} graphs")
    missing = sorted(standard() - have - set(OMITTED))
    print(f"in none, though there is a generator: {', '.join(name for _, name in missing) or 'no others'}")


if __name__ == "__main__":
    main()
