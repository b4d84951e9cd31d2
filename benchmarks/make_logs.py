"""Makes a folder of service logs of a given size, always the same for a seed, and tells the truth about them.

    python benchmarks/make_logs.py FOLDER --mb 100 --truth truth.json

One file per part of a day, of about 3 MB, in `FOLDER/<day>/<part>.log`. A line is

    2024-03-01T00:00:00.131Z ERROR service=mailer host=web-2 status=504 latency_ms=301 bytes=187 msg="upstream timeout"

Only the standard library is used, so that `make demo` can run it with any Python.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

SERVICES = {"api": 30, "auth": 18, "payments": 14, "search": 16, "catalog": 12, "mailer": 6, "billing": 4}
"""Service -> its share of the lines."""
LEVELS = {"DEBUG": 20, "INFO": 70, "WARN": 7, "ERROR": 3}
ERROR_PRONE = {"payments": 5, "mailer": 3}
"""Service -> how many times more likely its lines are errors."""
MESSAGES = {
    "DEBUG": ["cache hit", "cache miss", "loaded settings", "heartbeat"],
    "INFO": ["request handled", "user signed in", "job finished", "page rendered"],
    "WARN": ["slow query", "retrying", "queue is long", "certificate expires soon"],
    "ERROR": ["connection refused", "upstream timeout", "payment declined", "out of stock", "invalid token"],
}
STATUSES = {
    "DEBUG": [200],
    "INFO": [200, 200, 200, 201, 204, 304],
    "WARN": [200, 404, 429],
    "ERROR": [500, 502, 503, 504],
}
FILE_BYTES = 3_000_000
FIRST_DAY = dt.date(2024, 3, 1)
PARTS = ["night", "morning", "afternoon", "evening"]
"""The files of a day."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mb", type=float, default=100, help="millions of bytes in all (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=Path, help="a file for the true counts, as JSON")
    options = parser.parse_args()
    started = time.perf_counter()
    truth = make(options.folder, round(options.mb * 1_000_000), options.seed)
    if options.truth:
        options.truth.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    took = time.perf_counter() - started
    print(f"{truth['bytes']:,} bytes, {truth['lines']:,} lines in {truth['files']} files in {took:.1f} s")


def make(folder: Path, size: int, seed: int = 0) -> dict[str, Any]:
    """Write the logs; returns the counts, summed up while writing and not read back."""
    truth = Truth()
    number = 0
    while truth.bytes < size - FILE_BYTES // 100:
        day, part = divmod(number, len(PARTS))
        truth.start_file(f"{FIRST_DAY + dt.timedelta(days=day)}/{PARTS[part]}.log")
        text = _file(day, part, min(FILE_BYTES, size - truth.bytes), random.Random(f"{seed} {number}"), truth)
        path = folder / truth.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        number += 1
    return truth.as_json()


class Truth:
    """What is in the logs."""

    def __init__(self) -> None:
        self.file = ""
        self.files = 0
        self.bytes = 0
        self.lines = 0
        self.service_levels: Counter[tuple[str, str]] = Counter()
        self.errors_per_day: Counter[str] = Counter()
        self.errors_per_file: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.latency_ms: Counter[str] = Counter()
        self.max_latency_ms = 0
        self.first_timeout: dict[str, Any] | None = None

    def start_file(self, name: str) -> None:
        """What is added from now on is in this file."""
        self.file = name
        self.files += 1

    def add(
        self, lines: list[str], services: list[str], levels: list[str], statuses: list[int], latencies: list[int]
    ) -> None:
        """Count the lines of one file, of which the columns are known."""
        self.lines += len(lines)
        self.service_levels.update(zip(services, levels, strict=True))
        self.statuses.update(statuses)
        for service, latency in zip(services, latencies, strict=True):
            self.latency_ms[service] += latency
        self.max_latency_ms = max(self.max_latency_ms, *latencies)
        errors = levels.count("ERROR")
        self.errors_per_day[self.file[:10]] += errors
        self.errors_per_file[self.file] += errors
        if self.first_timeout is None:
            hits = ((at, line) for at, line in enumerate(lines, 1) if "timeout" in line)
            at, line = next(hits, (0, ""))
            self.first_timeout = {"file": self.file, "line": at, "text": line} if line else None

    def as_json(self) -> dict[str, Any]:
        """The counts, as the file for `--truth` holds them."""
        levels: Counter[str] = Counter()
        services: Counter[str] = Counter()
        for (service, level), count in self.service_levels.items():
            levels[level] += count
            services[service] += count
        return {
            "files": self.files,
            "bytes": self.bytes,
            "lines": self.lines,
            "lines_per_level": dict(levels),
            "lines_per_service": dict(services),
            "errors_per_service": {name: self.service_levels[name, "ERROR"] for name in SERVICES},
            "errors_per_day": dict(self.errors_per_day),
            "errors_per_file": dict(self.errors_per_file),
            "lines_per_status": {str(status): count for status, count in self.statuses.items()},
            "average_latency_ms": {name: self.latency_ms[name] / services[name] for name in services},
            "max_latency_ms": self.max_latency_ms,
            "first_timeout": self.first_timeout,
        }


def _file(day: int, part: int, size: int, chance: random.Random, truth: Truth) -> bytes:
    """One file of at least `size` bytes; the columns are drawn at once, which is far faster than line by line."""
    count = size // 135 + 1
    services = chance.choices(list(SERVICES), list(SERVICES.values()), k=count)
    weights = {
        service: list(
            accumulate(
                share * (ERROR_PRONE.get(service, 1) if level == "ERROR" else 1) for level, share in LEVELS.items()
            )
        )
        for service in SERVICES
    }
    names = list(LEVELS)
    levels = [chance.choices(names, cum_weights=weights[service])[0] for service in services]
    latencies = [int(chance.lognormvariate(4, 0.9)) for _ in range(min(count, 5000))]
    latencies = chance.choices(latencies, k=count)
    sizes = chance.choices(range(80, 20_000), k=count)
    hosts = chance.choices([f"web-{n}" for n in range(1, 9)], k=count)
    span = 86_400_000 // len(PARTS)
    offsets = sorted(chance.choices(range(span), k=count))
    statuses = [STATUSES[level][size % len(STATUSES[level])] for level, size in zip(levels, sizes, strict=True)]
    date = FIRST_DAY + dt.timedelta(days=day)
    lines = []
    for at, service, level, host, status, latency, length in zip(
        offsets, services, levels, hosts, statuses, latencies, sizes, strict=True
    ):
        milliseconds = at + part * span
        seconds, milliseconds = divmod(milliseconds, 1000)
        said = MESSAGES[level][length % len(MESSAGES[level])]
        lines.append(
            f"{date}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}Z {level} "
            f'service={service} host={host} status={status} latency_ms={latency} bytes={length} msg="{said}"'
        )
    text = ("\n".join(lines) + "\n").encode("ascii")
    truth.bytes += len(text)
    truth.add(lines, services, levels, statuses, latencies)
    return text


if __name__ == "__main__":
    main()
