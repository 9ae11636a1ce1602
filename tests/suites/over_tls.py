"""grpcurl over TLS: whom it trusts, what it asks for by name, what it shows of itself. Certificates are made by openssl."""

import pathlib
import tempfile

import harness
from harness import expect

TOTAL = 14


class Folder:
    """A folder of certificates, each signed by one of two authorities."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        for name in ["ca", "strangers"]:
            self.openssl("req", "-x509", "-out", self.crt(name), *self.fresh(name))
        for name, authority in [("first", "ca"), ("second", "ca"), ("client", "ca"), ("stranger", "strangers")]:
            self.issue(name, authority)

    def issue(self, name, authority):
        request, names = self.path / f"{name}.csr", self.path / f"{name}.ext"
        names.write_text(f"subjectAltName=DNS:{name}.test,IP:127.0.0.1\n")
        self.openssl("req", "-out", request, *self.fresh(name))
        signed_by = ["-CA", self.crt(authority), "-CAkey", self.key(authority), "-CAcreateserial"]
        self.openssl("x509", "-req", "-in", request, "-out", self.crt(name), "-extfile", names, *signed_by)

    def fresh(self, name):
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        return [*curve, "-keyout", self.key(name), "-subj", f"/CN={name}"]

    def openssl(self, *words):
        code, out, err = harness.run("openssl", *words)
        expect(code == 0, f"openssl {words}: {harness.brief(err + out)}")

    def crt(self, name):
        return self.path / f"{name}.crt"

    def key(self, name):
        return self.path / f"{name}.key"

    def shows(self, name):
        """How grpcurl shows a certificate of its own."""
        return ["-cert", self.crt(name), "-key", self.key(name)]


def run(suite, grpcurl, api):
    """The cases, on a set that is echoed."""
    method = f"descant.suite.{api.name}.Echo0/Unary"

    def case(name, wanted, server, *words):
        def check():
            code, out, err = grpcurl("-connect-timeout", 2, "-d", "{}", *words, server.address, method)
            if wanted is None:
                expect(code == 0, f"ended with {code}: {harness.brief(err + out)}")
            else:
                expect(code != 0 and wanted in err, f"says nothing of {wanted!r}: {harness.brief(err + out)}")

        suite.case(f"tls: {name}", check)

    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        trusts = ["-cacert", folder.crt("ca")]
        serves = ["--echo", "--tls-cert", folder.crt("first"), "--tls-key", folder.key("first")]
        asks = [*serves, "--tls-client-ca", folder.crt("ca")]
        two = ["--tls-cert", folder.crt("second"), "--tls-key", folder.key("second")]

        with harness.descant(api.path, *serves, *two) as server:
            case("a trusted authority", None, server, *trusts)
            case("any authority", None, server, "-insecure")
            case("an unknown authority", "unknown authority", server)
            case("the first name", None, server, *trusts, "-servername", "first.test")
            case("the second name", None, server, *trusts, "-servername", "second.test")
            case("a name that nobody has", "not third.test", server, *trusts, "-servername", "third.test")
            case("plain text", "Failed to dial", server, "-plaintext")
        with harness.descant(api.path, *asks) as server:
            case("a certificate of its own", None, server, *trusts, *folder.shows("client"))
            case("no certificate", "Failed to dial", server, *trusts)
            case("a stranger's certificate", "Failed to dial", server, *trusts, *folder.shows("stranger"))
        with harness.descant(api.path, *asks, "--tls-client-optional") as server:
            case("no certificate where none is needed", None, server, *trusts)
            case("a certificate where none is needed", None, server, *trusts, *folder.shows("client"))
            # Go does not show what the server says that it does not trust.
            case("a stranger's where none is needed", None, server, *trusts, *folder.shows("stranger"))
        with harness.descant(api.path, "--echo") as server:
            case("a port of plain text", "protocol version", server, *trusts)
