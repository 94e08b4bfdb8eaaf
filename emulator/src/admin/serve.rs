//! One connection of the admin endpoint, and its few paths.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::events::{self, Selection};
use super::hub_json;
use crate::config::Ports;
use crate::http::{self, HeadBounds};
use crate::listener::ConnectionContext;
use crate::tls::TrustFiles;

const HEAD_BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_secs(30),
    bytes: 16 * 1024,
};
/// How long a request for a trust file waits for the export at start-up.
const EXPORT_PATIENCE: Duration = Duration::from_secs(10);

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const PEM: &str = "application/x-pem-file";

const INDEX: &str = "\
Hubnerite: an IoT Hub in one process. This is its admin endpoint.

/health        200 when the hub serves
/ca.pem        the CA certificate to trust
/bundle.pem    the public roots and that certificate
/trust.p12     both as a PKCS#12 trust store, password \"changeit\"
/admin/hub     names, ports and connection strings
/admin/events  the event log, one JSON object a line; ?after=N&limit=N&follow=true&device=ID
";

/// What the endpoint needs to serve a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AdminContext {
    /// The hub and the connection's end.
    pub(crate) connection: ConnectionContext,
    /// The ports in use: never 0.
    pub(crate) ports: Ports,
    /// The names given with `--host`.
    pub(crate) host_names: Arc<[String]>,
    /// Where the CA's certificate is, from the start.
    pub(crate) ca_path: Arc<Path>,
    /// The exported files, once they are written.
    pub(crate) trust: watch::Receiver<Option<Arc<TrustFiles>>>,
}

/// An answer; its body may be a stream.
type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves HTTP/1.1 on `io` until the client goes or the emulator stops.
pub(crate) async fn serve_connection<I>(io: I, context: AdminContext)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, stop) = (context.connection.peer, context.connection.stop.clone());
    let ended = http::serve(io, HEAD_BOUNDS, stop, |request| {
        let context = context.clone();
        async move { handle(&context, &request).await }
    })
    .await;
    if let Err(error) = ended {
        debug!(%peer, %error, "an admin connection ended early");
    }
}

/// Answers one request. Bodies of requests are not read.
pub(super) async fn handle<B>(context: &AdminContext, request: &Request<B>) -> Answer {
    let host = http::host(request).unwrap_or_default();
    if !context.connection.hub.is_host(&host) {
        // A page of the web can point its own name at 127.0.0.1; it shall not read keys here.
        warn!(
            host,
            "an admin request under a foreign host name was refused"
        );
        let text = "this host name is not the hub's: use localhost, or start it with --host NAME";
        return problem(StatusCode::FORBIDDEN, text);
    }
    if request.method() != Method::GET {
        let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed");
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    match request.uri().path() {
        "/" => whole(StatusCode::OK, TEXT, INDEX),
        "/health" => whole(StatusCode::OK, JSON, r#"{"status":"ok"}"#),
        "/ca.pem" => file(&context.ca_path, PEM).await,
        "/bundle.pem" => trust_file(context, PEM, |files| &files.bundle).await,
        "/trust.p12" => trust_file(context, "application/x-pkcs12", |files| &files.pkcs12).await,
        "/admin/hub" => {
            let trust = context.trust.borrow().clone();
            whole(
                StatusCode::OK,
                JSON,
                hub_json::print(context, &host, trust.as_deref()),
            )
        }
        "/admin/events" => event_lines(context, request),
        _ => problem(
            StatusCode::NOT_FOUND,
            "no such path; see / for those there are",
        ),
    }
}

fn event_lines<B>(context: &AdminContext, request: &Request<B>) -> Answer {
    let selection = match Selection::parse(request.uri()) {
        Ok(selection) => selection,
        Err(text) => return problem(StatusCode::BAD_REQUEST, &text),
    };
    let stop = context.connection.stop.clone();
    let lines = events::lines(context.connection.hub.event_log().clone(), stop, selection);
    answer(
        StatusCode::OK,
        "application/x-ndjson",
        StreamBody::new(lines).boxed_unsync(),
    )
}

async fn trust_file(
    context: &AdminContext,
    content_type: &'static str,
    which: impl Fn(&TrustFiles) -> &PathBuf,
) -> Answer {
    let mut trust = context.trust.clone();
    let exported = trust.wait_for(Option::is_some);
    // The guard of the watch must not live over the next await.
    let files = match tokio::time::timeout(EXPORT_PATIENCE, exported).await {
        Ok(Ok(files)) => Option::clone(&files),
        Ok(Err(_)) | Err(_) => None,
    };
    match files {
        Some(files) => file(which(&files), content_type).await,
        None => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the trust files are not exported",
        ),
    }
}

async fn file(path: &Path, content_type: &'static str) -> Answer {
    match tokio::fs::read(path).await {
        Ok(bytes) => whole(StatusCode::OK, content_type, bytes),
        Err(error) => {
            warn!(path = %path.display(), %error, "a trust file cannot be read");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the file cannot be read; see the log",
            )
        }
    }
}

fn problem(status: StatusCode, text: &str) -> Answer {
    whole(
        status,
        JSON,
        serde_json::json!({ "error": text }).to_string(),
    )
}

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    answer(status, content_type, Full::new(body.into()).boxed_unsync())
}

fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: UnsyncBoxBody<Bytes, Infallible>,
) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
