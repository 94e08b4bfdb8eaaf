//! A method call from one end to the other on real sockets: the service over HTTPS, the device over
//! MQTT, the judge at the admin endpoint.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use emulator::config::Ports;
use emulator::{Config, Emulator, RunningEmulator};
use http_body_util::{BodyExt, Full};
use hub_proto::sas::sign;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A time far in the future.
const LATER_UNIX_S: i64 = 4_000_000_000;

async fn start(dir: &tempfile::TempDir) -> RunningEmulator {
    let config = Config {
        ports: Ports::ANY,
        ..Config::new(dir.path())
    };
    Emulator::start(config).await.unwrap()
}

async fn http<I>(io: I) -> SendRequest<Full<Bytes>>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

/// A service client that trusts the emulator's CA and nothing else.
async fn service(emulator: &RunningEmulator) -> SendRequest<Full<Bytes>> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(emulator.ca_path()).unwrap();
    roots.add(ca).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let port = emulator.ports().https.unwrap();
    let socket = TcpStream::connect((LOOPBACK, port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    http(connector.connect(name, socket).await.unwrap()).await
}

async fn call(
    emulator: &RunningEmulator,
    client: &mut SendRequest<Full<Bytes>>,
    (verb, path): (&str, &str),
    body: &str,
) -> (u16, String) {
    let policies = emulator.hub().policies();
    let key = &policies.get("iothubowner").unwrap().primary;
    let request = Request::builder()
        .method(verb)
        .uri(format!("{path}?api-version=2021-04-12"))
        .header("host", "localhost")
        .header(
            "authorization",
            sign("localhost", key, LATER_UNIX_S, Some("iothubowner")),
        )
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// An MQTT packet: first byte, length, the rest.
fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap();
    let mut packet = vec![first];
    if length >= 128 {
        packet.push(u8::try_from(length % 128).unwrap() | 0x80);
        packet.push(u8::try_from(length / 128).unwrap());
    } else {
        packet.push(u8::try_from(length).unwrap());
    }
    packet.extend(rest);
    packet
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// A device that listens for methods.
async fn device(emulator: &RunningEmulator, id: &str, key: &str) -> TcpStream {
    let key = hub_proto::sas::SasKey::from_base64(key).unwrap();
    let token = sign(&format!("localhost/devices/{id}"), &key, LATER_UNIX_S, None);
    let user = format!("localhost/{id}/?api-version=2021-04-12");
    let connect = [
        b"\0\x04MQTT\x04\xc2\0\x3c".to_vec(),
        text(id),
        text(&user),
        text(&token),
    ]
    .concat();
    let subscribe = [b"\0\x01".to_vec(), text("$iothub/methods/POST/#"), vec![0]].concat();
    let port = emulator.ports().mqtt.unwrap();
    let mut socket = TcpStream::connect((LOOPBACK, port)).await.unwrap();
    socket.write_all(&packet(0x10, &connect)).await.unwrap();
    socket.write_all(&packet(0x82, &subscribe)).await.unwrap();
    let mut answers = [0; 9];
    socket.read_exact(&mut answers).await.unwrap();
    assert_eq!(answers, [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]);
    socket
}

/// Takes one call, which must be short, and answers it with `body`; gives back topic and payload.
async fn answer_one(device: &mut TcpStream, body: &str) -> (String, String) {
    let mut head = [0; 4];
    device.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x30, "PUBLISH at QoS 0");
    let mut rest = vec![0; usize::from(head[1]) - 2];
    device.read_exact(&mut rest).await.unwrap();
    let payload = rest.split_off(usize::from(u16::from_be_bytes([head[2], head[3]])));
    let topic = String::from_utf8(rest).unwrap();
    let rid = topic.split("$rid=").nth(1).unwrap();
    let reply = [
        text(&format!("$iothub/methods/res/200/?$rid={rid}")),
        body.into(),
    ]
    .concat();
    device.write_all(&packet(0x30, &reply)).await.unwrap();
    (topic, String::from_utf8(payload).unwrap())
}

/// What the admin endpoint tells of a device, as types of events.
async fn event_types(emulator: &RunningEmulator, id: &str) -> Vec<String> {
    let admin = TcpStream::connect((LOOPBACK, emulator.ports().admin.unwrap()))
        .await
        .unwrap();
    let request = Request::get(format!("/admin/events?device={id}")).header("host", "localhost");
    let request = request.body(Full::default()).unwrap();
    let lines = http(admin)
        .await
        .send_request(request)
        .await
        .unwrap()
        .into_body();
    let lines = lines.collect().await.unwrap().to_bytes();
    std::str::from_utf8(&lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].to_string())
        .collect()
}

const REBOOT: &str = r#"{"methodName":"reboot","payload":null,"timeoutInSeconds":30,
    "responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}"#;

#[tokio::test]
async fn a_service_calls_a_device_and_the_log_tells_the_story() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let mut client = service(&emulator).await;
    let created = call(
        &emulator,
        &mut client,
        ("PUT", "/devices/d"),
        r#"{"deviceId":"d"}"#,
    )
    .await;
    let created: serde_json::Value = serde_json::from_str(&created.1).unwrap();
    let key = created["authentication"]["symmetricKey"]["secondaryKey"]
        .as_str()
        .unwrap();
    let mut device = device(&emulator, "d", key).await;

    let method = ("POST", "/twins/d/methods");
    let (answer, delivered) = tokio::join!(
        call(&emulator, &mut client, method, REBOOT),
        answer_one(&mut device, "\"Reboot started\""),
    );
    assert_eq!(
        answer,
        (
            200,
            r#"{"status":200,"payload":"Reboot started"}"#.to_owned()
        )
    );
    assert!(
        delivered
            .0
            .starts_with("$iothub/methods/POST/reboot/?$rid="),
        "{}",
        delivered.0
    );
    assert_eq!(delivered.1, "null");

    let (answer, _) = tokio::join!(
        call(&emulator, &mut client, method, REBOOT),
        answer_one(&mut device, "not JSON"),
    );
    assert_eq!(answer.0, 502, "{}", answer.1);
    assert!(
        answer.1.contains(r#"{\"errorCode\":502000,"#),
        "{}",
        answer.1
    );

    let call = [
        "\"methodInvoked\"",
        "\"methodDelivered\"",
        "\"methodAnswered\"",
    ];
    let before = ["\"deviceCreated\"", "\"connected\"", "\"subscribed\""];
    assert_eq!(
        event_types(&emulator, "d").await,
        [before, call, call].concat()
    );
    // A stop waits for clients to close their side, for a moment.
    drop(device);
    emulator.stop().await;
}

#[tokio::test]
async fn the_websocket_path_is_upgraded_without_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let mut client = service(&emulator).await;
    let request = Request::get("/$iothub/websocket?iothub-no-client-cert=true")
        .header("host", "localhost")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "mqtt");
    let answer = client
        .send_request(request.body(Full::default()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 101);
    // RFC 6455, section 1.3.
    assert_eq!(
        answer.headers()["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
    drop(answer);
    emulator.stop().await;
}
