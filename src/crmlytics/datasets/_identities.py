"""One person behind several records: what a company holds after years, with the truth beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crmlytics.datasets import _options
from crmlytics.datasets._columns import Bools, Ints, draw, labels
from crmlytics.datasets._identity_names import FAMILY, GIVEN

_CALLER = "simulate_identities"
_LANGUAGES = ("en", "fa", "he")
_SHARES = (0.4, 0.3, 0.3)
_CODES = np.array(["44", "98", "972"], dtype=object)
_DOMAINS = np.array(
    ["gmail.com", "outlook.com", "yahoo.com", "example.com", "example.org"], dtype=object
)
_DOMAIN_SHARES = (0.45, 0.2, 0.15, 0.1, 0.1)
_MORE_RECORDS, _MOST_RECORDS = 1.3, 6
_PER_POSTCODE = 10  # persons, on average
_PER_SWITCHBOARD = 40
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_ARABIC = str.maketrans("یک", "يك")
_POINT = "\u05b7"  # patah, which texts with vowels have
_EMPTY = 0.15  # of each field
_ABC = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def simulate_identities(
    n_customers: int = 1_000,
    *,
    typos: float = 0.02,
    shared_phones: float = 0.05,
    transliterated: float = 0.05,
    random_state: int = 0,
) -> pd.DataFrame:
    """Simulate the records that a company holds of its customers, several of most persons.

    Persons have English, Persian or Hebrew names. Each of their records writes name, e-mail, phone
    and postcode in one way of many, or leaves them out, so that methods that find the person behind
    the records can be held against the truth.

    Parameters
    ----------
    n_customers : int, default 1000
        Number of persons, 1 or more; there are some 2.3 records a person, 6 at most.
    typos : float, default 0.02
        Share of names, e-mails and phones with a wrong letter or digit, each on its own; 0 to 1.
    shared_phones : float, default 0.05
        Share of persons who have the phone of another: four fifths that of a person in the
        same household (with the postcode and the family name), the others that of a switchboard,
        which serves some 40; 0 to 1.
    transliterated : float, default 0.05
        Share of the records with a Persian or Hebrew name that write it in Latin letters, in one of
        up to two spellings; 0 to 1.
    random_state : int, default 0
        Seed: the same call gives the same table.

    Returns
    -------
    pandas.DataFrame
        One row a record, in no order of persons: ``customer_id`` (int64; 1, 2, ...; the record's),
        ``name``, ``email``, ``phone``, ``postcode`` (str; each missing in some 15 %),
        ``language`` (str; of the name: "en", "fa", "he"), ``true_person_id`` (int64; 1, 2, ...).

    Raises
    ------
    OptionError
        An option is outside the range given above.

    See Also
    --------
    simulate_shop : tables of customers who have one id each.

    Notes
    -----
    What varies between the records of a person: one name in seven has the family name first and
    one in ten is in capitals; Persian names may have Arabic yeh and kaf, Hebrew ones a vowel point.
    E-mails may have capitals, dots and tags where the provider ignores them; one person in five has
    a second address. Phones are written with or without country code, spaces and hyphens, also in
    Persian digits. One record in twenty has the postcode of another home.

    Examples
    --------
    >>> import crmlytics as crm
    >>> records = crm.datasets.simulate_identities(500)
    >>> records["true_person_id"].nunique(), len(records)
    (500, 1157)
    >>> sorted(records["language"].unique())
    ['en', 'fa', 'he']
    """
    size = _options.whole(_CALLER, "n_customers", n_customers, low=1)
    wrong = _options.number(_CALLER, "typos", typos, low=0.0, high=1.0)
    shared = _options.number(_CALLER, "shared_phones", shared_phones, low=0.0, high=1.0)
    latin = _options.number(_CALLER, "transliterated", transliterated, low=0.0, high=1.0)
    seed = _options.whole(_CALLER, "random_state", random_state, low=0)
    streams = iter(np.random.default_rng(seed).spawn(7))
    people = _people(next(streams), size, shared)
    rng = next(streams)
    each = np.minimum(1 + rng.poisson(_MORE_RECORDS, size), _MOST_RECORDS)
    person = rng.permutation(np.repeat(np.arange(size), each))
    columns = {
        "name": _names(next(streams), people, person, wrong, latin),
        "email": _emails(next(streams), people, person, wrong),
        "phone": _phones(next(streams), people, person, wrong),
        "postcode": _postcodes(next(streams), people, person),
    }
    rng = next(streams)
    for values in columns.values():
        values[rng.random(len(person)) < _EMPTY] = None
    table = {"customer_id": np.arange(1, len(person) + 1)}
    table |= {name: pd.array(values, dtype="str") for name, values in columns.items()}
    table["language"] = labels(_LANGUAGES, people.language[person])
    table["true_person_id"] = person + 1
    return pd.DataFrame(table)


@dataclass(frozen=True)
class _People:
    """What is true of each person; names as places in the lists of their language."""

    language: Ints
    given: Ints
    family: Ints
    phone: Ints  # without country code and leading zero
    postcode: Ints

    def names(self, which: str, spelling: Any, person: Ints) -> Any:
        """Return given or family names of persons: spelling 0 as at home, 1 and 2 in Latin."""
        places = self.given if which == "given" else self.family
        lists = GIVEN if which == "given" else FAMILY
        table = np.array([lists[language] for language in _LANGUAGES], dtype=object)
        return table[self.language[person], places[person], spelling]


def _people(rng: np.random.Generator, size: int, shared: float) -> _People:
    language = draw(rng, _SHARES, size)
    given = draw(rng, _zipf(len(GIVEN["en"])), size)
    family = draw(rng, _zipf(len(FAMILY["en"])), size)
    phone = rng.integers(0, 10**8, size) + np.array([77, 91, 5])[language] * 10**8
    postcode = rng.integers(0, max(size // _PER_POSTCODE, 1), size)
    other = rng.random(size) < shared
    at_work = other & (rng.random(size) < 0.2)
    boards = rng.integers(0, max(int(at_work.sum()) // _PER_SWITCHBOARD, 1), size)
    phone[at_work] = (2_000_000_000 + boards * 1_000)[at_work]
    at_home = np.flatnonzero(other & ~at_work)
    hosts = np.flatnonzero(~other)
    if len(hosts):
        host = rng.choice(hosts, len(at_home))
        for values in (language, family, phone, postcode):
            values[at_home] = values[host]
        # nobody gives two children one name
        names = len(GIVEN["en"])
        given[at_home] = (given[host] + rng.integers(1, names, len(at_home))) % names
    return _People(language, given, family, phone, postcode)


def _zipf(size: int) -> list[float]:
    """Return how frequent names are, the most frequent first and no more so than in life."""
    return [1 / (4 + place) for place in range(size)]


def _names(
    rng: np.random.Generator, people: _People, person: Ints, wrong: float, latin: float
) -> Any:
    size, language = len(person), people.language[person]
    foreign = (language > 0) & (rng.random(size) < latin)
    spelling = np.where(foreign, rng.integers(1, 3, size), 0)
    given = people.names("given", spelling, person)
    family = people.names("family", spelling, person)
    kind = rng.random(size)
    names = given + " " + family
    names[kind < 0.1] = (family + " " + given)[kind < 0.1]
    comma = (kind >= 0.1) & (kind < 0.14)
    names[comma] = (family + ", " + given)[comma]
    _change(names, (rng.random(size) < 0.1), str.upper)
    _change(names, (language == 1) & (rng.random(size) < 0.2), lambda one: one.translate(_ARABIC))
    pointed = (language == 2) & ~foreign & (rng.random(size) < 0.05)
    _change(names, pointed, lambda one: one[0] + _POINT + one[1:])
    _misspell(rng, names, wrong)
    return names


def _emails(rng: np.random.Generator, people: _People, person: Ints, wrong: float) -> Any:
    size, everyone = len(person), np.arange(len(people.language))
    one = np.ones(len(everyone), dtype=np.int64)
    given = people.names("given", one, everyone)
    family = people.names("family", one, everyone)
    own = np.array([f"{a}.{b}".lower() for a, b in zip(given, family, strict=True)], dtype=object)
    number = everyone.astype(str).astype(object)  # makes the address the person's own
    domain = draw(rng, _DOMAIN_SHARES, len(everyone))[person]
    second = (rng.random(len(everyone)) < 0.2)[person] & (rng.random(size) < 0.3)
    local = (own + number)[person]
    local[second] = (np.array([name.lower() for name in family], dtype=object) + number)[person][
        second
    ]
    domain[second] = 3
    gmail = (domain == 0) & (rng.random(size) < 0.15)
    local[gmail] = local[gmail] + "+shop"
    dots = (domain == 0) & (rng.random(size) < 0.15)
    _change(local, dots, lambda text: text.replace(".", ""))
    _misspell(rng, local, wrong)
    emails = local + "@" + _DOMAINS[domain]
    _change(emails, rng.random(size) < 0.15, str.title)
    return emails


def _phones(rng: np.random.Generator, people: _People, person: Ints, wrong: float) -> Any:
    size, language = len(person), people.language[person]
    national = people.phone.astype(str).astype(object)[person]
    _misspell(rng, national, wrong, letters="0123456789")
    kind = draw(rng, (0.5, 0.2, 0.15, 0.15), size)
    code = _CODES[language]
    phones = "0" + national
    for number, before in ((1, "+" + code), (2, "00" + code), (3, "+" + code + " (0)")):
        phones[kind == number] = (before + national)[kind == number]
    spaced = rng.random(size) < 0.3
    _change(phones, spaced, lambda text: f"{text[:-7]} {text[-7:-4]}-{text[-4:]}")
    persian = (language == 1) & (rng.random(size) < 0.2)
    _change(phones, persian, lambda text: text.translate(_PERSIAN))
    return phones


def _postcodes(rng: np.random.Generator, people: _People, person: Ints) -> Any:
    size, language = len(person), people.language[person]
    place = people.postcode[person].copy()
    moved = rng.random(size) < 0.05
    place[moved] = rng.integers(0, max(len(people.language) // _PER_POSTCODE, 1), int(moved.sum()))
    letters = np.array(list(_ABC), dtype=object)
    pair = letters[place % 24] + letters[place // 24 % 24]
    rest = (place // 576).astype(str).astype(object)
    codes = np.array(["", "19", "61"], dtype=object)[language]
    codes = codes + (place + 10**7 * language).astype(str).astype(object)
    english = language == 0
    codes[english] = (pair + rest + " " + (place % 7).astype(str).astype(object) + pair)[english]
    _change(codes, english & (rng.random(size) < 0.2), lambda text: text.replace(" ", "").lower())
    persian = (language == 1) & (rng.random(size) < 0.2)
    _change(codes, persian, lambda text: text.translate(_PERSIAN))
    return codes


def _change(texts: Any, rows: Bools, how: Any) -> None:
    """Rewrite some of the texts in place."""
    texts[rows] = [how(text) for text in texts[rows]]


def _misspell(rng: np.random.Generator, texts: Any, share: float, letters: str = "") -> None:
    """Drop a letter of some texts, or replace it where `letters` are given, in place."""
    rows = np.flatnonzero(rng.random(len(texts)) < share)
    at, put = rng.random(len(rows)), rng.integers(0, max(len(letters), 1), len(rows))
    changed = []
    for text, share_before, which in zip(texts[rows], at, put, strict=True):
        place = int(share_before * len(text))
        instead = letters[which : which + 1]
        changed.append(text[:place] + instead + text[place + 1 :])
    texts[rows] = changed
