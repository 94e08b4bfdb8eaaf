//! A plain HTTPS client of the service endpoint: no SDK, no code of the hub.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::hub::DEADLINE;
use crate::sas;

/// A back end of the hub, as `iothubowner` unless told otherwise.
#[derive(Clone, Debug)]
pub struct Rest {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    policy_key: String,
    /// What the hub is called.
    host: String,
}

/// What the hub answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header `iothub-errorcode`, if there is one.
    pub error_code: Option<String>,
    /// The body.
    pub body: String,
}

impl Rest {
    pub(crate) fn new(address: SocketAddr, config: ClientConfig, policy_key: String) -> Self {
        Self {
            address,
            config: Arc::new(config),
            policy_key,
            host: address.ip().to_string(),
        }
    }

    /// The same back end at another hub of the process, by its host name.
    #[must_use]
    pub fn at(&self, host: &str) -> Self {
        let host = host.to_owned();
        Self {
            host,
            ..self.clone()
        }
    }

    /// Sends a request with a body of JSON.
    pub async fn call(&self, verb: &str, path: &str, body: Value) -> Answer {
        self.send(
            verb,
            path,
            &[("content-type", "application/json")],
            body.to_string().into(),
        )
        .await
    }

    /// Sends a request as it stands; `api-version` and authorization are added.
    pub async fn send(
        &self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let host = &self.host;
        let authorization = sas::token(host, &self.policy_key, sas::soon(), Some("iothubowner"));
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut request = Request::builder()
            .method(verb)
            .uri(format!("{path}{separator}api-version=2021-04-12"))
            .header(HOST, host)
            .header(AUTHORIZATION, authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .expect("a test's request is well formed");
        let exchange = self.exchange(request);
        let asked = format!("{verb} {path}");
        match timeout(DEADLINE * 4, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{asked}: {error:#}"),
            Err(elapsed) => panic!("{asked}: no answer: {elapsed}"),
        }
    }

    /// Creates a device; says its primary key.
    pub async fn create_device(&self, device: &str) -> String {
        let answer = self
            .call(
                "PUT",
                &format!("/devices/{device}"),
                json!({ "deviceId": device }),
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let identity = answer.json();
        let key = identity["authentication"]["symmetricKey"]["primaryKey"].as_str();
        key.expect("a created device has keys").to_owned()
    }

    /// Sends a cloud-to-device message.
    pub async fn send_to_device(&self, device: &str, headers: &[(&str, &str)], body: &str) {
        let path = format!("/devices/{device}/messages/deviceBound");
        let answer = self.send("POST", &path, headers, body.into()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    /// Calls a direct method with five seconds to answer.
    pub async fn invoke(&self, device: &str, method: &str, payload: Value) -> Answer {
        let body =
            json!({ "methodName": method, "payload": payload, "responseTimeoutInSeconds": 5 });
        self.call("POST", &format!("/twins/{device}/methods"), body)
            .await
    }

    /// The twin of a device.
    pub async fn twin(&self, device: &str) -> Value {
        let answer = self
            .send("GET", &format!("/twins/{device}"), &[], Vec::new())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Patches the twin of a device; says the new one.
    pub async fn patch_twin(&self, device: &str, patch: Value) -> Value {
        let answer = self.call("PATCH", &format!("/twins/{device}"), patch).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(self.host.clone())?;
        let tls = TlsConnector::from(Arc::clone(&self.config))
            .connect(name, tcp)
            .await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let (status, error_code) = (response.status().as_u16(), header("iothub-errorcode"));
        if status == 200 {
            let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
            assert!(
                kind.starts_with("application/json"),
                "content type {kind:?}"
            );
        }
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok(Answer {
            status,
            error_code,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}
