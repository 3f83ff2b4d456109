"""The folder of a run: which command owns it, and how far that is."""

import json
import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riesz import __version__
from riesz.errors import UsageError

RUN, LOCK, FORMAT = "run.json", ".lock", "riesz.run"
_OWN = {RUN + ".part", LOCK}  # what a run that was killed at its very start may leave


class RunFolder:
    """`OUT/run.json`: the settings of one command, its state, and what it needs to go on.

    **Raises:** `UsageError` for a folder of another run, or one that is no run folder; such
    folders are left untouched.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        settings = json.loads(json.dumps(settings))
        found = _read(path)
        if found is not None:
            _require_same(path, found["settings"], settings)
            self.record = found
            return
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
        from riesz._fit._checkpoint import write_atomically

        self.record.update(changes)
        write_atomically(self.path / RUN, json.dumps(self.record, indent=1).encode())

    @contextmanager
    def locked(self):
        """Nobody else runs in the folder; the lock ends with the process, however it ends."""
        with open(self.path / LOCK, "w") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # not a POSIX system
                pass
            except BlockingIOError:
                raise UsageError(
                    "another process is at work in this run folder",
                    where=str(self.path),
                    repair="wait until it ends, or choose another folder with --out",
                ) from None
            yield


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


def _require_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    here, asked = flat(found), flat(wanted)
    names = [name for name in {**asked, **here} if here.get(name) != asked.get(name)]
    if names:
        raise UsageError(
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
