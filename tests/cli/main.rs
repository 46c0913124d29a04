//! Scenarios through the built program: one a file, its name a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails that test"
)]

#[path = "../support/mod.rs"]
mod support;

use support::{azure, desk, dotenvx, fixture, lab, smtp, sops, terminal, tool, web};

mod a_backup_opens_with_an_offline_key_alone;
mod a_bad_edit_keeps_the_text_and_says_why;
mod a_check_holds_readers_and_rules_together;
mod a_check_names_what_was_tampered_with;
mod a_database_client_logs_in;
mod a_doctor_says_what_to_mend;
mod a_first_use_is_asked_on_a_terminal;
mod a_key_of_azure_is_turned;
mod a_large_team_is_told_in_few_words;
mod a_mistyped_name_is_recognised;
mod a_new_party_is_shown_whole;
mod a_password_comes_with_its_htpasswd_line;
mod a_plaintext_tree_becomes_a_vault;
mod a_policy_is_signed_beside_the_value;
mod a_post_quantum_reader_stands_beside_classic_ones;
mod a_program_takes_the_place_of_clws;
mod a_pulled_repository_changes_nothing_unseen;
mod a_scan_finds_what_lies_in_clear;
mod a_scan_is_told_what_may_stay;
mod a_scan_knows_credentials_by_their_form;
mod a_scan_reads_all_of_history;
mod a_scan_withstands_what_it_reads;
mod a_sealed_file_is_rotated;
mod a_secret_moves_with_all_that_is_known_about_it;
mod a_slip_is_told_and_taken_back;
mod a_team_shares_a_document;
mod a_terminal_has_colours;
mod a_value_and_a_file_are_edited_as_they_are;
mod a_value_is_handed_in_by_who_cannot_read;
mod a_value_keeps_its_type;
mod a_watched_status_sees_the_vault_move_on;
mod an_account_of_azure_has_one_secret;
mod an_age_store_comes_in_and_goes_back;
mod an_alarm_goes_out_by_mail;
mod an_alarm_rings_once_and_says_when_it_is_over;
mod an_editor_loses_nothing_and_leads_nowhere;
mod an_error_repeats_nothing_that_may_be_secret;
mod an_identity_that_hides_its_public_half_opens_too;
mod an_import_is_all_or_nothing;
mod an_import_writes_no_plaintext;
mod an_offline_key_is_left_alone_on_ordinary_days;
mod an_ssh_key_opens_secrets;
mod any_tree_can_be_imported;
mod any_tree_comes_back;
mod checking;
mod damaged_sops_files_are_refused;
mod dotenvx_files_come_in_and_go_back;
mod every_flipped_bit_of_a_document_is_found;
mod files_of_a_program_go_with_it;
mod findings_say_what_to_do;
mod generated_values_are_seen_by_nobody;
mod hosts_come_from_other_tools;
mod many_documents_are_left_in_one_step;
mod many_sealed_files_come_back;
mod many_values_are_asked_for_at_once;
mod one_of_ten_thousand_values_is_edited;
mod only_edited_values_are_sealed_anew;
mod plain_merges_pass_the_check;
mod plaintext_is_gone_on_every_way_out;
mod reading_a_vault_starts_no_process;
mod several_administrators_decide_together;
mod somebody_leaves;
mod sops_files_come_in_and_go_back;
mod ten_thousand_variables_are_one_document;
mod the_reference_deployment_gives_each_component_its_own;
mod three_people_live_with_a_vault;
mod two_branches_change_the_rules;
mod two_branches_decide_differently;
mod two_people_edit_one_document;
mod untidy_files_are_sorted_without_touching_a_signature;
mod uses_are_logged_in_a_chain;
mod values_that_are_the_same_are_rotated_together;
mod vim_keeps_nothing_of_what_it_edits;
mod what_a_program_prints_is_redacted;
mod what_is_advised_can_be_done;
mod what_is_due_is_told_to_its_owner;
mod what_lies_beside_a_value_counts_by_who_signed_it;
mod what_waits_for_a_new_value;
mod what_was_accepted_goes_back_into_the_tree;
mod what_was_imported_can_be_exported;
