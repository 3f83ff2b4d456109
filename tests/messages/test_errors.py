import textwrap

import pytest

from riesz import errors

ALL = [
    errors.RieszError,
    errors.DataError,
    errors.DomainError,
    errors.ModelError,
    errors.SolverError,
    errors.RunError,
    errors.UsageError,
]


def test_all_parts_are_aligned_lines_in_fixed_order():
    error = errors.DomainError(
        "the function and the operator live on different domains",
        repair="build the operator on the function's domain",
        found="Box(2)",
        expected="Torus(2)",
        where="FNO.__call__",
    )
    assert str(error) == textwrap.dedent("""\
        the function and the operator live on different domains
          where:    FNO.__call__
          expected: Torus(2)
          found:    Box(2)
          repair:   build the operator on the function's domain""")


def test_message_alone_is_one_line():
    assert str(errors.RieszError("it broke")) == "it broke"


@pytest.mark.parametrize("empty", [None, "", "  \n"])
def test_empty_parts_are_left_out(empty):
    error = errors.DataError("no rows", expected=empty, found=empty, where=empty, repair=empty)
    assert str(error) == "no rows"


def test_zero_and_empty_tuple_are_not_empty_parts():
    error = errors.DataError("wrong shape", expected=0, found=())
    assert str(error) == "wrong shape\n  expected: 0\n  found:    ()"


def test_a_long_part_keeps_its_indent():
    error = errors.ModelError("the file does not match", found="first line\nsecond line")
    assert str(error) == (
        "the file does not match\n  found:    first line\n            second line"
    )


def test_parts_are_attributes():
    error = errors.SolverError("diverged", expected=1e-8, found=3.0)
    assert (error.message, error.expected, error.found) == ("diverged", 1e-8, 3.0)
    assert error.where is None and error.repair is None


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_a_riesz_error(kind):
    with pytest.raises(errors.RieszError, match="^it broke$"):
        raise kind("it broke")


@pytest.mark.parametrize("kind", [errors.DataError, errors.DomainError])
def test_bad_input_is_also_a_value_error(kind):
    assert issubclass(kind, ValueError)
