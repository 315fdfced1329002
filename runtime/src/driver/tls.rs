//! TLS by rustls, with the meanings that `sslmode` has for libpq.

#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod rustls;

#[cfg(feature = "tls")]
pub(crate) use self::rustls::connector;

/// Without the feature `tls` a connection is in clear text, or there is none.
#[cfg(not(feature = "tls"))]
pub(crate) fn connector(
    tls: &super::url::Tls,
) -> Result<Option<tokio_postgres::NoTls>, Box<dyn std::error::Error + Send + Sync>> {
    match tls {
        // `prefer` is content with clear text; a server that insists will say so.
        super::url::Tls::Off | super::url::Tls::Unverified => Ok(None),
        _ => Err("this sslmode needs graven's feature `tls`".into()),
    }
}
