//! Whom TLS trusts: the machine's roots and the operator's CAs; and what to say where a handshake fails.
//!
//! Nothing here turns verification off, and nothing may.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use url::Host;

use rules::policy::{Origin, OriginGrant};
use rules::text;

/// The operator's CAs, read and found usable.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Certificates that were read before.
    pub fn of_der(all: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(all.into_iter().map(CertificateDer::from).collect())
    }

    /// The certificates, in DER.
    pub fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The certificates in PEM files. The error says which file cannot be used, and why.
    pub fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let mut all = Vec::new();
        for path in paths {
            all.extend(read(path).map_err(|reason| format!("cannot use the CAs in {}: {reason}", path.display()))?);
        }
        Ok(Self(all))
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let reason = |error| match error {
        pem::Error::Io(error) => error.to_string(),
        // Those of the parser show bytes as numbers.
        _ => "it is not a whole PEM file".into(),
    };
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(reason)?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".into());
    }
    for (number, certificate) in certificates.iter().enumerate() {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|_| format!("its certificate {} cannot be read", number + 1))?;
    }
    Ok(certificates)
}

/// A certificate that the host shows at one origin, and its key.
#[derive(Clone)]
pub struct ClientCertificate {
    origin: OriginGrant,
    key: Arc<SingleCertAndKey>,
}

impl ClientCertificate {
    /// From a chain, the client's own certificate first, and a key, both in PEM. The error says what is wrong, and
    /// nothing of the key.
    pub fn new(origin: &str, chain: &str, key: &str) -> Result<Self, String> {
        let origin: OriginGrant = origin.parse()?;
        if !origin.is_https() {
            return Err(format!("`{origin}` is no https origin"));
        }
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| "`chain` is not a whole PEM file")?;
        if chain.is_empty() {
            return Err("there is no certificate in `chain`".into());
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| "there is no private key in `key`")?;
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => "`key` is not the key of the first certificate in `chain`".to_owned(),
            _ => "`chain` or `key` cannot be used".to_owned(),
        })?;
        Ok(Self { origin, key: Arc::new(certified.into()) })
    }

    /// Whether it is shown at this origin.
    pub(super) fn is_for(&self, origin: &Origin) -> bool {
        self.origin.covers(origin)
    }

    /// A client that shows it.
    pub(super) fn shown_by(&self, client: &ClientConfig) -> ClientConfig {
        let mut client = client.clone();
        client.client_auth_cert_resolver = Arc::clone(&self.key) as _;
        client
    }
}

/// HTTP/2 as TLS names it (RFC 9113, 3.2).
pub(super) const HTTP_2: &[u8] = b"h2";

/// A client that trusts the machine's roots and the operator's CAs. Reading the roots takes milliseconds.
pub fn client(authorities: &Authorities) -> Result<ClientConfig, String> {
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(authorities.0.iter().cloned());
    if roots.is_empty() {
        let because = system.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!(
            "this machine has no root certificates for https{because}: install its `ca-certificates` package"
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The name that a host's certificate has to be for.
pub(super) fn server_name(host: &Host<String>) -> Result<ServerName<'static>, String> {
    match host {
        Host::Ipv4(address) => Ok(std::net::IpAddr::V4(*address).into()),
        Host::Ipv6(address) => Ok(std::net::IpAddr::V6(*address).into()),
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|_| format!("{name} is no name for a certificate"))
        }
    }
}

/// Why a handshake failed, and whether another attempt may do better: a certificate does not get better by asking
/// again; a connection that broke off may.
pub(super) fn failure(error: &io::Error) -> (String, bool) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        None => (error.to_string(), true),
        Some(rustls::Error::InvalidCertificate(error)) => (about_certificate(error), false),
        Some(rustls::Error::InvalidMessage(_)) => ("what it says is not TLS".into(), false),
        Some(error) => (about_client(error).map_or_else(|| error.to_string(), str::to_owned), false),
    }
}

/// What a server that ended a connection thinks of the client's certificate, where that was the reason. With TLS 1.3 it
/// says so after the handshake.
pub(super) fn about_client(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::AlertReceived(alert) = error else { return None };
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            Some("the server asks for a client certificate")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => Some("the server refuses the client certificate"),
        _ => None,
    }
}

/// What is wrong with a certificate, without what the certificate says of itself: that is anybody's text.
fn about_certificate(error: &CertificateError) -> String {
    let known = match error {
        CertificateError::UnknownIssuer => "no CA that is trusted here has signed its certificate",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::BadSignature => "the signature of its certificate is wrong",
        // Of its verifier's errors rustls passes on the names, and no types.
        CertificateError::Other(error) => match error.to_string().as_str() {
            "CaUsedAsEndEntity" => "its certificate is a CA's own, and not one for a server",
            "EndEntityUsedAsCa" => "what signed its certificate is not a CA",
            other => return format!("its certificate is refused: {}", text::quoted(other)),
        },
        other => return format!("its certificate is refused: {}", text::quoted(&other.to_string())),
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_thinks_of_a_client_certificate_is_said_in_words() {
        let of = |alert| about_client(&rustls::Error::AlertReceived(alert));
        assert_eq!(of(AlertDescription::CertificateRequired), Some("the server asks for a client certificate"));
        assert_eq!(of(AlertDescription::UnknownCA), Some("the server refuses the client certificate"));
        assert_eq!(of(AlertDescription::InternalError), None);
        assert_eq!(about_client(&rustls::Error::DecryptError), None);
        let error = io::Error::other(rustls::Error::AlertReceived(AlertDescription::CertificateExpired));
        assert_eq!(failure(&error), ("the server refuses the client certificate".to_owned(), false));
    }
}
