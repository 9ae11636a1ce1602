"""Pages in Chromium: @connectrpc/connect-web, gRPC-Web's own client, and REST, all from an origin that is not Descant's."""

import functools
import http.server
import shutil
import threading

import harness
import javascript
import over_tls

TOTAL = 502
SECONDS = 900
PAGE = '<!doctype html><meta charset="utf-8"><script src="page.js"></script>'


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def bundle(made):
    """Makes one script of the page's, as browsers have no packages."""
    words = ["--bundle", "--format=iife", "--log-level=warning", f"--outfile={made / 'page.js'}"]
    code, _, err = harness.run(javascript.PACKAGES / ".bin" / "esbuild", made / "page.mjs", *words)
    harness.equal(code, 0, f"esbuild: {err}")
    (made / "page.html").write_text(PAGE)
    shutil.copy(javascript.DEMO, made)
    javascript.shapes(made / "shapes.binpb")


def allowing(origin):
    return ["--cors-origin", origin, "--cors-header", "x-allowed"]


def main():
    suite = harness.Suite("browser", TOTAL)
    with javascript.folder() as made:
        bundle(made)
        certificates = over_tls.Folder(made)
        secure = ["--tls-cert", certificates.crt("first"), "--tls-key", certificates.key("first")]
        pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=made))
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{pages.server_port}"
        with (
            harness.Server("descant-suite-server", *secure) as server,
            harness.descant(*allowing(origin)) as shop,
            harness.descant(*allowing(origin), *secure) as secure_shop,
        ):
            settings = {
                "chromium": shutil.which("chromium"),
                "origin": origin,
                # The same pages by another name, which no server allows.
                "stranger": f"http://localhost:{pages.server_port}",
                "servers": {
                    "plain": f"http://{server.addresses[0]}",
                    "tls": f"https://{server.addresses[1]}",
                    "shop": {"plain": f"http://{shop.address}", "tls": f"https://{secure_shop.address}"},
                },
            }
            javascript.run(suite, made, "browser.mjs", settings, SECONDS)
        pages.shutdown()
    suite.end()


main()
