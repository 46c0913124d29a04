//! Names of environment variables, and those that change more than what they say.
//!
//! Whoever may write a document chooses the names of its values. A value called `LD_PRELOAD` would
//! run code of its writer's in the child, so such names pass only when the person who runs the
//! command names them.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::error::{Code, Explain};

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, which every shell can write.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct VariableName(String);

/// A text that no shell takes as the name of a variable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` is no name of a variable: letters, digits and `_`, and no digit first", crate::text::clean_line(.0))]
pub struct NotAVariable(String);

impl Explain for NotAVariable {
    fn code(&self) -> Code {
        Code::Usage
    }
}

impl FromStr for VariableName {
    type Err = NotAVariable;

    fn from_str(text: &str) -> Result<Self, NotAVariable> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !text.is_empty()
            && text.bytes().all(good)
            && !text.starts_with(|c: char| c.is_ascii_digit())
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAVariable(text.to_owned()))
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name does beside holding a value.
const LOADS: &str = "makes programs load other code";
const RUNS: &str = "decides which programs are run";
const OPTIONS: &str = "gives programs options, and some of those run code";
const SHELL: &str = "is run or obeyed by shells when they start";
const HOME: &str = "decides whose configuration programs read";
const GIT: &str = "can make git run other programs";
const SSH: &str = "decides which agent and programs SSH uses";
const ELSEWHERE: &str =
    "decides which machine containers are made on, with all that they are given";
const OURS: &str = "steers clws itself";

/// Why names are not passed unasked, and the names. A `*` stands for any beginning or any end; a
/// beginning in small letters counts in any case.
///
/// Each was seen to run code, or a manual says so. A whole prefix stands for what takes code from much of
/// it; where credentials or ordinary settings begin like that as well (`AWS_`, `BUNDLE_`, `CARGO_`, `PIP_`,
/// `PYTHON`, `TF_`), the names are single.
const DANGEROUS: &[(&str, &str)] = &[
    (OURS, "CLWS_*"),
    (GIT, "GIT_*"),
    (SSH, "SSH_*"),
    (
        ELSEWHERE,
        "DOCKER_HOST DOCKER_CONTEXT CONTAINER_HOST CONTAINER_CONNECTION BUILDKIT_HOST",
    ),
    (
        SHELL,
        "IFS ENV BASH_ENV BASH_FUNC_* BASHOPTS SHELLOPTS PS0 PS1 PS2 PS4 PROMPT_COMMAND
         ZDOTDIR FPATH CDPATH",
    ),
    // Dynamic linkers (ld.so(8), dyld(1)), libc, libraries that have modules; then what interpreters
    // take code from.
    (
        LOADS,
        "LD_* DYLD_* GCONV_PATH LOCPATH GLIBC_TUNABLES
         OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES KRB5_CONFIG SASL_PATH ODBCINI ODBCINSTINI
         ODBCSYSINI
         GIO_EXTRA_MODULES GIO_MODULE_DIR GTK_MODULES GTK_PATH *_PLUGINS *_PLUGIN_DIR
         *_PLUGIN_PATH
         PYTHONPATH PYTHONHOME PYTHONPLATLIBDIR PYTHONSTARTUP PYTHONUSERBASE PYTHONBREAKPOINT
         PYTHONWARNINGS PYTHONPYCACHEPREFIX IPYTHONDIR JUPYTER_PATH JUPYTER_CONFIG_*
         PERL5LIB PERL5OPT PERL5DB PERLLIB
         RUBYLIB RUBYOPT RUBYGEMS_GEMDEPS GEM_HOME GEM_PATH GEMRC IRBRC
         BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_APP_CONFIG BUNDLE_USER_CONFIG BUNDLE_USER_HOME
         NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE TS_NODE_* BUN_OPTIONS
         JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS _JAVA_OPTIONS *CLASSPATH
         DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS DOTNET_SHARED_STORE CORECLR_*
         ASPNETCORE_HOSTINGSTARTUPASSEMBLIES PSModulePath
         PHPRC PHP_INI_SCAN_DIR LUA_INIT* LUA_PATH* LUA_CPATH* ERL_* ELIXIR_ERL_OPTIONS
         TCL_LIBRARY TCLLIBPATH R_PROFILE* R_ENVIRON* R_LIBS* JULIA_LOAD_PATH JULIA_DEPOT_PATH
         ANSIBLE_* NIX_* TF_DATA_DIR GS_LIB",
    ),
    (
        RUNS,
        "PATH SHELL VISUAL *EDITOR *PAGER *ASKPASS BROWSER *_RSH *_COMMAND *_CMD *_EXTERNAL_DIFF
         *_CREDENTIAL_PROVIDER *_CREDENTIAL_PROVIDERS GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES
         LESSOPEN LESSCLOSE RSYNC_CONNECT_PROG SVN_SSH HGMERGE BORG_PASSCOMMAND DBUS_*
         COMPOSE_FILE
         JAVA_HOME JRE_HOME JAVACMD DOTNET_ROOT* PYTHONEXECUTABLE PIP_PYTHON CLOUDSDK_PYTHON*
         MAKE MAKEFILES CC CXX CPP LD AR COMPILER_PATH GCC_EXEC_PREFIX PKG_CONFIG
         CONFIG_SHELL CONFIG_SITE CMAKE_* CCACHE_* OMPI_MCA_*
         RUSTC RUSTDOC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTUP_TOOLCHAIN CARGO_BUILD_*
         CARGO_TARGET_*
         GOROOT GOPATH GOAUTH GOCACHEPROG",
    ),
    (
        OPTIONS,
        "MAKEFLAGS GNUMAKEFLAGS CFLAGS CPPFLAGS CXXFLAGS LDFLAGS *RUSTFLAGS *RUSTDOCFLAGS GOFLAGS
         TAR_OPTIONS LESS MANOPT ZIP ZIPOPT GS_OPTIONS *_OPTS MAVEN_ARGS TF_CLI_ARGS*
         PYTEST_ADDOPTS GUNICORN_CMD_ARGS npm_config_*",
    ),
    (
        HOME,
        "HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS
         GNUPGHOME CURL_HOME WGETRC MYSQL_HOME MARIADB_HOME PSQLRC LESSKEY* MAILRC HGRCPATH
         VIM VIMRUNTIME VIMINIT EXINIT KUBECONFIG DOCKER_CONFIG GH_CONFIG_DIR
         AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AZURE_CONFIG_DIR AZURE_EXTENSION_DIR
         TF_CLI_CONFIG_FILE VAULT_CONFIG_PATH BAO_CONFIG_PATH APT_CONFIG MAGICK_*
         CARGO_HOME RUSTUP_HOME GOENV PIP_CONFIG_FILE GRADLE_USER_HOME COMPOSER_HOME",
    ),
];

/// The same, whole names apart: a document may have thousands of values.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let each = |(why, names): &(&'static str, &'static str)| {
        let why = *why;
        names.split_ascii_whitespace().map(move |name| (name, why))
    };
    let all = DANGEROUS.iter().flat_map(each);
    let (parts, whole): (Vec<_>, Vec<_>) = all.partition(|(name, _)| name.contains('*'));
    Rules {
        whole: whole.into_iter().collect(),
        parts,
    }
});

struct Rules {
    whole: HashMap<&'static str, &'static str>,
    parts: Vec<(&'static str, &'static str)>,
}

impl VariableName {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why the name is passed only when it is allowed by name; `None` for an ordinary one.
    #[must_use]
    pub fn danger(&self) -> Option<&'static str> {
        let whole = RULES.whole.get(self.as_str());
        let mut parts = RULES.parts.iter();
        let part = || parts.find(|(part, _)| self.has(part)).map(|(_, why)| why);
        whole.or_else(part).copied()
    }

    fn has(&self, part: &str) -> bool {
        let Some(beginning) = part.strip_suffix('*') else {
            return self.0.ends_with(part.trim_start_matches('*'));
        };
        if beginning.starts_with(|first: char| first.is_ascii_lowercase()) {
            return self.0.to_ascii_lowercase().starts_with(beginning);
        }
        self.0.starts_with(beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_shell_can_write_is_a_name() {
        for name in ["TOKEN", "_x", "a1"] {
            assert!(name.parse::<VariableName>().is_ok(), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "Ä", "A=B", "A\0"] {
            assert!(name.parse::<VariableName>().is_err(), "{name}");
        }
    }

    fn danger(name: &str) -> Option<&'static str> {
        name.parse::<VariableName>().unwrap().danger()
    }

    #[test]
    fn names_that_run_code_are_known() {
        for (why, names) in [
            (
                LOADS,
                "LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES GCONV_PATH LIBMYSQL_PLUGINS
                 LIBMYSQL_PLUGIN_DIR MARIADB_PLUGIN_DIR QT_PLUGIN_PATH PYTHONPATH PYTHONPLATLIBDIR
                 PYTHONSTARTUP PYTHONPYCACHEPREFIX PERL5OPT RUBYOPT GEM_PATH BUNDLE_GEMFILE NODE_OPTIONS
                 JAVA_TOOL_OPTIONS CLASSPATH HADOOP_CLASSPATH LUA_INIT LUA_INIT_5_4 LUA_CPATH_5_3
                 ERL_AFLAGS ERL_ZFLAGS DOTNET_STARTUP_HOOKS ANSIBLE_CONFIG ANSIBLE_CALLBACK_PLUGINS
                 ANSIBLE_VAULT_PASSWORD_FILE PSModulePath",
            ),
            (
                RUNS,
                "PATH EDITOR KUBE_EDITOR HGEDITOR PAGER MANPAGER PSQL_PAGER SUDO_ASKPASS LESSOPEN
                 RSYNC_RSH CVS_RSH RESTIC_PASSWORD_COMMAND SOPS_AGE_KEY_CMD KUBECTL_EXTERNAL_DIFF
                 CARGO_REGISTRY_CREDENTIAL_PROVIDER DBUS_SESSION_BUS_ADDRESS MAKE MAKEFILES CC
                 RUSTC_WRAPPER CARGO_BUILD_RUSTC CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            ),
            (
                OPTIONS,
                "MAKEFLAGS GNUMAKEFLAGS TAR_OPTIONS LESS MANOPT ZIPOPT JAVA_OPTS GOFLAGS RUSTFLAGS
                 CARGO_ENCODED_RUSTFLAGS TF_CLI_ARGS_plan npm_config_script_shell
                 NPM_CONFIG_NODE_OPTIONS Npm_Config_Git",
            ),
            (ELSEWHERE, "DOCKER_HOST DOCKER_CONTEXT CONTAINER_HOST"),
            (SHELL, "IFS BASH_ENV ENV PS1 FPATH PROMPT_COMMAND"),
            (
                HOME,
                "HOME XDG_DATA_DIRS GNUPGHOME KUBECONFIG AWS_CONFIG_FILE WGETRC LESSKEYIN PSQLRC",
            ),
            (GIT, "GIT_SSH_COMMAND GIT_PAGER"),
            (SSH, "SSH_AUTH_SOCK SSH_ASKPASS"),
            (OURS, "CLWS_IDENTITY"),
        ] {
            for name in names.split_ascii_whitespace() {
                assert_eq!(danger(name), Some(why), "{name}");
            }
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for name in "TOKEN DB_PATH GREETING path home ENVIRONMENT DATABASE_URL REDIS_URL HTTP_PROXY
             SSL_CERT_FILE RUST_LOG FEATURE_FLAGS API_KEY SMTP_PASSWORD COMMAND_TOKEN LESSON_KEY
             PAGERDUTY_TOKEN EDITOR_TOKEN ZIP_CODE MAKE_TOKEN PYTHON_TOKEN PYTHONUNBUFFERED
             MYSQL_PWD MYSQL_ROOT_PASSWORD MYSQL_ROOT_PASSWORD_FILE PGPASSWORD PGSSLMODE
             GITHUB_TOKEN GH_TOKEN NPM_TOKEN PIP_INDEX_URL CARGO_REGISTRY_TOKEN COMPOSER_AUTH
             BUNDLE_GEMS__EXAMPLE__COM DOTNET_ENVIRONMENT KRB5_PASSWORD SASL_PASSWORD LDAP_BIND_DN
             AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION
             AZURE_CLIENT_SECRET AZURE_BATCH_ACCOUNT_KEY GOOGLE_APPLICATION_CREDENTIALS
             VAULT_ADDR VAULT_TOKEN TF_VAR_password TF_TOKEN_app_terraform_io RESTIC_PASSWORD
             CODALAB_HOME CODALAB_CONFIG CODALAB_USERNAME CODALAB_MYSQL_PASSWORD BLOB_CONNECTION_STRING
             CODALAB_BUNDLE_MOUNT CODALAB_RECAPTCHA_SECRET_KEY CPU_AZURE_LOG_CONTAINER_URL
             GPU_KUBERNETES_AUTH_TOKEN SENTRY_INGEST_URL ROOT_PASSWORD KEEPER_PASSWORD"
            .split_ascii_whitespace()
        {
            assert_eq!(danger(name), None, "{name}");
        }
    }

    #[test]
    fn each_rule_is_a_name_with_a_star_at_one_end_at_most() {
        let parts = RULES.parts.iter().map(|(part, _)| {
            let without = part.strip_prefix('*').or_else(|| part.strip_suffix('*'));
            without.unwrap()
        });
        for name in RULES.whole.keys().copied().chain(parts) {
            assert!(name.parse::<VariableName>().is_ok(), "{name}");
        }
    }
}
