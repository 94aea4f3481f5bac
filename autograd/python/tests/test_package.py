"""The package itself: documentation, types, what it needs."""

import ast
import doctest
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import gradproof
import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
MODULES = [
    "gradproof",
    "gradproof.depth._theory",
    "gradproof.depth._flow",
    "gradproof._check",
    "gradproof._report",
    "gradproof._testing",
]
PACKAGE = pathlib.Path(gradproof.__file__).parent


@pytest.mark.parametrize("name", [*MODULES, "gradproof._torch", "gradproof._jax"])
def test_examples_of_the_documentation(name):
    framework = name.removeprefix("gradproof._")
    if framework in ("torch", "jax"):
        pytest.importorskip(framework, reason=f"{framework} is not installed")
    with np.printoptions(legacy=False):
        result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0


def test_the_readme_runs():
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        for framework in ("torch", "jax"):
            if f"import {framework}" in block:
                pytest.importorskip(framework, reason=f"{framework} is not installed")
        exec(compile(block, "README.md", "exec"), names)


def test_public_functions_are_documented_and_typed():
    for name in gradproof.__all__:
        thing = getattr(gradproof, name)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)):
            continue
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            assert signature.return_annotation is not inspect.Signature.empty, name
            for parameter in signature.parameters.values():
                assert parameter.annotation is not inspect.Parameter.empty, (name, parameter)
                assert re.search(rf"\b{parameter.name}\b", thing.__doc__), (name, parameter)


def test_the_stub_describes_the_compiled_module():
    tree = ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8"))
    core = gradproof._core
    stubs = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(stubs) == {name for name in dir(core) if not name.startswith("_")}
    for name, node in stubs.items():
        thing = getattr(core, name)
        assert ast.get_docstring(node), name
        if isinstance(node, ast.ClassDef):
            methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
            assert set(methods) == {m for m in vars(thing) if not m.startswith("_")}, name
            for method in methods.values():
                same_parameters(method, getattr(thing, method.name))
        else:
            same_parameters(node, thing)


def same_parameters(node, thing):
    """Assert that a stub has the parameters of the function it describes."""
    real = [name for name in inspect.signature(thing).parameters]
    assert [a.arg for a in node.args.posonlyargs + node.args.args] == real, node.name


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    text, _, status = mypy.run(["--strict", "--ignore-missing-imports", str(PACKAGE)])
    assert status == 0, text


def test_frameworks_are_imported_only_where_they_are_used():
    code = "import sys, gradproof; print(*[m for m in ('torch', 'jax', 'scipy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize(("name", "check"), [("torch", "check_torch"), ("torch", "check_module"), ("jax", "check_jax")])
def test_a_missing_framework_is_named(name, check, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"{check} needs the package {name}"):
        getattr(gradproof, check)(np.sin, np.ones(1))
