//! The shells that people type in: bash, zsh and fish complete words, `man` and `mandoc` read the manual.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test"
)]

#[path = "../support/mod.rs"]
mod support;

mod a_log_shows_no_value;
mod a_planted_name_is_never_offered;
mod a_policy_keeps_a_value_from_eyes;
mod an_agent_sees_no_value;
mod every_shell_completes_names;
mod shell;
mod the_manual_has_a_page_for_each_command;
