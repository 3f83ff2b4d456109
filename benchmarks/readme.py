"""Write the tables of README.md and of the site, and docs/tables/papers.md from the records.

    python benchmarks/readme.py            # write
    python benchmarks/readme.py --check    # only say whether anything would change

The parts of README.md, docs/measurements.md and docs/papers.md between `<!-- table: NAME -->`
and `<!-- end -->` are docs/tables/NAME.md; a table that is not there yet is said to be missing.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "docs" / "tables"
README = ROOT / "README.md"
PAGES = (README, ROOT / "docs" / "measurements.md", ROOT / "docs" / "papers.md")
PART = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# The command that writes each table.
WRITTEN_BY = {
    "accuracy": "python benchmarks/accuracy.py",
    "burgers": "python benchmarks/burgers.py",
    "coverage": "python benchmarks/coverage.py",
    "darcy": "python benchmarks/darcy.py",
    "demo": "python benchmarks/figures.py RUN",
    "empirical": "python benchmarks/empirical.py",
    "evidence": "make bench-evidence",
    "gaussian_process": "python benchmarks/gaussian_process.py",
    "kernels": "make bench-kernels",
    "layers": "python benchmarks/layers.py",
    "papers": "riesz reproduce --all; python benchmarks/readme.py",
    "scattered": "python benchmarks/scattered.py",
    "speed": "python benchmarks/fno_speed.py --record",
    "tuning": "python benchmarks/tuning.py",
    "wide_operators": "python benchmarks/wide_operators.py",
}


def part(name: str, page: Path) -> str:
    """What stands in a page for a table."""
    path = TABLES / f"{name}.md"
    if not path.exists():
        command = WRITTEN_BY[name]
        scripts = [word for word in command.split() if word.endswith(".py")]
        there = all((ROOT / script).exists() for script in scripts)
        return f"Not recorded yet; `{command}` writes it.\n" if there else "Not recorded yet.\n"
    text = path.read_text().strip()
    # links in tables lead from docs/tables to docs
    return "{}\n".format(text.replace("](../", "](docs/" if page == README else "]("))


def rewritten(page: Path) -> str:
    """A page with its tables written anew."""
    return PART.sub(lambda m: f"{m[1]}{part(m[2], page)}{m[3]}", page.read_text())


def papers() -> str:
    """The table of papers, from the records in riesz.papers."""
    from riesz.papers import PAPERS

    lines = ["| paper | claim | published | measured here | seconds | date |"]
    lines.append("|---|---|---|---|---|---|")
    for name, paper in PAPERS.items():
        found = paper.measured
        text = "not recorded yet"
        if found is not None:
            text = "; ".join(f"{what}: {value:.4g}" for what, value in found.items())
        seconds = "" if paper.seconds is None else f"{paper.seconds:.0f}"
        cells = (
            f"{paper.title} (`{name}`)",
            paper.claim,
            paper.published,
            text,
            seconds,
            paper.date or "",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    machines = sorted({p.record["hardware"] for p in PAPERS.values() if p.record})
    return "\n".join([*lines, "", f"Recorded on {', '.join(machines)}."]) + "\n"


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, wanted in [(TABLES / "papers.md", lambda page: papers())] + [
        (page, rewritten) for page in PAGES
    ]:
        text = wanted(path)
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text)
    print(("would change: " if check else "written: ") + (", ".join(stale) or "nothing"))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
