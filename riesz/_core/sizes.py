"""Checks of numbers that describe layers and their theory."""

from jaxtyping import Array, Float

from riesz.errors import ModelError


def require_size(where: str, name: str, size: int) -> None:
    """Raise `ModelError` for a count that is not a positive whole number."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ModelError(
            f"{name} is a positive whole number",
            where=where,
            expected=f"{name} >= 1",
            found=repr(size),
        )


def require_stds(where: str, *stds: float | Float[Array, ""]) -> None:
    """Raise `ModelError` for standard deviations that are negative or not finite."""
    for std in stds:
        if isinstance(std, int | float) and not 0 <= std < float("inf"):
            raise ModelError(
                "standard deviations are finite and not negative",
                where=f"{where}(..., w_std, b_std)",
                expected="w_std >= 0 and b_std >= 0",
                found=std,
            )
