use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

/// A folder with a certificate and its key, and files beside them that are not what they should be.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["a", "b"] {
            let pair = generate_simple_self_signed([format!("{name}.test")]).unwrap();
            files.put(&format!("{name}.crt"), pair.cert.pem());
            files.put(&format!("{name}.key"), pair.signing_key.serialize_pem());
        }
        files
    }

    fn put(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), contents).unwrap();
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn builder(&self, certificate: &str, key: &str) -> TlsBuilder {
        let path = |name: &str| self.folder.path().join(name);
        Tls::builder().certificate_files(path(certificate), path(key))
    }

    /// Why there is no TLS with these.
    fn refusal(&self, certificate: &str, key: &str) -> String {
        let error = self.builder(certificate, key).build().unwrap_err();
        assert!(error.is_tls());
        error.to_string()
    }
}

/// Whether a message names a file, and says all of this.
fn says(message: &str, file: &str, parts: &[&str]) {
    for part in parts.iter().chain(&[file]) {
        assert!(message.contains(part), "nothing of `{part}`: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let files = Files::new();
    files.put("empty", "");
    files.put("der", b"\x30\x82\x01\x00");
    files.put("torn", files.get("a.crt").replace("-----END CERTIFICATE-----", ""));
    files.put("both", files.get("b.crt") + &files.get("a.crt"));
    files.put(
        "encrypted",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    files.put(
        "old",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    files.put("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    files.put(
        "no.key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    for (certificate, key, file, parts) in [
        ("gone", "a.key", "gone", &["cannot read", "No such file"][..]),
        ("a.crt", "gone", "gone", &["cannot read"]),
        ("empty", "a.key", "empty", &["no certificate", "BEGIN CERTIFICATE"]),
        ("a.crt", "empty", "empty", &["no private key", "BEGIN PRIVATE KEY"]),
        ("a.key", "a.crt", "a.key", &["swapped"]),
        ("a.crt", "b.crt", "b.crt", &["no private key", "swapped"]),
        ("der", "a.key", "der", &["DER", "openssl x509"]),
        ("a.crt", "der", "der", &["DER", "openssl pkey"]),
        ("torn", "a.key", "torn", &["breaks off within its CERTIFICATE"]),
        ("a.crt", "b.key", "b.key", &["does not belong", "a.crt"]),
        ("both", "a.key", "both", &["wrong order", "first"]),
        ("a.crt", "encrypted", "encrypted", &["is encrypted", "openssl pkey"]),
        ("a.crt", "old", "old", &["is encrypted"]),
        ("junk", "a.key", "junk", &["cannot be used"]),
        ("a.crt", "no.key", "no.key", &["cannot be used"]),
    ] {
        says(&files.refusal(certificate, key), file, parts);
    }
    let error = Tls::builder().build().unwrap_err().to_string();
    says(&error, "certificate", &["key"]);
    let builder = files.builder("a.crt", "a.key");
    let ca = |name: &str| builder.clone().client_ca_file(files.folder.path().join(name)).build();
    says(&ca("empty").unwrap_err().to_string(), "empty", &["no certificate"]);
    says(&ca("junk").unwrap_err().to_string(), "junk", &["cannot be used"]);
    ca("b.crt").unwrap();
}

#[test]
fn a_chain_and_keys_of_every_kind_are_taken() {
    let files = Files::new();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    for algorithm in [
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let own = CertificateParams::new(["c.test".to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        files.put("chain.crt", own.pem() + &ca_certificate.pem());
        files.put("chain.key", key.serialize_pem());
        files.builder("chain.crt", "chain.key").build().unwrap();
        Tls::builder()
            .certificate(own.pem(), key.serialize_pem())
            .client_ca(ca_certificate.pem())
            .build()
            .unwrap();
    }
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let files = Files::new();
    let tls = files.builder("a.crt", "a.key").build().unwrap();
    let first = tls.config();
    files.put("a.crt", files.get("b.crt"));
    says(&tls.reload().unwrap_err().to_string(), "a.key", &["does not belong"]);
    assert!(Arc::ptr_eq(&first, &tls.config()));
    files.put("a.key", files.get("b.key"));
    tls.reload().unwrap();
    assert!(!Arc::ptr_eq(&first, &tls.config()));
}

#[test]
fn a_configuration_of_ones_own_stays_as_it_is() {
    let files = Files::new();
    let config = files.builder("a.crt", "a.key").build().unwrap().config();
    let tls = Tls::from(config.clone());
    tls.reload().unwrap();
    assert!(Arc::ptr_eq(&config, &tls.config()));
}

#[test]
fn keys_are_not_shown() {
    let files = Files::new();
    let key = files.get("a.key");
    let tls = Tls::builder().certificate(files.get("a.crt"), key.clone());
    let shown = format!("{tls:?} {:?}", tls.clone().build().unwrap());
    assert!(!shown.contains("PRIVATE") && !shown.contains("45, 45"), "{shown}");
}
