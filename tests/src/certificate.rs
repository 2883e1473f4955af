//! Certificate authorities and certificates, right or wrong, made anew for each test.

use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Years in which a certificate is good whenever a test runs.
const ALWAYS: RangeInclusive<i32> = 2000..=2999;

/// What signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, and those above it but the root's.
    chain: Vec<CertificateDer<'static>>,
    root: CertificateDer<'static>,
}

/// A certificate with its key: what a server shows.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    old: bool,
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn params(common_name: &str, names: &[&str], years: RangeInclusive<i32>) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names for a certificate");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(*years.start(), 1, 1);
    params.not_after = date_time_ymd(*years.end(), 12, 31);
    params
}

fn authority(common_name: &str, signs: bool) -> CertificateParams {
    let mut params = params(common_name, &[], ALWAYS);
    params.is_ca = if signs { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
    params
}

impl Authority {
    /// A root of that name, which signs itself.
    pub fn new(common_name: &str) -> Self {
        let (key, params) = (key(), authority(common_name, true));
        let root = params.self_signed(&key).expect("a certificate").der().clone();
        Self { issuer: Issuer::new(params, key), chain: Vec::new(), root }
    }

    /// An authority that this one has signed, and to which it gave the right to sign in its turn, or not.
    pub fn below(&self, common_name: &str, signs: bool) -> Self {
        let (key, params) = (key(), authority(common_name, signs));
        let own = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let chain = std::iter::once(own).chain(self.chain.iter().cloned()).collect();
        Self { issuer: Issuer::new(params, key), chain, root: self.root.clone() }
    }

    /// The root's certificate as a PEM file has it.
    pub fn pem(&self) -> String {
        pem(&self.root)
    }

    /// What lets in those alone that show a certificate of this authority.
    fn verifier(&self) -> Arc<dyn rustls::server::danger::ClientCertVerifier> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.expect("a verifier")
    }

    /// A certificate for names and addresses.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.identity_in(names, ALWAYS)
    }

    /// A certificate for names and addresses that is good from the first of these years to the end of the last.
    pub fn identity_in(&self, names: &[&str], years: RangeInclusive<i32>) -> Identity {
        let key = key();
        let own = params("server", names, years).signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let chain = std::iter::once(own).chain(self.chain.iter().cloned()).collect();
        Identity { chain, key: private(&key), old: false }
    }
}

impl Identity {
    /// A certificate for names and addresses that nobody but itself has signed.
    pub fn self_signed(names: &[&str]) -> Self {
        Self::signed_by_itself(params("server", names, ALWAYS))
    }

    /// One that also says that it is a CA's, as `openssl req -x509` makes them.
    pub fn self_signed_as_ca(names: &[&str]) -> Self {
        let mut params = params("server", names, ALWAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::signed_by_itself(params)
    }

    fn signed_by_itself(params: CertificateParams) -> Self {
        let key = key();
        let own = params.self_signed(&key).expect("a certificate").der().clone();
        Self { chain: vec![own], key: private(&key), old: false }
    }

    /// For a server that knows nothing newer than TLS 1.2.
    pub fn old(mut self) -> Self {
        self.old = true;
        self
    }

    /// The server's own certificate as a PEM file has it.
    pub fn pem(&self) -> String {
        pem(&self.chain[0])
    }

    /// The whole chain as a PEM file has it.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem(certificate)).collect()
    }

    /// The key as a PEM file has it, for a server that is another program.
    pub fn key_pem(&self) -> String {
        armoured("PRIVATE KEY", self.key.secret_der())
    }

    /// What serves TLS with it.
    pub(crate) fn server(self) -> Arc<rustls::ServerConfig> {
        self.server_for(None)
    }

    /// The same, for clients alone that show a certificate of that authority.
    pub(crate) fn server_for(self, clients: Option<&Authority>) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: &[_] =
            if self.old { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS12, &rustls::version::TLS13] };
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions of TLS")
            .with_client_cert_verifier(match clients {
                Some(authority) => authority.verifier(),
                None => rustls::server::WebPkiClientVerifier::no_client_auth(),
            })
            .with_single_cert(self.chain, self.key);
        Arc::new(config.expect("a certificate and its key"))
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

/// Bytes as a PEM file has a certificate.
pub fn pem(der: &[u8]) -> String {
    armoured("CERTIFICATE", der)
}

/// Bytes as a PEM file has them (RFC 7468).
fn armoured(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("Base64 is ASCII")).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
