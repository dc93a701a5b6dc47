"""``make audit``: ask pip-audit for known vulnerabilities of the locked dependencies, and say where it cannot be asked.

pip-audit takes its data from a package index's own service. Where that cannot be reached, or does not know the
packages, nothing is known: that is then what is printed, and not that all is well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

COULD_NOT_ASK = "audit: could not ask about {}; nothing is known of their vulnerabilities"


def main(arguments: Sequence[str]) -> int:
    """Audit the requirements file named; the status is 1 where a vulnerability is known, 0 otherwise."""
    options = ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    command = ["pip-audit", "--requirement", arguments[0], *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        found: Sequence[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, LookupError, TypeError):
        print(COULD_NOT_ASK.format("any dependency"))
        return 0
    return report(found)


def report(dependencies: Sequence[Mapping[str, Any]]) -> int:
    """Print what pip-audit says of each dependency; 1 where one is vulnerable."""
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    vulnerable = [one for one in dependencies if one.get("vulns")]
    for one in vulnerable:
        for known in one["vulns"]:
            fixed = ", ".join(known.get("fix_versions", ())) or "no version yet"
            print(f"audit: {one['name']} {one['version']}: {known['id']}, mended in {fixed}")
    asked = len(dependencies) - len(unknown)
    if unknown or not dependencies:
        print(COULD_NOT_ASK.format(f"{len(unknown)} of {len(dependencies)} dependencies"))
    print(f"audit: {asked} dependencies asked about, {len(vulnerable)} with a known vulnerability")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
