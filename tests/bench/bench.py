#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs rows of the benchmark and prints them as text, then as JSON. Started by scripts/bench, in a private namespace."""
import argparse
import json
import operator
import sys
import traceback

import rows
import world

COMPARE = {">=": operator.ge, "<=": operator.le}


def meets(value, bound):
    sign, limit = bound.split()
    return COMPARE[sign](value, float(limit))


def rounded(value):
    return float("%.4g" % value) if isinstance(value, float) else value


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("row", nargs="*", choices=[[]] + [r.__name__ for r in rows.ROWS])
    options = parser.parse_args()
    if options.list:
        for row in rows.ROWS:
            print("%-20s %s" % (row.__name__, row.__doc__.splitlines()[0]))
        return 0

    results, failed = [], False
    place = world.World(options.build)
    try:
        for row in rows.ROWS:
            if options.row and row.__name__ not in options.row:
                continue
            print("%s: %s" % (row.__name__, row.__doc__.splitlines()[0]), flush=True)
            world.warm_memory()
            try:
                for what, value, bound, raw in row(place):
                    raw = {k: rounded(v) for k, v in raw.items()}
                    good = meets(value, bound)
                    failed = failed or not good
                    results.append({"row": row.__name__, "what": what, "value": rounded(value), "bound": bound, "ok": good, **raw})
                    print("  %-4s %-30s %10s  (%s)  %s" % ("ok" if good else "MISS", what, "%.4g" % value, bound,
                                                          " ".join("%s=%s" % i for i in raw.items())), flush=True)
            except Exception as error:  # a row that cannot be measured must not hide the others
                failed = True
                results.append({"row": row.__name__, "ok": False, "error": str(error)})
                print("  FAIL %s" % error, flush=True)
                traceback.print_exc()
    finally:
        place.close()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    else:
        print(json.dumps(results, indent=1))
    return 1 if failed else 0


sys.exit(main())
