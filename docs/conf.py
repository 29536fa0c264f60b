"""How the documentation is built: ``make docs``, without network, warnings as errors."""

import shutil
from pathlib import Path
from typing import Any

import crmlytics

HERE = Path(__file__).parent

project = "crmlytics"
author = "The crmlytics developers"
copyright = "the crmlytics developers, BSD-3-Clause"
release = version = crmlytics.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "matplotlib.sphinxext.plot_directive",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
default_role = "py:obj"
smartquotes = False  # words of options are typed as they stand

# Reference: one page a function, from its docstring.
autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Notebooks and executed pages: run each time, since a cache would not see changes of the library.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars
nb_render_markdown_format = "myst"
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Plots in guides: the code of the page itself, which pytest runs as a doctest.
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 144)]
plot_rcparams = {"savefig.bbox": "tight"}
plot_apply_rcparams = True

html_theme = "pydata_sphinx_theme"
html_title = "crmlytics"
html_static_path = ["_static"]
html_css_files = ["crmlytics.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
}


def copy_notebooks(_app: Any) -> None:
    """Bring the notebooks beside the pages, where Sphinx finds them (an ignored folder)."""
    there = HERE / "notebooks"
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir()
    for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, there)


def trim(_app: Any, doctree: Any) -> None:
    """Take off the empty line that a doctest needs before the closing fence of Markdown."""
    from docutils import nodes

    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        block.rawsource = text
        block.children = []
        block.append(nodes.Text(text))


def write_math(translator: Any, node: Any, *, block: bool) -> None:
    """Write a formula as MathML, which browsers read themselves: no script, no network."""
    from docutils import nodes
    from docutils.utils.math import latex2mathml

    formula = latex2mathml.tex2mathml(node.astext(), as_block=block)
    translator.body.append(f'<div class="math-block">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Register what Sphinx does not have."""
    app.connect("builder-inited", copy_notebooks, priority=1)
    app.connect("doctree-read", trim)
    app.add_html_math_renderer(
        "mathml",
        (lambda translator, node: write_math(translator, node, block=False), None),
        (lambda translator, node: write_math(translator, node, block=True), None),
    )
