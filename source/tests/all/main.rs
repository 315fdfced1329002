//! What a directory comes out as, from its files to the messages.

mod package;
mod rules;
