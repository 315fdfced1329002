//! The sections of other tools' files. goose, sql-migrate, dbmate, tern, node-pg-migrate, rambler and micrate keep a
//! migration and what takes it back in one file, divided by comments, and run one part of it. graven runs a file whole.
//!
//! A comment counts only where it is exactly what such a tool goes by, at the beginning of a line, and outside of literals.

use std::ops::Range;

use crate::file_name::Kind;
use crate::lexer::TokenKind;
use crate::statement::Reader;

/// Where a section begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The tool that would know it.
    pub tool: &'static str,
    /// The comment with which it begins.
    pub span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The first section of a text that goes the other way than its file and holds a statement: in a reverse one that goes
/// up, in any other file one that goes down.
///
/// ```
/// use graven_source::{Kind, directive::opposite_section};
///
/// let text = "-- +goose Up\ncreate table t ();\n-- +goose Down\ndrop table t;\n";
/// assert_eq!(opposite_section(text, Kind::Versioned).map(|section| section.tool), Some("goose"));
/// assert_eq!(opposite_section("-- +goose Down\ndrop table t;\n", Kind::Reverse), None);
/// ```
#[must_use]
pub fn opposite_section(text: &str, kind: Kind) -> Option<Section> {
    let opposite = if kind == Kind::Reverse { Direction::Up } else { Direction::Down };
    // Nearly no file has such a comment, and looking at how lines begin is much faster than reading tokens.
    if !lines(text).any(|line| marker(line).is_some_and(|(_, direction)| direction == opposite)) {
        return None;
    }
    let mut open: Option<Section> = None;
    for token in Reader::new(text).map_while(Result::ok) {
        match token.kind {
            TokenKind::Whitespace | TokenKind::BlockComment | TokenKind::Semicolon => {}
            TokenKind::LineComment if begins_a_line(text, token.start) => {
                if let Some((tool, direction)) = marker(token.text(text)) {
                    open = (direction == opposite).then(|| Section { tool, span: token.span() });
                }
            }
            TokenKind::LineComment => {}
            _ if open.is_some() => return open,
            _ => {}
        }
    }
    None
}

/// Whether any of these comments means something to another tool. They are given by the offsets at which they begin.
pub(crate) fn divides(text: &str, comments: &[usize]) -> bool {
    comments.iter().any(|start| {
        let rest = text.get(*start..).unwrap_or_default();
        let end = rest.find('\n').unwrap_or(rest.len());
        rest.get(..end).and_then(marker).is_some()
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').filter(|line| line.starts_with("--"))
}

fn begins_a_line(text: &str, at: usize) -> bool {
    at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n')
}

/// What a line means to the tool that goes by it.
fn marker(line: &str) -> Option<(&'static str, Direction)> {
    let line = line.trim_end();
    if line == "---- create above / drop below ----" {
        return Some(("tern", Direction::Down));
    }
    let (tool, word) = if let Some(command) = line.strip_prefix("-- +migrate ") {
        // Options may follow.
        ("sql-migrate", command.split_whitespace().next()?)
    } else {
        let comment = line.strip_prefix("--")?.trim_start();
        if let Some(command) = comment.strip_prefix("migrate:") {
            ("dbmate", command.split_whitespace().next().filter(|word| command.starts_with(word))?)
        } else if let Some(command) = comment.strip_prefix("+goose") {
            ("goose", command.trim_start())
        } else if let Some(command) = comment.strip_prefix("+micrate ") {
            ("micrate", command)
        } else if let Some(command) = comment.strip_prefix("rambler ") {
            ("rambler", command)
        } else {
            let (word, rest) = comment.split_once(' ')?;
            ("node-pg-migrate", Some(word).filter(|_| rest.eq_ignore_ascii_case("migration"))?)
        }
    };
    match word.to_ascii_lowercase().as_str() {
        "up" => Some((tool, Direction::Up)),
        "down" => Some((tool, Direction::Down)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::opposite_section;
    use crate::file_name::Kind;

    #[test]
    fn a_section_that_takes_the_file_back_is_found_for_every_tool_that_has_such() {
        for (marker, tool) in [
            ("-- +goose Down", "goose"),
            ("--+goose DOWN \t", "goose"),
            ("-- +goose   down\r", "goose"),
            ("-- +migrate Down", "sql-migrate"),
            ("-- +migrate Down notransaction", "sql-migrate"),
            ("-- migrate:down", "dbmate"),
            ("--migrate:down transaction:false", "dbmate"),
            ("---- create above / drop below ----", "tern"),
            ("-- Down Migration", "node-pg-migrate"),
            ("-- rambler down", "rambler"),
            ("-- +micrate Down", "micrate"),
        ] {
            let text = format!("create table t ();\n\n{marker}\n;/* and */ drop table t;\n");
            let section = opposite_section(&text, Kind::Versioned).unwrap_or_else(|| panic!("{marker}"));
            assert_eq!((section.tool, &text[section.span]), (tool, marker.trim_end_matches('\r')));
            assert_eq!(opposite_section(&text, Kind::Reverse), None, "{marker}");
            assert!(
                opposite_section(&text, Kind::Baseline).is_some()
                    && opposite_section(&text, Kind::Repeatable).is_some()
            );
        }
    }

    #[test]
    fn a_reverse_must_not_go_up() {
        let text = "-- +goose Down\ndrop table t;\n-- +goose Up\ncreate table t ();\n";
        assert_eq!(&text[opposite_section(text, Kind::Reverse).unwrap().span], "-- +goose Up");
        assert_eq!(&text[opposite_section(text, Kind::Versioned).unwrap().span], "-- +goose Down");
    }

    #[test]
    fn what_would_run_the_same_either_way_is_no_section() {
        for text in [
            "-- +goose Up\ncreate table t ();",
            "-- +goose Up\ncreate table t ();\n-- +goose Down\n",
            "-- migrate:up\ncreate table t ();\n-- migrate:down\n-- nothing can take it back;\n;/* */",
            "-- +migrate Down\n-- +migrate Up\ncreate table t ();",
        ] {
            assert_eq!(opposite_section(text, Kind::Versioned), None, "{text}");
        }
    }

    #[test]
    fn only_a_comment_of_its_own_that_says_exactly_that_is_a_marker() {
        for text in [
            "select '\n-- +goose Down\n';",
            "select $$\n-- migrate:down\n$$;",
            "/*\n-- migrate:down\n*/ select 1;",
            " -- +goose Down\nselect 1;",
            "select 1; -- +goose Down\nselect 1;",
            "-- +goose Downhill\nselect 1;",
            "-- goose Down\nselect 1;",
            "-- about +goose Down\nselect 1;",
            "-- migrate: down\nselect 1;",
            "-- migrate:downwards\nselect 1;",
            "--  +migrate Down\nselect 1;",
            "-- down migration is not possible\nselect 1;",
            "-- rambler downs\nselect 1;",
            "-- create above / drop below\nselect 1;",
            "-- down\nselect 1;",
            "--\nselect 1;",
            "select '\n-- +goose Down\nselect 1;",
        ] {
            assert_eq!(opposite_section(text, Kind::Versioned), None, "{text}");
        }
    }
}
