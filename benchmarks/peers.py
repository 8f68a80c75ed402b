"""The environments of the benchmark's peers, each in a folder of its own, installed by name.

python benchmarks/peers.py install DIR
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = {
    "jupyter_scheduler": ["jupyter-scheduler", "jupyter-server", "ipykernel"],
    # Prefect 3.8.8 works neither with the newest FastAPI nor with SQLAlchemy 2.1.
    "prefect": ["prefect", "papermill", "ipykernel", "fastapi<0.140", "sqlalchemy<2.1"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=["install"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=sorted(PACKAGES), action="append")
    options = parser.parse_args()
    for name in options.only or PACKAGES:
        place = options.folder.absolute() / name
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES[name]], check=True)
        print(f"{name}: {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
