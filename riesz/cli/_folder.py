"""The folder of a run: which command owns it, and how far that is."""

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from riesz import __version__
from riesz._core.progress import say
from riesz.cli._guard import Interrupted
from riesz.errors import RunError, UsageError

if TYPE_CHECKING:
    from riesz.learning import Fitted

RUN, LOCK, FORMAT = "run.json", ".lock", "riesz.run"
CHECKPOINT, DATA = "fit/checkpoint.safetensors", "data.h5"
_OWN = {RUN + ".part", LOCK}  # what a run that was killed at its very start may leave


class RunFolder:
    """`OUT/run.json`: the settings of one command, its state, and what it needs to go on.

    A run of which nothing is worth keeping, which has no checkpoint and no model, gives way to
    other settings; data that was sampled for it is used again where it is the same.

    **Raises:** `UsageError` for a folder of another run, or one that is no run folder; such
    folders are left untouched.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        settings = json.loads(json.dumps(settings))
        found = _read(path)
        if found is not None and found["settings"] == settings:
            self.record = found
            return
        if found is not None:
            if _is_locked(path):
                raise _at_work(path)
            if _is_worth_keeping(path):
                raise _other_settings(path, found["settings"], settings)
            self._clear(keep_data=_data_settings(found["settings"]) == _data_settings(settings))
        path.mkdir(parents=True, exist_ok=True)
        self.record = {
            "format": FORMAT,
            "version": 1,
            "riesz": __version__,
            "state": "unfinished",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": this_command(),
            "settings": settings,
        }
        self.update()

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.record["state"] == "finished"

    def update(self, **changes: Any) -> None:
        """Change the record on the disk, in one step."""
        from riesz._core.files import write_atomically

        self.record.update(changes)
        write_atomically(self.path / RUN, json.dumps(self.record, indent=1).encode())

    def run(self, work: Callable[[], None], started: float | None = None) -> None:
        """Do what is left of the run: nothing, where it is finished.

        `started` is the monotonic time from which its seconds are counted.
        """
        if self.finished:
            say(f"{self.path} holds this run, finished: nothing to do")
            return
        started = time.monotonic() if started is None else started
        try:
            with self.locked():
                work()
                self.update(state="finished", seconds=round(time.monotonic() - started, 1))
        except KeyboardInterrupt:
            raise Interrupted(this_command()) from None

    def usable(self, fitted: "Fitted") -> "Fitted":
        """A fit that came to its end with usable weights.

        **Raises:** `KeyboardInterrupt` for one that was interrupted, `RunError` for one without.
        """
        from riesz.learning import Status

        if fitted.status is Status.interrupted:
            raise KeyboardInterrupt
        if not fitted.history:
            raise RunError(
                "the fit gave no usable weights",
                where=str(self.path),
                expected="at least one validation with a finite loss",
                found=str(fitted.status),
                repair="give a larger --time-budget and another --out"
                if fitted.status is Status.time_spent
                else "give a smaller --learning-rate and another --out",
            )
        if fitted.status is Status.diverged:
            say(f"warning: {fitted.status}; a smaller --learning-rate may do better")
        for note in fitted.notes:
            say(f"note: {note}")
        return fitted

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else runs in the folder; the lock ends with the process, however it ends.

        An error before anything is worth keeping takes the folder away again.
        """
        with open(self.path / LOCK, "w") as file:
            if not _lock(file):
                raise _at_work(self.path)
            try:
                yield
            except Exception:
                if not _is_worth_keeping(self.path):
                    self._clear(keep_data=True)
                raise

    def _clear(self, keep_data: bool) -> None:
        """Remove what a run without a checkpoint has left, and the folder when it is empty."""
        shutil.rmtree(self.path / "fit", ignore_errors=True)
        data = [p for p in self.path.glob(DATA + "*") if not keep_data or p.suffix == ".new"]
        for path in data:
            path.unlink(missing_ok=True)
        if not list(self.path.glob(DATA + "*")):
            for path in (self.path / RUN, self.path / (RUN + ".part"), self.path / LOCK):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # something else lies there
                self.path.rmdir()


def _lock(file: IO[str]) -> bool:
    """Take the lock of a file, which ends with the process; whether nobody else has it."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    if not (path / LOCK).exists():
        return False
    with open(path / LOCK) as file:
        return not _lock(file)


def _at_work(path: Path) -> UsageError:
    return UsageError(
        "another process is at work in this run folder, which was left untouched",
        where=str(path),
        repair="wait until it ends, or choose another folder with --out",
    )


def _is_worth_keeping(path: Path) -> bool:
    """Whether a run has come as far as a checkpoint."""
    return any((path / name).exists() for name in (CHECKPOINT, "model.json", "report.md"))


def _data_settings(settings: dict[str, Any]) -> list[Any]:
    """Of the settings of `riesz train`, what decides the pairs that a problem's solver samples."""
    return [settings.get(name) for name in ("problem", "data", "seed")]


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """A folder is made, and taken away again when what fills it fails or is interrupted."""
    path.mkdir(parents=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def this_command() -> str:
    """The command line of this process, to be repeated."""
    script = Path(sys.argv[0])  # a script that calls the commands' functions, such as the demo
    program = ["python", str(script)] if script.suffix == ".py" and script.stem[0] != "_" else None
    return shlex.join([*(program or ["riesz"]), *sys.argv[1:]])


def _read(path: Path) -> dict[str, Any] | None:
    """The record of a run folder; None for a folder that is absent or empty."""
    if not path.exists():
        return None
    there = sorted(p.name for p in path.iterdir()) if path.is_dir() else None
    if there is not None and not set(there) - _OWN:
        return None
    if there is None or RUN not in there:
        raise UsageError(
            "the output folder is in use for something else, and was left untouched",
            where=str(path),
            expected=f"a new or empty folder, or one with the {RUN} of an earlier run",
            found="a file" if there is None else ", ".join(there[:6]),
            repair="choose another folder with --out",
        )
    try:
        record = json.loads((path / RUN).read_bytes())
        if record["format"] == FORMAT and isinstance(record["settings"], dict):
            return record
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"{RUN} is damaged, or was written by another program",
        where=str(path / RUN),
        repair="choose another folder with --out",
    )


def _other_settings(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> UsageError:
    here, asked = flat(found), flat(wanted)
    names = [name for name in {**asked, **here} if here.get(name) != asked.get(name)]
    return UsageError(
        "the output folder holds a run with other settings, and was left untouched",
        where=str(path),
        expected="\n".join(f"{name} = {asked.get(name)}" for name in names[:4]),
        found="\n".join(f"{name} = {here.get(name)}" for name in names[:4]),
        repair="choose another folder with --out; or delete this one; or repeat the command "
        "with the settings of the run to go on with it",
    )


def flat(record: Any, prefix: str = "") -> dict[str, Any]:
    """A nested record with names such as `operator.width`."""
    if not isinstance(record, dict):
        return {prefix.removesuffix("."): record}
    parts = [flat(value, f"{prefix}{name}.") for name, value in record.items()]
    return {name: value for part in parts for name, value in part.items()}
