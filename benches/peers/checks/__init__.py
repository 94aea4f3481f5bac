"""The trials of the Rust suite in Python: what is checked, in which libraries, and the proof that it is right or wrong.

- `backends` — NumPy, PyTorch, JAX and mpmath behind one name
- `case` — what a case is, and its points
- `wrong`, `wrong_places`, `wrong_rules`, `right`, `right_rough`, `right_small`, `right_solvers` — the cases, file by
  file as in `autograd/tests/it/trials`
- `checkers` — SciPy's `check_grad`, PyTorch's `gradcheck`, JAX's `check_grads`
- `proof` — each gradient beside one of 250 digits
"""

from . import right, right_rough, right_small, right_solvers, wrong, wrong_places, wrong_rules

WRONG = wrong.CASES + wrong_places.CASES + wrong_rules.CASES
RIGHT = right.CASES + right_rough.CASES + right_small.CASES + right_solvers.CASES
