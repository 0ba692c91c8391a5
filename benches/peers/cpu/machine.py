"""Facts about the machine, for the record."""

import os
import platform
import shutil
import subprocess


def first(command):
    """The first line that a command prints, or None if there is no such command."""
    if shutil.which(command[0]) is None:
        return None
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return lines[0] if lines else None


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def facts():
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "rustc": first(["rustc", "--version"]),
        "compiler": first(["c++", "--version"]),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
