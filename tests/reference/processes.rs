//! What the processes of this machine show of themselves while something is done, its hosts' too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::watcher::{Found, Wanted, note};

/// Reads what each process shows until it is over. What has not changed since the last look is not searched
/// again.
pub(crate) fn watch(wanted: &Wanted, over: &AtomicBool) -> Found {
    let mut found = Found::new();
    let mut seen: BTreeMap<PathBuf, Shows> = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let process = entry.path();
            // A process that is gone shows nothing, and the kernel's own have neither.
            let read = |what: &str| std::fs::read(process.join(what)).unwrap_or_default();
            let arguments = read("cmdline");
            if arguments.is_empty() {
                continue;
            }
            let shows = seen.entry(process.clone()).or_default();
            if shows.arguments != arguments {
                note(&mut found, wanted, &arguments, "ps");
                // Before its environment: afterwards it may be gone.
                shows.owner = owner_of(&process);
                shows.arguments = arguments;
            }
            let environment = read("environ");
            if shows.environment != environment {
                note(&mut found, wanted, &environment, &shows.owner);
                shows.environment = environment;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    found
}

/// What a process showed last.
#[derive(Default)]
struct Shows {
    arguments: Vec<u8>,
    environment: Vec<u8>,
    owner: String,
}

/// `environment of container ID`, or of a program.
fn owner_of(process: &Path) -> String {
    let cgroup = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let mut parts = cgroup.split(['/', '\n']);
    let id = parts.find(|part| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    match id {
        Some(id) => format!("environment of container {id}"),
        None => format!("environment of {}", name.trim()),
    }
}
