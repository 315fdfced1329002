//! What OpenSSL does with a server's certificate, and webpki does not.

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_cert::certificate::Version;
use x509_cert::der::{Decode, Encode};

/// A certificate with the same key that webpki can read, so that the signature of a handshake can be checked by it.
///
/// webpki reads version 3 alone, and plain `openssl x509 -req` writes version 1. What the authority has signed is changed
/// here: it must not be asked who vouches for it.
///
/// Nothing comes back where the certificate cannot be read at all.
pub(super) fn with_key_of<'c>(certificate: &'c CertificateDer<'c>) -> Option<CertificateDer<'c>> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return Some(CertificateDer::from(certificate.as_ref()));
    }
    let mut read = x509_cert::Certificate::from_der(certificate).ok()?;
    read.tbs_certificate.version = Version::V3;
    // A critical one that webpki does not know would keep it from the key.
    read.tbs_certificate.extensions = None;
    read.tbs_certificate.issuer_unique_id = None;
    read.tbs_certificate.subject_unique_id = None;
    Some(CertificateDer::from(read.to_der().ok()?))
}

/// Whether a certificate is valid at a time, by its own dates.
pub(super) fn check_dates(certificate: &CertificateDer<'_>, time: UnixTime) -> Result<(), rustls::Error> {
    let read = x509_cert::Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = read.tbs_certificate.validity;
    let not_before = UnixTime::since_unix_epoch(validity.not_before.to_unix_duration());
    let not_after = UnixTime::since_unix_epoch(validity.not_after.to_unix_duration());
    if time < not_before {
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if time > not_after {
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    Ok(())
}
