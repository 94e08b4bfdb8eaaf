//! What each operation does with the folder, and the headers of its answer.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream::try_unfold;
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::answer::{Answer, Refusal, XML, empty, set, xml};
use super::folder::{BlobFolder, BlockId, Incoming, Properties, Stamp};
use super::list::{Item, Listing, OCTETS};
use super::name::{BlobName, ContainerName};
use super::target::{check_read, check_write, range};
use crate::http::{Body, Head, printable, query_parameter};

pub(super) async fn list_containers(folder: &BlobFolder) -> Result<Answer, Refusal> {
    let mut body = format!("{XML}<EnumerationResults><Containers>");
    for name in folder.containers().await? {
        if let Some(stamp) = folder.container_stamp(&name).await? {
            let (name, at, etag) = (name.as_str(), stamp.last_modified(), stamp.etag());
            let etag = etag.trim_matches('"');
            body.extend([format!(
                "<Container><Name>{name}</Name><Properties><Last-Modified>{at}</Last-Modified>\
                 <Etag>{etag}</Etag><LeaseStatus>unlocked</LeaseStatus>\
                 <LeaseState>available</LeaseState></Properties></Container>"
            )]);
        }
    }
    body.push_str("</Containers><NextMarker /></EnumerationResults>");
    Ok(xml(body))
}

pub(super) async fn create_container(
    folder: &BlobFolder,
    container: &ContainerName,
    head: &Head,
) -> Result<Answer, Refusal> {
    if !metadata(head)?.is_empty() {
        return Err(Refusal::not_built("metadata of containers"));
    }
    if !folder.create_container(container).await? {
        let text = "The specified container already exists.";
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "ContainerAlreadyExists",
            text,
        ));
    }
    let mut answer = get_container(folder, container).await?;
    answer.set_status(StatusCode::CREATED);
    Ok(answer)
}

pub(super) async fn get_container(
    folder: &BlobFolder,
    container: &ContainerName,
) -> Result<Answer, Refusal> {
    let stamp = folder.container_stamp(container).await?;
    let stamp = stamp.ok_or_else(Refusal::no_container)?;
    let mut answer = empty(StatusCode::OK);
    set_stamp(&mut answer, &stamp);
    set_lease(&mut answer);
    Ok(answer)
}

pub(super) async fn delete_container(
    folder: &BlobFolder,
    container: &ContainerName,
) -> Result<Answer, Refusal> {
    if !folder.delete_container(container).await? {
        return Err(Refusal::no_container());
    }
    Ok(empty(StatusCode::ACCEPTED))
}

pub(super) async fn list_blobs(
    folder: &BlobFolder,
    container: &ContainerName,
    head: &Head,
) -> Result<Answer, Refusal> {
    let listing = read_listing(head)?;
    check_container(folder, container).await?;
    let blobs = folder.blobs(container).await?;
    let names: Vec<&str> = blobs.iter().map(BlobName::as_str).collect();
    let (items, next) = listing.page(&names);
    let mut body = listing.begin(container.as_str());
    for item in items {
        match item {
            Item::Prefix(prefix) => Listing::push_prefix(&mut body, &prefix),
            Item::Blob(index) => {
                let blob = &blobs[index];
                // One that was deleted just now, or is no file, is not there.
                if let Some(stamp) = folder.stamp(container, blob).await? {
                    let properties = folder.properties(container, blob).await?;
                    listing.push_blob(&mut body, blob.as_str(), &stamp, &properties);
                }
            }
        }
    }
    Listing::end(&mut body, next.as_deref());
    Ok(xml(body))
}

fn read_listing(head: &Head) -> Result<Listing, Refusal> {
    let parameter = |name: &str| query_parameter(head, name).unwrap_or_default();
    let limit = match &*parameter("maxresults") {
        "" => LIST_MAX,
        text => text
            .parse()
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| Refusal::bad("OutOfRangeQueryParameterValue", "maxresults"))?,
    };
    Ok(Listing {
        prefix: parameter("prefix").into_owned(),
        delimiter: parameter("delimiter").into_owned(),
        marker: parameter("marker").into_owned(),
        limit: limit.min(LIST_MAX),
        with_metadata: parameter("include").split(',').any(|of| of == "metadata"),
    })
}

async fn check_container(folder: &BlobFolder, container: &ContainerName) -> Result<(), Refusal> {
    let stamp = folder.container_stamp(container).await?;
    stamp.map(drop).ok_or_else(Refusal::no_container)
}

/// A blob, whether it is there or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) folder: &'a BlobFolder,
    pub(super) container: &'a ContainerName,
    pub(super) blob: &'a BlobName,
}

impl Place<'_> {
    pub(super) async fn put(self, head: &Head, body: Body<'_>) -> Result<Answer, Refusal> {
        let kind = head.get("x-ms-blob-type");
        match kind {
            Some(b"BlockBlob") => {}
            Some(_) => return Err(Refusal::not_built("blobs other than block blobs")),
            None => {
                let text = "x-ms-blob-type is required";
                return Err(Refusal::bad("MissingRequiredHeader", text));
            }
        }
        check_length(head)?;
        let mut properties = read_properties(head)?;
        if let Some(of_body) = header(head, "content-type")? {
            let own = properties.headers.entry("content-type".to_owned());
            own.or_insert(of_body);
        }
        self.check_write(head).await?;
        let content = self.receive(body).await?;
        self.commit(head, content, &properties).await
    }

    pub(super) async fn put_block(self, head: &Head, body: Body<'_>) -> Result<Answer, Refusal> {
        let id = query_parameter(head, "blockid");
        let id = id.and_then(|id| read_block_id(&id)).ok_or_else(|| {
            Refusal::bad(
                "InvalidQueryParameterValue",
                "blockid is base64 of 1 to 64 bytes",
            )
        })?;
        check_length(head)?;
        check_container(self.folder, self.container).await?;
        let content = self.receive(body).await?;
        self.folder
            .put_block(self.container, self.blob, &id, content)
            .await?;
        Ok(empty(StatusCode::CREATED))
    }

    pub(super) async fn put_block_list(
        self,
        head: &Head,
        mut body: Body<'_>,
    ) -> Result<Answer, Refusal> {
        let properties = read_properties(head)?;
        self.check_write(head).await?;
        let list = body.whole(LIST_BYTES_MAX, PIECE_WITHIN).await;
        let list = list.map_err(|fault| {
            let text = format!("the list of blocks does not arrive whole: {fault}");
            Refusal::bad("InvalidXmlDocument", text)
        })?;
        let blocks = read_block_list(&list)?;
        let mut content = self.folder.incoming().await?;
        for block in &blocks {
            let (container, blob) = (self.container, self.blob);
            let appended = self
                .folder
                .append_block(container, blob, block, &mut content);
            if !appended.await? {
                let text = "a block of the list was not uploaded since the blob was last written";
                return Err(Refusal::bad("InvalidBlockList", text));
            }
        }
        self.commit(head, content, &properties).await
    }

    pub(super) async fn get(self, head: &Head) -> Result<Answer, Refusal> {
        check_container(self.folder, self.container).await?;
        if self
            .folder
            .stamp(self.container, self.blob)
            .await?
            .is_none()
        {
            return Err(Refusal::no_blob());
        }
        let (mut file, stamp) = self.folder.open_blob(self.container, self.blob).await?;
        check_read(head, &stamp)?;
        let range = range(head, stamp.bytes)?;
        let (first, bytes) = match range {
            Some((first, last)) => (first, last - first + 1),
            None => (0, stamp.bytes),
        };
        file.seek(io::SeekFrom::Start(first)).await?;
        let mut answer = Answer::stream(Box::pin(pieces(file, bytes)), Some(bytes));
        self.describe(&mut answer, &stamp).await?;
        if let Some((first, last)) = range {
            answer.set_status(StatusCode::PARTIAL_CONTENT);
            let text = format!("bytes {first}-{last}/{}", stamp.bytes);
            set(&mut answer, "content-range", &text);
        }
        Ok(answer)
    }

    pub(super) async fn get_properties(self, head: &Head) -> Result<Answer, Refusal> {
        check_container(self.folder, self.container).await?;
        let stamp = self.folder.stamp(self.container, self.blob).await?;
        let stamp = stamp.ok_or_else(Refusal::no_blob)?;
        check_read(head, &stamp)?;
        let mut answer = Answer::described(stamp.bytes);
        self.describe(&mut answer, &stamp).await?;
        Ok(answer)
    }

    pub(super) async fn delete(self, head: &Head) -> Result<Answer, Refusal> {
        check_container(self.folder, self.container).await?;
        let stamp = self.folder.stamp(self.container, self.blob).await?;
        let stamp = stamp.ok_or_else(Refusal::no_blob)?;
        check_read(head, &stamp)?;
        if !self.folder.delete(self.container, self.blob).await? {
            return Err(Refusal::no_blob());
        }
        Ok(empty(StatusCode::ACCEPTED))
    }

    async fn check_write(self, head: &Head) -> Result<(), Refusal> {
        check_container(self.folder, self.container).await?;
        let stamp = self.folder.stamp(self.container, self.blob).await?;
        check_write(head, stamp)
    }

    async fn commit(
        self,
        head: &Head,
        content: Incoming,
        properties: &Properties,
    ) -> Result<Answer, Refusal> {
        // Once more: it may have taken a while until the content was here.
        self.check_write(head).await?;
        self.folder
            .put(self.container, self.blob, content, properties)
            .await?;
        let stamp = self.folder.stamp(self.container, self.blob).await?;
        let mut answer = empty(StatusCode::CREATED);
        set_stamp(&mut answer, &stamp.ok_or_else(Refusal::no_blob)?);
        set(&mut answer, SERVER_ENCRYPTED, "false");
        Ok(answer)
    }

    /// Writes a body to the disk as it comes.
    async fn receive(self, mut body: Body<'_>) -> Result<Incoming, Refusal> {
        let too_large = || {
            let text = format!("at most {CONTENT_BYTES_MAX} bytes in one request; use blocks");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", text)
        };
        if body
            .announced()
            .is_some_and(|bytes| bytes > CONTENT_BYTES_MAX)
        {
            return Err(too_large());
        }
        let mut content = self.folder.incoming().await?;
        let mut bytes = 0;
        loop {
            let torn = || Refusal::bad("InvalidInput", "the body does not arrive whole");
            let piece = tokio::time::timeout(PIECE_WITHIN, body.piece()).await;
            let piece = piece.map_err(|_| torn())?.map_err(|_| torn())?;
            let Some(piece) = piece else {
                break;
            };
            bytes += piece.len() as u64;
            if bytes > CONTENT_BYTES_MAX {
                return Err(too_large());
            }
            content.write(&piece).await?;
        }
        Ok(content)
    }

    async fn describe(self, answer: &mut Answer, stamp: &Stamp) -> Result<(), Refusal> {
        let properties = self.folder.properties(self.container, self.blob).await?;
        set(answer, "content-type", OCTETS);
        for (name, value) in &properties.headers {
            set(answer, name, value);
        }
        for (name, value) in &properties.metadata {
            set(answer, &format!("x-ms-meta-{name}"), value);
        }
        set_stamp(answer, stamp);
        set_lease(answer);
        set(answer, "accept-ranges", "bytes");
        set(answer, BLOB_TYPE, "BlockBlob");
        set(answer, CREATION_TIME, &stamp.last_modified());
        set(answer, SERVER_ENCRYPTED, "false");
        Ok(())
    }
}

fn set_stamp(answer: &mut Answer, stamp: &Stamp) {
    set(answer, "ETag", &stamp.etag());
    set(answer, "last-modified", &stamp.last_modified());
}

/// There are no leases.
fn set_lease(answer: &mut Answer) {
    set(answer, LEASE_STATUS, "unlocked");
    set(answer, LEASE_STATE, "available");
}

/// A file's next bytes, a piece at a time.
fn pieces(file: File, bytes: u64) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    try_unfold((file, bytes), |(mut file, left)| async move {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        if wanted == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; wanted];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        Ok(Some((piece.into(), (file, left - read as u64))))
    })
}

fn header(head: &Head, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = head.get(name) else {
        return Ok(None);
    };
    let text = printable(value).ok_or_else(|| {
        Refusal::bad(
            "InvalidHeaderValue",
            format!("{name} is not printable ASCII"),
        )
    })?;
    Ok(Some(text.to_owned()))
}

/// A blob that is written says how long it is, also where that is zero: without it the service refuses.
fn check_length(head: &Head) -> Result<(), Refusal> {
    if head.has("content-length") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::LENGTH_REQUIRED,
        "MissingContentLengthHeader",
        "Content-Length is required",
    ))
}

fn read_properties(head: &Head) -> Result<Properties, Refusal> {
    let mut properties = Properties {
        metadata: metadata(head)?,
        ..Properties::default()
    };
    for (asked, given) in KEPT {
        if let Some(value) = header(head, asked)? {
            properties.headers.insert(given.to_owned(), value);
        }
    }
    Ok(properties)
}

/// Names of metadata are those of C#.
fn metadata(head: &Head) -> Result<std::collections::BTreeMap<String, String>, Refusal> {
    let mut metadata = std::collections::BTreeMap::new();
    for (written, _) in head.fields() {
        let header_name = String::from_utf8_lossy(written).to_ascii_lowercase();
        let Some(name) = header_name.strip_prefix("x-ms-meta-") else {
            continue;
        };
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !name.bytes().all(is_word) || name.bytes().next().is_none_or(|b| b.is_ascii_digit()) {
            let text = format!("'{name}' is no name of metadata");
            return Err(Refusal::bad("InvalidMetadata", text));
        }
        let value = header(head, &header_name)?.unwrap_or_default();
        metadata.insert(name.to_owned(), value);
    }
    Ok(metadata)
}

fn read_block_id(text: &str) -> Option<BlockId> {
    BlockId::new(&BASE64_STANDARD.decode(text).ok()?)
}

fn read_block_list(text: &[u8]) -> Result<Vec<BlockId>, Refusal> {
    let invalid = |text: String| Refusal::bad("InvalidXmlDocument", text);
    let text = std::str::from_utf8(text).map_err(|error| invalid(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let document = roxmltree::Document::parse(text).map_err(|error| invalid(error.to_string()))?;
    let mut blocks = Vec::new();
    let elements = document.root_element().children();
    for element in elements.filter(roxmltree::Node::is_element) {
        match element.tag_name().name() {
            "Latest" | "Uncommitted" => {}
            "Committed" => return Err(Refusal::not_built("blocks that are a blob's already")),
            other => return Err(invalid(format!("<{other}> is no kind of block"))),
        }
        let id = element.text().and_then(|id| read_block_id(id.trim()));
        blocks.push(id.ok_or_else(|| invalid("an id is base64 of 1 to 64 bytes".to_owned()))?);
    }
    if blocks.len() > BLOCKS_MAX {
        let text = format!("a blob has at most {BLOCKS_MAX} blocks");
        return Err(Refusal::bad("BlockListTooLong", text));
    }
    Ok(blocks)
}

/// What a client sets, and as what it comes back.
const KEPT: [(&str, &str); 6] = [
    ("x-ms-blob-content-type", "content-type"),
    ("x-ms-blob-content-encoding", "content-encoding"),
    ("x-ms-blob-content-language", "content-language"),
    ("x-ms-blob-content-disposition", "content-disposition"),
    ("x-ms-blob-content-md5", "content-md5"),
    ("x-ms-blob-cache-control", "cache-control"),
];
const LIST_MAX: usize = 5000;
const BLOCKS_MAX: usize = 50_000;
/// 50,000 of the longest ids.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// In one request. The real service takes more; its clients send blocks long before.
const CONTENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
const PIECE_BYTES: usize = 64 * 1024;
const PIECE_WITHIN: Duration = Duration::from_mins(1);
const BLOB_TYPE: &str = "x-ms-blob-type";
const CREATION_TIME: &str = "x-ms-creation-time";
const LEASE_STATUS: &str = "x-ms-lease-status";
const LEASE_STATE: &str = "x-ms-lease-state";
const SERVER_ENCRYPTED: &str = "x-ms-server-encrypted";
