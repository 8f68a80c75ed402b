"""The extension of jupyter-server: its configuration, its routes, its one HTTP client."""

import os

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode, default

from nightbook_lab.compare import CompareHandler
from nightbook_lab.downloads import DownloadHandler
from nightbook_lab.handlers import UPSTREAM
from nightbook_lab.proxy import ProxyHandler
from nightbook_lab.run_contents import RunContentsHandler
from nightbook_lab.snapshot import SnapshotHandler
from nightbook_lab.upstream import Upstream, default_api_url, token_source


class NightbookApp(ExtensionApp):
    """Serves `<base>/nightbook/…`. Under JupyterHub the process's own Hub token says who is asking."""

    name = "nightbook"
    load_other_extensions = True

    api_url = Unicode(help="Where Nightbook answers, for example http://127.0.0.1:8600.").tag(config=True)
    token_file = Unicode(
        help="The file that holds your token for Nightbook; only you should be able to read it."
    ).tag(config=True)

    @default("api_url")
    def _default_api_url(self) -> str:
        return default_api_url()

    @default("token_file")
    def _default_token_file(self) -> str:
        return os.environ.get("NIGHTBOOK_TOKEN_FILE", "")

    def initialize_settings(self) -> None:
        self._upstream = Upstream(self.api_url, token_source(self.token_file))
        self.settings[UPSTREAM] = self._upstream
        self.log.info("nightbook.lab_ready api_url=%s", self.api_url)

    def initialize_handlers(self) -> None:
        self.handlers.extend(
            [
                (r"/nightbook/api/v1/(.*)", ProxyHandler),
                (r"/nightbook/snapshot", SnapshotHandler),
                (r"/nightbook/compare", CompareHandler),
                (r"/nightbook/contents/?(.*)", RunContentsHandler),
                (r"/nightbook/download/(.*)", DownloadHandler),
            ]
        )

    async def stop_extension(self) -> None:
        await self._upstream.close()
