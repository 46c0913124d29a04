//! A Vault or OpenBao server beside the vault: the real OpenBao in two versions and as three nodes, and
//! servers that no real program plays.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test that called it"
)]

#[path = "../support/mod.rs"]
mod support;

mod a_hostile_server_gets_and_draws_nothing;
mod a_hostile_store_is_shown_harmless;
mod a_leader_dies_in_a_push;
mod a_person_logs_in;
mod a_run_is_somebody_at_the_server;
mod a_server_keeps_a_readers_key;
mod a_server_that_keeps_a_key_is_not_trusted_further;
mod documents_go_there_and_back;
mod hostile;
mod keeping;
mod nothing_is_logged;
mod one_login_is_enough_for_a_run;
mod team;
mod the_client_knows_the_real_server;
mod the_day_of_a_servers_certificate_counts;
mod three_nodes_are_one_server;
mod with;
