//! The departure board as a page: one document, nothing loaded from elsewhere, nothing told by colour alone.

use std::fmt;

use axum::http::header;
use axum::response::{Html, IntoResponse};

use crate::board::Departure;

/// The page needs its own style sheet and nothing else; even a row that got past the escaping could load or run nothing.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// The page with these departures, as the instance of that name shows them.
pub(crate) fn departures(instance: &str, departures: &[Departure]) -> impl IntoResponse + use<> {
    ([(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)], Html(document(instance, departures)))
}

fn document(instance: &str, departures: &[Departure]) -> String {
    let rows: String = departures.iter().map(row).collect();
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Departures</title>\n\
         <style>\n{STYLE}</style>\n\
         </head>\n\
         <body>\n\
         <main>\n\
         <h1>Departures</h1>\n\
         <div class=\"board\" role=\"region\" aria-labelledby=\"caption\" tabindex=\"0\">\n\
         <table>\n\
         <caption id=\"caption\">Sailings: {count}. All times are UTC.</caption>\n\
         <thead><tr><th scope=\"col\">Departs</th><th scope=\"col\">Sailing</th><th scope=\"col\">From</th>\
         <th scope=\"col\">To</th><th scope=\"col\">Vessel</th><th scope=\"col\">Status</th>\
         <th scope=\"col\" class=\"number\">Booked</th><th scope=\"col\" class=\"number\">Seats left</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n\
         </table>\n\
         </div>\n\
         </main>\n\
         <footer>\n\
         <p>Served by <strong>{instance}</strong>, from the schema that its binary carries. \
         <a href=\"/health/ready\">Is it ready?</a></p>\n\
         </footer>\n\
         </body>\n\
         </html>\n",
        count = departures.len(),
        instance = Escaped(instance),
    )
}

fn row(departure: &Departure) -> String {
    let Departure { sailing, departs, origin, destination, vessel, status, .. } = departure;
    let delay = match departure.delay_minutes {
        0 => String::new(),
        minutes => format!(", {minutes} min late"),
    };
    format!(
        "<tr><td><time>{}</time></td><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td>\
         <td><span class=\"status {}\">{}{delay}</span></td>\
         <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        Escaped(departs),
        Escaped(sailing),
        Escaped(origin),
        Escaped(destination),
        Escaped(vessel),
        Escaped(status),
        Escaped(status),
        departure.passengers_booked,
        departure.seats_left,
    )
}

/// A text as it may stand in HTML, in an element or within a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, special, after)) = split_at_special(rest) {
            f.write_str(before)?;
            f.write_str(special)?;
            rest = after;
        }
        f.write_str(rest)
    }
}

/// What stands before the first character with a meaning in HTML, what to write in its place, and what follows it.
fn split_at_special(text: &str) -> Option<(&str, &'static str, &str)> {
    let at = text.find(['&', '<', '>', '"', '\''])?;
    let (before, rest) = text.split_at(at);
    let mut characters = rest.chars();
    let reference = match characters.next()? {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => "&#39;",
    };
    Some((before, reference, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn departure(vessel: &str, delay_minutes: i32) -> Departure {
        Departure {
            sailing: "F103".to_owned(),
            departs: "2025-06-01 08:00".to_owned(),
            origin: "Ísafjörður".to_owned(),
            destination: "Hesteyri".to_owned(),
            vessel: vessel.to_owned(),
            status: "delayed".to_owned(),
            delay_minutes,
            passengers_booked: 7,
            seats_left: 41,
        }
    }

    #[test]
    fn what_a_row_holds_cannot_become_markup() {
        let page = document("demo-1", &[departure("<script>alert('&\"')</script>", 0)]);
        assert!(page.contains("<td>&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;</td>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn a_delay_is_told_in_words() {
        assert!(row(&departure("Sæbjörg", 45)).contains(">delayed, 45 min late<"));
        assert!(row(&departure("Sæbjörg", 0)).contains(">delayed<"));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = document("demo-1", &[departure("Sæbjörg", 0)]);
        for reference in ["http:", "https:", "src=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert!(page.contains("Sailings: 1.") && page.contains("Ísafjörður"), "{page}");
    }
}
