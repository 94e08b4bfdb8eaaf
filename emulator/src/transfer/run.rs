//! One import or export, from the check of its containers to its end.

use http_body_util::BodyExt;
use hub_core::HubError;
use hub_core::transfer::{
    KEYS_EXCLUDED, LineSplitter, SplitLine, TransferKind, TransferSpec, TransferView,
    configuration_line, error_line,
};
use hub_proto::error_code::ErrorCode;
use hyper::body::{Body, Bytes};
use tracing::{info, warn};

use super::container::{Container, ContainerError};
use super::writer::BlobWriter;
use crate::hub::HubHandle;
use crate::random;

/// How rows read and print, which the service endpoint knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowCodec {
    /// Carries out a line of identities.
    pub(crate) import_identity: fn(&HubHandle, &str) -> Result<(), RowFailure>,
    /// Carries out a line of configurations.
    pub(crate) import_configuration: fn(&HubHandle, &str) -> Result<(), RowFailure>,
    /// Every configuration, as the service prints it.
    pub(crate) configurations: fn(&HubHandle) -> Vec<String>,
}

/// Why a line was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowFailure {
    /// What the line is about; empty if it does not say.
    pub(crate) id: String,
    pub(crate) code: ErrorCode,
    pub(crate) status: String,
}

/// Checks that the containers can be used, and starts the job.
pub(crate) async fn start(
    hub: &HubHandle,
    spec: TransferSpec,
    codec: RowCodec,
) -> Result<TransferView, HubError> {
    hub.check_transfer_quota()?;
    let containers = Containers::of(&spec)?;
    containers.check(&spec).await?;
    let view = hub.create_transfer(spec)?;
    if let Some((id, spec)) = hub.begin_transfer() {
        let hub = hub.clone();
        tokio::spawn(async move {
            let job = Job {
                hub,
                id,
                codec,
                containers,
            };
            job.run(&spec).await;
        });
    }
    Ok(view)
}

#[derive(Debug)]
struct Containers {
    input: Option<Container>,
    output: Container,
}

impl Containers {
    fn of(spec: &TransferSpec) -> Result<Self, HubError> {
        let parse = |name: &str, address: &str| {
            Container::parse(address).map_err(|reason| {
                HubError::BlobContainer(format!("{name} cannot be used: {reason}"))
            })
        };
        let input = spec.input_container.as_deref();
        let input = input.map(|address| parse("inputBlobContainerUri", address));
        Ok(Self {
            input: input.transpose()?,
            output: parse("outputBlobContainerUri", &spec.output_container)?,
        })
    }

    /// As the real hub does before it takes a job: writes and deletes a blob. The first words of each
    /// refusal are the real hub's.
    async fn check(&self, spec: &TransferSpec) -> Result<(), HubError> {
        let refused = |what: &'static str| {
            move |error: ContainerError| HubError::BlobContainer(format!("{what}: {error}"))
        };
        let probe = format!("hubnerite-probe-{}", random::uuid());
        let written = self.output.put(&probe, Bytes::new()).await;
        written.map_err(refused("Unauthorized to write to output blob container"))?;
        let deleted = self.output.delete(&probe).await;
        deleted.map_err(refused("Unauthorized to delete from output blob container"))?;
        if let Some(input) = &self.input {
            // One that is not there fails the job, not the call.
            let read = input.has(&spec.identities_blob).await;
            read.map_err(refused("Unauthorized to read from input blob container"))?;
        }
        Ok(())
    }
}

/// Why a job ends early.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("the blob ended early: {0}")]
    Torn(hyper::Error),
    /// Whoever stopped it knows.
    #[error("the job was stopped")]
    Stopped,
}

struct Job {
    hub: HubHandle,
    id: Box<str>,
    codec: RowCodec,
    containers: Containers,
}

type ImportRow = fn(&HubHandle, &str) -> Result<(), RowFailure>;

impl Job {
    async fn run(self, spec: &TransferSpec) {
        let result = match (&self.containers.input, spec.kind) {
            (Some(input), TransferKind::Import) => self.import(input, spec).await,
            _ => self.export(spec).await,
        };
        let (id, kind) = (&self.id, spec.kind.name());
        match &result {
            Ok(()) => info!(%id, kind, "the job is done"),
            Err(Stop::Stopped) => info!(%id, kind, "the job was stopped"),
            Err(error) => warn!(%id, kind, %error, "the job failed"),
        }
        let result = result.map_err(|stop| stop.to_string());
        self.hub.transfer_ended(&self.id, result);
    }

    /// Notes how far the job is, lets others run, and stops if it is to stop.
    async fn progress(&self, done: u64, of: u64) -> Result<(), Stop> {
        let percent = done.saturating_mul(100) / of.max(1);
        let percent = u8::try_from(percent.min(99)).unwrap_or(99);
        if !self.hub.transfer_progressed(&self.id, percent) {
            return Err(Stop::Stopped);
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn export(&self, spec: &TransferSpec) -> Result<(), Stop> {
        let output = &self.containers.output;
        let mut writer = BlobWriter::new(output, &spec.identities_blob);
        if spec.exclude_keys {
            writer.line(KEYS_EXCLUDED).await?;
        }
        let (mut after, mut devices) = (None, 0);
        loop {
            let page = self.hub.export_page(after.as_ref(), !spec.exclude_keys);
            for line in &page.lines {
                writer.line(line).await?;
            }
            devices += page.devices as u64;
            self.progress(devices, self.hub.device_count() as u64)
                .await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        writer.finish().await?;
        let Some(blob) = &spec.configurations_blob else {
            return Ok(());
        };
        let mut writer = BlobWriter::new(output, blob);
        for configuration in (self.codec.configurations)(&self.hub) {
            if let Some(line) = configuration_line(&configuration) {
                writer.line(&line).await?;
            }
        }
        Ok(writer.finish().await?)
    }

    async fn import(&self, input: &Container, spec: &TransferSpec) -> Result<(), Stop> {
        // What an import before this one left there is not of this one.
        self.containers.output.delete(ERRORS_BLOB).await?;
        let mut failures = Failures {
            writer: BlobWriter::new(&self.containers.output, ERRORS_BLOB),
            count: 0,
        };
        let identities = self.codec.import_identity;
        let done = self
            .import_blob(input, &spec.identities_blob, identities, &mut failures)
            .await;
        let done = match (done, &spec.configurations_blob) {
            (Ok(()), Some(blob)) => {
                let row = self.codec.import_configuration;
                self.import_blob(input, blob, row, &mut failures).await
            }
            (done, _) => done,
        };
        // Told even of a job that was stopped: what failed until then did.
        failures.finish().await?;
        done
    }

    async fn import_blob(
        &self,
        input: &Container,
        blob: &str,
        import_row: ImportRow,
        failures: &mut Failures<'_>,
    ) -> Result<(), Stop> {
        let mut body = input.get(blob).await?;
        let bytes = body.size_hint().exact().unwrap_or(u64::MAX);
        let (mut splitter, mut read) = (LineSplitter::new(LINE_BYTES_MAX), 0);
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(Stop::Torn)?.into_data() else {
                continue;
            };
            read += piece.len() as u64;
            for lines in splitter.feed(&piece).chunks(LINES_AT_A_TIME) {
                for line in lines {
                    self.import_line(line, import_row, failures).await?;
                }
                self.progress(read, bytes).await?;
            }
        }
        if let Some(line) = splitter.finish() {
            self.import_line(&line, import_row, failures).await?;
        }
        Ok(())
    }

    async fn import_line(
        &self,
        line: &SplitLine,
        import_row: ImportRow,
        failures: &mut Failures<'_>,
    ) -> Result<(), Stop> {
        let nameless = |status: &str| RowFailure {
            id: String::new(),
            code: ErrorCode::IotHubFormatError,
            status: status.to_owned(),
        };
        let result = match line {
            SplitLine::TooLong => Err(nameless(&format!(
                "the line has more than {LINE_BYTES_MAX} bytes"
            ))),
            SplitLine::Text(bytes) => match std::str::from_utf8(bytes) {
                // A mark of byte order, as Windows tools write it, is no part of the first line.
                Ok(text) => {
                    let _step = self.hub.step();
                    if !self.hub.transfer_is_running(&self.id) {
                        return Err(Stop::Stopped);
                    }
                    import_row(&self.hub, text.trim_start_matches('\u{feff}'))
                }
                Err(_) => Err(nameless("the line is not UTF-8")),
            },
        };
        match result {
            Ok(()) => Ok(()),
            Err(failure) => failures.add(&failure).await,
        }
    }
}

struct Failures<'a> {
    writer: BlobWriter<'a>,
    count: u64,
}

impl Failures<'_> {
    async fn add(&mut self, failure: &RowFailure) -> Result<(), Stop> {
        self.count += 1;
        let RowFailure { id, code, status } = failure;
        Ok(self
            .writer
            .line(&error_line(id, code.number(), status))
            .await?)
    }

    async fn finish(self) -> Result<(), Stop> {
        if self.count > 0 {
            self.writer.finish().await?;
        }
        Ok(())
    }
}

/// Source: Microsoft's "Import and export IoT Hub device identities in bulk".
const ERRORS_BLOB: &str = "importErrors.log";
/// Far more than an identity with the largest twin.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// After so many the task lets others run.
const LINES_AT_A_TIME: usize = 32;
