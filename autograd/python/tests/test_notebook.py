"""The notebook's cells as a program, with the frameworks that are there."""

import json
import pathlib

import pytest

pytest.importorskip("IPython", reason="IPython is not installed, which draws the notebook's table")
NOTEBOOK = pathlib.Path(__file__).parents[3] / "examples/notebooks/python_gradient_check.ipynb"


@pytest.mark.filterwarnings("default")
def test_the_notebook_runs(capsys):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert len(names["rows"]) >= 9
    assert capsys.readouterr().out.endswith("notebook finished\n")


def test_the_notebook_is_kept_with_its_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    text = json.dumps(outputs)
    assert len(outputs) > 12 and "notebook finished" in text
    assert "stderr" not in text and '"error"' not in text
    assert not any(word in text for word in ("/tmp/", "/home/", "/root/", "site-packages"))
