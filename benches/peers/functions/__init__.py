"""Functions with derivatives by hand, the trials of `check::Function` in NumPy: what is checked, and how.

- `case` — what a case is, and the functions that several share
- `wrong`, `right`, `rough`, `ways`, `single` — the cases, file by file as in `autograd/tests/it/trials/functions_*.rs`
- `checkers` — ours, PyTorch's `gradcheck`, JAX's `check_grads`, SciPy's `check_grad`
"""

from . import right, rough, single, ways, wrong

WRONG = wrong.CASES + ways.WRONG + single.WRONG
RIGHT = right.CASES + ways.RIGHT + rough.CASES + single.RIGHT
