//! One connection of the admin endpoint: who may ask, and which operation is asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::answer::{Answer, Problem};
use super::call::{Call, check_parameters, read_body};
use super::choose;
use super::route::{self, Found, Handler};
use crate::config::Ports;
use crate::directory::Directory;
use crate::http::{self, Body, Head, HeadBounds, Service, Transport, printable};
use crate::listener::ConnectionContext;
use crate::seed::SeedCodec;
use crate::tls::TrustFiles;

const HEAD_BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_secs(30),
    bytes: 16 * 1024,
};

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
    /// Where containers of blobs are served, if they are.
    pub(crate) blob_url: Option<Arc<str>>,
    /// The exported files, once they are written.
    pub(crate) trust: watch::Receiver<Option<Arc<TrustFiles>>>,
    /// How what a seed asks for reads.
    pub(crate) seed_codec: SeedCodec,
}

/// Serves HTTP/1.1 on `io` until the client goes or the emulator stops.
pub(crate) async fn serve_connection<I>(io: I, context: AdminContext)
where
    I: Transport,
{
    let (peer, stop) = (context.connection.peer, context.connection.stop.clone());
    if let Err(error) = http::serve(io, HEAD_BOUNDS, stop, &context).await {
        debug!(%peer, %error, "an admin connection ended early");
    }
}

impl Service for AdminContext {
    async fn answer(&self, head: Head, body: Body<'_>) -> Answer {
        match dispatch(self, head, body).await {
            Ok(answer) => answer,
            Err(problem) => problem.into_answer(),
        }
    }
}

async fn dispatch(context: &AdminContext, head: Head, body: Body<'_>) -> Result<Answer, Problem> {
    let host = http::host(&head).unwrap_or_default();
    let directory = &context.connection.directory;
    check_host(directory, &host)?;
    check_origin(directory, &head)?;
    let (route, values) = match route::find(head.method(), head.path()) {
        Found::Route(route, values) => (route, values),
        Found::OtherVerbs(verbs) => return Err(wrong_verb(&head, verbs)),
        Found::Nothing => return Err(no_such_path(&head)),
    };
    check_parameters(&head, route)?;
    let hub = if route.is_about_a_hub() {
        choose::hub(directory, &head, &host)?
    } else {
        directory.default_hub().clone()
    };
    let body = match &route.request {
        Some(expected) => read_body(body, expected).await?,
        None => Bytes::new(),
    };
    let call = Call {
        context: context.clone(),
        hub,
        host,
        head,
        values,
        body,
    };
    match route.handler {
        Handler::Always(handler) => Ok(handler(&call)),
        Handler::Now(handler) => handler(&call),
        Handler::Later(handler) => handler(call).await,
    }
}

/// A page of the web can point its own name at 127.0.0.1; it shall not read keys here.
fn check_host(directory: &Directory, host: &str) -> Result<(), Problem> {
    if directory.accepts(host) {
        return Ok(());
    }
    warn!(
        host,
        "an admin request under a foreign host name was refused"
    );
    let detail = format!("{host:?} is not a name of this hub");
    Err(Problem::new(StatusCode::FORBIDDEN, detail)
        .with_remedy("use localhost, or start the hub with --host NAME"))
}

/// A page of the web can also post to `localhost` itself, without reading the answer. Browsers then
/// say where the page is from.
fn check_origin(directory: &Directory, head: &Head) -> Result<(), Problem> {
    let Some(origin) = head.get("origin") else {
        return Ok(());
    };
    let origin = printable(origin).unwrap_or_default();
    let page = origin.parse().ok();
    let is_ours =
        page.is_some_and(|page: Uri| page.host().is_some_and(|host| directory.accepts(host)));
    if is_ours {
        return Ok(());
    }
    warn!(?origin, "an admin request of a foreign page was refused");
    let detail = format!("pages of {origin:?} may not use this API");
    Err(Problem::new(StatusCode::FORBIDDEN, detail)
        .with_remedy("serve the page from localhost, or start the hub with --host NAME"))
}

fn wrong_verb(head: &Head, verbs: String) -> Problem {
    let detail = format!("{} does not answer {}", head.path(), head.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .with_remedy(format!("it answers {verbs}"))
        .allowing(verbs)
}

fn no_such_path(head: &Head) -> Problem {
    let detail = format!("there is no {:?} here", head.path());
    Problem::new(StatusCode::NOT_FOUND, detail)
        .with_remedy("see / for what there is, /admin/openapi.json for programs")
}
