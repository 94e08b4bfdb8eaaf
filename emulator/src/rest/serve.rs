//! One connection of the service endpoint, and the way of one request through it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hub_proto::error_code::ErrorCode;
use hyper::body::{Body, Bytes};
use hyper::header::{HeaderName, HeaderValue, SERVER};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, warn};

use super::auth::Need;
use super::call::Call;
use super::caller::Caller;
use super::error::{Refusal, Shape, Trace};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::Reply;
use super::route::Route;
use super::{charge, device_auth, request};
use crate::http::{self, HeadBounds};
use crate::hub::{Admitted, HubHandle};
use crate::listener::ConnectionContext;
use crate::mqtt::websocket::{self, UpgradeRefusal};

const HEAD_BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_mins(2),
    bytes: 32 * 1024,
};
const LOGGED_CHARS_MAX: usize = 100;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const SERVER_NAME: HeaderValue =
    HeaderValue::from_static(concat!("Hubnerite/", env!("CARGO_PKG_VERSION")));

/// Serves HTTP/1.1 on `io` until the client goes or the emulator stops; what becomes of a WebSocket
/// after its upgrade is not waited for.
pub(crate) async fn serve_connection<I>(io: I, context: ConnectionContext)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, stop) = (context.peer, context.stop.clone());
    let caller = Arc::new(Caller::new(context));
    let ended = http::serve(io, HEAD_BOUNDS, stop, |request| {
        let caller = Arc::clone(&caller);
        async move { handle(&caller, request).await }
    })
    .await;
    if let Err(error) = ended {
        debug!(%peer, %error, "a service connection ended early");
    }
}

/// Answers one request. Never fails: a refusal is an answer.
pub(super) async fn handle<B>(caller: &Caller, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + fmt::Debug + Send + 'static,
    B::Error: fmt::Display + Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let trace = Trace::new(caller.context.hub.now().wall);
    let verb = request::verb(&request);
    let uri = request.uri().clone();
    let route = Route::parse(&verb, uri.path());
    let shape = match route {
        Ok(ref route) => route.operation.shape,
        Err(_) => Shape::Legacy,
    };
    let ledger_key = route.as_ref().ok().map(|route| route.ledger_key);
    let asked = match route {
        Ok(route) => caller.hub(&request).map(|hub| (hub, route)),
        Err(error) => Err(error.into()),
    };
    let (hub, outcome) = match asked {
        Ok((hub, route)) => {
            let outcome = answer(caller, &hub, route, request).await;
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
        let path = cut(uri.path());
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
    let id = HeaderValue::try_from(trace.id).expect("a UUID is printable");
    reply.headers_mut().insert(REQUEST_ID, id);
    reply.headers_mut().insert(SERVER, SERVER_NAME);
    reply
}

/// The order of the checks, once the hub is known: who, what may they, which version, and only then the device.
async fn answer<B>(
    caller: &Caller,
    hub: &HubHandle,
    route: Route,
    request: Request<B>,
) -> Result<Reply, Refusal>
where
    B: Body<Data = Bytes> + fmt::Debug + Send + 'static,
    B::Error: fmt::Display + Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let operation = route.operation;
    if operation.need == Need::DeviceConnect {
        device_auth::authorise(hub, request.headers(), &route)?;
    } else {
        caller.authorise(hub, request.headers(), operation)?;
    }
    hub.note_use(route.ledger_key);
    match operation.answer {
        Answer::WebSocket => return upgrade(caller, request),
        Answer::NotBuilt => return Err(not_built(operation)),
        Answer::Now(_) | Answer::WithBody(_) | Answer::Later(_) => {}
    }
    request::check_api_version(request.uri())?;
    let (head, body) = request.into_parts();
    let call = Call::new(hub.clone(), head, route);
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

fn upgrade<B>(caller: &Caller, request: Request<B>) -> Result<Reply, Refusal> {
    let context = caller.named(&request)?;
    match websocket::upgrade(request, context) {
        Ok(response) => Ok(response.map(|()| Full::default())),
        Err(refusal @ UpgradeRefusal::Amqp) => {
            Err(Refusal::new(ErrorCode::NotImplemented, refusal.to_string()))
        }
        Err(refusal) => Err(Refusal::new(
            ErrorCode::GenericBadRequest,
            refusal.to_string(),
        )),
    }
}
