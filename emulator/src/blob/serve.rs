//! One connection of the blob endpoint, and which operation a request asks for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tracing::{debug, warn};

use super::answer::{Answer, Refusal, set};
use super::folder::BlobFolder;
use super::operations;
use super::target::{Target, check_credential, refuse_what_is_not_built};
use crate::http::{self, Body, Head, HeadBounds, Service, Transport, query_parameter};
use crate::random;
use crate::stop::StopToken;

/// Serves HTTP/1.1 on `io` until the client goes or the emulator stops.
pub(crate) async fn serve_connection<I>(
    io: I,
    peer: SocketAddr,
    stop: StopToken,
    folder: Arc<BlobFolder>,
) where
    I: Transport,
{
    if let Err(error) = http::serve(io, HEAD_BOUNDS, stop, &*folder).await {
        debug!(%peer, %error, "a blob connection ended early");
    }
}

impl Service for BlobFolder {
    async fn answer(&self, head: Head, body: Body<'_>) -> Answer {
        handle(self, &head, body).await
    }
}

async fn handle(folder: &BlobFolder, head: &Head, body: Body<'_>) -> Answer {
    let verb = head.method();
    let outcome = route(folder, head, body).await;
    let mut answer = outcome.unwrap_or_else(|refusal| {
        // Paths only: queries carry signatures.
        let Refusal {
            status, code, text, ..
        } = &refusal;
        if status.is_server_error() {
            warn!(%verb, code, text, "a blob request is refused");
        } else {
            debug!(%verb, code, text, "a blob request is refused");
        }
        refusal.into_answer()
    });
    set(&mut answer, "x-ms-request-id", &random::uuid());
    set(&mut answer, "x-ms-version", STORAGE_VERSION);
    set(
        &mut answer,
        "server",
        concat!("Hubnerite/", env!("CARGO_PKG_VERSION")),
    );
    answer
}

async fn route(folder: &BlobFolder, head: &Head, body: Body<'_>) -> Result<Answer, Refusal> {
    let target = Target::of(head.path())?;
    check_credential(head)?;
    refuse_what_is_not_built(head)?;
    let parameter = |name: &str| query_parameter(head, name);
    let (restype, comp) = (parameter("restype"), parameter("comp"));
    let comp = comp.as_deref().unwrap_or_default();
    if parameter("snapshot").is_some() || parameter("versionid").is_some() {
        return Err(Refusal::not_built("snapshots and versions"));
    }
    match (&target, head.method(), restype.as_deref(), comp) {
        (Target::Account, &Method::GET, None, "list") => operations::list_containers(folder).await,
        (Target::Container(container), &Method::PUT, Some("container"), "") => {
            operations::create_container(folder, container, head).await
        }
        (Target::Container(container), &(Method::GET | Method::HEAD), Some("container"), "") => {
            operations::get_container(folder, container).await
        }
        (Target::Container(container), &Method::DELETE, Some("container"), "") => {
            operations::delete_container(folder, container).await
        }
        (Target::Container(container), &Method::GET, Some("container"), "list") => {
            operations::list_blobs(folder, container, head).await
        }
        (Target::Blob(container, blob), verb, None, comp) => {
            let place = operations::Place {
                folder,
                container,
                blob,
            };
            match (verb, comp) {
                (&Method::PUT, "") => place.put(head, body).await,
                (&Method::PUT, "block") => place.put_block(head, body).await,
                (&Method::PUT, "blocklist") => place.put_block_list(head, body).await,
                (&Method::GET, "") => place.get(head).await,
                (&Method::HEAD, "") => place.get_properties(head).await,
                (&Method::DELETE, "") => place.delete(head).await,
                _ => Err(not_built(head.method(), comp)),
            }
        }
        _ => Err(not_built(head.method(), comp)),
    }
}

fn not_built(verb: &Method, comp: &str) -> Refusal {
    let comp: String = comp.chars().take(40).collect();
    let what = if comp.is_empty() {
        format!("{verb} of this path")
    } else {
        format!("{verb} with comp={comp}")
    };
    Refusal::not_built(&what)
}

const HEAD_BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_mins(2),
    bytes: 32 * 1024,
};
const STORAGE_VERSION: &str = "2021-12-02";
