"""The API's description as a file: `python -m nightbook.api.openapi` writes it, `--check` compares it."""

import json
import sys
from pathlib import Path

from nightbook.api.app import routes_only

FILE = Path(__file__).parent.parent / "openapi.json"


def description() -> str:
    return json.dumps(routes_only().openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        FILE.write_text(description(), encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == description():
        return 0
    sys.stderr.write(f"{FILE.name} does not describe the API any more; run python -m nightbook.api.openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
