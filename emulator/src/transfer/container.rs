//! A container of blobs by its address, as Azure Blob Storage, Azurite and Hubnerite's own folder serve
//! it: block blobs written, read and deleted under a shared access signature.
//!
//! Source: Microsoft's REST API of Azure Blob Storage (Put Blob, Put Block, Put Block List, Get Blob,
//! Delete Blob).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::exchange::{Server, exchange};

/// A container. Its `Debug` leaves out the signature.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Container {
    server: Server,
    /// Without a slash at its end.
    path: String,
    /// The signature and what belongs to it.
    query: String,
}

/// Why a container did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContainerError {
    #[error("the storage at {authority} cannot be reached: {source}")]
    Unreachable {
        authority: String,
        source: std::io::Error,
    },
    #[error("the storage answered {status} {code}")]
    Refused { status: StatusCode, code: String },
}

impl ContainerError {
    /// The container is there and the blob is not.
    pub(super) fn is_blob_missing(&self) -> bool {
        matches!(self, Self::Refused { status, code }
            if *status == StatusCode::NOT_FOUND && code != "ContainerNotFound")
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, path, .. } = self;
        write!(f, "Container({}{path})", server.authority)
    }
}

impl Container {
    /// Reads `http(s)://host[:port]/…/container?signature`; the error says what is wrong.
    pub(super) fn parse(address: &str) -> Result<Self, String> {
        let uri: Uri = address
            .parse()
            .map_err(|error| format!("it is no address: {error}"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it begins with neither https:// nor http://".to_owned()),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a user name".to_owned());
        }
        let path = uri.path().trim_end_matches('/');
        if path.is_empty() {
            return Err("it names no container".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = if is_tls { 443 } else { 80 };
        Ok(Self {
            server: Server {
                is_tls,
                host,
                port: authority.port_u16().unwrap_or(port),
                authority: authority.as_str().to_owned(),
            },
            path: path.to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
        })
    }

    /// Writes a whole blob.
    pub(super) async fn put(&self, blob: &str, content: Bytes) -> Result<(), ContainerError> {
        let request = self.request(Method::PUT, blob, "");
        let request = request.header("x-ms-blob-type", "BlockBlob");
        self.send(request, content).await.map(drop)
    }

    /// Uploads one block of a blob.
    pub(super) async fn put_block(
        &self,
        blob: &str,
        number: usize,
        content: Bytes,
    ) -> Result<(), ContainerError> {
        let id = block_id(number);
        let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
        let request = self.request(Method::PUT, blob, &format!("comp=block&blockid={id}"));
        self.send(request, content).await.map(drop)
    }

    /// Makes a blob of its first `count` blocks.
    pub(super) async fn put_block_list(
        &self,
        blob: &str,
        count: usize,
    ) -> Result<(), ContainerError> {
        let ids = (0..count).map(|number| format!("<Latest>{}</Latest>", block_id(number)));
        let list = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{}</BlockList>",
            ids.collect::<String>()
        );
        let request = self.request(Method::PUT, blob, "comp=blocklist");
        self.send(request, list.into()).await.map(drop)
    }

    /// Deletes a blob; says whether there was one.
    pub(super) async fn delete(&self, blob: &str) -> Result<bool, ContainerError> {
        let request = self.request(Method::DELETE, blob, "");
        match self.send(request, Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_blob_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether there is such a blob, and it may be read.
    pub(super) async fn has(&self, blob: &str) -> Result<bool, ContainerError> {
        let request = self.request(Method::HEAD, blob, "");
        match self.send(request, Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_blob_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A blob's content, piece by piece.
    pub(super) async fn get(&self, blob: &str) -> Result<Incoming, ContainerError> {
        let request = self.request(Method::GET, blob, "");
        Ok(self.send(request, Bytes::new()).await?.into_body())
    }

    fn request(&self, verb: Method, blob: &str, parameters: &str) -> Builder {
        let blob = utf8_percent_encode(blob, IN_NAMES);
        let both = [parameters, &self.query].into_iter();
        let query: Vec<&str> = both.filter(|part| !part.is_empty()).collect();
        let target = format!("{}/{blob}?{}", self.path, query.join("&"));
        Request::builder()
            .method(verb)
            .uri(target.trim_end_matches('?'))
            .header("x-ms-version", STORAGE_VERSION)
    }

    async fn send(
        &self,
        request: Builder,
        content: Bytes,
    ) -> Result<Response<Incoming>, ContainerError> {
        let unreachable = |source| ContainerError::Unreachable {
            authority: self.server.authority.clone(),
            source,
        };
        // The service demands it of what writes, and hyper leaves zero out.
        let request = match request.method_ref() {
            Some(&Method::PUT) => request.header(CONTENT_LENGTH, content.len()),
            _ => request,
        };
        let request = request.body(Full::new(content));
        let request = request.map_err(|error| unreachable(std::io::Error::other(error)))?;
        let answer = exchange(&self.server, request).await.map_err(unreachable)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.headers().get("x-ms-error-code");
        let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
        Err(ContainerError::Refused {
            status: answer.status(),
            code: code.chars().take(CODE_CHARS_MAX).collect(),
        })
    }
}

/// Of equal length in a blob, as the service demands.
fn block_id(number: usize) -> String {
    BASE64_STANDARD.encode(format!("{number:06}"))
}

/// What stands unescaped in the path of a blob.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
const STORAGE_VERSION: &str = "2021-12-02";
const CODE_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_azure_and_of_emulators_are_read_and_others_say_what_is_wrong() {
        // JOB-16
        let azurite =
            Container::parse("http://127.0.0.1:10000/devstoreaccount1/c/?sv=1&sig=s%2F").unwrap();
        let request = azurite.request(Method::PUT, "a b/ü", "comp=block");
        let uri = request.uri_ref().unwrap().to_string();
        assert_eq!(
            uri,
            "/devstoreaccount1/c/a%20b/%C3%BC?comp=block&sv=1&sig=s%2F"
        );
        assert_eq!(azurite.server.port, 10_000);
        let azure = Container::parse("https://a.blob.core.windows.net/c?sig=s").unwrap();
        assert_eq!((azure.server.is_tls, azure.server.port), (true, 443));
        assert!(!format!("{azure:?}").contains("sig"));
        let ipv6 = Container::parse("http://[::1]:10000/a/c").unwrap();
        assert_eq!(ipv6.server.host, "::1");
        for (address, reason) in [
            ("ftp://h/c", "it begins with neither https:// nor http://"),
            ("/c?sig=s", "it begins with neither https:// nor http://"),
            ("https://h/?sig=s", "it names no container"),
            ("https://u:p@h/c", "it has a user name"),
        ] {
            assert_eq!(Container::parse(address).unwrap_err(), reason);
        }
    }
}
