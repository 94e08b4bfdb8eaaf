//! One connection of the service endpoint, and the way of one request through it.

use std::time::Duration;

use bytes::Bytes;
use hub_proto::error_code::ErrorCode;
use tracing::{debug, warn};

use super::auth::Need;
use super::call::Call;
use super::caller::Caller;
use super::error::{Refusal, Shape, Trace};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::Reply;
use super::route::Route;
use super::{charge, device_auth, request};
use crate::http::{self, Body, Head, HeadBounds, Service, Transport, Upgraded};
use crate::hub::{Admitted, HubHandle};
use crate::listener::ConnectionContext;
use crate::mqtt::websocket::{self, UpgradeRefusal};

const HEAD_BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_mins(2),
    bytes: 32 * 1024,
};
const LOGGED_CHARS_MAX: usize = 100;
const SERVER_NAME: &str = concat!("Hubnerite/", env!("CARGO_PKG_VERSION"));

/// Serves HTTP/1.1 on `io`, or MQTT once it has become a WebSocket, until the client goes or the emulator
/// stops.
///
/// What HTTP needs is in a box of its own, which is given up before a WebSocket goes on: its devices stay
/// for long.
pub(crate) fn serve_connection<I>(io: I, context: ConnectionContext) -> impl Future<Output = ()>
where
    I: Transport + 'static,
{
    let requests = Box::pin(serve_requests(io, context));
    async move {
        if let Some(link) = requests.await {
            link.await;
        }
    }
}

/// Serves requests, and gives the link that goes on after an upgrade.
async fn serve_requests<I>(io: I, context: ConnectionContext) -> Option<websocket::Link>
where
    I: Transport + 'static,
{
    let (peer, stop) = (context.peer, context.stop.clone());
    let mut caller = Caller::new(context);
    match http::serve(io, HEAD_BOUNDS, stop, &caller).await {
        Ok(None) => None,
        Ok(Some(Upgraded { io, read })) => {
            let context = caller.take_upgraded()?;
            Some(websocket::open(io, read, context).await)
        }
        Err(error) => {
            debug!(%peer, %error, "a service connection ended early");
            None
        }
    }
}

impl Service for Caller {
    async fn answer(&self, head: Head, body: Body<'_>) -> Reply {
        handle(self, head, body).await
    }
}

/// Answers one request. Never fails: a refusal is an answer.
async fn handle(caller: &Caller, head: Head, body: Body<'_>) -> Reply {
    let trace = Trace::new(caller.context.hub.now().wall);
    let (verb, path) = (request::verb(&head), head.path());
    let route = Route::parse(verb, path);
    let shape = match route {
        Ok(ref route) => route.operation.shape,
        Err(_) => Shape::Legacy,
    };
    let ledger_key = route.as_ref().ok().map(|route| route.ledger_key);
    let asked = match route {
        Ok(route) => caller.hub(&head).map(|hub| (hub, route)),
        Err(error) => Err(error.into()),
    };
    let (hub, outcome) = match asked {
        Ok((hub, route)) => {
            let outcome = answer(caller, &hub, route, &head, body).await;
            (hub, outcome)
        }
        Err(refusal) => (caller.context.hub.clone(), Err(refusal)),
    };
    let mut reply = outcome.unwrap_or_else(|refusal| {
        let (code, text) = (refusal.code(), refusal.text());
        if code == ErrorCode::NotImplemented
            && let Some(key) = ledger_key
        {
            hub.note_refusal(key);
        }
        let path = cut(path);
        // Some SDKs show their user the reason phrase of a 501 and nothing else.
        if code == ErrorCode::NotImplemented && hub.gap_is_news(text) {
            warn!(%verb, path, "501: {text} (told once a minute)");
        } else {
            debug!(%verb, path, code = code.name(), text, "refused");
        }
        refusal.into_reply(shape, &trace)
    });
    if let Some(key) = ledger_key {
        hub.note_answer(key, reply.status().as_u16());
    }
    reply.push("x-ms-request-id", &trace.id);
    reply.push("server", SERVER_NAME);
    reply
}

/// The order of the checks, once the hub is known: who, what may they, which version, and only then the device.
async fn answer(
    caller: &Caller,
    hub: &HubHandle,
    route: Route<'_>,
    head: &Head,
    body: Body<'_>,
) -> Result<Reply, Refusal> {
    let operation = route.operation;
    if operation.need == Need::DeviceConnect {
        device_auth::authorise(hub, head, &route)?;
    } else {
        caller.authorise(hub, head, operation)?;
    }
    hub.note_use(route.ledger_key);
    match operation.answer {
        Answer::WebSocket => return upgrade(caller, head),
        Answer::NotBuilt => return Err(not_built(operation)),
        Answer::Now(_) | Answer::WithBody(_) | Answer::Later(_) => {}
    }
    request::check_api_version(head)?;
    let call = Call::new(hub, head, route);
    // The body first: how much of a throttle a request takes may stand in it.
    let body = match operation.answer {
        Answer::Now(_) => Bytes::new(),
        _ => request::read_body(body).await?,
    };
    let Admitted(hold) = charge::admit(hub, operation, &body).await?;
    let reply = match operation.answer {
        Answer::Now(answer) => answer(&call),
        Answer::WithBody(answer) => answer(&call, &body),
        Answer::Later(answer) => hold.until_it_waits(answer(&call, body)).await,
        Answer::WebSocket | Answer::NotBuilt => unreachable!("answered above"),
    }?;
    charge::spend(hub, operation, &reply);
    Ok(reply)
}

fn not_built(operation: &Operation) -> Refusal {
    match operation.fidelity {
        Fidelity::Absent(gap) => Refusal::not_implemented(gap),
        Fidelity::Exact | Fidelity::Partial(_) | Fidelity::Approximate(_) => {
            Refusal::not_implemented(operation.name)
        }
    }
}

/// A text of a client's choosing, short enough for a log line.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(LOGGED_CHARS_MAX);
    end.map_or(text, |(end, _)| &text[..end])
}

fn upgrade(caller: &Caller, head: &Head) -> Result<Reply, Refusal> {
    let context = caller.named(head)?;
    match websocket::upgrade(head) {
        Ok(answer) => {
            caller.upgrade(context);
            Ok(answer)
        }
        Err(refusal @ UpgradeRefusal::Amqp) => {
            Err(Refusal::new(ErrorCode::NotImplemented, refusal.to_string()))
        }
        Err(refusal) => Err(Refusal::new(
            ErrorCode::GenericBadRequest,
            refusal.to_string(),
        )),
    }
}
