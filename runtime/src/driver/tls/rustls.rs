//! How certificates are checked.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::driver::tls::certificate::{check_dates, with_key_of};
use crate::driver::url::Tls;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What makes the TLS connection, or nothing where none is wanted.
pub(crate) fn connector(tls: &Tls) -> Result<Option<MakeRustlsConnect>, Cause> {
    // A provider of its own, so that it does not matter what the application has installed for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls {
        Tls::Off => return Ok(None),
        Tls::Unverified => Arc::new(Unverified { algorithms: provider.signature_verification_algorithms }),
        Tls::VerifyAuthority { root } => Arc::new(Verified::new(Some(root), Name::Any, Arc::clone(&provider))?),
        Tls::VerifyFull { root } => Arc::new(Verified::new(root.as_deref(), Name::Checked, Arc::clone(&provider))?),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// `prefer` and `require`: encrypted, whoever answers. An active attacker can sit in between, as libpq's manual says too.
#[derive(Debug)]
struct Unverified {
    algorithms: WebPkiSupportedAlgorithms,
}

impl Unverified {
    /// The signature of the handshake proves that who answers has the certificate's key. The channel binding of a password
    /// (SCRAM-SHA-256-PLUS) rests on that. A certificate that cannot be read has no channel binding either.
    fn checked(
        certificate: &CertificateDer<'_>,
        check: impl FnOnce(&CertificateDer<'_>) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        with_key_of(certificate).map_or_else(|| Ok(HandshakeSignatureValid::assertion()), |readable| check(&readable))
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::checked(certificate, |readable| verify_tls12_signature(message, readable, signed, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::checked(certificate, |readable| verify_tls13_signature(message, readable, signed, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// `verify-ca` and `verify-full`: a certificate must vouch for the server's, or be the same.
#[derive(Debug)]
struct Verified {
    authority: Arc<WebPkiServerVerifier>,
    /// The certificates of `sslrootcert`.
    trusted: Vec<CertificateDer<'static>>,
    name: Name,
}

/// Whether the certificate must be for the host that is connected to.
#[derive(Clone, Copy, Debug)]
enum Name {
    Any,
    Checked,
}

impl Verified {
    /// Checks against the certificates of a file, or the system's.
    fn new(root: Option<&Path>, name: Name, provider: Arc<CryptoProvider>) -> Result<Self, Cause> {
        let mut roots = RootCertStore::empty();
        let trusted = root.map_or_else(|| Ok(Vec::new()), certificates)?;
        match root {
            Some(path) => {
                for certificate in &trusted {
                    roots
                        .add(certificate.clone())
                        .map_err(|error| format!("sslrootcert {}: {error}", path.display()))?;
                }
            }
            None => {
                // Some of a system's certificates are often malformed: what matters is that there are any.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err("the system has no root certificates: name a file with sslrootcert".into());
                }
            }
        }
        let authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { authority, trusted, name })
    }

    /// A server's certificate that is trusted itself needs nobody to vouch for it, and may be an authority's: so are those
    /// of `openssl req -x509`, and OpenSSL takes those that have signed themselves.
    fn check_trusted(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        check_dates(certificate, now)?;
        match self.name {
            Name::Any => Ok(()),
            Name::Checked => verify_server_name(&ParsedCertificate::try_from(certificate)?, name),
        }
    }
}

/// The certificates of `sslrootcert`, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Cause> {
    let refused = |error| format!("sslrootcert {}: {error}", path.display());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(refused)?.collect();
    let certificates = certificates.map_err(refused)?;
    if certificates.is_empty() {
        return Err(format!("sslrootcert {} holds no certificate", path.display()).into());
    }
    Ok(certificates)
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.trusted.contains(certificate) {
            return self.check_trusted(certificate, name, now).map(|()| ServerCertVerified::assertion());
        }
        // The name is what webpki checks last: only its error is passed over.
        match (self.authority.verify_server_cert(certificate, intermediates, name, ocsp, now), self.name) {
            (
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
                Name::Any,
            ) => Ok(ServerCertVerified::assertion()),
            (outcome, _) => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let readable = with_key_of(certificate).ok_or(CertificateError::BadEncoding)?;
        self.authority.verify_tls12_signature(message, &readable, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let readable = with_key_of(certificate).ok_or(CertificateError::BadEncoding)?;
        self.authority.verify_tls13_signature(message, &readable, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::client::danger::ServerCertVerifier;
    use rustls::client::{ClientConnection, WebPkiServerVerifier};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
    use rustls::sign::CertifiedKey;
    use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::ring, version};
    use x509_cert::der::{Decode, Encode};

    use super::{Name, Unverified, Verified};

    /// A certificate of its own authority, as `openssl req -x509` makes them.
    fn own_authority(names: &[&str], key: &KeyPair, to: i32) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params.self_signed(key).expect("a certificate").der().clone()
    }

    /// The same of X.509 version 1. Nobody checks what its authority has signed.
    fn version_1(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
        let mut read = x509_cert::Certificate::from_der(certificate).expect("valid");
        read.tbs_certificate.version = x509_cert::certificate::Version::V1;
        read.tbs_certificate.extensions = None;
        CertificateDer::from(read.to_der().expect("valid"))
    }

    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    /// What the client says to a server that shows a certificate and signs with a key.
    fn handshake(
        verifier: Arc<dyn ServerCertVerifier>,
        certificate: &CertificateDer<'static>,
        key: &KeyPair,
        protocol: &'static SupportedProtocolVersion,
    ) -> Result<(), rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[protocol])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let key = ring::sign::any_supported_type(&key)?;
        let shows = Shows(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[protocol])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shows));
        let mut server = ServerConnection::new(Arc::new(server))?;
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name)?;
        while client.is_handshaking() {
            let mut sent = Vec::new();
            client.write_tls(&mut sent).expect("memory");
            server.read_tls(&mut sent.as_slice()).expect("memory");
            server.process_new_packets()?;
            let mut answer = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut answer).expect("memory");
            }
            let mut answer = answer.as_slice();
            while !answer.is_empty() {
                client.read_tls(&mut answer).expect("memory");
                client.process_new_packets()?;
            }
        }
        Ok(())
    }

    #[test]
    fn who_is_not_verified_must_still_have_the_key_of_the_certificate() {
        let (own, stranger) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let version_3 = own_authority(&["localhost"], &own, 2101);
        let algorithms = ring::default_provider().signature_verification_algorithms;
        for certificate in [version_1(&version_3), version_3] {
            for protocol in [&version::TLS12, &version::TLS13] {
                let verifier = || Arc::new(Unverified { algorithms });
                handshake(verifier(), &certificate, &own, protocol).expect("its own key");
                let error = handshake(verifier(), &certificate, &stranger, protocol).expect_err("a stranger's key");
                assert!(error.to_string().contains("BadSignature"), "{error:?}");
            }
        }
        let unreadable = CertificateDer::from(vec![0x30, 0]);
        handshake(Arc::new(Unverified { algorithms }), &unreadable, &own, &version::TLS13).expect("no more is asked");
    }

    #[test]
    fn a_certificate_that_is_trusted_itself_needs_no_authority_but_its_dates_and_its_name() {
        let key = KeyPair::generate().expect("a key");
        let good = own_authority(&["localhost"], &key, 2101);
        let nameless = own_authority(&[], &key, 2101);
        let old = own_authority(&["localhost"], &key, 2002);
        let stranger = own_authority(&["localhost"], &KeyPair::generate().expect("a key"), 2101);
        for (trusted, shown, name, expected) in [
            (&good, &good, Name::Any, Ok(())),
            (&good, &good, Name::Checked, Ok(())),
            (&nameless, &nameless, Name::Any, Ok(())),
            (&nameless, &nameless, Name::Checked, Err("not valid for any names")),
            (&old, &old, Name::Any, Err("expired")),
            (&version_1(&good), &version_1(&good), Name::Any, Ok(())),
            (&version_1(&good), &version_1(&good), Name::Checked, Err("UnsupportedCertVersion")),
            (&good, &stranger, Name::Any, Err("CaUsedAsEndEntity")),
        ] {
            let mut roots = RootCertStore::empty();
            roots.add(trusted.clone()).expect("a root");
            let provider = Arc::new(ring::default_provider());
            let authority =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("one root");
            let verifier = Arc::new(Verified { authority, trusted: vec![trusted.clone()], name });
            let outcome = handshake(verifier, shown, &key, &version::TLS13);
            match (outcome, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{words}: {error}"),
                (outcome, _) => panic!("{name:?}, {expected:?}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn a_trusted_certificate_is_not_valid_before_its_time() {
        let certificate = own_authority(&["localhost"], &KeyPair::generate().expect("a key"), 2101);
        let in_2000 = UnixTime::since_unix_epoch(Duration::from_secs(946_684_800));
        let error = super::check_dates(&certificate, in_2000).expect_err("too early");
        assert!(error.to_string().contains("not valid yet"), "{error}");
    }
}
