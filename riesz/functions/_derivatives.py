"""Names and units of derivatives."""

from riesz.domains import Space


def slope_space(space: Space, axis: int, order: int) -> Space:
    """The space of a derivative along a coordinate."""
    power = "" if order == 1 else "^2"
    name = space.domain.names[axis] or f"x{axis}"
    unit = space.domain.units[axis] or f"[{name}]"
    return _renamed(space, f"d{power}{{}}/d{name}{power}", f"{unit}{power}")


def gradient_space(space: Space) -> Space:
    """The space of gradients: channel c, coordinate i is channel c * dim + i."""
    parts = [slope_space(space, axis, 1) for axis in range(space.domain.dim)]
    names = zip(*(p.names for p in parts), strict=True)
    units = zip(*(p.units for p in parts), strict=True)
    return Space(
        space.domain,
        space.channels * space.domain.dim,
        [name for channel in names for name in channel],
        [unit for channel in units for unit in channel],
    )


def laplacian_space(space: Space) -> Space:
    """The space of Laplacians."""
    return _renamed(space, "laplacian {}", "[x]^2")


def _renamed(space: Space, name: str, per: str) -> Space:
    """The space of a derivative: [x] stands for the unit of x, where the domain has none."""
    names = [name.format(n) for n in space.names]
    units = [f"{u}/{per}" if u else "" for u in space.units]
    return Space(space.domain, space.channels, names, units)
