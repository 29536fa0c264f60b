"""Progress bars: silent off a terminal, true on one."""

import io
import sys

import pytest

import crmlytics as crm
from crmlytics import _progress
from crmlytics.rules import _itemsets


class Terminal(io.StringIO):
    def isatty(self):
        return True


def stand_in(monkeypatch, patience=0):
    """Put a terminal in the place of standard error; a fixture would come before pytest's own."""
    seen = Terminal()
    monkeypatch.setattr(sys, "stderr", seen)
    monkeypatch.setattr(_progress, "_PATIENCE", patience)
    return seen


def test_nothing_is_shown_off_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_PATIENCE", 0)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    with _progress.bar(3, "f", "products") as tell:
        for _ in range(3):
            tell(1)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_terminal_shows_who_works_and_how_far_it_is(monkeypatch):
    terminal = stand_in(monkeypatch)
    with _progress.bar(4, "frequent_itemsets", "products") as tell:
        tell(1)
        tell(3)
        assert "frequent_itemsets" in terminal.getvalue()
        assert "0/4" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")  # nothing of it is left


def test_a_notebook_shows_it_too(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_PATIENCE", 0)
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    with _progress.bar(4, "f", "products"):
        pass
    assert "0/4" in capsys.readouterr().err


def test_quick_work_shows_nothing(monkeypatch):
    terminal = stand_in(monkeypatch, patience=2.0)
    with _progress.bar(2, "f", "products") as tell:
        tell(2)
    assert not terminal.getvalue().strip()


def test_miners_show_their_products(monkeypatch):
    terminal = stand_in(monkeypatch)
    crm.rules.frequent_itemsets([["a", "b"], ["b", "c"]], min_support=1)
    assert "frequent_itemsets" in terminal.getvalue()
    assert "0/3" in terminal.getvalue()  # a step for each frequent product


@pytest.mark.parametrize("first", [0, 10**9])
def test_every_miner_tells_all_its_products(monkeypatch, first):
    if first == 0:
        pytest.importorskip("numba")
    monkeypatch.setattr(_itemsets, "_COMPILED_FROM", first)
    told = []
    engine = _itemsets._engine(1)

    def telling(lines, least, longest, budget, tell):
        def both(steps):
            told.append(steps)
            tell(steps)

        return engine(lines, least, longest, budget, both)

    monkeypatch.setattr(_itemsets, "_engine", lambda _: telling)
    crm.rules.frequent_itemsets([["a", "b"], ["b", "c"], ["c", "d"]], min_support=1)
    assert sum(told) == 4


def test_an_error_ends_the_bar(monkeypatch):
    terminal = stand_in(monkeypatch)
    with pytest.raises(ZeroDivisionError), _progress.bar(4, "f", "products"):
        raise ZeroDivisionError
    assert terminal.getvalue().endswith("\r")
