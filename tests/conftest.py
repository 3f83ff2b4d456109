"""Settings and fixtures of the tests. The library itself touches no global setting."""

import os
import pathlib

# Most of the tests' time is spent compiling programs that run once; processes of tests inherit it.
# AVX has no fused multiply-adds, with which this emitter makes symmetric expressions asymmetric.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_max_isa=AVX",
)

# Compiled programs, however small, survive between modules and runs, in a folder that git ignores.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
    pathlib.Path(__file__).resolve().parents[1] / ".pytest_cache" / "jax"
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

# Commands run in processes of their own, which need not compile riesz each time.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
os.environ["PYTHONPYCACHEPREFIX"] = os.environ["JAX_COMPILATION_CACHE_DIR"]

# Programs are lowered a tenth faster without the places in the source that each part came from.
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"
os.environ["JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS"] = "0"

import gc

import jax
import pytest
from jaxtyping import install_import_hook

# Check every annotated shape and type in riesz while it is tested. Must precede its first import.
install_import_hook("riesz", "beartype.beartype")

# Tracing makes millions of small objects, few of them in cycles; modules collect at their end.
gc.set_threshold(200_000, 20, 100)

ROOT = pathlib.Path(__file__).resolve().parent.parent

jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Thousands of programs that no later module runs take gigabytes and slow the collector."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def getkey():
    """A function that gives a fresh random key at each call, the same ones in every run."""
    count = 0

    def fresh():
        nonlocal count
        count += 1
        return jax.random.fold_in(jax.random.key(0), count)

    return fresh


@pytest.fixture
def x64():
    """The test runs with 64-bit floats."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def darcy_file():
    """Darcy flow data (16 x 16 and 32 x 32 grids), when it lies beside the checkout."""
    path = ROOT.parent / "shared" / "data" / "darcy_16_32.h5"
    if not path.is_file():
        pytest.skip("needs darcy_16_32.h5 in ../shared/data")
    return path
