"""The CDNOW purchase histories, the yardstick of the literature on buying till you die."""

from typing import Literal

import pandas as pd

from crmlytics.datasets import _options
from crmlytics.datasets._packages import data_file

_SAMPLE_COLUMNS = ["master_id", "customer_id", "date", "quantity", "amount"]
_MASTER_COLUMNS = ["customer_id", "date", "quantity", "amount"]


def load_cdnow(which: Literal["sample", "master"] = "sample") -> pd.DataFrame:
    """Purchases of the CDs shop CDNOW, 1997-01-01 to 1998-06-30.

    All customers made their first purchase in the first quarter of 1997 and are followed for 78
    weeks. The models of :mod:`crmlytics.btyd` were published on this table, so that it tells
    whether a fit is right.

    Parameters
    ----------
    which : {"sample", "master"}, default "sample"
        ``"sample"`` is the systematic tenth that the papers use; ``"master"`` the whole cohort.

    Returns
    -------
    pandas.DataFrame
        One row per purchase, sorted by customer and date; rows of one customer and day stand as in
        the file. The sample has 6,919 rows of 2,357 customers, the master 69,659 of 23,570.

        - ``customer_id`` (int64): 1 to 2,357 in the sample, which numbers its customers anew, and 1
          to 23,570 in the master. The two are not the same numbers.
        - ``date`` (datetime64[us]): day of the purchase.
        - ``quantity`` (int64): CDs bought.
        - ``amount`` (float64): US dollars. 8 rows of the sample and 80 of the master are 0
          (promotions).

    Raises
    ------
    OptionError
        ``which`` is another word.
    DataError
        The package ``lifetimes``, whose files are read, is not installed.

    See Also
    --------
    load_complete_journey : a grocer's baskets, products, customers and campaigns.
    simulate_shop : tables of every kind whose truth is known.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy
       way: an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.
    .. [2] Fader, P. S. and Hardie, B. G. S. (2001). Forecasting repeat sales at CDNOW: a case
       study. Interfaces 31(3), S94-S107.

    Examples
    --------
    >>> import crmlytics as crm
    >>> cdnow = crm.datasets.load_cdnow()
    >>> cdnow.head(2)
       customer_id       date  quantity  amount
    0            1 1997-01-01         2   29.33
    1            1 1997-01-18         2   29.73
    >>> len(cdnow), cdnow["customer_id"].nunique()
    (6919, 2357)
    """
    word = _options.one_of("load_cdnow", "which", which, ("sample", "master"))
    path = data_file(
        "load_cdnow",
        module="lifetimes",
        package="lifetimes",
        folder="datasets",
        name=f"CDNOW_{word}.txt",
    )
    purchases = pd.read_csv(
        path,
        sep=r"\s+",
        header=None,
        skiprows=1 if word == "master" else 0,  # only the master file has a header line
        dtype={"date": "str"},
        names=_MASTER_COLUMNS if word == "master" else _SAMPLE_COLUMNS,
    )[_MASTER_COLUMNS]
    days = pd.to_datetime(purchases["date"], format="%Y%m%d").astype("datetime64[us]")
    return purchases.assign(date=days).sort_values(
        ["customer_id", "date"], kind="stable", ignore_index=True
    )
