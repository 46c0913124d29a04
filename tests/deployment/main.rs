//! Whole deploys through the built program: one scenario a file, its name a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test"
)]

#[path = "../support/mod.rs"]
mod support;

mod a_component_is_given_what_a_server_has;
mod a_component_is_lent_what_a_server_makes;
mod a_component_is_touched_only_when_it_has_something_new;
mod a_container_comes_from_a_registry;
mod a_container_gets_its_secrets_and_nobody_else_sees_them;
mod a_container_is_what_its_hook_says;
mod a_container_takes_over_while_the_old_one_runs;
mod a_database_password_is_rotated;
mod a_deploy_can_be_ended_at_any_time;
mod a_failing_deploy_leaves_the_old_one_running;
mod a_host_comes_back_after_a_reboot;
mod a_host_is_deployed_to_over_ssh;
mod a_host_is_reached_through_others;
mod a_hostile_docker_daemon_gets_nothing_shown;
mod a_lease_reaches_a_host_over_ssh;
mod a_login_becomes_root_by_sudo;
mod a_login_uses_what_a_person_has;
mod a_page_shows_the_fleet;
mod a_person_without_root_deploys_to_memory_of_their_own;
mod a_probe_is_asked_by_whoever_is_on_call;
mod a_probe_says_what_is_wrong;
mod a_server_makes_a_database_password;
mod a_server_signs_certificates_for_a_deploy;
mod a_session_is_a_terminal_on_the_host;
mod a_session_leaves_nothing_behind;
mod a_session_on_a_host_has_its_secrets;
mod a_slow_disk_holds_up_no_host;
mod a_stop_says_all_that_it_could_not_do;
mod a_template_says_a_value_as_it_is;
mod a_tls_pair_is_rotated;
mod a_value_gets_a_new_one_everywhere;
mod an_old_one_comes_back_whatever_its_name_or_kind;
mod an_older_value_is_brought_in_an_emergency;
mod an_ssh_key_is_rotated;
mod ansible_is_given_hosts_passwords_and_values;
mod behind;
mod computer;
mod crowd;
mod each_thing_that_goes_wrong_shows_with_what_mends_it;
mod from_certs_to_a_running_component;
mod hooks_say_what_a_component_is_given;
#[path = "../server/hostile.rs"]
mod hostile;
mod hostile_hosts_end_in_their_time_while_the_others_finish;
mod many_hosts_are_deployed_to_at_a_time;
mod many_hosts_are_told_of_in_few_words;
mod one_deploy_at_a_time;
mod only_what_a_deployer_signed_is_run;
mod site;
mod the_demonstration_of_this_repository_works;
mod watcher;
mod whoever_is_on_call_sees_what_is_wrong;
