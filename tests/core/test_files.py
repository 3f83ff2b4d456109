import os

import pytest

from riesz._core.files import replacing, write_atomically


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    with replacing(path) as draft:
        draft.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("HDF5"), OSError(28, "full")])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    with pytest.raises(type(error)) as caught, replacing(path) as draft:
        draft.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]
    if not isinstance(error, KeyboardInterrupt):
        assert str(path) in str(getattr(caught.value, "filename", ""))


def test_a_draft_that_is_a_link_is_not_written_through(tmp_path):
    other = tmp_path / "other.txt"
    other.write_bytes(b"mine")
    (tmp_path / "a.txt.part").symlink_to(other)
    write_atomically(tmp_path / "a.txt", b"new")
    assert other.read_bytes() == b"mine"
    assert not (tmp_path / "a.txt").is_symlink()
