//! Schemathesis: requests made from an `OpenAPI` document, and the answers held to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use super::install::folders;
use super::python::virtual_environment;
use crate::program::Program;
use crate::skip::Skip;

/// How long a run takes beyond its time of making requests: starting, and the last operation's.
const OVERHEAD: Duration = Duration::from_mins(1);
/// Holds the seconds of each run in place of the usual ones; the seed is a new one then.
const SECONDS: &str = "HUBNERITE_SCHEMATHESIS_SECONDS";
/// What is looked at in each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Schemathesis, installed.
#[derive(Clone, Debug)]
pub struct Schemathesis {
    program: PathBuf,
}

/// What one run is about.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Where the document is.
    pub document: &'a str,
    /// Where what it tells of is answered.
    pub url: &'a str,
    /// A file of `tests/sdk/schemathesis`.
    pub config: &'a str,
    /// Arguments of its command line.
    pub arguments: &'a [&'a str],
    /// For how long requests are made, unless the environment says otherwise.
    pub seconds: u64,
}

impl Schemathesis {
    /// The installed program.
    pub async fn get() -> Result<Self, Skip> {
        let interpreter = virtual_environment("schemathesis").await?;
        Ok(Self {
            program: interpreter.with_file_name("schemathesis"),
        })
    }

    /// Makes requests until the time is up; panics with what the program wrote unless every answer
    /// was as documented.
    pub async fn judge(&self, judged: Judged<'_>, ca: &Path) {
        let asked = std::env::var(SECONDS).ok();
        let seconds = asked.as_ref().map_or(judged.seconds, |text| {
            text.parse()
                .unwrap_or_else(|error| panic!("{SECONDS}={text:?}: {error}"))
        });
        let folder = TempDir::new().expect("there is a place for temporary files");
        let mut command = Command::new(&self.program);
        command
            .current_dir(folder.path())
            .arg("--config-file")
            .arg(folders("schemathesis").0.join(judged.config))
            .args(["run", judged.document, "--url", judged.url])
            .args(["--checks", CHECKS, "--max-time", &seconds.to_string()])
            .args(["--phases", "examples,coverage,fuzzing", "--no-color"])
            .args(["--no-shrink", "--continue-on-failure"])
            .args(["--generation-database", "none", "--tls-verify"])
            .arg(ca)
            .args(judged.arguments);
        if asked.is_none() {
            command.args(["--seed", "1"]);
        }
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        Program::start(format!("schemathesis {}", judged.document), command)
            .finish(Duration::from_secs(seconds) + OVERHEAD)
            .await
            .assert_success();
    }
}
