"""The notebooks' cells as programs, with the frameworks that are there."""

import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[3] / "examples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("python_*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_a_notebook_runs(notebook, capsys):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    names = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert capsys.readouterr().out.endswith("notebook finished\n")


def test_the_notebooks_are_found():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_outputs(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    text = json.dumps(outputs)
    assert len(outputs) > 4 and "notebook finished" in text
    assert "stderr" not in text and '"error"' not in text
    assert not any(word in text for word in ("/tmp/", "/home/", "/root/", "site-packages"))
