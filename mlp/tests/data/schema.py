"""What scikit-learn makes of a table with missing values, for tests/it/schema.rs.

    python schema.py > schema.json
"""

import json

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

rng = np.random.default_rng(0)


def table(n):
    """Numbers with gaps, and names; the last rows have names that no training row has."""
    numbers = np.round(rng.normal(3, 2, n), 2)
    numbers[rng.random(n) < 0.2] = np.nan
    kinds = rng.choice(["rose", "iris", "lily"], n)
    return numbers, kinds


def text(numbers, kinds):
    cells = ["NA" if np.isnan(x) else repr(float(x)) for x in numbers]
    return "x,kind\n" + "".join(f"{x},{kind}\n" for x, kind in zip(cells, kinds))


train, test = table(31), table(12)
test[1][-2:] = "fern"
fills = {"mean": "mean", "median": "median", "most_frequent": "most_frequent"}
scalers = {"standard": StandardScaler, "min_max": MinMaxScaler, "robust": RobustScaler}
cases = {"train": text(*train), "test": text(*test), "numeric": {}}
for fill, strategy in fills.items():
    for scale, scaler in scalers.items():
        pipeline = make_pipeline(SimpleImputer(strategy=strategy, add_indicator=False), scaler())
        pipeline.fit(train[0][:, None])
        cases["numeric"][f"{fill} {scale}"] = pipeline.transform(test[0][:, None])[:, 0].tolist()
one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[1][:, None])
cases["one_hot"] = one_hot.transform(test[1][:, None]).tolist()
ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=3).fit(train[1][:, None])
cases["ordinal"] = ordinal.transform(test[1][:, None])[:, 0].tolist()
print(json.dumps(cases, indent=1))
