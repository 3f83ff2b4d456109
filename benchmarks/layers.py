"""Compares every layer at infinite width with wide finite networks to 1 %.

    python benchmarks/layers.py                   # minutes; writes docs/tables/layers.md

Finite networks are drawn until an error of 1 % of the largest entry of either kernel, beyond what
the width itself explains, would be four standard errors.
"""

import time

from commands import TABLES, footer, load

from riesz.testing import NETWORK_INSTANCES, check_network

VISIBLE = 0.01


def row(name: str) -> str:
    case = NETWORK_INSTANCES[name]
    start = time.perf_counter()
    found = check_network(case.build(case.width), case.shape, width=case.width, visible=VISIBLE)
    seconds = time.perf_counter() - start
    return (
        f"| {name} | {case.width} | {found.networks} | {found.nngp:.2%} | {found.ntk:.2%} | "
        f"{found.standard_error:.2%} | {seconds:.0f} |"
    )


def main() -> None:
    busy = [load()]
    lines = [
        "| layer | width | networks | NNGP differs | NTK differs | standard error | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in NETWORK_INSTANCES:
        lines.append(row(name))
        print(lines[-1], flush=True)
    (TABLES / "layers.md").write_text("\n".join(lines) + footer(busy))


if __name__ == "__main__":
    main()
