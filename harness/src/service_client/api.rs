//! The calls.

use std::fmt::Write as _;
use std::time::Duration;

use http_body_util::Full;
use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::sas::sign;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Value, json};

use super::connection::{Connection, Endpoint};
use super::error::{Refusal, ServiceError};
use crate::clock::wall_now;

/// Talks to one hub over one connection.
#[derive(Debug)]
pub struct ServiceClient {
    connection: Connection,
    credential: ConnectionString,
}

/// Whose twin or method is meant: a device's, or one of its modules'.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    device: &'a str,
    module: Option<&'a str>,
}

impl<'a> Addressee<'a> {
    /// A module of a device or, without one, the device.
    pub fn new(device: &'a str, module: Option<&'a str>) -> Self {
        Self { device, module }
    }

    fn twin_path(self) -> String {
        let mut path = format!("/twins/{}", segment(self.device));
        if let Some(module) = self.module {
            let _ = write!(path, "/modules/{}", segment(module));
        }
        path
    }
}

impl<'a, S: AsRef<str> + ?Sized> From<&'a S> for Addressee<'a> {
    fn from(device: &'a S) -> Self {
        Self::new(device.as_ref(), None)
    }
}

/// A direct method call.
#[derive(Clone, Debug)]
pub struct MethodCall {
    /// The method.
    pub name: String,
    /// Its argument.
    pub payload: Option<Value>,
    /// How long the device may take to answer; the hub's default is 30 s.
    pub response_timeout_s: Option<u64>,
    /// How long the device may take to connect; the hub's default is 0.
    pub connect_timeout_s: Option<u64>,
}

/// A device's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodReply {
    /// The device's verdict.
    pub status: i64,
    /// The device's words.
    pub payload: Value,
}

/// Some of a query's results.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryPage {
    /// The results.
    pub items: Vec<Value>,
    /// With it the next page is asked for; `None`: there is none.
    pub continuation: Option<String>,
}

pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<&'a Value>,
    /// Bytes of the caller's own, where the body is no JSON of ours.
    pub(super) text: Option<&'a str>,
    pub(super) if_match: Option<&'a str>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Headers whose names are the caller's.
    pub(super) named: Vec<(String, String)>,
    pub(super) patience: Duration,
}

impl ServiceClient {
    /// Dials nothing yet. `credential` must be a policy's.
    pub fn new(endpoint: Endpoint, credential: ConnectionString) -> Self {
        Self {
            connection: Connection::new(endpoint),
            credential,
        }
    }

    /// The hub's host name.
    pub fn host_name(&self) -> &str {
        &self.credential.host_name
    }

    /// Registers a device with fresh keys.
    pub async fn create_device(&mut self, id: &str) -> Result<Value, ServiceError> {
        let identity = json!({"deviceId": id, "authentication": {"type": "sas"}});
        self.register_device(id, &identity).await
    }

    /// A device's identity.
    pub async fn device(&mut self, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, device_path(id))).await
    }

    /// Up to 1,000 identities; the hub has no further pages here.
    pub async fn devices(&mut self, top: u32) -> Result<Vec<Value>, ServiceError> {
        let list = Call {
            headers: Vec::new(),
            ..call(Method::GET, format!("/devices?top={top}"))
        };
        array(self.json(list).await?)
    }

    /// Removes a device, whatever its etag.
    pub async fn delete_device(&mut self, id: &str) -> Result<(), ServiceError> {
        let call = Call {
            if_match: Some("*"),
            ..call(Method::DELETE, device_path(id))
        };
        self.send(call).await.map(drop)
    }

    /// The twin of a device or a module.
    pub async fn twin<'a>(&mut self, of: impl Into<Addressee<'a>>) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, of.into().twin_path())).await
    }

    /// Patches tags and desired properties, or replaces them.
    pub async fn update_twin<'a>(
        &mut self,
        of: impl Into<Addressee<'a>>,
        update: &Value,
        replace: bool,
        etag: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let method = if replace { Method::PUT } else { Method::PATCH };
        let call = Call {
            body: Some(update),
            if_match: etag,
            ..call(method, of.into().twin_path())
        };
        self.json(call).await
    }

    /// Calls a direct method and waits for the device's answer.
    pub async fn invoke_method<'a>(
        &mut self,
        on: impl Into<Addressee<'a>>,
        method: &MethodCall,
    ) -> Result<MethodReply, ServiceError> {
        let mut body = json!({"methodName": method.name, "payload": method.payload});
        if let Some(seconds) = method.response_timeout_s {
            body["responseTimeoutInSeconds"] = seconds.into();
        }
        if let Some(seconds) = method.connect_timeout_s {
            body["connectTimeoutInSeconds"] = seconds.into();
        }
        let device_time =
            method.response_timeout_s.unwrap_or(30) + method.connect_timeout_s.unwrap_or(0);
        let call = Call {
            body: Some(&body),
            // The hub's own verdict of "too late" must arrive before ours.
            patience: PATIENCE + Duration::from_secs(device_time),
            ..call(Method::POST, format!("{}/methods", on.into().twin_path()))
        };
        let reply = self.json(call).await?;
        let status = reply["status"].as_i64().ok_or_else(|| {
            ServiceError::Protocol("the hub's answer to the call has no status".to_owned())
        })?;
        Ok(MethodReply {
            status,
            payload: reply["payload"].clone(),
        })
    }

    /// Queues a message for a device, as Azure IoT Explorer does: headers are the hub's `iothub-…`.
    pub async fn send_to_device(
        &mut self,
        id: &str,
        body: &str,
        headers: Vec<(String, String)>,
    ) -> Result<(), ServiceError> {
        let path = format!("{}/messages/deviceBound", device_path(id));
        let call = Call {
            text: Some(body),
            named: headers,
            ..call(Method::POST, path)
        };
        self.send(call).await.map(drop)
    }

    /// All results of a query, page by page, up to `limit`.
    pub async fn query(&mut self, query: &str, limit: usize) -> Result<Vec<Value>, ServiceError> {
        let mut results = Vec::new();
        let mut continuation = None;
        loop {
            let items = limit.saturating_sub(results.len());
            let page = self.query_page(query, items, continuation).await?;
            results.extend(page.items);
            continuation = page.continuation;
            if continuation.is_none() || results.len() >= limit {
                results.truncate(limit);
                return Ok(results);
            }
        }
    }

    /// A page of a query's results: `items` of them, of which 1 to 1,000 can be asked for at once; the
    /// hub may give fewer. It goes on where the page that `continuation` came with has ended.
    pub async fn query_page(
        &mut self,
        query: &str,
        items: usize,
        continuation: Option<String>,
    ) -> Result<QueryPage, ServiceError> {
        let body = json!({"query": query});
        let mut call = Call {
            body: Some(&body),
            ..call(Method::POST, "/devices/query".to_owned())
        };
        call.headers
            .push(("x-ms-max-item-count", items.clamp(1, 1000).to_string()));
        if let Some(continuation) = continuation {
            call.headers.push((CONTINUATION, continuation));
        }
        let answer = self.send(call).await?;
        let continuation = answer
            .headers()
            .get(CONTINUATION)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
            .map(str::to_owned);
        let items = array(parse(answer.body())?)?;
        Ok(QueryPage {
            items,
            continuation,
        })
    }

    pub(super) async fn json(&mut self, call: Call<'_>) -> Result<Value, ServiceError> {
        parse(self.send(call).await?.body())
    }

    pub(super) async fn send(&mut self, call: Call<'_>) -> Result<Response<Bytes>, ServiceError> {
        accepted(self.ask(call).await?)
    }

    /// The hub's answer, whatever it is.
    pub(super) async fn ask(&mut self, call: Call<'_>) -> Result<Response<Bytes>, ServiceError> {
        let separator = if call.path.contains('?') { '&' } else { '?' };
        let uri = format!("{}{separator}api-version={API_VERSION}", call.path);
        tracing::debug!(method = %call.method, host = self.connection.endpoint().host_name, uri, "request");
        let mut request = Request::builder()
            .method(call.method)
            .uri(uri)
            .header(header::AUTHORIZATION, self.token()?)
            .header(header::USER_AGENT, USER_AGENT);
        if let Some(etag) = call.if_match {
            // Quoted, the star too: an unquoted etag is ignored by the real hub.
            request = request.header(header::IF_MATCH, format!("\"{}\"", etag.trim_matches('"')));
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        for (name, value) in call.named {
            request = request.header(name, value);
        }
        let is_json = call.body.is_some();
        let text = call.text.unwrap_or_default().to_owned();
        let body = call.body.map_or(text, Value::to_string);
        if is_json {
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ServiceError::Protocol(error.to_string()))?;
        self.connection.send(request, call.patience).await
    }

    fn token(&self) -> Result<String, ServiceError> {
        let Owner::Policy(policy) = &self.credential.owner else {
            return Err(ServiceError::Protocol(
                "the connection string is a device's; the service side needs a policy's, with \
                 SharedAccessKeyName"
                    .to_owned(),
            ));
        };
        let ConnectionString { host_name, key, .. } = &self.credential;
        let expiry = wall_now().saturating_add(TOKEN_LIFE).unix_seconds();
        Ok(sign(host_name, key, expiry, Some(policy)))
    }
}

/// The answer, unless it is a no.
pub(super) fn accepted(answer: Response<Bytes>) -> Result<Response<Bytes>, ServiceError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let code = answer
        .headers()
        .get("iothub-errorcode")
        .and_then(|code| code.to_str().ok());
    Err(Refusal::read(answer.status().as_u16(), code, answer.body()).into())
}

pub(super) fn call<'a>(method: Method, path: String) -> Call<'a> {
    Call {
        method,
        path,
        body: None,
        text: None,
        if_match: None,
        headers: Vec::new(),
        named: Vec::new(),
        patience: PATIENCE,
    }
}

pub(super) fn device_path(id: &str) -> String {
    format!("/devices/{}", segment(id))
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, SEGMENT)
}

pub(super) fn parse(body: &[u8]) -> Result<Value, ServiceError> {
    serde_json::from_slice(body)
        .map_err(|error| ServiceError::Protocol(format!("the hub's answer is not JSON: {error}")))
}

pub(super) fn array(value: Value) -> Result<Vec<Value>, ServiceError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(ServiceError::Protocol(
            "the hub's answer is not a list".to_owned(),
        )),
    }
}

/// RFC 3986's unreserved characters stay.
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const API_VERSION: &str = "2021-04-12";
pub(super) const CONTINUATION: &str = "x-ms-continuation";
const USER_AGENT: &str = concat!("hubnerite/", env!("CARGO_PKG_VERSION"));
/// A token is made for each request; it need outlive no more than clocks that differ.
const TOKEN_LIFE: Duration = Duration::from_mins(10);
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
