"""Rules of the house that a linter does not know: sizes, the vocabulary, light imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "crmlytics"
FILES = sorted(SOURCE.rglob("*.py"))
GROUPING = {"agg", "over", "unique", "join", "collect", "group_by"}


def _name(path):
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_fits_in_a_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_function_fits_on_a_screen(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        has_doc = ast.get_docstring(node, clean=False) is not None
        body = node.body[1:] if has_doc else node.body
        if body:
            code = lines[body[0].lineno - 1 : node.end_lineno]
            size = sum(1 for line in code if line.strip() and not line.strip().startswith("#"))
            assert size <= 60, f"{node.name} has {size} lines"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_one_module_groups_through_narwhals(path):
    """Conditions inside aggregations and unordered windows are silently wrong on some engines."""
    text = path.read_text(encoding="utf-8")
    if path.name == "_lazy.py" or "narwhals" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            is_helper = isinstance(owner, ast.Name) and owner.id in {"_lazy", "np"}
            is_text = isinstance(owner, ast.Constant | ast.JoinedStr)
            assert node.func.attr not in GROUPING or is_helper or is_text, (
                f"line {node.lineno}: .{node.func.attr}( belongs into _lazy.py"
            )


def _modules_after(code):
    script = f"{code}\nimport sys; print(' '.join(sys.modules))"
    run = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in run.stdout.split()} | set(run.stdout.split())


def test_import_crmlytics_stays_light():
    loaded = _modules_after("import crmlytics")
    heavy = {"pandas", "numpy", "sklearn", "nltk", "matplotlib", "scipy", "pyarrow", "narwhals"}
    assert not loaded & heavy


def test_segmentation_needs_no_heavy_room():
    code = (
        "import pandas as pd, crmlytics as crm\n"
        "t = pd.DataFrame({'customer_id': [1], 'order_id': [1], 'amount': [1.0],"
        " 'date': pd.to_datetime(['2026-01-01'])})\n"
        "crm.segmentation.rfm(t)"
    )
    assert not _modules_after(code) & {"sklearn", "statsmodels", "nltk", "matplotlib.pyplot"}
