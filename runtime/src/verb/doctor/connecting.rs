//! Making a connection, or telling why it cannot be made.

use std::time::Duration;

use tokio_postgres::Client;

use crate::driver::{Target, before_the_last, connect_to};
use crate::error::{Error, plainly};
use crate::verb::doctor::Finding;

/// How long an answer may take where the URL does not say.
const PATIENCE: Duration = Duration::from_secs(15);

/// A client, or what is wrong.
pub(super) async fn connect(url: &str) -> Result<Client, Finding> {
    let connecting = async {
        let mut target = Target::parse(url)?;
        if !target.limit_is_said {
            target.limit = Some(PATIENCE);
        }
        let (client, cancelling) = connect_to(&target).await?;
        cancelling.disarm();
        Ok(client)
    };
    connecting.await.map_err(|error| finding(&error))
}

fn finding(error: &Error) -> Finding {
    let Error::Connect { target, source, grant } = error else { return Finding::refused(error) };
    match plainly(source.as_ref()) {
        Some((why, remedy)) => {
            let remedy = grant.clone().unwrap_or(remedy);
            let before = before_the_last(source.as_ref()).map(|before| format!("{before}: ")).unwrap_or_default();
            Finding::error("connection", format!("cannot connect to {target}: {before}{why}"), remedy)
        }
        None => Finding::refused(error),
    }
}
