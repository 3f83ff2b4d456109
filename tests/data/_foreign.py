"""Small files as other programs write them, each with its trap, made when the tests run.

A case writes one file and says what is in it: the values of inputs and outputs with a channel
axis, and the coordinates of the input's axes; or the words with which it is refused.
"""

import zipfile
from typing import NamedTuple

import h5py
import netCDF4
import numpy as np
import scipy.io
import xarray

from riesz.domains import Box, Interval

CASES = {}


class Truth(NamedTuple):
    """What a file holds; `axes` are the coordinates along each axis, `points` those of places."""

    inputs: np.ndarray
    outputs: np.ndarray
    axes: tuple = ()
    points: np.ndarray | None = None
    output_axes: tuple = ()
    mask: np.ndarray | None = None  # True where there is a value
    times: np.ndarray | None = None
    periodic: tuple | None = None
    says: str = ""  # in the lines that say what was understood


class Case(NamedTuple):
    trap: str
    suffix: str
    write: object
    options: dict
    refused: str | None
    first: bool = True  # of several readings of one file


def case(trap, suffix, refused=None, **options):
    def register(write):
        CASES[write.__name__] = Case(trap, suffix, write, options, refused)
        return write

    return register


def again(name, trap, refused=None, **options):
    """The file of another case, read with other options."""
    base = CASES[name]
    key = f"{name}_{'_'.join(options)}_{len(CASES)}"
    CASES[key] = base._replace(trap=trap, options=options, refused=refused, first=False)


def field(n, *axes, shift=0.0):
    """Smooth values (n, *grid), different at each place and in each sample."""
    grids = np.meshgrid(np.arange(n), *axes, indexing="ij")
    scaled = [g / (abs(a).max() + 1) for g, a in zip(grids[1:], axes, strict=True)]
    waves = sum(np.sin((i + 2.3) * g + shift) for i, g in enumerate(scaled))
    return (waves + 0.37 * grids[0]).astype("f4")


RGB = field(5, np.arange(3), np.linspace(0, 1, 16), np.linspace(0, 1, 20))


def wide(x):
    return x[..., None]


X9, Y7 = np.linspace(0, 1, 9), np.linspace(0, 2, 7)
A, U = field(6, X9, Y7), field(6, X9, Y7, shift=1.0)


# MATLAB


@case("axes are in MATLAB's order already", ".mat", nodes="vertex", domain=Box((0, 0), (1, 2)))
def matlab_5(path):
    scipy.io.savemat(path, {"a": A, "u": U})
    return Truth(wide(A), wide(U), (X9, Y7))


@case("a row vector is an axis", ".mat", channels="none")
def matlab_5_coordinates(path):
    scipy.io.savemat(path, {"a": A, "u": U, "x": X9[None], "y": Y7[None]}, do_compression=True)
    return Truth(wide(A), wide(U), (X9, Y7))


@case("cells hold no numbers", ".mat", "does not hold real numbers", input="a", output="c")
def matlab_5_cell(path):
    cell = np.empty((6, 2), object)
    cell[:] = 1.0
    scipy.io.savemat(path, {"a": A, "c": cell})


def matlab_73(path, **arrays):
    """As MATLAB's save(..., '-v7.3'): a user block, reversed axes, the class of each variable."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, x in arrays.items():
            file.create_dataset(name, data=np.asarray(x).T).attrs["MATLAB_class"] = np.bytes_(
                "double"
            )
    text = (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema"
    )
    with open(path, "r+b") as file:
        file.write(text.ljust(124) + b"\x00\x02IM")


SQUARE = field(60, np.linspace(0, 1, 33), np.linspace(0, 1, 33))


@case("60 fields of 33 x 33 look like 33 of 33 x 60", ".mat", nodes="vertex")
def matlab_73_squares(path):
    matlab_73(path, coeff=SQUARE, sol=SQUARE[::-1])
    x = np.linspace(0, 1, 33)
    return Truth(wide(SQUARE), wide(SQUARE[::-1]), (x, x))


@case("coordinates are 1 x n", ".mat", channels="none")
def matlab_73_coordinates(path):
    matlab_73(path, a=A, u=U, x=X9[None], y=Y7[:, None])
    return Truth(wide(A), wide(U), (X9, Y7))


@case("a struct is a group", ".mat", "no data set")
def matlab_73_struct(path):
    matlab_73(path, a=A)
    with h5py.File(path, "r+") as file:
        file.create_group("s").attrs["MATLAB_class"] = np.bytes_("struct")
        file["s/u"] = U.T
    CASES["matlab_73_struct"].options.update(input="a", output="s")


# NetCDF

LAT, LON = np.linspace(60, 15, 10).astype("f4"), np.arange(225, 315, 7.5).astype("f4")
DAYS = np.arange(8) * 30.0
LAND = np.zeros((10, 12), bool)
LAND[2:4, 5:9] = LAND[9] = True


def ocean(n=8, shift=0.0):
    return 280 + field(n, LAT, LON, shift=shift)


def dataset(values, lat=LAT, lon=LON, **names):
    time = ("time", DAYS, {"units": "days since 2000-01-01", "calendar": "noleap"})
    coords = {
        "time": time,
        "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    return xarray.Dataset({k: (("time", "lat", "lon"), v) for k, v in values.items()}, coords)


def flipped(x):
    return x[:, ::-1]


def holed(x, mask):
    return np.where(mask, x, 0)[..., None]


@case(
    "packed integers, a fill value, latitude downwards, a noleap calendar",
    ".nc",
    input="sst",
    output="tos",
)
def netcdf_packed(path):
    a, u = np.where(LAND, np.nan, ocean()), np.where(LAND, np.nan, ocean(shift=1.0))
    pack = {
        "dtype": "i2",
        "scale_factor": 0.001,
        "add_offset": 281.0,
        "_FillValue": np.int16(-32768),
    }
    data = dataset({"sst": a, "tos": u})
    data["sst"].attrs["units"] = "K"
    data.to_netcdf(path, engine="netcdf4", encoding={"sst": pack, "tos": pack})
    mask = np.broadcast_to(~LAND[::-1], (8, 10, 12))
    return Truth(
        holed(flipped(a), mask), holed(flipped(u), mask), (LAT[::-1], LON), mask=mask,
        times=DAYS, says="lat [degrees_north] is turned to ascend",
    )  # fmt: skip


@case("one variable of time is a series of fields", ".nc")
def netcdf_series(path):
    u = np.where(LAND, np.nan, ocean())
    dataset({"sst": u}).to_netcdf(path, engine="h5netcdf")
    mask = np.broadcast_to(~LAND[::-1], (7, 10, 12))
    u = flipped(u)
    return Truth(
        holed(u[:-1], mask),
        holed(u[1:], mask),
        (LAT[::-1], LON),
        mask=mask,
        times=DAYS[1:],
        says="lead=1",
    )


again("netcdf_series", "three steps ahead", lead=3)


@case("clouds: other holes in each sample", ".nc", input="a", output="b")
def netcdf_clouds(path):
    random = np.random.default_rng(0)
    a, b = ocean(), ocean(shift=1.0)
    cloud = random.uniform(size=a.shape) < 0.2
    a[cloud] = b[cloud] = np.nan
    dataset({"a": a, "b": b}).to_netcdf(path, engine="netcdf4")
    mask = flipped(~cloud)
    return Truth(holed(flipped(a), mask), holed(flipped(b), mask), (LAT[::-1], LON), mask=mask)


@case("version 3 has no HDF5 in it", ".nc", input="a", output="b")
def netcdf_3(path):
    a, b = ocean(), ocean(shift=1.0)
    dataset({"a": a, "b": b}).to_netcdf(path, engine="scipy")
    return Truth(wide(flipped(a)), wide(flipped(b)), (LAT[::-1], LON), times=DAYS)


@case("version 5 (64-bit data) is none that SciPy reads", ".nc", "nccopy -k nc4")
def netcdf_cdf5(path):
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_DATA") as file:
        for name, size in (("n", 6), ("x", 9)):
            file.createDimension(name, size)
        for name in "au":
            file.createVariable(name, "f4", ("n", "x"))[:] = A[..., 0]


@case("values outside the valid range", ".nc", input="a", output="b")
def netcdf_valid_range(path):
    a, b = ocean(), ocean(shift=1.0)
    wild = a.copy()
    wild[:, 2, 3] = 999.0
    data = dataset({"a": wild, "b": b}, LAT[::-1])
    data["a"].attrs.update(valid_min=np.float32(200), valid_max=np.float32(400))
    data.to_netcdf(path, engine="h5netcdf")
    mask = np.ones(a.shape, bool)
    mask[:, 2, 3] = False
    return Truth(holed(a, mask), wide(b), (LAT[::-1], LON), mask=mask)


@case("a strip across the meridian of Greenwich", ".nc", input="a", output="b")
def netcdf_seam(path):
    lon = np.array([350, 352, 354, 356, 358, 0, 2, 4, 6, 8, 10, 12.0])
    a, b = ocean(), ocean(shift=1.0)
    dataset({"a": a, "b": b}, lat=LAT[::-1], lon=lon).to_netcdf(path, engine="h5netcdf")
    return Truth(wide(a), wide(b), (LAT[::-1], np.arange(-10, 13, 2.0)))


@case("all longitudes are a circle", ".nc", input="a", output="b")
def netcdf_circle(path):
    lon = np.arange(-180, 180, 30.0)
    a, b = ocean(), ocean(shift=1.0)
    dataset({"a": a, "b": b}, lat=LAT[::-1], lon=lon).to_netcdf(path, engine="h5netcdf")
    return Truth(
        wide(a),
        wide(b),
        (LAT[::-1], lon),
        periodic=(False, True),
        says="lon [degrees_east] is closed",
    )


@case("depths are spaced unevenly", ".nc", input="a", output="b")
def netcdf_depths(path):
    depth = np.array([5.0, 15, 25, 50, 100, 250, 500, 1000, 2000, 4478])
    values = {k: (("sample", "depth"), field(6, depth, shift=s)) for k, s in (("a", 0), ("b", 1))}
    xarray.Dataset(
        values, {"depth": ("depth", depth, {"units": "m", "positive": "down"})}
    ).to_netcdf(path)
    return Truth(wide(values["a"][1]), wide(values["b"][1]), (depth,), says="spaced unevenly")


@case("bounds say that coordinates are centres of cells", ".nc", input="a", output="b")
def netcdf_cells(path):
    lat, lon = np.arange(-85, 90, 10.0), np.arange(15, 105, 30.0)
    a, b = (field(8, lat, lon, shift=s) for s in (0, 1))
    data = dataset({"a": a, "b": b}, lat, lon)
    data["lat_bnds"] = (("lat", "bnds"), np.stack([lat - 5, lat + 5], -1))
    data["lat"].attrs["bounds"] = "lat_bnds"
    data.to_netcdf(path, engine="netcdf4")
    return Truth(wide(a), wide(b), (lat, lon), says="-90..90 (18 centre)")


@case("time is the last axis, a level of size one is among them", ".nc", input="a", output="b")
def netcdf_order(path):
    a, b = ocean(), ocean(shift=1.0)
    data = (
        dataset({"a": a, "b": b})
        .expand_dims(height=[2.0])
        .transpose("height", "lat", "lon", "time")
    )
    data.to_netcdf(path, engine="netcdf4")
    return Truth(wide(flipped(a)), wide(flipped(b)), (LAT[::-1], LON), times=DAYS)


@case("an ensemble of series", ".nc", lead=1)
def netcdf_ensemble(path):
    u = np.stack([ocean(shift=s) for s in (0.0, 0.5, 1.0)])
    data = dataset({"u": u[0]}, LAT[::-1])
    data["u"] = (("member", "time", "lat", "lon"), u)
    data.to_netcdf(path, engine="netcdf4")
    first, then = u[:, :-1].reshape(-1, 10, 12), u[:, 1:].reshape(-1, 10, 12)
    return Truth(
        wide(first), wide(then), (LAT[::-1], LON), times=np.tile(DAYS[1:], 3), says="in 3 groups"
    )


@case("stations are places, not a curve", ".nc", input="a", output="b")
def netcdf_stations(path):
    random = np.random.default_rng(3)
    lat, lon = random.uniform(15, 60, 14), random.uniform(225, 315, 14)
    a, b = field(8, np.arange(14)), field(8, np.arange(14), shift=1)
    coords = {
        "time": ("time", DAYS, {"units": "days since 2000-01-01"}),
        "lat": ("station", lat, {"units": "degrees_north"}),
        "lon": ("station", lon, {"units": "degrees_east"}),
    }
    values = {k: (("time", "station"), v) for k, v in (("a", a), ("b", b))}
    xarray.Dataset(values, coords).to_netcdf(path, engine="netcdf4")
    return Truth(wide(a), wide(b), points=np.stack([lat, lon], -1), times=DAYS)


@case("latitudes and longitudes of a curved grid", ".nc", input="a", output="b")
def netcdf_curved(path):
    y, x = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 7), indexing="ij")
    lat, lon = 40 + 10 * y + x, 10 + 10 * x - 3 * y
    coords = {
        "time": ("time", DAYS[:6], {"units": "days since 2000-01-01"}),
        "lat": (("y", "x"), lat, {"units": "degrees_north"}),
        "lon": (("y", "x"), lon, {"units": "degrees_east"}),
    }
    values = {k: (("time", "y", "x"), v) for k, v in (("a", A), ("b", U))}
    xarray.Dataset(values, coords).to_netcdf(path, engine="h5netcdf")
    places = np.stack([lat.ravel(), lon.ravel()], -1)
    return Truth(A.reshape(6, -1, 1), U.reshape(6, -1, 1), points=places)


@case("two variables of time: steps, or a map between them?", ".nc", "with lead=1")
def netcdf_two_variables(path):
    dataset({"a": ocean(), "b": ocean()}).to_netcdf(path, engine="h5netcdf")


@case("packed values without dimension scales", ".h5", domain=Box((0, 0), (1, 2)), nodes="vertex")
def hdf5_packed(path):
    packed = np.round(A * 1000).astype("i2")
    packed[:, 3, 4] = -32768
    with h5py.File(path, "w") as file:
        for name in "au":
            file[name] = packed
            file[name].attrs.update(scale_factor=0.001, _FillValue=np.int16(-32768))
    mask = np.broadcast_to((np.arange(9)[:, None] != 3) | (np.arange(7) != 4), A.shape)
    truth = holed(packed * 0.001, mask)
    return Truth(truth, truth, (X9, Y7), mask=mask)


@case("labels of dimensions say which axis is channels", ".h5", nodes="vertex")
def hdf5_labels(path):
    with h5py.File(path, "w") as file:
        for name in "au":
            file[name] = RGB
            for i, label in enumerate(("sample", "channel", "y", "x")):
                file[name].dims[i].label = label
    first = np.moveaxis(RGB, 1, -1)
    return Truth(
        first, first, (np.linspace(0, 1, 16), np.linspace(0, 1, 20)), says="y 0..1 (16 vertex)"
    )


# PDEBench, The Well, PyTorch

CX, CY = (np.arange(16) + 0.5) / 16, (np.arange(12) + 0.5) / 12


@case("a steady solution has an axis of one time", ".hdf5")
def pdebench_darcy(path):
    nu, u = (field(5, CX, CY, shift=s) for s in (0, 1))
    with h5py.File(path, "w") as file:
        file["nu"], file["tensor"] = nu, u[:, None]
        file["x-coordinate"], file["y-coordinate"] = CX.astype("f4"), CY.astype("f4")
    return Truth(wide(nu), wide(u), (CX, CY), says="0..1 (16 centre)")


@case("time is no axis of space, and its coordinates are one too many", ".hdf5")
def pdebench_series(path):
    u = field(5 * 4, CX).reshape(5, 4, 16)
    with h5py.File(path, "w") as file:
        file["tensor"], file["x-coordinate"] = u, CX.astype("f4")
        file["t-coordinate"] = np.arange(5) * 0.1
    first, then = u[:, :-1].reshape(-1, 16), u[:, 1:].reshape(-1, 16)
    return Truth(
        wide(first), wide(then), (CX,), times=np.tile([0.1, 0.2, 0.3], 5), says="in 5 groups"
    )


@case("several variables in time", ".hdf5", lead=3, input="density", output="density")
def pdebench_fluid(path):
    u = field(5 * 4, CX, CY).reshape(5, 4, 16, 12)
    with h5py.File(path, "w") as file:
        for name in ("Vx", "density", "pressure"):
            file[name] = u + len(name)
        for name, x in (("x", CX), ("y", CY), ("t", np.arange(5))):
            file[f"{name}-coordinate"] = x.astype("f4")
    return Truth(wide(u[:, 0] + 7), wide(u[:, 3] + 7), (CX, CY))


again("pdebench_fluid", "no variable is named", "with lead=1")


@case("one group per sample", ".h5")
def pdebench_groups(path):
    u = field(3 * 4, CX, CY).reshape(3, 4, 16, 12)
    u = np.stack([u, u + 1], -1)
    with h5py.File(path, "w") as file:
        for i, sample in enumerate(u):
            file[f"{i:04}/data"] = sample
            for name, x in (("x", CX), ("y", CY), ("t", np.arange(4) * 0.5)):
                file[f"{i:04}/grid/{name}"] = x.astype("f4")
    first, then = u[:, :-1].reshape(-1, 16, 12, 2), u[:, 1:].reshape(-1, 16, 12, 2)
    return Truth(first, then, (CX, CY), times=np.tile([0.5, 1.0, 1.5], 3), says="in 3 groups")


def well_file(path, varying=True):
    x, y = np.arange(16) / 16, np.linspace(0, 2, 7)
    u = field(3 * 4, x, y).reshape(3, 4, 16, 7)
    with h5py.File(path, "w") as file:
        file.attrs.update(n_spatial_dims=2, n_trajectories=3, grid_type="cartesian")
        dims = file.create_group("dimensions")
        dims.attrs["spatial_dims"] = ["x", "y"]
        dims["time"], dims["x"], dims["y"] = np.arange(4) * 0.5, x.astype("f4"), y.astype("f4")
        bc = file.create_group("boundary_conditions/x_periodic")
        bc.attrs.update(bc_type="PERIODIC", associated_dims=["x"])
        for name, values in (
            ("t0_fields/density", u),
            ("t1_fields/velocity", np.stack([u, -u], -1)),
        ):
            file[name] = values
            file[name].attrs.update(
                sample_varying=True, time_varying=True, dim_varying=[True, varying]
            )
    return u, x, y


@case("time stands between samples and space", ".hdf5", input="t0_fields/density", lead=1)
def well_scalar(path):
    u, x, y = well_file(path)
    first, then = u[:, :-1].reshape(-1, 16, 7), u[:, 1:].reshape(-1, 16, 7)
    return Truth(wide(first), wide(then), (x, y), periodic=(True, False))


@case("components are the last axis", ".hdf5", input="t1_fields/velocity", lead=2)
def well_vector(path):
    u, x, y = well_file(path)
    u = np.stack([u, -u], -1)
    return Truth(u[:, :-2].reshape(-1, 16, 7, 2), u[:, 2:].reshape(-1, 16, 7, 2), (x, y))


@case(
    "a field that is constant along an axis",
    ".hdf5",
    "no data set",
    input="t0_fields/density",
    lead=1,
)
def well_constant(path):
    well_file(path, varying=False)


@case("a pickle in a zip archive", ".pt", "torch.load")
def torch_file(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", A.tobytes())


# Plain arrays


@case("channels first look like a third axis", ".npz", "channels='first'", nodes="vertex")
def npz_channels_first(path):
    np.savez(path, a=RGB, u=RGB[::-1])
    first = np.moveaxis(RGB, 1, -1)
    return Truth(first, first[::-1], (np.linspace(0, 1, 16), np.linspace(0, 1, 20)))


again("npz_channels_first", "told which axis", channels="first", nodes="vertex")
again(
    "npz_channels_first",
    "told, with a domain",
    "channels='first'",
    domain=Box((0, 0), (1, 1)),
    nodes="vertex",
)

SENSORS = field(5, np.linspace(0, 1, 64), np.arange(6))


@case("64 points with 6 channels, or a grid of 64 x 6", ".npz", "channels='last'", nodes="vertex")
def npz_curves(path):
    np.savez(path, a=SENSORS, u=SENSORS)
    return Truth(SENSORS, SENSORS, (np.linspace(0, 1, 64),))


again("npz_curves", "told that channels are last", channels="last", nodes="vertex")


@case("a grid of 64 x 6, told", ".npz", channels="none", nodes="vertex")
def npz_strip(path):
    np.savez(path, a=SENSORS, u=SENSORS)
    return Truth(wide(SENSORS), wide(SENSORS), (np.linspace(0, 1, 64), np.linspace(0, 1, 6)))


@case("one channel in front", ".npz", nodes="vertex")
def npz_one_channel(path):
    np.savez(path, a=SQUARE[:5, None], u=SQUARE[:5])
    x = np.linspace(0, 1, 33)
    return Truth(wide(SQUARE[:5]), wide(SQUARE[:5]), (x, x), says="one channel, in front")


@case("nodes of a finite element mesh are no curve", ".npz")
def npz_mesh(path):
    random = np.random.default_rng(1)
    places = random.uniform(size=(30, 2))
    u = np.sin(places @ [[3.0], [5.0]])[None, :, 0] + np.arange(5)[:, None]
    np.savez(path, a=u, u=-u, nodes=places, cells=random.integers(0, 30, (40, 3)))
    return Truth(wide(u), wide(-u), points=places, says="30 scattered points")


@case("x and y of the places of nodes are two arrays", ".npz")
def npz_mesh_columns(path):
    random = np.random.default_rng(1)
    places = random.uniform(size=(30, 2))
    np.savez(
        path, a=field(5, np.arange(30)), u=field(5, np.arange(30)), x=places[:, 0], y=places[:, 1]
    )
    u = wide(field(5, np.arange(30)))
    return Truth(u, u, points=places)


@case("other sensors in each sample, padded with NaN, to fields on a grid", ".npz")
def npz_ragged(path):
    random = np.random.default_rng(2)
    places = random.uniform(size=(5, 12, 2))
    values = np.sin(places @ [3.0, 5.0])
    for i in range(5):
        places[i, 12 - i :] = values[i, 12 - i :] = np.nan
    x = np.linspace(0, 1, 9)
    np.savez(
        path, input=values, input_coordinates=places, output=A[:5, :, :5],
        output_coordinates_0=x, x=x, y=np.linspace(0, 1, 5),
    )  # fmt: skip
    there = np.isfinite(values)
    return Truth(
        holed(values, there), wide(A[:5, :, :5]), points=places, mask=there,
        output_axes=(x, np.linspace(0, 1, 5)),
    )  # fmt: skip


@case("mesh grids are coordinates, not data", ".npz")
def npz_mesh_grids(path):
    x, y = np.meshgrid(X9, Y7, indexing="ij")
    np.savez(path, x=x, y=y, p=A, T=U)
    return Truth(wide(A), wide(U), (X9, Y7))


@case("mesh grids repeated for each sample", ".npz", input="p", output="T")
def npz_mesh_grids_repeated(path):
    x, y = np.broadcast_arrays(X9[None, :, None], Y7, A)[:2]
    np.savez(path, x=x, y=y, p=A, T=U)
    return Truth(wide(A), wide(U), (X9, Y7))


@case("a curved mesh is scattered points", ".npz")
def npz_curved(path):
    r, t = np.meshgrid(np.linspace(1, 2, 9), np.linspace(0, 1, 7), indexing="ij")
    x, y = r * np.cos(t), r * np.sin(t)
    np.savez(path, x=x, y=y, p=A, T=U)
    places = np.stack([x.ravel(), y.ravel()], -1)
    return Truth(A.reshape(6, -1, 1), U.reshape(6, -1, 1), points=places)


@case("x and y without other arrays are data", ".npz", nodes="vertex")
def npz_x_to_y(path):
    np.savez(path, x=A[..., 0], y=U[..., 0])
    return Truth(wide(A[..., 0]), wide(U[..., 0]), (np.linspace(0, 1, 9),))


@case("a third array makes x and y doubtful", ".npz", "not clear which", nodes="vertex")
def npz_x_y_z(path):
    np.savez(path, x=A, y=U, p=A)


@case("uneven depths beside the profiles", ".npz")
def npz_depths(path):
    depth = np.array([5.0, 10, 20, 50, 100, 250, 500, 1000, 2000, 4478])
    np.savez(path, temperature=field(6, depth), salinity=field(6, depth, shift=1), depth=depth)
    return Truth(wide(field(6, depth, shift=1)), wide(field(6, depth)), (depth,), says="unevenly")


CASES["npz_depths"] = CASES["npz_depths"]._replace(options={"input": "salinity"})


@case("latitude runs downwards", ".npz")
def npz_descending(path):
    np.savez(path, a=ocean(), u=ocean(shift=1), lat=LAT, lon=LON)
    return Truth(
        wide(flipped(ocean())),
        wide(flipped(ocean(shift=1))),
        (LAT[::-1], LON),
        says="turned to ascend",
    )


@case("the far end is not stored", ".npz", domain=Interval(0, 1))
def npz_left(path):
    x = np.arange(16) / 16
    np.savez(path, a=field(5, x), u=field(5, x), x=x)
    return Truth(wide(field(5, x)), wide(field(5, x)), (x,), says="0..1 (16 left)")


again("npz_left", "a closed axis, told", periodic=True)
again("npz_left", "nodes that the coordinates contradict", "disagree", domain=Interval(0.5, 2))


@case("coordinates of equal length may be of either axis", ".npz", "fit more than one axis")
def npz_equal_sizes(path):
    u = field(5, np.linspace(0, 1, 8), np.linspace(0, 2, 8))
    np.savez(path, a=u, u=u, x=np.linspace(0, 1, 8), y=np.linspace(0, 2, 8))
    x, y = np.linspace(0, 1, 8), np.linspace(0, 2, 8)
    return Truth(wide(u), wide(u), (x, y))


again("npz_equal_sizes", "told by domain and nodes", domain=Box((0, 0), (1, 2)), nodes="vertex")


again("npz_left", "coordinates replaced by the call", domain=Interval(0, 1), nodes="left")


@case("Chebyshev nodes, told", ".npz", nodes="chebyshev", domain=None)
def npz_chebyshev(path):
    x = 1 - np.cos(np.pi * np.arange(12) / 11)
    np.savez(path, a=field(5, x), u=field(5, x), x=x)
    return Truth(wide(field(5, x)), wide(field(5, x)), (x,), says="0..2 (12 chebyshev)")


again("npz_chebyshev", "uneven coordinates are no even nodes", "disagree", nodes="left")


@case("two coordinates are the same", ".npz", "do not ascend")
def npz_duplicates(path):
    x = np.array([0, 0.1, 0.1, 0.3, 0.5, 0.7, 1.0])
    np.savez(path, a=A[:, 0], u=U[:, 0], x=x)


@case(
    "input and output are one array",
    ".npz",
    "the same array",
    input="a",
    output="a",
    nodes="vertex",
)
def npz_same(path):
    np.savez(path, a=A, u=U)


@case("a series of fields, of which nothing says so", ".npz", "lead=1", nodes="vertex")
def npz_series(path):
    np.savez(path, fields=A)
    return Truth(wide(A[:-1]), wide(A[1:]), (np.linspace(0, 1, 9), np.linspace(0, 1, 7)))


again("npz_series", "time or trajectories?", "could be time or", lead=1, nodes="vertex")
again("npz_series", "a series, told", lead=1, nodes=("vertex", "vertex"))


@case("trajectories, told", ".npz", lead=1, nodes="vertex", domain=Interval(0, 1), channels="none")
def npz_trajectories_told(path):
    np.savez(path, fields=A)
    first, then = A[:, :-1].reshape(-1, 7), A[:, 1:].reshape(-1, 7)
    return Truth(wide(first), wide(then), (np.linspace(0, 1, 7),), says="in 6 groups")


@case("trajectories with their times", ".npz", lead=1)
def npz_trajectories(path):
    u = field(5 * 4, X9).reshape(5, 4, 9)
    np.savez(path, u=u, t=np.arange(4) * 0.5, x=X9)
    first, then = u[:, :-1].reshape(-1, 9), u[:, 1:].reshape(-1, 9)
    return Truth(wide(first), wide(then), (X9,), times=np.tile([0.5, 1, 1.5], 5))


@case("an axis of time of the output only", ".npz")
def npz_space_time(path):
    t = np.arange(4) * 0.5
    u = field(5, t, X9)
    np.savez(path, a=u[:, 0], u=u, t=t, x=X9)
    return Truth(
        wide(u[:, 0]), wide(u), (X9,), output_axes=(t, X9), says="axis of the domain, time x space"
    )


@case("curves on one grid to curves on another", ".npz")
def npz_two_grids(path):
    x, z = np.linspace(0, 1, 20), np.linspace(0, 3, 9)
    np.savez(path, input=field(5, x), input_coordinates=x, output=field(5, z), output_coordinates=z)
    return Truth(wide(field(5, x)), wide(field(5, z)), (x,), output_axes=(z,))


@case("numbers for missing values", ".npz", "numpy.where(u == -9999, numpy.nan, u)", nodes="vertex")
def npz_fill(path):
    np.savez(path, a=A, u=np.where(A > 1, -9999, A))


@case("NaN in one channel", ".npz", nodes="vertex", channels={"input": "last"})
def npz_holes(path):
    u = np.stack([A, U], -1)
    u[:, 2, 3, 1] = np.nan
    np.savez(path, a=u, u=A)
    mask = np.isfinite(u).all(-1)
    x, y = np.linspace(0, 1, 9), np.linspace(0, 1, 7)
    return Truth(
        np.where(mask[..., None], u, 0), wide(A), (x, y), mask=mask, says="one channel is missing"
    )


@case("a sample without values", ".npz", "only NaN in sample 2", nodes="vertex")
def npz_empty_sample(path):
    u = A.copy()
    u[2] = np.nan
    np.savez(path, a=A, u=u)


@case("an infinite value", ".npz", "infinite values", nodes="vertex")
def npz_infinite(path):
    u = A.copy()
    u[2, 3, 4] = np.inf
    np.savez(path, a=A, u=u)


@case("columns first", ".npz", "Fortran order", nodes="vertex")
def npz_fortran(path):
    np.savez(path, a=np.asfortranarray(A), u=U)


@case("one array alone", ".npy", "numpy.load")
def npy_file(path):
    np.save(path, A)


@case("GRIB needs ecCodes", ".grib", "cfgrib")
def grib_file(path):
    path.write_bytes(b"GRIB" + bytes(100) + b"7777")
