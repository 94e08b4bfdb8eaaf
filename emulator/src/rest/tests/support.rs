//! Requests as clients make them, on a hub without sockets.

use http_body_util::Full;
use hub_proto::sas::sign;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};

use super::super::caller::Caller;
use super::super::reply::Reply;
use crate::http::testing;
use crate::listener::ConnectionContext;
pub(super) use crate::test_hub::{NOW_UNIX_S, TestHub};

/// The answer to the first request of a connection.
pub(super) async fn serve(context: &ConnectionContext, request: Request<Full<Bytes>>) -> Reply {
    testing::ask(&Caller::new(context.clone()), request).await
}

impl TestHub {
    /// The `Authorization` of a policy's primary key, good for an hour.
    pub(super) fn token(&self, policy: &str) -> String {
        let policies = self.context.hub.policies();
        let key = &policies.get(policy).unwrap().primary;
        sign("localhost", key, NOW_UNIX_S + 3600, Some(policy))
    }

    /// A request of `iothubowner` with the usual headers.
    pub(super) fn request(&self, verb: &str, path: &str) -> Builder {
        Request::builder()
            .method(verb)
            .uri(format!("{path}?api-version=2021-04-12"))
            .header(HOST, "localhost")
            .header(AUTHORIZATION, self.token("iothubowner"))
    }

    pub(super) async fn call(&self, request: Builder, body: &str) -> Answer {
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        Answer::of(&serve(&self.context, request).await)
    }

    /// `verb path` by `iothubowner`.
    pub(super) async fn quick(&self, verb: &str, path: &str, body: &str) -> Answer {
        self.call(self.request(verb, path), body).await
    }

    /// Registers a device with fixed keys.
    pub(super) async fn register(&self, id: &str) -> Answer {
        let body = format!(
            r#"{{"deviceId":"{id}","authentication":{{"type":"sas","symmetricKey":
            {{"primaryKey":"{PRIMARY}","secondaryKey":"{SECONDARY}"}}}}}}"#
        );
        let answer = self.quick("PUT", &format!("/devices/{id}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

pub(super) const PRIMARY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
pub(super) const SECONDARY: &str = "AQEBAQEBAQEBAQEBAQEBAQ==";

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn of(reply: &Reply) -> Self {
        // Which the server says.
        let close = reply.closes().then_some(("connection", "close"));
        let headers = reply.fields().chain(close);
        Self {
            status: reply.status(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::from_utf8(reply.body().to_vec()).unwrap(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of a refusal, from the header; its body must agree.
    pub(super) fn code(&self) -> &str {
        let code = self.header("iothub-errorcode").unwrap_or_default();
        assert!(
            self.body.contains(code) || self.body.contains("errorCode"),
            "{}",
            self.body
        );
        code
    }
}
