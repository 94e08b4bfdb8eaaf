//! `hubnerite device export` and `import`, in the words of `az iot hub device-identity`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::admin_client::AdminError;
use crate::blob_folder::BlobContainer;
use crate::cli::{CliError, job, say, say_json};
use crate::exit_code;
use crate::secret::Secret;
use crate::service_client::{Endpoint, ServiceClient};
use crate::target::{HubTarget, Reached};

/// Export the identities of a hub, with their twins, into a container of blobs
///
/// Without an address the container is one of the hub's own folder of blobs (`hubnerite up --blob-dir`).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device export devices.txt --include-keys       into a file, by way of the hub's folder
  hubnerite device export --include-keys --wait            into the container `identities` of that folder
  hubnerite device export --blob-container-uri 'https://…?sig=…' --include-keys --wait")]
pub(in crate::cli) struct ExportArgs {
    /// The file to write; waits for the end of the job
    #[arg(conflicts_with = "container")]
    file: Option<PathBuf>,
    /// The container, by an address whose signature lets write, read and delete
    #[arg(long = "blob-container-uri", alias = "bcu", value_name = "URI")]
    container: Option<Secret>,
    /// Export keys as well; else a first line says that there are none, and the rest is to be read, not
    /// imported
    #[arg(long, alias = "ik")]
    include_keys: bool,
    /// Export the configurations as well, into configurations.txt
    #[arg(long, conflicts_with = "file")]
    include_configurations: bool,
    #[command(flatten)]
    end: EndArgs,
}

/// Create, change and remove identities as a blob says, a line each
///
/// Without an address the container is one of the hub's own folder of blobs (`hubnerite up --blob-dir`).
/// With --wait the exit code is 1 if a line failed, as far as that can be seen.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device import devices.txt                      from a file, by way of the hub's folder
  hubnerite device import --wait                           what `device export --wait` wrote there
  hubnerite device import --input-blob-container-uri 'https://…?sig=…' --wait")]
pub(in crate::cli) struct ImportArgs {
    /// The file to read; waits for the end of the job
    #[arg(conflicts_with = "input")]
    file: Option<PathBuf>,
    /// The container with devices.txt, by an address whose signature lets read
    #[arg(long = "input-blob-container-uri", alias = "ibcu", value_name = "URI")]
    input: Option<Secret>,
    /// The container for what failed, by an address whose signature lets write and delete; default: the
    /// same
    #[arg(
        long = "output-blob-container-uri",
        alias = "obcu",
        value_name = "URI",
        requires = "input"
    )]
    output: Option<Secret>,
    /// Import configurations as well, from configurations.txt
    #[arg(long, conflicts_with = "file")]
    include_configurations: bool,
    #[command(flatten)]
    end: EndArgs,
}

/// Whether the end is waited for, and how it is told.
#[derive(Args, Debug)]
struct EndArgs {
    /// Wait until the job has ended
    #[arg(short, long)]
    wait: bool,
    /// Print the job as JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn export(args: ExportArgs) -> Result<u8, CliError> {
    let reached = args.end.target.reach().await?;
    let own = match &args.container {
        Some(_) => None,
        None => Some(own_container(&reached, args.file.is_some()).await?),
    };
    let address = args.container.as_ref().map(Secret::expose);
    let request = json!({
        "type": "export",
        "outputBlobContainerUri": address.map_or_else(|| own_address(own.as_ref()), str::to_owned),
        "excludeKeysInExport": !args.include_keys,
        "includeConfigurations": args.include_configurations,
    });
    let mut client = client(reached);
    let outcome = carry_out(&mut client, &request, &args.end, args.file.is_some()).await;
    let written = match (&outcome, &own, &args.file) {
        (Ok(exit_code::OK), Some(own), Some(file)) => write_file(own, file).await,
        _ => Ok(()),
    };
    if let (Some(own), true) = (&own, args.file.is_some()) {
        // It was made for this, and what matters has been told.
        let _ = own.delete().await;
    }
    written?;
    outcome
}

pub(super) async fn import(args: ImportArgs) -> Result<u8, CliError> {
    let bytes = args.file.as_deref().map(read_file).transpose()?;
    let reached = args.end.target.reach().await?;
    let own = match &args.input {
        Some(_) => None,
        None => Some(own_container(&reached, args.file.is_some()).await?),
    };
    if let (Some(own), Some(bytes)) = (&own, bytes) {
        own.put(IDENTITIES, bytes)
            .await
            .map_err(|error| folder_failed(&error))?;
    }
    let input = args.input.as_ref().map(Secret::expose);
    let input = input.map_or_else(|| own_address(own.as_ref()), str::to_owned);
    let output = args.output.as_ref().map_or(&*input, Secret::expose);
    let request = json!({
        "type": "import",
        "inputBlobContainerUri": input,
        "outputBlobContainerUri": output,
        "includeConfigurations": args.include_configurations,
    });
    let mut client = client(reached);
    let outcome = carry_out(&mut client, &request, &args.end, args.file.is_some()).await;
    let failures = match (&outcome, &own) {
        (Ok(exit_code::OK), Some(own)) if args.file.is_some() || args.end.wait => {
            own.get(ERRORS).await.map_err(|error| folder_failed(&error))
        }
        _ => Ok(None),
    };
    if let (Some(own), true) = (&own, args.file.is_some()) {
        let _ = own.delete().await;
    }
    match failures? {
        Some(log) => Err(not_imported(&log)),
        None => outcome,
    }
}

/// Begins the job, and waits for its end if that is wanted.
async fn carry_out(
    client: &mut ServiceClient,
    request: &Value,
    args: &EndArgs,
    is_waited_for: bool,
) -> Result<u8, CliError> {
    let mut made = client.create_transfer(request).await?;
    let id = made["jobId"].as_str().unwrap_or_default().to_owned();
    if !(args.wait || is_waited_for) {
        job::tell(&made, args.json);
        return Ok(exit_code::OK);
    }
    made = job::ended(client, &id).await?;
    if args.json {
        say_json(&made, true);
    } else {
        job::tell(&made, false);
    }
    Ok(job::verdict(&made))
}

fn client(reached: Reached) -> ServiceClient {
    let Reached {
        endpoint,
        credential,
        ..
    } = reached;
    ServiceClient::new(endpoint, credential)
}

/// A container of the hub's own folder: one for this job alone, or the one that stays.
async fn own_container(reached: &Reached, is_passing: bool) -> Result<BlobContainer, CliError> {
    let Some(url) = reached.told["blobUrl"].as_str() else {
        let words = "the hub has no folder of blobs of its own";
        return Err(CliError::failed(words)
            .with_remedy("start it with `hubnerite up --blob-dir FOLDER`")
            .with_remedy("or name a container by its address, as `--help` shows"));
    };
    let Endpoint { host_name, .. } = &reached.endpoint;
    let name = if is_passing {
        format!("passing-{}", std::process::id())
    } else {
        container_name(host_name)
    };
    let container = BlobContainer::new(url, &name);
    container
        .create()
        .await
        .map_err(|error| folder_failed(&error))?;
    Ok(container)
}

/// `identities`, with the hub's name behind it where that is not the default one.
fn container_name(host: &str) -> String {
    let words = host.split(|character: char| !character.is_ascii_alphanumeric());
    let mut name = "identities".to_owned();
    if !["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host) {
        for word in words.filter(|word| !word.is_empty()) {
            name.push('-');
            name.push_str(&word.to_ascii_lowercase());
        }
    }
    name.truncate(CONTAINER_NAME_MAX);
    name.trim_end_matches('-').to_owned()
}

fn own_address(own: Option<&BlobContainer>) -> String {
    own.map(BlobContainer::address).unwrap_or_default()
}

async fn write_file(own: &BlobContainer, file: &Path) -> Result<(), CliError> {
    let bytes = own
        .get(IDENTITIES)
        .await
        .map_err(|error| folder_failed(&error))?;
    std::fs::write(file, bytes.unwrap_or_default()).map_err(|error| {
        CliError::could_not_run(format!("cannot write {}: {error}", file.display()))
    })?;
    say(format_args!("written to {}", file.display()));
    Ok(())
}

fn read_file(file: &Path) -> Result<Bytes, CliError> {
    let cannot =
        |error: std::io::Error| CliError::usage(format!("cannot read {}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(cannot)?.len();
    if size > BLOB_BYTES_MAX {
        let words = format!("{} has more than 256 MiB", file.display());
        return Err(CliError::usage(words).with_remedy(
            "put it into a container as devices.txt, and name that by --input-blob-container-uri",
        ));
    }
    Ok(std::fs::read(file).map_err(cannot)?.into())
}

/// The first lines of what failed, in the hub's words.
fn not_imported(log: &[u8]) -> CliError {
    let log = String::from_utf8_lossy(log);
    let lines: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    let mut words = match lines.len() {
        1 => "1 identity was not imported".to_owned(),
        many => format!("{many} identities were not imported"),
    };
    for line in lines.iter().take(FAILURES_TOLD) {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|_| json!({"errorStatus": line}));
        let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        let _ = write!(words, "\n  {}: {}", text("deviceId"), text("errorStatus"));
    }
    if lines.len() > FAILURES_TOLD {
        words.push_str("\n  …");
    }
    CliError::failed(words)
}

fn folder_failed(error: &AdminError) -> CliError {
    CliError::could_not_run_because(error).with_remedy(
        "the folder of blobs must be reachable from here; `hubnerite up` prints where it is",
    )
}

const IDENTITIES: &str = "devices.txt";
const ERRORS: &str = "importErrors.log";
const FAILURES_TOLD: usize = 10;
const CONTAINER_NAME_MAX: usize = 63;
/// Of one blob put whole.
const BLOB_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hub_has_a_container_whose_name_is_in_the_grammar() {
        let long = format!("{}.localhost", "very-".repeat(20));
        for (host, expected) in [
            ("localhost", "identities"),
            ("127.0.0.1", "identities"),
            ("Orders.localhost", "identities-orders-localhost"),
            ("127.0.0.7", "identities-127-0-0-7"),
            (
                &long,
                "identities-very-very-very-very-very-very-very-very-very-very-ve",
            ),
        ] {
            assert_eq!(container_name(host), expected);
        }
    }

    #[test]
    fn what_failed_is_told_line_by_line() {
        let log = "{\"deviceId\":\"d\",\"errorCode\":\"DeviceAlreadyExists\",\"errorStatus\":\"it is there\"}\r\n".repeat(11);
        let told = not_imported(log.as_bytes()).render();
        let told = anstream::adapter::strip_str(&told).to_string();
        assert!(
            told.starts_with("error: 11 identities were not imported\n  d: it is there\n"),
            "{told}"
        );
        assert!(told.ends_with("\n  …"), "{told}");
    }
}
