//! Variables that no `docker inspect` shows.
//!
//! What the API is told as `Env` stays in the daemon's configuration, in `docker inspect` and in
//! containerd's database even after the container is gone. So secret variables come through a file:
//! the container starts as `/bin/sh`, which reads `export NAME='…'` lines from the mounted folder
//! and then becomes the program (`exec`), so that signals, the exit code and pid 1 are the
//! program's own. `docker exec` and health checks get the *configured* environment and see nothing
//! of it; [`with_environment`] gives such a command the same first line.

use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;

use super::client::Engine;
use super::container::Container;
use super::error::DockerError;
use super::image::Image;
use crate::text::quoted;

/// The shell that reads the file; POSIX `sh` is enough.
pub const SHELL: &str = "/bin/sh";

/// Go's `fs.ModeDir` and `fs.ModeSymlink`, which the API sends with the nine permission bits.
const MODE_FOLDER: u32 = 1 << 31;
const MODE_LINK: u32 = 1 << 27;

/// The command as `docker exec`, a health check or an entrypoint runs it with the variables of
/// `file`, an absolute path inside the container.
///
/// A file that cannot be read ends the shell with an error; the program never runs without its
/// variables.
#[must_use]
pub fn with_environment(file: &str, command: &[String]) -> Vec<String> {
    let mut all = start_up(file);
    all.extend_from_slice(command);
    all
}

/// `["/bin/sh", "-c", ". '/run/clws/env' && exec \"$@\"", "clws"]`; the command follows.
pub(super) fn start_up(file: &str) -> Vec<String> {
    vec![
        SHELL.to_owned(),
        "-c".to_owned(),
        format!(". {} && exec \"$@\"", quoted(file)),
        "clws".to_owned(),
    ]
}

/// What a container runs, by Docker's own rule: an entrypoint of the hook takes the place of the
/// image's *and* of its CMD, a command of the hook takes the place of CMD alone. An empty entrypoint
/// only takes the image's away.
///
/// # Errors
/// [`DockerError::NoCommand`] if that leaves nothing.
pub fn whole_command(
    entrypoint: Option<&[String]>,
    command: Option<&[String]>,
    image: &Image,
) -> Result<Vec<String>, DockerError> {
    let front = entrypoint.unwrap_or(&image.entrypoint);
    let replaced = entrypoint.is_some_and(|own| !own.is_empty());
    let back = match command {
        Some(command) if !command.is_empty() => command,
        _ if replaced => &[],
        _ => &image.command,
    };
    let all: Vec<String> = front.iter().chain(back).cloned().collect();
    if all.is_empty() {
        let image = image.name.clone();
        return Err(DockerError::NoCommand { image });
    }
    Ok(all)
}

/// A health check in the API's form, `["CMD", argv…]` or `["CMD-SHELL", line]`, made to see the
/// variables of `file`.
#[must_use]
pub fn health_with_environment(file: &str, test: &[String]) -> Vec<String> {
    let command = match test.split_first() {
        Some((kind, line)) if kind == "CMD-SHELL" => {
            let mut command = vec![SHELL.to_owned(), "-c".to_owned()];
            command.extend_from_slice(line);
            command
        }
        Some((kind, argv)) if kind == "CMD" => argv.to_vec(),
        _ => return test.to_vec(),
    };
    let mut all = vec!["CMD".to_owned()];
    all.extend(with_environment(file, &command));
    all
}

impl Engine {
    /// Refuses a container that was created and cannot have its variables, since there is no shell to
    /// read them.
    pub(super) async fn demand_shell(
        &self,
        id: &str,
        container: &Container,
    ) -> Result<(), DockerError> {
        let variables = container.secrets.as_ref().is_some_and(|s| s.environment);
        if !variables || self.has_shell(id).await? {
            return Ok(());
        }
        let image = container.image.clone();
        Err(DockerError::NoShell { image })
    }

    /// Why a container was not started: what the daemon said, or that the image has no shell, if nobody
    /// has asked before.
    pub(super) async fn why_not_started(
        &self,
        id: &str,
        container: &Container,
        said: DockerError,
    ) -> DockerError {
        if !matches!(said, DockerError::Refused { .. }) {
            return said;
        }
        match self.demand_shell(id, container).await {
            Err(no_shell @ DockerError::NoShell { .. }) => no_shell,
            _ => said,
        }
    }

    /// Whether a container that was created, and need not run, has a shell that can be executed.
    ///
    /// The daemon follows links in the folders of a path but shows the last one as a link, as in
    /// `/bin/sh → dash`; that one is followed here.
    async fn has_shell(&self, container: &str) -> Result<bool, DockerError> {
        let mut path = SHELL.to_owned();
        // Two links are usual (/bin/sh → bash → bash5), a circle is possible.
        for _ in 0..5 {
            let options = ContainerArchiveInfoOptionsBuilder::default()
                .path(&path)
                .build();
            let call = self
                .docker
                .get_container_archive_info(container, Some(options));
            let seen = match self.ask("look for /bin/sh in the image", call).await {
                Err(error) if error.is_absence() => return Ok(false),
                other => other?,
            };
            if seen.file_mode & MODE_LINK == 0 {
                return Ok(seen.file_mode & MODE_FOLDER == 0 && seen.file_mode & 0o111 != 0);
            }
            path = seen.link_target;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn image() -> Image {
        Image {
            name: "shop/web:1".to_owned(),
            entrypoint: words("/entry --strict"),
            command: words("serve 80"),
            ..Image::default()
        }
    }

    #[test]
    fn a_command_is_put_together_as_docker_does() {
        let whole = |entrypoint: Option<&str>, command: Option<&str>| {
            let entrypoint = entrypoint.map(words);
            let command = command.map(words);
            whole_command(entrypoint.as_deref(), command.as_deref(), &image())
                .unwrap()
                .join(" ")
        };
        assert_eq!(whole(None, None), "/entry --strict serve 80");
        assert_eq!(whole(None, Some("check")), "/entry --strict check");
        assert_eq!(whole(Some("/other"), None), "/other");
        assert_eq!(whole(Some("/other"), Some("x")), "/other x");
        assert!(whole_command(None, None, &Image::default()).is_err());
        assert_eq!(whole(Some(""), None), "serve 80");
    }

    #[test]
    fn a_health_check_of_either_form_reads_the_file_first() {
        let line = ". '/run/clws/env' && exec \"$@\"";
        assert_eq!(
            health_with_environment("/run/clws/env", &words("CMD /probe now")),
            ["CMD", "/bin/sh", "-c", line, "clws", "/probe", "now"]
        );
        let shell = ["CMD-SHELL".to_owned(), "probe $TOKEN || exit 1".to_owned()];
        assert_eq!(
            health_with_environment("/run/clws/env", &shell),
            [
                "CMD",
                "/bin/sh",
                "-c",
                line,
                "clws",
                "/bin/sh",
                "-c",
                "probe $TOKEN || exit 1"
            ]
        );
        assert_eq!(health_with_environment("/e", &words("NONE")), ["NONE"]);
    }

    #[test]
    fn a_real_shell_becomes_the_program_and_fails_without_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it's env");
        std::fs::write(&file, "export TOKEN='a b'\\''c'\n").unwrap();
        let run = |file: &std::path::Path| {
            let argv = with_environment(file.to_str().unwrap(), &words("printenv TOKEN"));
            std::process::Command::new(&argv[0])
                .args(&argv[1..])
                .output()
                .unwrap()
        };
        assert_eq!(run(&file).stdout, b"a b'c\n");
        let failed = run(&folder.path().join("none"));
        assert!(!failed.status.success() && failed.stdout.is_empty());
    }
}
