//! What the process gives up before it touches a secret.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask,
};

/// No core dumps, no attaching by other processes of this user, files for nobody else; a panic says
/// where it was and nothing of what it was about.
///
/// What the system refuses is passed over: it is a second line, and a container may forbid it.
pub(super) fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).unwrap_or_default();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap_or_default();
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        super::ui::bug(&place);
    }));
}
