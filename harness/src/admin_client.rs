//! The admin API of a running Hubnerite: plain HTTP on a loopback address.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpStream;

/// Where a local hub's admin API is unless told otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// An admin API.
#[derive(Clone, Debug)]
pub(crate) struct AdminClient {
    url: String,
}

/// Why an admin API does not help.
#[derive(Debug, Error)]
pub(crate) enum AdminError {
    #[error("{0:?} is not an http:// address")]
    Url(String),
    #[error("no Hubnerite answers at {url}")]
    Unreachable { url: String, source: io::Error },
    #[error("{url} answered {status}: it is not the admin API of a Hubnerite, or another version")]
    Status { url: String, status: u16 },
    /// The API says no, in its own words.
    #[error("{detail}")]
    Refused {
        detail: String,
        remedy: Option<String>,
        /// All that it says.
        problem: Value,
    },
}

impl AdminClient {
    /// For the API at `url`; dials nothing yet.
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A JSON document.
    pub(crate) async fn json(&self, path: &str) -> Result<Value, AdminError> {
        let bytes = self.bytes(path).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.unreachable(io::Error::other(error)))
    }

    /// The same; a refusal comes in the API's own words.
    pub(crate) async fn json_or_refusal(&self, path: &str) -> Result<Value, AdminError> {
        let bytes = self.ask(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.unreachable(io::Error::other(error)))
    }

    /// A whole document.
    pub(crate) async fn bytes(&self, path: &str) -> Result<Bytes, AdminError> {
        let answer = self.open(path).await?;
        let body = Limited::new(answer.into_body(), DOCUMENT_BYTES_MAX).collect();
        let body = tokio::time::timeout(PATIENCE, body)
            .await
            .map_err(|_| self.unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(|error| self.unreachable(io::Error::other(error)))?;
        Ok(body.to_bytes())
    }

    /// Has something done; gives the answer.
    pub(crate) async fn post(&self, path: &str, body: Bytes) -> Result<Bytes, AdminError> {
        self.ask(Method::POST, path, body).await
    }

    /// The same with any verb; a refusal comes in the API's own words.
    pub(crate) async fn ask(
        &self,
        verb: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, AdminError> {
        self.ask_with(verb, path, &[], body).await
    }

    /// The same with headers.
    pub(crate) async fn ask_with(
        &self,
        verb: Method,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Bytes, AdminError> {
        let request = self.request(verb, path, headers, body);
        // What is due by then may take its time; a snapshot may be large.
        let answer = tokio::time::timeout(WORK_PATIENCE, request)
            .await
            .map_err(|_| self.unreachable(io::ErrorKind::TimedOut.into()))??;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), SNAPSHOT_BYTES_MAX).collect();
        let body = tokio::time::timeout(WORK_PATIENCE, body)
            .await
            .map_err(|_| self.unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(|error| self.unreachable(io::Error::other(error)))?
            .to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => Err(AdminError::Refused {
                detail: detail.to_owned(),
                remedy: problem["remedy"].as_str().map(str::to_owned),
                problem: problem.clone(),
            }),
            None => Err(AdminError::Status {
                url: format!("{}{path}", self.url),
                status: status.as_u16(),
            }),
        }
    }

    /// Opens a document that may go on for ever.
    pub(crate) async fn open(&self, path: &str) -> Result<Response<Incoming>, AdminError> {
        let answer =
            tokio::time::timeout(PATIENCE, self.request(Method::GET, path, &[], Bytes::new()))
                .await
                .map_err(|_| self.unreachable(io::ErrorKind::TimedOut.into()))??;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(AdminError::Status {
            url: format!("{}{path}", self.url),
            status: answer.status().as_u16(),
        })
    }

    async fn request(
        &self,
        verb: Method,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, AdminError> {
        let uri: Uri = self
            .url
            .parse()
            .map_err(|_| AdminError::Url(self.url.clone()))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AdminError::Url(self.url.clone()));
        };
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(80);
        let tcp = TcpStream::connect((host, port))
            .await
            .map_err(|error| self.unreachable(error))?;
        let http = |error: hyper::Error| self.unreachable(io::Error::other(error));
        let (mut sender, connection) = handshake(TokioIo::new(tcp)).await.map_err(http)?;
        tokio::spawn(async move {
            // Its end shows in the body; there is nobody here to tell.
            let _ = connection.await;
        });
        let mut request = Request::builder()
            .method(verb)
            .uri(path)
            .header(header::HOST, authority.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| self.unreachable(io::Error::other(error)))?;
        sender.send_request(request).await.map_err(http)
    }

    fn unreachable(&self, source: io::Error) -> AdminError {
        AdminError::Unreachable {
            url: self.url.clone(),
            source,
        }
    }
}

const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A hub's worth of twins.
const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;
const WORK_PATIENCE: Duration = Duration::from_mins(2);
const PATIENCE: Duration = Duration::from_secs(5);
