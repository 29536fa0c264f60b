"""From tables to the three files of a report."""

import os
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw
from narwhals.stable.v2.typing import IntoDataFrame

from crmlytics import _checks, _columns
from crmlytics._version import __version__
from crmlytics.errors import DataError
from crmlytics.report import (
    _acquisition,
    _churn,
    _clusters,
    _clv,
    _definitions,
    _feedback,
    _funnel,
    _inputs,
    _kpi,
    _lifecycle,
    _loyalty,
    _page,
    _quality,
    _relationships,
    _rules,
    _segmentation,
    _service,
    _subscriptions,
)

if TYPE_CHECKING:
    import pandas as pd

# The page, from top to bottom. A room adds a module `_<room>.py` with a function from Inputs to
# Section, and a line here; what its Section holds in `customers` joins the customer table.
# None leaves a section out: its table was not handed over.
SECTIONS: tuple[Callable[[_inputs.Inputs], _page.Section | None], ...] = (
    _quality.section,
    _kpi.section,
    _kpi.cohorts,
    _funnel.section,
    _subscriptions.section,
    _acquisition.section,
    _segmentation.section,
    _clusters.section,
    _lifecycle.section,
    _clv.section,
    _churn.section,
    _rules.section,
    _loyalty.section,
    _feedback.section,
    _service.section,
    _relationships.section,
    _definitions.section,
)


class Report(NamedTuple):
    """Where the files of a report are."""

    report: Path
    customers: Path
    actions: Path


def build_report(
    *,
    transactions: IntoDataFrame,
    out_dir: str | os.PathLike[str],
    customers: IntoDataFrame | None = None,
    products: IntoDataFrame | None = None,
    interactions: IntoDataFrame | None = None,
    feedback: IntoDataFrame | None = None,
    campaigns: IntoDataFrame | None = None,
    subscriptions: IntoDataFrame | None = None,
    spend: IntoDataFrame | None = None,
    as_of: date | str | None = None,
    title: str = "Customer report",
    duplicates: str = "keep",
    customer_col: str = "customer_id",
    order_col: str = "order_id",
    date_col: str = "date",
    amount_col: str = "amount",
    product_col: str = "product_id",
) -> Report:
    """Write a report of the customers: a page, a customer table and a list of whom to contact.

    The transactions are checked and cleaned first: rows that cannot be used are dropped, and the
    page says how many and why. The files are written beside their place and moved there at the
    end, so that a failure leaves no half report.

    Parameters
    ----------
    transactions : table
        One row per order line. With a column "cost" (what the goods of the line cost, in money) the
        profit of each customer is added.
    out_dir : path
        Folder for the three files; made if it is not there.
    customers : table, optional
        One row a customer, also those without a purchase; joins ``customers.parquet``. Its numbers
        are used, with what was bought, to look for kinds of customers.
    feedback : table, optional
        What customers wrote: a column "text", and where they are there the id, the date and
        "score" (0 to 10). Adds whether they recommend (the Net Promoter Score, with "channel" and
        "language" where they are there), and how they feel, in English, Persian and Hebrew.
    interactions : table, optional
        Visits, contacts and tickets. With "event" (view, cart, checkout, purchase) and dates it
        adds how far customers come on the way to a purchase; with "opened_at",
        "first_response_at" and "resolved_at" how fast and how fully customers are served, and which
        relationships want attention.
    subscriptions : table, optional
        One row a subscription: the id, "start_date", "end_date" and "amount" (a month). Adds
        recurring revenue and its movements.
    spend : table, optional
        What winning customers cost: "channel", "date" and "cost". With "acquired_on" (and
        "channel") in `customers` it adds the cost of acquisition.
    products, campaigns : table, optional
        Received and counted on the page.
    as_of : date, default the last date of the transactions
        The day on which the questions are asked, inclusive; later rows are not used.
    title : str, default "Customer report"
        Title of the page.
    duplicates : {"keep", "drop"}, default "keep"
        Whether of rows that are equal in every column only one is used.
    customer_col, order_col, date_col, amount_col : str
        Names of the columns. Without a column "order_id", all that a customer buys on one day is
        one order.
    product_col : str, default "product_id"
        What was bought; without such a column nothing is said of products. Where `products` has a
        column "category", groups of products are compared.

    Returns
    -------
    Report
        A named tuple of paths: ``report`` (``report.html``, complete in itself),
        ``customers`` (``customers.parquet``: the id, ``recency_days``, ``frequency``,
        ``monetary``, ``first_date``, ``last_date``, ``r_score``, ``f_score``, ``m_score``,
        ``rfm_code``, ``rfm_score``, ``segment``, ``reason``; ``cluster`` (from 1),
        ``cluster_name``, where `customers` has 100 who bought and there are kinds; ``stage``,
        ``days_in_stage``; ``p_alive``, ``expected_purchases``,
        ``expected_spend``, ``clv``, ``clv_lower``, ``clv_upper``, ``clv_flag`` for the 365 days
        after `as_of`, where the data allow it; ``churn_probability``, ``value_at_risk``,
        ``churn_driver``; ``buy_again_1`` to ``buy_again_3``, ``offer_1`` to
        ``offer_3``, ``offer_because``, where products are known; ``sentiment``,
        ``sentiment_last``, ``texts``, ``share_negative``, ``last_complaint``, where `feedback` has
        customers and dates; ``profit``, where costs are known, and ``relationship_action``,
        ``relationship_reason``, where costs or tickets are; then columns of `customers`),
        ``actions`` (``actions.csv``: the id, ``action``, ``segment``, ``monetary``, ``reason``;
        at most 100 good customers gone quiet, by money).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type.
    DataError
        If a table cannot be read or the folder cannot be written.
    NotEnoughDataError
        If no row can be used.
    OptionError
        If an option has a value outside what it allows, or `as_of` lies before the data.

    See Also
    --------
    crmlytics.quality.check_transactions : the checks.
    crmlytics.segmentation.rfm : the segments.
    crmlytics.segmentation.lifecycle_stages : the stages.
    crmlytics.customers.relationship_review : what is proposed for relationships.
    crmlytics.kpi.clv : the value of customers.
    crmlytics.rules.fit_suggestions : what is offered.

    Examples
    --------
    >>> import tempfile
    >>> import crmlytics as crm
    >>> shop = crm.datasets.simulate_shop(n_customers=50, days=400)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = crm.report.build_report(transactions=shop.transactions, out_dir=folder)
    ...     [path.name for path in made]
    ['report.html', 'customers.parquet', 'actions.csv']
    """
    return write_report(
        transactions,
        out_dir,
        columns=_inputs.Columns(customer_col, order_col, date_col, amount_col, product_col),
        as_of=as_of,
        title=title,
        duplicates=duplicates,
        others={
            "customers": customers,
            "products": products,
            "interactions": interactions,
            "feedback": feedback,
            "campaigns": campaigns,
            "subscriptions": subscriptions,
            "spend": spend,
        },
    )[0]


def write_report(
    transactions: Any,
    out_dir: str | os.PathLike[str],
    *,
    columns: _inputs.Columns,
    as_of: Any,
    title: str,
    duplicates: str,
    others: dict[str, Any],
) -> tuple[Report, tuple[str, ...]]:
    """Write the files; return where they are and the sentences at the top of the page."""
    _checks.choice(duplicates, ("keep", "drop"), name="duplicates", caller=_inputs.CALLER)
    inputs = _inputs.gather(
        transactions, columns=columns, as_of=as_of, duplicates=duplicates, others=others
    )
    sections = [part for make in SECTIONS if (part := make(inputs)) is not None]
    subtitle = f"{inputs.first_day} to {inputs.as_of}, {inputs.n_rows:,} transaction lines"
    html = _page.page(title, subtitle, sections, __version__)
    table = _customer_table(inputs, sections)
    actions = next(part.actions for part in sections if part.actions is not None)
    folder = Path(out_dir)
    names = ("report.html", "customers.parquet", "actions.csv")
    _write(
        folder,
        {
            names[0]: lambda path: path.write_text(html, encoding="utf-8"),
            names[1]: lambda path: table.to_parquet(path, index=False),
            names[2]: lambda path: actions.to_csv(path, index=False, encoding="utf-8"),
        },
    )
    headlines = tuple(line for part in sections for line in part.headlines)
    return Report(*(folder / name for name in names)), headlines


def _customer_table(inputs: _inputs.Inputs, sections: list[_page.Section]) -> "pd.DataFrame":
    """One row a customer: what the sections found, then what the customers table says."""
    who = inputs.columns.customer
    parts = [part.customers for part in sections if part.customers is not None]
    table = parts[0]
    for part in parts[1:]:
        new = [column for column in part.columns if column == who or column not in table.columns]
        table = table.merge(part[new], on=who, how="outer", validate="one_to_one")
    known = inputs.others.get("customers")
    if known is None:
        return table
    if who not in known.columns:
        raise DataError(
            f"{_inputs.CALLER}: customers has no column {who!r} to join on; "
            f"it has {list(known.columns)}. Rename its id."
        )
    if known[who].duplicated().any() or known[who].isna().any():
        raise DataError(
            f"{_inputs.CALLER}: customers must have one row for each {who!r} and none without. "
            "Drop the others first."
        )
    families = [_columns.family(nw.from_native(t[who], series_only=True)) for t in (table, known)]
    if families[0] != families[1]:
        raise DataError(
            f"{_inputs.CALLER}: {who!r} holds {families[0]}s in transactions and {families[1]}s in "
            "customers, so that nobody would be found. Make them one type first."
        )
    new = [column for column in known.columns if column == who or column not in table.columns]
    joined = table.merge(known[new], on=who, how="outer", validate="one_to_one")
    return joined.sort_values(who).reset_index(drop=True)


def _write(folder: Path, files: dict[str, Callable[[Path], object]]) -> None:
    """Write beside, then rename."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as beside:
            for name, write in files.items():
                write(Path(beside) / name)
            for name in files:
                (Path(beside) / name).replace(folder / name)
    except OSError as error:
        raise DataError(
            f"{_inputs.CALLER}: cannot write to out_dir {str(folder)!r} ({error.strerror}). "
            "Choose a folder that can be written."
        ) from error
