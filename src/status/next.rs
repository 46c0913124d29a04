//! The commands that mend what is wrong on a host.

use crate::fleet::{Host, Reach};
use crate::name::Component;
use crate::text::{clean_line, shell_word};

/// The command that brings a component to a host.
pub(super) fn deploy(host: &Host, component: &Component) -> String {
    format!("clws deploy {component} --on {}", host.name)
}

/// The command that shows what a container printed last. The engine took its name for one before it was
/// asked.
pub(super) fn logs(host: &Host, container: &str) -> String {
    on(
        host,
        &format!(
            "docker logs --tail 50 {}",
            shell_word(&clean_line(container))
        ),
    )
}

/// A command on a host; `clws ssh` runs the words as they are, so that one shell alone reads it.
pub(super) fn on(host: &Host, command: &str) -> String {
    match host.reach {
        Reach::Local => command.to_owned(),
        Reach::Ssh(_) => format!("clws ssh {} -- {command}", host.name),
    }
}
