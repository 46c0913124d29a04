//! The names under which the containers of one component stand.

/// The name of a new container that has not taken over.
pub(super) fn beside(name: &str) -> String {
    format!("{name}.clws-new")
}

/// The name of an old container until the new one is confirmed.
pub(super) fn aside(name: &str) -> String {
    format!("{name}.clws-old")
}

/// The name of a one-off container of this component.
pub(super) fn step(name: &str) -> String {
    format!("{name}.clws-step")
}
