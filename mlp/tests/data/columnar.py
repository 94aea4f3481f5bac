"""Files of Arrow and Parquet as pyarrow writes them, for tests/it/columnar.rs.

    pip install pyarrow
    python columnar.py    # writes four files beside this script
"""

import datetime
import decimal
import pathlib

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

FOLDER = pathlib.Path(__file__).resolve().parent

day = datetime.date
table = pa.table(
    {
        "width": pa.array([1.5, None, float("nan"), 1e300, 0.1]),
        "petals": pa.array([3, 5, None, -7, 2**53], pa.int64()),
        "size": pa.array([0.1, 2.0, 3.5, None, -0.25], pa.float32()),
        "wild": pa.array([True, False, None, True, False]),
        "kind": pa.array(["rose", "iris", " lily, wild ", "", None]),
        "colour": pa.array(["red", "blue", None, "red", "blue"]).dictionary_encode(),
        "price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.05"), decimal.Decimal("3.00"), decimal.Decimal("0.00")]),
        "picked": pa.array([day(2026, 11, 30), None, day(1969, 12, 31), day(2000, 2, 29), day(1, 1, 1)]),
        "seen": pa.array([datetime.datetime(2026, 11, 30, 12, 30, 0, 250_000), None] + [datetime.datetime(1970, 1, 1)] * 3),
        "sold": pa.array([datetime.datetime(2026, 1, 2, 3, 4, 5)] * 5, pa.timestamp("s", tz="Europe/Berlin")),
        "at": pa.array([datetime.time(12, 30), None] + [datetime.time(0, 0, 1)] * 3),
        "nothing": pa.nulls(5),
    }
)

# Two batches each, packed as pyarrow packs by itself: Snappy there, LZ4 here.
pa.parquet.write_table(table, FOLDER / "flowers.parquet", row_group_size=3)
pa.feather.write_feather(table, FOLDER / "flowers.feather", chunksize=3)

# What only builds with the feature `zstd` unpack.
packed = pa.table({"x": pa.array(range(1000))})
pa.parquet.write_table(packed, FOLDER / "zstd.parquet", compression="zstd")
pa.feather.write_feather(packed, FOLDER / "zstd.feather", compression="zstd")
