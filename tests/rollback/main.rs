//! What happens to what is older than seen, jumped, gone, or signed by nobody who counts.
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

mod a_key_changes_on_one_side;
mod a_merge_goes_on_beside_another_run;
mod a_person_looks_back_by_name;
mod an_ordinary_git_day;
mod branches;
mod git_calls_clws_wherever_it_works;
mod git_is_told_how_to_merge;
mod git_is_told_of_any_folder;
mod table;
mod two_branches_become_one;
mod two_documents_of_one_path;
mod what_a_commit_says_is_judged_too;
mod what_can_only_be_looked_at;
mod what_does_not_count;
mod what_is_meant_is_issued_again;
mod what_is_older_or_gone;
mod which_side_merges_says_nothing;
