//! Registration at a hub that has no request for many: a stub, since the emulator has one.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hub_proto::connection_string::ConnectionString;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::service_client::Endpoint;

/// What a stub was asked: method and path.
type Asked = Arc<Mutex<Vec<String>>>;

/// A hub that answers a request for many devices with `status`, and others as hubs do.
async fn hub_without_bulk(status: u16) -> (Reached, Asked) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let service_asked = Arc::clone(&asked);
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(server));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let asked = Arc::clone(&service_asked);
            let service = service_fn(move |request| {
                let answer = answer(&request, status, &asked);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let credential =
        "HostName=localhost;SharedAccessKeyName=owner;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAA==";
    let reached = Reached {
        endpoint: Endpoint {
            host_name: "localhost".to_owned(),
            dial_host: "127.0.0.1".to_owned(),
            port,
            tls: Arc::new(tls),
        },
        credential: ConnectionString::parse(credential).unwrap(),
        told: Value::Null,
    };
    (reached, asked)
}

fn answer(request: &Request<Incoming>, bulk: u16, asked: &Asked) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let mut asked = asked.lock().unwrap();
    asked.push(format!("{} {path}", request.method()));
    let device = path.strip_prefix("/devices/");
    let (status, body) = match (request.method(), device) {
        (&Method::POST, None) => (bulk, json!({"Message": "ErrorCode:None;no such request"})),
        (&Method::PUT, Some("there")) => {
            (409, json!({"Message": "ErrorCode:DeviceAlreadyExists;"}))
        }
        (&Method::PUT | &Method::GET, Some(id)) => (200, identity(id)),
        (&Method::DELETE, Some("gone")) => (404, json!({"Message": "ErrorCode:DeviceNotFound;"})),
        (&Method::DELETE, Some(_)) => (204, Value::Null),
        _ => (500, Value::Null),
    };
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let answer = Response::builder().status(status);
    answer.body(Full::new(body)).unwrap()
}

fn identity(id: &str) -> Value {
    let key = key_of(id);
    let key = json!({"primaryKey": key.expose(), "secondaryKey": key.expose()});
    json!({"deviceId": id, "authentication": {"type": "sas", "symmetricKey": key}})
}

fn key_of(id: &str) -> SasKey {
    SasKey::from_bytes(&[id.as_bytes()[0]; 32])
}

fn ids(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

#[tokio::test]
async fn a_hub_without_a_request_for_many_is_asked_for_each() {
    for status in NO_SUCH_REQUEST {
        let (hub, asked) = hub_without_bulk(status).await;
        let done = Arc::new(AtomicUsize::new(0));
        let names = ["a", "there", "b"];
        let devices = register(&hub, ids(&names), Arc::clone(&done))
            .await
            .unwrap();
        let known: Vec<&str> = devices.iter().map(|device| &*device.id).collect();
        assert_eq!(known, names, "{status}");
        for device in &devices {
            // The hub's key, not the one that the row would have brought.
            assert!(device.key == key_of(&device.id), "{status}: {}", device.id);
        }
        assert_eq!(done.load(Ordering::Relaxed), 3, "{status}");
        let expected = [
            "POST /devices",
            "PUT /devices/a",
            "PUT /devices/there",
            "GET /devices/there",
            "PUT /devices/b",
        ];
        assert_eq!(*asked.lock().unwrap(), expected, "{status}");
    }
}

#[tokio::test]
async fn once_refused_no_other_request_for_many_is_sent() {
    let (hub, asked) = hub_without_bulk(501).await;
    let names: Vec<String> = (0..3 * ROWS).map(|number| format!("d{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    register(&hub, ids(&names), Arc::default()).await.unwrap();
    remove(&hub, ids(&["gone", "d1"]), Arc::default())
        .await
        .unwrap();
    let asked = asked.lock().unwrap();
    let count = |what: &str| asked.iter().filter(|one| one.starts_with(what)).count();
    // Each connection may have sent one before it heard of another's answer; so for the removal.
    assert!((2..=4).contains(&count("POST")), "{asked:?}");
    assert_eq!((count("PUT"), count("DELETE")), (3 * ROWS, 2));
}

#[tokio::test]
async fn another_refusal_of_a_request_for_many_is_an_error() {
    let (hub, asked) = hub_without_bulk(403).await;
    let refused = register(&hub, ids(&["a", "b"]), Arc::default()).await;
    assert!(matches!(refused, Err(ServiceError::Refused(refusal)) if refusal.status == 403));
    assert_eq!(*asked.lock().unwrap(), ["POST /devices"]);
}
