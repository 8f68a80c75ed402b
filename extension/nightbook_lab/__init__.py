"""The jupyter-server half of the JupyterLab extension.

It forwards the browser's requests to Nightbook with the person's own token, uploads saved notebooks,
and shows executed copies as read-only contents. It knows the server by HTTP alone.
"""

from typing import Any


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "nightbook-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    # Imported here because a worker installs this package too, without jupyter-server.
    from nightbook_lab.app import NightbookApp

    return [{"module": "nightbook_lab", "app": NightbookApp}]
