//! The departure board: the rows that the schema's last migration puts on show.

use serde::Serialize;
use tokio_postgres::{Client, Row};

/// One sailing on the board.
#[derive(Debug, Serialize)]
pub(crate) struct Departure {
    pub(crate) sailing: String,
    pub(crate) departs: String,
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) vessel: String,
    pub(crate) status: String,
    pub(crate) delay_minutes: i32,
    pub(crate) passengers_booked: i32,
    pub(crate) seats_left: i32,
}

/// Reads the board, in the order in which it hangs on the wall.
///
/// # Errors
///
/// What the driver reports: the connection was lost, or the view is not that of this binary's migrations.
pub(crate) async fn departures(client: &Client) -> Result<Vec<Departure>, tokio_postgres::Error> {
    let rows = client.query("SELECT * FROM departure_board ORDER BY departs, sailing", &[]).await?;
    rows.iter().map(Departure::read).collect()
}

impl Departure {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            sailing: row.try_get("sailing")?,
            departs: row.try_get("departs")?,
            origin: row.try_get("origin")?,
            destination: row.try_get("destination")?,
            vessel: row.try_get("vessel")?,
            status: row.try_get("status")?,
            delay_minutes: row.try_get("delay_minutes")?,
            passengers_booked: row.try_get("passengers_booked")?,
            seats_left: row.try_get("seats_left")?,
        })
    }
}
