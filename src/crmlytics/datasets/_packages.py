"""Where the data files of the optional packages lie, found without importing the packages."""

from importlib import util
from pathlib import Path

from crmlytics.errors import DataError


def data_file(caller: str, *, module: str, package: str, folder: str, name: str) -> Path:
    """Return the path of one packaged data file, or say how to install the package.

    The packages are not imported: ``lifetimes`` changes the warning filters of the process.
    """
    spec = util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{caller}: the package {package}, which holds the data, is not installed. "
            'Run pip install "crmlytics[data]".'
        )
    path = Path(next(iter(spec.submodule_search_locations))) / folder / name
    if not path.is_file():
        raise DataError(
            f"{caller}: the installed package {package} has no file {folder}/{name}. "
            'Run pip install --upgrade "crmlytics[data]".'
        )
    return path
