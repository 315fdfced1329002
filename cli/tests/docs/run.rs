//! Runs a page from its top to its end, and compares.

use std::fmt::Write as _;
use std::fs;

use crate::page::{Page, Part, Shown, directory};
use crate::redact::redact;
use crate::server::Server;
use crate::world::{Ran, World};

/// Runs a page. What its commands print has to be what it shows; with `GRAVEN_BLESS` set, it is written into it.
pub(crate) fn run(name: &str) {
    let page = Page::read(name);
    let Some(server) = Server::start() else { return };
    let mut world = World::new(&server);
    let (mut text, mut differences) = (String::new(), String::new());
    for part in &page.parts {
        match part {
            Part::Prose(prose) => text.push_str(prose),
            Part::Fence { info, text: inner } => text.push_str(&fence(info, inner)),
            Part::File { info, path, text: inner } => {
                world.write(path, inner);
                text.push_str(&fence(info, inner));
            }
            Part::Console(commands) => {
                let inner: String =
                    commands.iter().map(|command| perform(&page, &mut world, command, &mut differences)).collect();
                text.push_str(&fence("console", &inner));
            }
            Part::Hidden(script) => {
                let ran = world.run(script);
                assert_eq!(ran.code, 0, "docs/{name}: what sets the scene failed\n{script}\n{}", ran.output);
                let _ = write!(text, "<!-- sh\n{script}-->\n");
            }
            Part::Anew => {
                drop(world);
                world = World::new(&server);
                text.push_str("<!-- anew -->\n");
            }
        }
    }
    if text == page.text {
        return;
    }
    if std::env::var_os("GRAVEN_BLESS").is_some() {
        fs::write(directory().join(name), text).expect("the page can be written");
    } else {
        panic!("docs/{name} does not show what happens (GRAVEN_BLESS=1 writes it)\n{differences}");
    }
}

fn fence(info: &str, text: &str) -> String {
    format!("```{info}\n{text}```\n")
}

/// Runs one command, and gives it back with what it printed.
fn perform(page: &Page, world: &mut World, shown: &Shown, differences: &mut String) -> String {
    let Ran { code, output } = world.run(&shown.command);
    let mut output = redact(&output);
    if code != 0 {
        let _ = writeln!(output, "[exit {code}]");
    }
    if output != shown.output {
        let _ = writeln!(
            differences,
            "docs/{}:{}: {}\n--- the page says\n{}--- it is\n{output}",
            page.name, shown.line, shown.command, shown.output
        );
    }
    format!("$ {}\n{output}", shown.command.replace('\n', "\n> "))
}
