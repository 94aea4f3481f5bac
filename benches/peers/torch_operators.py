"""PyTorch's operators that have a gradient, beside `autograd/OPERATORS.md`: `python benches/peers/torch_operators.py`, after
`pip install torch numpy expecttest`.

Prints their names with what the table says of each, and the counts. Fails if the table lacks one, or states other counts.
A name is counted once, whatever its variants and aliases. "One method" is a row with at most one call or operator.
"""

import re
import sys
from collections import Counter
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "autograd/OPERATORS.md"
ROW = re.compile(r"\| `([^`]+)` \| (.+?) \| (.*)\|")
CALL = re.compile(r"[A-Za-z_]\w*\(")
OPERATOR = re.compile(r" [-+*/] |(?<![\w.(\[ ])-(?=[a-z])|(?<=[( ])-(?=[a-z])")


def outside_brackets(code):
    """The code without what stands in brackets, which may be an argument."""
    while (inner := re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", code)) != code:
        code = inner
    return code


def kind(ours):
    """How the column "ours" says an operator."""
    if ours == "missing":
        return "missing"
    code = ours.strip("`")
    work = len(CALL.findall(code)) + len(OPERATOR.findall(outside_brackets(code)))
    alone = not code.startswith(("(", "let ")) and work <= 1
    return "one method" if alone else "composition"


def table():
    """The rows of the table: name, and how it is said."""
    rows = [match for line in TABLE.read_text().splitlines() if (match := ROW.match(line))]
    twice = [name for name, count in Counter(row[1] for row in rows).items() if count > 1]
    if twice:
        sys.exit(f"{TABLE.name} has two rows of: {', '.join(twice)}")
    return {row[1]: kind(row[2]) for row in rows}


def torch_names():
    """The distinct names of PyTorch's operators that have a gradient."""
    from torch.testing._internal.common_methods_invocations import op_db

    return sorted({operator.name for operator in op_db if operator.supports_autograd})


def main():
    rows, names = table(), torch_names()
    for name in names:
        print(f"{name:55} {rows.get(name, 'not in the table')}")
    counts = Counter(rows.get(name, "not in the table") for name in names)
    said = (
        f"Of {len(names)} operators, {counts['one method'] + counts['composition']} can be said: {counts['one method']} by one method or operator,"
        f" {counts['composition']} by a composition. {counts['missing']} are missing."
    )
    print(f"\n{said}")
    if lacking := [name for name in names if name not in rows]:
        sys.exit(f"{TABLE.name} lacks: {', '.join(lacking)}")
    if older := sorted(rows.keys() - set(names)):
        print(f"No longer among PyTorch's operators: {', '.join(older)}")
    if said not in " ".join(TABLE.read_text().split()):
        sys.exit(f"{TABLE.name} states other counts")


if __name__ == "__main__":
    main()
