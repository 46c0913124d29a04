//! What the process gives up before it touches a secret.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::exec::Inherited;

/// No core dumps, no attaching by other processes of this user, files for nobody else; a panic says
/// where it was and nothing of what it was about. Gives what `clws exec` hands back to a child.
///
/// What the system refuses is passed over: it is a second line, and a container may forbid it.
pub(super) fn harden() -> Inherited {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap_or_default();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        super::ui::bug(&place);
    }));
    Inherited::give_up()
}
