//! The folder of blobs beside a running Hubnerite's admin API: containers for what it imports and exports.

use std::io;

use hyper::Method;
use hyper::body::Bytes;

use crate::admin_client::{AdminClient, AdminError};
use crate::target::encode;

/// A container of the folder.
#[derive(Clone, Debug)]
pub(crate) struct BlobContainer {
    folder: AdminClient,
    name: String,
}

impl BlobContainer {
    /// The container called `name` (3 to 63 lower-case letters, digits and single hyphens) of the folder at
    /// `url`, which need not be there yet.
    pub(crate) fn new(url: &str, name: &str) -> Self {
        Self {
            folder: AdminClient::new(url),
            name: name.to_owned(),
        }
    }

    /// Its address with a signature: one must be there, and any will do.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}?{SIGNATURE}", self.folder.url(), self.name)
    }

    /// Makes the container, unless there is one.
    pub(crate) async fn create(&self) -> Result<(), AdminError> {
        let path = format!("/{}?restype=container&{SIGNATURE}", self.name);
        match self.ask(Method::PUT, &path, &[], Bytes::new()).await {
            Err(AdminError::Status { status: 409, .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Removes it with all that is in it.
    pub(crate) async fn delete(&self) -> Result<(), AdminError> {
        let path = format!("/{}?restype=container&{SIGNATURE}", self.name);
        let answer = self.ask(Method::DELETE, &path, &[], Bytes::new()).await;
        answer.map(drop)
    }

    /// Writes a blob of up to 256 MiB.
    pub(crate) async fn put(&self, blob: &str, bytes: Bytes) -> Result<(), AdminError> {
        let headers = [("x-ms-blob-type", "BlockBlob")];
        let path = self.path(blob);
        let answer = self.ask(Method::PUT, &path, &headers, bytes).await;
        answer.map(drop)
    }

    /// Reads a blob of up to 256 MiB; `None`: it is not there.
    pub(crate) async fn get(&self, blob: &str) -> Result<Option<Bytes>, AdminError> {
        match self
            .ask(Method::GET, &self.path(blob), &[], Bytes::new())
            .await
        {
            Ok(bytes) => Ok(Some(bytes)),
            Err(AdminError::Status { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, blob: &str) -> String {
        format!("/{}/{}?{SIGNATURE}", self.name, encode(blob))
    }

    async fn ask(
        &self,
        verb: Method,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Bytes, AdminError> {
        // The folder's URL has a path, which the client leaves out.
        let (_, account) = self.folder.url().rsplit_once('/').ok_or_else(|| {
            let source = io::Error::from(io::ErrorKind::InvalidInput);
            AdminError::Unreachable {
                url: self.folder.url().to_owned(),
                source,
            }
        })?;
        let path = format!("/{account}{path}");
        self.folder.ask_with(verb, &path, headers, body).await
    }
}

const SIGNATURE: &str = "sig=any";
