"""Files of PyTorch: pickles, which are not read."""

import zipfile

from riesz.data._source import reading
from riesz.data._spec import Location
from riesz.errors import DataError


def refuse_torch(location: Location) -> None:
    """Raise for a zip archive that `torch.save` wrote, with the line that converts it."""
    with reading(location), zipfile.ZipFile(location.path) as archive:
        names = archive.namelist()
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise DataError(
            "this is a PyTorch file, which can run code when it is opened",
            where=str(location),
            expected="an NPZ or HDF5 file; Riesz never unpickles objects",
            found="a zip archive with data.pkl, as torch.save writes",
            repair="where the file is trusted, convert it (keys such as x, y):\n"
            f'python -c "import numpy, torch; d = torch.load({location.path!r}); '
            "numpy.savez('data.npz', **{k: v.numpy() for k, v in d.items()})\"",
        )
