import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.errors import ColumnError, OptionError

draw = crm.segmentation.plot_lifecycle


def texts(labels):
    return [label.get_text() for label in labels]


def test_stages_stand_in_the_order_of_life(make_eager):
    table = make_eager({"stage": ["lost", "prospect", "vip", None, "advocate", "lost"]})
    ax = draw(table)
    assert texts(ax.get_yticklabels()) == ["prospect", "advocate", "lost", "vip", "unknown"]
    assert texts(ax.texts)[2] == "2 (33%)"
    assert ax.get_title() == "Customers by stage of life"


def test_revenue_beside_customers():
    table = pd.DataFrame({"stage": ["new", "lost", "new"], "spent": [30.0, 10.0, None]})
    ax = draw(table, monetary_col="spent")
    assert texts(ax.texts) == ["2 (67%)", "1 (33%)", "30 (75%)", "10 (25%)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["customers", "spent"]


def test_names_of_other_alphabets():
    table = pd.DataFrame({"مرحله": ["מנויים חדשים", "مشتریان وفادار", "مشتریان وفادار"]})
    ax = draw(table, stage_col="مرحله")
    assert texts(ax.get_yticklabels()) == ["מנויים חדשים", "مشتریان وفادار"]
    assert ax.get_ylabel() == "مرحله"
    ax.figure.canvas.draw()  # a letter without a glyph would warn


def test_empty_and_wrong():
    assert draw(pd.DataFrame({"stage": pd.Series([], dtype="str")})).texts[0].get_text()
    with pytest.raises(ColumnError, match=r"^plot_lifecycle: no column 'stage' \(stage_col\)"):
        draw(pd.DataFrame({"segment": ["new"]}))
    with pytest.raises(OptionError, match=r"^plot_lifecycle: ax must be"):
        draw(pd.DataFrame({"stage": ["new"]}), ax=3)
