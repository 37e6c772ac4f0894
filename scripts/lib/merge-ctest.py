#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins the tests of several CMake builds into one CTestTestfile.cmake, written to standard output.

    merge-ctest.py BUILDDIR:LABEL-REGEX...

A test NAME of build/asan becomes asan/NAME and also gets the label asan. LABEL-REGEX selects the tests that have a
matching label; "." takes all of them.
"""
import json
import os
import re
import subprocess
import sys

# Properties whose values name tests, fixtures or locks of the same build. The lock "machine" is one for all builds.
NAMES = {"DEPENDS", "FIXTURES_SETUP", "FIXTURES_CLEANUP", "FIXTURES_REQUIRED", "RESOURCE_LOCK"}


def quoted(value):
    """A CMake bracket argument: nothing inside is expanded."""
    return "[==[" + value + "]==]"


def text_of(value):
    return ("TRUE" if value else "FALSE") if isinstance(value, bool) else str(value)


def merge(build, pattern, out):
    prefix = os.path.basename(build)
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, stdout=subprocess.PIPE)
    for test in json.loads(shown.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        labels = properties.get("LABELS", [])
        if pattern != "." and not any(re.search(pattern, label) for label in labels):
            continue
        properties["LABELS"] = labels + [prefix]
        name = quoted(prefix + "/" + test["name"])
        out.write("add_test(" + name + " " + " ".join(quoted(a) for a in test["command"]) + ")\n")
        for key, value in properties.items():
            values = [text_of(v) for v in (value if isinstance(value, list) else [value])]
            if key in NAMES:
                values = [v if v == "machine" else prefix + "/" + v for v in values]
            out.write("set_tests_properties(" + name + " PROPERTIES " + key + " " + quoted(";".join(values)) + ")\n")


for argument in sys.argv[1:]:
    directory, labels_pattern = argument.rsplit(":", 1)
    merge(os.path.abspath(directory), labels_pattern, sys.stdout)
