//! Containers and blobs as folders and files. A blob's content is the file of its name, so that people
//! and programs can put files there by hand; what else is known of it stands apart, in `.hubnerite`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::name::{BlobName, ContainerName};
use crate::random;

/// The folder behind a blob endpoint. Each file is replaced whole: whoever reads meanwhile sees the
/// one before.
#[derive(Debug)]
pub(crate) struct BlobFolder {
    root: PathBuf,
}

/// What a blob has beside its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Properties {
    /// Headers that a GET gives back, lower case: `content-type` and the like.
    pub(super) headers: BTreeMap<String, String>,
    /// `x-ms-meta-…`, without that prefix.
    pub(super) metadata: BTreeMap<String, String>,
}

/// What the file system knows of a blob or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl Stamp {
    /// With its quotes.
    pub(super) fn etag(&self) -> String {
        let since = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("\"0x{:X}{:X}\"", since.as_nanos(), self.bytes)
    }

    pub(super) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }
}

/// Content that came and is not a blob's yet. Its file goes with it.
#[derive(Debug)]
pub(super) struct Incoming {
    path: PathBuf,
    file: File,
}

impl Incoming {
    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece).await
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Gone already if it became a blob.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl BlobFolder {
    /// The folder at `root`, made if it is not there. What an earlier process left half-written goes.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let incoming = root.join(APART).join(INCOMING);
        let _ = std::fs::remove_dir_all(&incoming);
        std::fs::create_dir_all(&incoming)?;
        // So that no later change of the working folder moves it.
        let root = std::path::absolute(root)?;
        Ok(Self { root })
    }

    fn container(&self, container: &ContainerName) -> PathBuf {
        self.root.join(container.as_str())
    }

    fn content(&self, container: &ContainerName, blob: &BlobName) -> PathBuf {
        self.container(container).join(blob.file())
    }

    fn apart(&self, container: &ContainerName, blob: &BlobName, suffix: &str) -> PathBuf {
        let folder = self.root.join(APART).join(container.as_str());
        folder.join(format!("{}{suffix}", blob.file()))
    }

    fn blocks(&self, container: &ContainerName, blob: &BlobName) -> PathBuf {
        self.apart(container, blob, ".blocks")
    }

    /// Makes a container; `false` if it is there.
    pub(super) async fn create_container(&self, container: &ContainerName) -> io::Result<bool> {
        match fs::create_dir(self.container(container)).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a container with all that is in it; `false` if it is not there.
    pub(super) async fn delete_container(&self, container: &ContainerName) -> io::Result<bool> {
        let _ = fs::remove_dir_all(self.root.join(APART).join(container.as_str())).await;
        found(fs::remove_dir_all(self.container(container)).await).map(|found| found.is_some())
    }

    pub(super) async fn container_stamp(
        &self,
        container: &ContainerName,
    ) -> io::Result<Option<Stamp>> {
        let metadata = found(fs::symlink_metadata(self.container(container)).await)?;
        let folder = metadata.filter(std::fs::Metadata::is_dir);
        folder.map(|metadata| stamp(&metadata)).transpose()
    }

    pub(super) async fn containers(&self) -> io::Result<Vec<ContainerName>> {
        let mut names: Vec<_> = entries(&self.root).await?;
        names.sort_unstable();
        Ok(names
            .iter()
            .filter_map(|name| ContainerName::parse(name))
            .collect())
    }

    /// The blobs of a container in the order of their names.
    pub(super) async fn blobs(&self, container: &ContainerName) -> io::Result<Vec<BlobName>> {
        let files = entries(&self.container(container)).await?;
        let mut blobs: Vec<_> = files
            .iter()
            .filter_map(|file| BlobName::of_file(file))
            .collect();
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// A link is no blob: it may lead anywhere.
    pub(super) async fn stamp(
        &self,
        container: &ContainerName,
        blob: &BlobName,
    ) -> io::Result<Option<Stamp>> {
        let metadata = found(fs::symlink_metadata(self.content(container, blob)).await)?;
        let file = metadata.filter(std::fs::Metadata::is_file);
        file.map(|metadata| stamp(&metadata)).transpose()
    }

    pub(super) async fn properties(
        &self,
        container: &ContainerName,
        blob: &BlobName,
    ) -> io::Result<Properties> {
        let text = found(fs::read(self.apart(container, blob, ".json")).await)?;
        // A file put there by hand has none.
        text.map_or_else(
            || Ok(Properties::default()),
            |text| Ok(serde_json::from_slice(&text)?),
        )
    }

    pub(super) async fn open_blob(
        &self,
        container: &ContainerName,
        blob: &BlobName,
    ) -> io::Result<(File, Stamp)> {
        let file = File::open(self.content(container, blob)).await?;
        let stamp = stamp(&file.metadata().await?)?;
        Ok((file, stamp))
    }

    /// A place for content to come.
    pub(super) async fn incoming(&self) -> io::Result<Incoming> {
        let folder = self.root.join(APART).join(INCOMING);
        let path = folder.join(&*random::uuid());
        let file = File::create_new(&path).await?;
        Ok(Incoming { path, file })
    }

    /// Makes content a blob, in place of one of its name; blocks that wait go.
    pub(super) async fn put(
        &self,
        container: &ContainerName,
        blob: &BlobName,
        mut content: Incoming,
        properties: &Properties,
    ) -> io::Result<()> {
        content.file.flush().await?;
        fs::create_dir_all(self.root.join(APART).join(container.as_str())).await?;
        let text = serde_json::to_vec(properties)?;
        fs::write(self.apart(container, blob, ".json"), text).await?;
        fs::rename(&content.path, self.content(container, blob)).await?;
        found(fs::remove_dir_all(self.blocks(container, blob)).await).map(drop)
    }

    /// Deletes a blob; `false` if it is not there.
    pub(super) async fn delete(
        &self,
        container: &ContainerName,
        blob: &BlobName,
    ) -> io::Result<bool> {
        found(fs::remove_file(self.apart(container, blob, ".json")).await)?;
        found(fs::remove_file(self.content(container, blob)).await).map(|found| found.is_some())
    }

    /// Keeps a block until the list comes.
    pub(super) async fn put_block(
        &self,
        container: &ContainerName,
        blob: &BlobName,
        block: &BlockId,
        mut content: Incoming,
    ) -> io::Result<()> {
        let folder = self.blocks(container, blob);
        fs::create_dir_all(&folder).await?;
        content.file.flush().await?;
        fs::rename(&content.path, folder.join(&block.0)).await
    }

    /// Adds a block to content that is put together; `false` if it is not there.
    pub(super) async fn append_block(
        &self,
        container: &ContainerName,
        blob: &BlobName,
        block: &BlockId,
        to: &mut Incoming,
    ) -> io::Result<bool> {
        let path = self.blocks(container, blob).join(&block.0);
        let Some(mut block) = found(File::open(path).await)? else {
            return Ok(false);
        };
        tokio::io::copy(&mut block, &mut to.file).await?;
        Ok(true)
    }
}

/// The id of a block, as the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockId(String);

impl BlockId {
    /// 1 to 64 bytes.
    pub(super) fn new(id: &[u8]) -> Option<Self> {
        let hex = id.iter().map(|byte| format!("{byte:02x}"));
        (1..=64).contains(&id.len()).then(|| Self(hex.collect()))
    }
}

fn stamp(metadata: &std::fs::Metadata) -> io::Result<Stamp> {
    Ok(Stamp {
        bytes: metadata.len(),
        modified: metadata.modified()?,
    })
}

/// `None` instead of the error that there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let mut entries = fs::read_dir(folder).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

const APART: &str = ".hubnerite";
const INCOMING: &str = "incoming";
