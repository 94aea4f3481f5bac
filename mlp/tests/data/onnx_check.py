"""What onnxruntime computes with the ONNX files that tests/it/onnx has written, beside what this crate computes.

    MLP_ONNX=/tmp/ours cargo test -p mlp --features onnx --test it onnx::
    python onnx_check.py /tmp/ours

Each NAME.onnx has a NAME.npz: inputs `x.…` and outputs `y.…` by name, in f64. Differences are relative to the largest
number of an output. Fails above 1e-6 in f32. Of the files in f64 it says which operators the runtime lacks.
"""

import pathlib
import re
import sys

import numpy as np
import onnx
import onnxruntime

MOST = 1e-6
LACKS = re.compile(r"implementation for (\w+)\(|(\w+) operator does not support double")


def difference(found, expected):
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert np.isfinite(found).all()
    return np.abs(found.astype(np.float64) - expected).max() / max(np.abs(expected).max(), 1e-30)


def arrays(path):
    with np.load(path) as file:
        return [{name[2:]: file[name] for name in file if name[0] == kind} for kind in "xy"]


def run(path, number, inputs, expected):
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    if len(inputs) == len(expected) == 1:  # a network has names of its own
        inputs, expected = {session.get_inputs()[0].name: next(iter(inputs.values()))}, {names[0]: next(iter(expected.values()))}
    assert set(names) == set(expected), (names, list(expected))
    inputs = {name: x.astype(number) for name, x in inputs.items()}
    samples = len(next(iter(inputs.values())))
    worst = 0.0
    # All samples; the first alone; and all twice: the first axis is open.
    for some in [lambda x: x, lambda x: x[:1], lambda x: np.concatenate([x, x])]:
        found = session.run(names, {name: some(x) for name, x in inputs.items()})
        for name, y in zip(names, found):
            assert y.dtype == number, y.dtype
            if len(expected[name]) == samples:
                worst = max(worst, difference(y, some(expected[name])))
    return worst


def main(folder):
    paths = sorted(path for path in folder.glob("*.onnx") if not path.name.endswith(".f64.onnx"))
    assert paths, f"no files in {folder}; see above"
    worst, failed = ("", 0.0), []
    wide_worst, wide, lacking = ("", 0.0), 0, set()
    for path in paths:
        name = path.name.removesuffix(".onnx")
        inputs, expected = arrays(folder / f"{name}.npz")
        found = run(path, np.float32, inputs, expected)
        worst = max(worst, (name, found), key=lambda pair: pair[1])
        if not found <= MOST:
            failed.append(f"{name}: {found:.2e}")
        double = folder / f"{name}.f64.onnx"
        if double.exists():
            try:
                found = run(double, np.float64, inputs, expected)
            except Exception as error:  # the runtime has no class for it
                lacks = LACKS.search(str(error))
                if lacks is None:
                    raise
                lacking.add(lacks[1] or lacks[2])
                continue
            wide += 1
            wide_worst = max(wide_worst, (name, found), key=lambda pair: pair[1])
            if not found <= MOST:
                failed.append(f"{name} in f64: {found:.2e}")
    print(f"onnx: {len(paths)} files in f32, largest difference {worst[1]:.1e} ({worst[0]})")
    print(f"onnx: {wide} files in f64, largest difference {wide_worst[1]:.1e} ({wide_worst[0]})")
    print(f"onnx: onnxruntime {onnxruntime.__version__} lacks in f64: {', '.join(sorted(lacking)) or 'none'}")
    if failed:
        sys.exit("onnx: above 1e-6: " + "; ".join(failed))


main(pathlib.Path(sys.argv[1]))
