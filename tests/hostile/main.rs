//! Attacks by somebody who can push to the repository and has every public key, but nobody's private
//! key: one a file. Each ends with the documented code; nothing is written, and no pin moves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails that test"
)]

#[path = "../support/mod.rs"]
mod support;

use support::lab;

mod forge;
mod scene;

mod a_copy_is_made_out_as_ones_own;
mod a_join_is_forged;
mod a_key_from_another_branch;
mod a_key_is_made_out_as_somebody_elses;
mod a_link_stands_where_a_file_is_written;
mod a_reader_is_injected;
mod a_repository_is_planted_among_the_files;
mod a_script_is_run_for_another_secret;
mod a_signature_is_reused_elsewhere;
mod a_value_is_forged;
mod a_variable_of_ansible_is_planted;
mod a_vault_id_is_copied;
mod a_writer_signs_what_does_not_open;
mod an_administrator_is_injected;
mod an_ex_founder_forks_the_vault;
mod an_option_is_hidden_in_a_value;
mod each_field_is_edited;
mod lines_are_forged;
mod malformed_signatures_are_planted;
mod many_versions_are_stepped_through;
mod policy_is_turned_off;
mod rubbish_is_planted;
mod signatures_are_stripped;
mod the_threshold_is_cheated;
mod things_change_places;
mod what_is_old_comes_back;
