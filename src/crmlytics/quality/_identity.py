"""One person behind several ids."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from narwhals.stable.v2.typing import IntoDataFrameT

from crmlytics import _checks, _columns, _frame, _result, _sentences
from crmlytics._frame import Source
from crmlytics.errors import ColumnError, OptionError
from crmlytics.quality import _identity_keys, _identity_persons, _identity_splink
from crmlytics.quality._identity_keys import Fields
from crmlytics.quality._identity_persons import Persons

_CALLER = "resolve_identity"
METHODS = ("keys", "splink")
_USUAL = (("email",), ("phone", "name"), ("name", "postcode"))


def resolve_identity(
    customers: IntoDataFrameT,
    *,
    match_on: Sequence[Sequence[str]] = _USUAL,
    previous: IntoDataFrameT | None = None,
    method: str = "keys",
    across_scripts: bool = True,
    max_records: int | None = 20,
    threshold: float = 0.99,
    customer_col: str = "customer_id",
    email_col: str = "email",
    phone_col: str = "phone",
    name_col: str = "name",
    postcode_col: str = "postcode",
) -> IntoDataFrameT:
    """Find the person behind several customer ids: one who bought as a guest, moved, or mistyped.

    Two records belong to one person if they are equal in all fields of one of the sets in
    `match_on`, or are both linked to a third. Fields are compared in one spelling, see Notes.

    Parameters
    ----------
    customers : table
        One row per customer id.
    match_on : list of lists of str, default [["email"], ["phone", "name"], ["name", "postcode"]]
        Sets of fields, the surest first. "email", "phone", "name" and "postcode" are the columns
        of these options; any other word is a column of the table, compared without differences of
        case, width and spaces. A record that lacks a field of a set is not linked by it.
    previous : table, optional
        An earlier answer, with the id and ``person_id``: persons keep their ids.
    method : {"keys", "splink"}, default "keys"
        "keys" links what is equal. "splink" also links what is alike, by the probability of a
        Fellegi-Sunter model that splink fits to the table; it needs the extra ``identity``.
    across_scripts : bool, default True
        Whether a name in Latin letters also matches one in Persian or Hebrew letters that has the
        same consonants, all other fields of the set being equal. Not used by "splink".
    max_records : int or None, default 20
        The most records that may share a key (2 or more); a key that more share, such as the phone
        of a switchboard or the address of a form, links nothing, and is counted in a warning.
        None: no limit. Raise it where one person may have many records, as guests have. With
        "splink" such a value is no reason to compare two records.
    threshold : float, default 0.99
        With "splink", the probability from which on two records are linked (0 to 1).
    customer_col, email_col, phone_col, name_col, postcode_col : str
        Names of the columns; of the fields those that `match_on` names must be there.

    Returns
    -------
    table
        One row per row of `customers`, sorted by id: the id, ``person_id`` (as the ids; the lowest
        customer id of the person when first seen), ``matched_on`` (str; the first set of `match_on`
        that linked the record to another, its fields joined by "+", or "splink"; null where none
        did).

    Raises
    ------
    ColumnError
        If a column is missing or of a wrong type, or `previous` holds ids of another type.
    DataError
        If ids are null or appear twice, or splink is asked for and not installed.
    OptionError
        If an option has a value outside what it allows.
    FitError
        If splink cannot fit its model, as with too few records.

    Warns
    -----
    CrmlyticsWarning
        If values match nothing because they are no address or number or because too many records
        share them, and if persons of `previous` were joined or taken apart; with counts.

    See Also
    --------
    crmlytics.datasets.simulate_identities : records whose persons are known.
    crmlytics.customers.customer_view : one row per customer from all tables.

    Notes
    -----
    What is the same:

    - e-mail: case; at gmail.com (and googlemail.com) dots before the @; tags (``name+tag``) there
      and at outlook, hotmail, live, icloud, fastmail and proton. Elsewhere ``a.b`` and ``ab``, or
      tags, may be two mailboxes and stay apart.
    - phone: the digits inside the country, whatever stands before them (+98, 0098, 0), in Latin,
      Persian or Arabic digits; extensions are cut off. Numbers of two countries that are equal but
      for the country code count as equal, as long as the rest of the set agrees.
    - name: case, accents, order of words, titles, apostrophes and hyphens, Arabic and Persian
      letters, vowel signs and points, joiners. A name of a single word counts only in a set with
      an e-mail or a phone.
    - postcode: case, spaces and signs, digits.

    Of groups linked otherwise than in `previous`: a joined person keeps the id that most of its
    records had, the lowest of several. Where a person was taken apart, the record that the id is
    that of keeps it, or, if it is gone, the part with most of the records. Ids given up are not
    given to others. Records of `previous` that are no longer in `customers` are not used.

    References
    ----------
    Fellegi and Sunter (1969), A theory for record linkage, Journal of the American Statistical
    Association 64, 1183-1210.

    Examples
    --------
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> customers = pd.DataFrame(
    ...     {
    ...         "customer_id": [1, 2, 3, 4],
    ...         "name": ["Sara Karimi", "كريمي سارا", None, "Sara Karimi"],
    ...         "email": ["sara.k@gmail.com", None, "SaraK+shop@Gmail.com", None],
    ...         "phone": ["+98 912 345 6789", "۰۹۱۲۳۴۵۶۷۸۹", None, None],
    ...         "postcode": [None, None, None, "19199"],
    ...     }
    ... )
    >>> crm.quality.resolve_identity(customers)
       customer_id  person_id  matched_on
    0            1          1       email
    1            2          1  phone+name
    2            3          1       email
    3            4          4         NaN
    """
    sets = _sets(match_on)
    _checks.choice(method, METHODS, name="method", caller=_CALLER)
    across = _checks.flag(across_scripts, name="across_scripts", caller=_CALLER)
    if max_records is not None:
        _checks.whole(max_records, name="max_records", caller=_CALLER, low=2)
    least = _checks.number(threshold, name="threshold", caller=_CALLER, low=0, high=1)
    columns = {"email": email_col, "phone": phone_col, "name": name_col, "postcode": postcode_col}
    source, roles = _read(customers, sets, customer_col, columns)
    before = None
    if previous is not None:
        before = _identity_persons.read_previous(previous, source, customer_col)
    found = _identity_keys.fields(source, roles)
    if method == "splink":
        links = _identity_splink.linked(found, sets, threshold=least, most=max_records)
        matched = _identity_keys.first_sets(links, [["splink"]])
    else:
        links = _identity_keys.linked(found, sets, most=max_records, across=across)
        matched = _identity_keys.first_sets(links, sets)
    persons = _identity_persons.persons(source, links.components(), before)
    _say(found, links.crowded, max_records, persons)
    series = source.column("customer")
    order = _columns.argsort(series)
    answer: IntoDataFrameT = _result.assemble(
        {
            customer_col: series[order],
            "person_id": _result.restore(persons.ids.take(pa.array(order)), series),
            "matched_on": matched.take(pa.array(order)),
        },
        source,
    )
    return answer


def _sets(match_on: Any) -> list[list[str]]:
    """Return the sets of fields as lists."""
    given = None
    if isinstance(match_on, Sequence) and not isinstance(match_on, str) and match_on:
        given = [
            list(each) if isinstance(each, Sequence) and not isinstance(each, str) else []
            for each in match_on
        ]
    if given is None or not all(
        each and all(isinstance(name, str) for name in each) and len(set(each)) == len(each)
        for each in given
    ):
        raise OptionError(
            f"{_CALLER}: match_on must be a list of lists of different fields, such as "
            f"[['email'], ['phone', 'name']]; got {_checks.shown(match_on)}."
        )
    return given


def _read(
    customers: Any, sets: list[list[str]], customer_col: str, columns: dict[str, str]
) -> tuple[Source, dict[str, str]]:
    """Read the ids and the fields that are compared; return the role of each field."""
    opened, _ = _frame.open_table(customers, caller=_CALLER, argument="customers", lazy=False)
    held = list(opened.columns)
    asked = list(dict.fromkeys(name for each in sets for name in each))
    options: dict[str, str | None] = {"customer_col": customer_col}
    roles = {}
    for number, name in enumerate(asked):
        if name in columns:
            options[f"{name}_col"], roles[name] = columns[name], name
        elif name in held:
            options[f"field_{number}"], roles[name] = name, f"field_{number}"
        else:
            raise ColumnError(_sentences.missing(name, "match_on", held, _CALLER, "customers"))
    source = _frame.read(
        customers, caller=_CALLER, argument="customers", roles=options,
        result=("person_id", "matched_on"),
    )  # fmt: skip
    _identity_persons.one_row_each(source, customer_col)
    return source, roles


def _say(found: Fields, crowded: dict[str, int], most: int | None, persons: Persons) -> None:
    """Warn of what matched nothing, and of persons that are no longer what they were."""
    unused = [
        f"{_count(n, 'value')} of {name} that cannot be read" for name, n in found.unread.items()
    ]
    unused += [
        f"{_count(n, 'value')} of {name} that more than {most} records share"
        for name, n in crowded.items()
    ]
    parts = [f"left unused {', '.join(unused)}"] if unused else []
    if persons.joined:
        parts.append(f"joined {_count(persons.joined, 'person')} of previous to others")
    if persons.taken_apart:
        parts.append(f"took {_count(persons.taken_apart, 'part')} off persons of previous")
    if parts:
        _checks.warn(f"{_CALLER}: {'; '.join(parts)}.")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
