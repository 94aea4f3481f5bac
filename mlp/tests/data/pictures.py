"""Small pictures by Pillow, and the pixels that it reads in them, as text, for tests/it/pictures.rs.

    python pictures.py > pictures.json
"""

import io
import json

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
grey = np.add.outer(np.arange(6) * 20, np.arange(9) * 12).astype("uint8")
rgb = np.stack([grey, 255 - grey, grey // 2 + 40], axis=-1)
noise = rng.integers(0, 256, (6, 9, 3), dtype="uint8")
opaque = np.concatenate([rgb, np.full((6, 9, 1), 255, "uint8")], axis=-1)
glass = opaque.copy()
glass[2, 3, 3] = 254
CASES = {}


def record(name, image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    read = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    CASES[name] = {"bytes": file.getvalue().hex(), "rgb": np.asarray(read).tolist(), "grey": np.asarray(read.convert("L")).tolist()}


record("grey.png", Image.fromarray(grey), format="PNG")
record("rgb.png", Image.fromarray(noise), format="PNG")
record("opaque.png", Image.fromarray(opaque), format="PNG")
record("transparent.png", Image.fromarray(glass), format="PNG")
record("palette.png", Image.fromarray(rgb).quantize(16), format="PNG")
record("bits.png", Image.fromarray(grey > 100), format="PNG")
record("grey.jpg", Image.fromarray(grey), format="JPEG", quality=95)
record("rgb.jpeg", Image.fromarray(rgb), format="JPEG", quality=95)
record("progressive.JPG", Image.fromarray(rgb), format="JPEG", quality=95, progressive=True, subsampling=0)
print(json.dumps(CASES))
