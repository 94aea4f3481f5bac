"""Files of arrays by NumPy, and IDX files, as text, for tests/it/arrays.rs.

    python arrays.py > arrays.json
"""

import gzip
import io
import json
import struct

import numpy as np

CASES = {}


def record(name, data, arrays):
    """Writes down the bytes of a file, and what is in it."""
    told = {key: {"shape": list(x.shape), "values": [float(v) for v in x.ravel()]} for key, x in arrays.items()}
    CASES[name] = {"bytes": data.hex(), "arrays": told}


def npy(x, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, x, version=version)
    return file.getvalue()


def idx(code, x, kind):
    head = bytes([0, 0, code, x.ndim]) + b"".join(struct.pack(">I", n) for n in x.shape)
    return head + x.astype(kind).tobytes()


x = np.arange(6.0).reshape(2, 3) * 1.25 - 2
for kind in ["<f4", ">f4", "<f8", ">f8"]:
    record(f"npy {kind}", npy(x.astype(kind)), {"": x})
whole = np.array([[-128, 0, 5], [7, 100, 127]])
for kind in ["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8"]:
    record(f"npy {kind}", npy(whole.astype(kind)), {"": whole})
for kind in ["u1", "<u2", ">u4", "<u8"]:
    record(f"npy {kind}", npy((whole + 128).astype(kind)), {"": whole + 128})
record("npy bool", npy(whole > 3), {"": whole > 3})
deep = np.arange(24.0).reshape(2, 3, 4)
record("npy fortran", npy(np.asfortranarray(deep)), {"": deep})
record("npy fortran vector", npy(np.asfortranarray(deep[0, 0])), {"": deep[0, 0]})
record("npy scalar", npy(np.array(2.5)), {"": np.array(2.5)})
record("npy empty", npy(np.zeros((0, 3))), {"": np.zeros((0, 3))})
record("npy version 2", npy(x, version=(2, 0)), {"": x})
record("npy version 3", npy(x, version=(3, 0)), {"": x})
for name, save in [("npz", np.savez), ("npz compressed", np.savez_compressed)]:
    file = io.BytesIO()
    save(file, x=x, labels=whole, deep=np.asfortranarray(deep))
    record(name, file.getvalue(), {"x": x, "labels": whole, "deep": deep})
pictures = np.arange(12).reshape(3, 2, 2) * 20
for code, kind in [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]:
    told = pictures % 100 if code == 9 else pictures
    record(f"idx {code}", idx(code, told, kind), {"": told})
record("idx packed", gzip.compress(idx(8, pictures, "u1"), mtime=0), {"": pictures})
print(json.dumps(CASES))
