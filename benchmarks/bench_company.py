"""Time and memory of the simulator, each size in a process of its own, and whether the cost is linear in customers.

    python benchmarks/bench_company.py [--million]

Prints seconds and peak memory, and fails if a target is missed: 100,000 customers with every table in at most
15 s and 4 GB; 1,000,000 (with --million; customers and orders) in at most 16 GB; and a tenfold number of customers
in at most 13 times the time.
"""

import argparse
import os
import resource
import subprocess
import sys
import time


def run(n: int, tables: list[str] | None) -> None:
    """Simulate in this process and print seconds and peak megabytes."""
    from crkit import company

    start = time.perf_counter()
    company.simulate(n_customers=n, tables=tables)
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(n: int, tables: list[str] | None) -> tuple[float, float]:
    """Seconds and peak megabytes of one simulation in a fresh process."""
    command = [sys.executable, __file__, "--one", str(n), *(tables or [])]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()
    return float(out[0]), float(out[1])


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run(int(args.one[0]), args.one[1:] or None)
        return 0
    missed = 0
    few, many = (sorted(measure(n, None) for _ in range(3))[1] for n in (10_000, 100_000))
    ratio = many[0] / few[0]
    print(f"10,000 customers, every table:  {few[0]:6.2f} s {few[1]:8.0f} MB")
    print(f"100,000 customers, every table: {many[0]:6.2f} s {many[1]:8.0f} MB (targets 15 s, 4096 MB)")
    print(f"time for ten times as many customers: {ratio:.1f} times (target 13)")
    missed += many[0] > 15 or many[1] > 4096
    missed += ratio > 13
    if args.million:
        seconds, megabytes = measure(1_000_000, ["customers", "orders"])
        print(f"1,000,000 customers, customers and orders: {seconds:.1f} s {megabytes:.0f} MB (target 16384 MB)")
        missed += megabytes > 16 * 1024
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
