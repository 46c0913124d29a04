//! The command line: words, colours and questions.
//!
//! A command parses its arguments, calls one feature, and prints. A noun is a folder, a verb a file.

mod access;
mod ansible;
mod audit;
mod authority;
mod chance;
mod check;
mod complete;
mod completions;
mod context;
mod deploy;
mod doctor;
mod exec;
mod export;
mod first_use;
mod fmt;
mod git;
mod harden;
mod hidden;
mod hook;
mod host;
mod identity;
mod import;
mod init;
mod man;
mod meant;
mod merge;
mod opener;
mod progress;
mod quick;
mod recipient;
mod rekey;
mod resealing;
mod rotate;
mod rules;
mod runtime;
mod scan;
mod secret;
mod server;
mod session;
mod spoken;
mod ssh;
mod status;
mod streams;
mod trust;
mod ui;
mod ways;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueHint};

use crate::env;
use crate::error::{Code, Error, Problem, masked};
use crate::fs::clear_left_behind;
use crate::text::clean_line;
use crate::world::World;

use context::Context;
use session::Beside;
use ui::{Color, Talk, Ui};

/// Secrets encrypted in git, injected where they are needed
///
/// A vault is a folder in a git repository: sealed documents and files under `secrets/`, public keys
/// and rules under `recipients/`, and what each component is given at deploy time under `hooks/`.
#[derive(Debug, Parser)]
#[command(
    name = "clws",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Global {
    /// The vault's folder; else the nearest parent with a clws.toml that belongs to you
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Everywhere")]
    vault: Option<PathBuf>,
    /// An identity's folder, or an age identity file for reading only
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    identity: Option<PathBuf>,
    /// What a first use of this vault on this machine may trust
    #[arg(
        long,
        global = true,
        value_name = "FINGERPRINT@N",
        help_heading = "Everywhere"
    )]
    expect: Option<String>,
    /// Where identities and config.toml lie
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Everywhere")]
    config_dir: Option<PathBuf>,
    /// Where pins, locks, journals and the audit log lie
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Everywhere")]
    state_dir: Option<PathBuf>,
    /// Print no value and take none but from a person's terminal: a program acts for a person here
    #[arg(long, global = true, help_heading = "Everywhere")]
    agent: bool,
    /// Print lists, reports and errors as JSON
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Answer yes where a plan is shown and asked about
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    yes: bool,
    /// When `error:`, `warning:` and `hint:` have colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        help_heading = "Everywhere"
    )]
    color: Option<Color>,
    /// Never ask anything
    #[arg(long, global = true, help_heading = "Everywhere")]
    no_input: bool,
    /// Say nothing but warnings and errors
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Everywhere"
    )]
    quiet: bool,
    /// Say more
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    #[command(subcommand)]
    Secret(secret::Command),
    Exec(exec::ExecArgs),
    #[command(subcommand)]
    Identity(identity::Command),
    #[command(subcommand)]
    Recipient(recipient::Command),
    #[command(subcommand)]
    Access(access::Command),
    #[command(subcommand)]
    Trust(trust::Command),
    #[command(subcommand)]
    Host(host::Command),
    #[command(subcommand)]
    Hook(hook::Command),
    Rotate(rotate::RotateArgs),
    Rekey(rekey::RekeyArgs),
    Deploy(deploy::DeployArgs),
    Ssh(ssh::SshArgs),
    Status(status::StatusArgs),
    Check(check::CheckArgs),
    Scan(scan::ScanArgs),
    Doctor(doctor::DoctorArgs),
    Fmt(fmt::FmtArgs),
    Merge(merge::MergeArgs),
    #[command(subcommand)]
    Git(git::Command),
    #[command(subcommand)]
    Ansible(ansible::Command),
    #[command(subcommand)]
    Server(server::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    Complete(complete::CompleteArgs),
}

fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Init(args) => init::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Import(args) => import::run(args, cx),
        Command::Export(args) => export::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Secret(command) => secret::run(command, cx),
        Command::Exec(args) => Ok(exec::run(args, cx)),
        Command::Identity(command) => identity::run(command, cx),
        Command::Recipient(command) => recipient::run(command, cx),
        Command::Access(command) => access::run(command, cx),
        Command::Trust(command) => trust::run(command, cx),
        Command::Host(command) => host::run(command, cx),
        Command::Hook(command) => hook::run(command, cx),
        Command::Rotate(args) => rotate::run(args, cx),
        Command::Rekey(args) => rekey::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Deploy(args) => deploy::run(args, cx),
        Command::Ssh(args) => ssh::run(args, cx),
        Command::Status(args) => status::run(args, cx),
        Command::Check(args) => check::run(args, cx),
        Command::Scan(args) => scan::run(args, cx),
        Command::Doctor(args) => doctor::run(args, cx),
        Command::Fmt(args) => fmt::run(args, cx),
        Command::Merge(args) => merge::run(args, cx),
        Command::Git(command) => git::run(command, cx),
        Command::Ansible(command) => ansible::run(command, cx).map(|()| ExitCode::SUCCESS),
        Command::Server(command) => server::run(command, cx),
        Command::Audit(command) => audit::run(command, cx),
        Command::Completions(args) => completions::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Man(args) => man::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Complete(args) => complete::run(args, cx).map(|()| ExitCode::SUCCESS),
    }
}

/// Runs the program: hardens the process, reads the arguments, carries the command out.
#[must_use]
pub fn main() -> ExitCode {
    let inherited = harden::harden();
    let cli = match quick::parse().map_or_else(parse, Ok) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data; anything else is a wrong use.
            let wrong = error.use_stderr();
            let words: Vec<_> = std::env::args_os().collect();
            Color::of_words(std::env::args_os()).choose(&World::of_process());
            let error = match wrong {
                true => spoken::explain(meant::explain(error, &whole(), &words), &words),
                false => error,
            };
            let said = error.to_string();
            let is_safe = !wrong || masked(&said) == said && words.iter().all(is_clean);
            let printed = match is_safe {
                true => streams::read_or_not(error.print()),
                // Its colours do not matter as much.
                false => {
                    ui::print_wrong_use(&in_lines(said, &words));
                    Ok(())
                }
            };
            if wrong {
                return wrong_use(&error).into();
            }
            return match printed {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let error = streams::written(error);
                    ui::print_error(&error);
                    error.code().into()
                }
            };
        }
    };
    let Global {
        vault,
        identity,
        expect,
        config_dir,
        state_dir,
        agent,
        json,
        yes,
        color,
        no_input,
        quiet,
        verbose,
    } = cli.global;
    let talk = match (quiet, verbose) {
        (true, _) => Talk::Quiet,
        (_, true) => Talk::Verbose,
        _ => Talk::Normal,
    };
    let mut world = World::of_process();
    color.unwrap_or_default().choose(&world);
    let folders = [(env::CONFIG_DIR, config_dir), (env::STATE_DIR, state_dir)];
    for (name, folder) in folders
        .into_iter()
        .filter_map(|(name, dir)| Some((name, dir?)))
    {
        world = world.with_variable(name, folder);
    }
    if agent {
        world = world.with_variable(env::AGENT, "1");
    }
    let ui = Ui::new(talk, json, !no_input, yes).for_agent(world.is_for_agent());
    let cx = Context {
        beside: Beside::new(world.clone()),
        world,
        ui,
        vault_dir: vault,
        identity,
        expect,
        inherited,
    };
    // What a killed run left in memory goes with whatever command comes next.
    clear_left_behind(&cx.world);
    let command = cli.command;
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&command, &cx))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            cx.ui.error(&error);
            error.code().into()
        }
        Err(_) => Code::Bug.into(),
    }
}

/// The whole tree of commands, which prints in the colours that its words ask for.
fn whole() -> clap::Command {
    Cli::command().color(Color::of_words(std::env::args_os()).into())
}

fn parse() -> Result<Cli, clap::Error> {
    let mut matches = whole().try_get_matches()?;
    Cli::from_arg_matches_mut(&mut matches)
}

/// Whether a terminal and the runner of a job take a word for text. A shell puts names of files among the words.
fn is_clean(word: &OsString) -> bool {
    word.to_str().is_some_and(|word| clean_line(word) == word)
}

/// What clap says, in which no word of the command line that it quotes begins a line.
fn in_lines(said: String, words: &[OsString]) -> String {
    let words = words.iter().map(|word| word.to_string_lossy());
    words.fold(said, |said, word| {
        let value = word.split_once('=').map_or("", |(_, value)| value);
        [&*word, value].into_iter().fold(said, |said, word| {
            said.replace(&format!("'{word}'"), &format!("'{}'", clean_line(word)))
        })
    })
}

/// The code of a wrong use, which was printed for people; for programs it is printed here.
fn wrong_use(error: &clap::Error) -> Code {
    let words = || std::env::args_os().skip(1);
    let code = match exec::is_meant(words()) {
        true => Code::ExecFailed,
        false => Code::Usage,
    };
    if words()
        .take_while(|word| word != "--")
        .any(|word| word == "--json")
    {
        let text = error.to_string();
        let said = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty());
        let said = Vec::from_iter(said).join(" ");
        let problem: Error = Problem::new(code, said.trim_start_matches("error: ")).into();
        // If that does not go out, nothing would.
        drop(Ui::new(Talk::Quiet, true, false, false).json(&problem.to_json()));
    }
    code
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}

/// The error for a command that needs a path of another kind.
fn usage(message: impl Into<String>) -> Problem {
    Problem::new(Code::Usage, message)
}
