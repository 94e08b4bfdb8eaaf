//! What is logged at the most talkative level.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use harness::service_client::trusted_roots;
use hub_proto::connection_string::ConnectionString;
use hub_proto::mqtt::encode::encode;
use hub_proto::mqtt::packet::{Connect, Packet};
use hub_proto::sas::{SasKey, sign};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Hub, hubnerite, run};

const WRONG_KEY: &str = "bm90IHRoZSBkZXZpY2UncyBrZXksIGJ1dCBhIGtleSE=";
/// A time far in the future.
const LATER_UNIX_S: i64 = 4_000_000_000;

/// The password and the CONNECT of `d1`.
fn login(key: &SasKey) -> (String, Vec<u8>) {
    let token = sign("localhost/devices/d1", key, LATER_UNIX_S, None);
    let mut packet = Vec::new();
    let connect = Connect {
        client_id: "d1",
        clean_session: true,
        keep_alive_s: 60,
        will: None,
        user_name: Some("localhost/d1/?api-version=2021-04-12"),
        password: Some(token.as_bytes()),
    };
    encode(&Packet::Connect(connect), &mut packet);
    (token, packet)
}

async fn dial(hub: &Hub, endpoint: &str) -> TcpStream {
    let port = hub.ready["ports"][endpoint].as_u64().unwrap();
    let port = u16::try_from(port).unwrap();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

async fn secure(hub: &Hub, socket: TcpStream) -> impl AsyncRead + AsyncWrite + Unpin {
    let ca = hub.ready["caPath"].as_str().unwrap();
    let config = trusted_roots(Some(Path::new(ca))).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::clone(&config));
    connector.connect(name, socket).await.unwrap()
}

/// Sends a CONNECT and reads the code of its CONNACK.
async fn connect(io: &mut (impl AsyncRead + AsyncWrite + Unpin), packet: &[u8]) -> u8 {
    io.write_all(packet).await.unwrap();
    let mut answer = [0; 4];
    io.read_exact(&mut answer).await.unwrap();
    answer[3]
}

/// The same in frames of a WebSocket.
async fn connect_in_frames(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    packet: &[u8],
) -> [u8; 6] {
    let upgrade = "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    io.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    // Binary, whole, masked with zeros, of 126 to 65,535 bytes. RFC 6455, section 5.2.
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    let frame = [&[0x82, 0xfe], &length[..], &[0; 4], packet].concat();
    io.write_all(&frame).await.unwrap();
    let mut answer = [0; 6];
    io.read_exact(&mut answer).await.unwrap();
    answer
}

/// As text, as hexadecimal, and as a list of bytes.
fn assert_absent(log: &str, secret: &str) {
    let bytes = secret.as_bytes();
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let list = format!("{bytes:?}");
    let list = list.trim_matches(['[', ']']);
    for form in [secret, &hex, list] {
        if let Some(at) = log.find(form) {
            let line = log[..at].rfind('\n').map_or(0, |end| end + 1);
            panic!("a secret is logged: {}", &log[line..at]);
        }
    }
}

/// The part of a token that proves something.
fn signature(token: &str) -> &str {
    let from = token.find("sig=").unwrap() + "sig=".len();
    token[from..].split('&').next().unwrap()
}

/// SEMANTICS AUTH-6
#[tokio::test]
async fn a_hub_that_logs_everything_logs_no_key_and_no_signature() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let file = std::fs::File::create(&path).unwrap();
    let flags = ["--mqtt-port", "0", "--log", "trace"];
    let hub = Hub::start_in(dir, &flags, Stdio::from(file));

    let created = hub.ok(&["device", "create", "d1"]);
    let device_key = ConnectionString::parse(&created).unwrap().key;
    let owner = hub.ready["connectionString"].as_str().unwrap();
    let owner_key = ConnectionString::parse(owner).unwrap().key;
    hub.ok(&["twin", "update", "d1", "--desired", r#"{"n":1}"#]);
    let stranger = owner.replace(owner_key.expose(), WRONG_KEY);
    let (code, ..) = hub.tool(&["device", "list", "--hub", &stranger]);
    assert_ne!(code, Some(0));

    let (good, packet) = login(&device_key);
    assert_eq!(connect(&mut dial(&hub, "mqtt").await, &packet).await, 0);
    let mut tls = secure(&hub, dial(&hub, "mqtts").await).await;
    assert_eq!(connect(&mut tls, &packet).await, 0);
    let mut frames = secure(&hub, dial(&hub, "https").await).await;
    let answer = connect_in_frames(&mut frames, &packet).await;
    assert_eq!(answer, [0x82, 4, 0x20, 2, 0, 0]);
    let (bad, packet) = login(&SasKey::from_base64(WRONG_KEY).unwrap());
    assert_eq!(connect(&mut dial(&hub, "mqtt").await, &packet).await, 5);

    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.contains("DEBUG"), "the level is in force: {log}");
    assert!(log.contains("device refused"), "{log}");
    let keys = [device_key.expose(), owner_key.expose(), WRONG_KEY];
    for secret in keys.into_iter().chain([signature(&good), signature(&bad)]) {
        assert_absent(&log, secret);
    }
    // The tokens of the tools, whatever they were.
    for mark in ["sig=", "SharedAccessKey="] {
        assert_absent(&log, mark);
    }
}

#[tokio::test]
async fn a_device_that_is_refused_again_and_again_is_a_line_of_the_log_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let file = std::fs::File::create(&path).unwrap();
    let hub = Hub::start_in(dir, &["--mqtt-port", "0"], Stdio::from(file));
    let (_, packet) = login(&SasKey::from_base64(WRONG_KEY).unwrap());
    for _ in 0..3 {
        assert_eq!(connect(&mut dial(&hub, "mqtt").await, &packet).await, 5);
    }
    hub.ok(&["device", "create", "d1"]);
    assert_eq!(connect(&mut dial(&hub, "mqtt").await, &packet).await, 5);
    let log = std::fs::read_to_string(path).unwrap();
    // Unknown, and then known with another key.
    assert_eq!(log.matches("device refused").count(), 2, "{log}");
}

/// SEMANTICS REST-6, AMQP-1
#[tokio::test]
async fn what_is_not_built_is_named_in_the_log_once_however_often_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let file = std::fs::File::create(&path).unwrap();
    let hub = Hub::start_in(dir, &["--amqps-port", "0"], Stdio::from(file));
    for _ in 0..3 {
        let mut rest = secure(&hub, dial(&hub, "https").await).await;
        let ask =
            "POST /twins/d/streams/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        rest.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        rest.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 501");
        let mut amqp = secure(&hub, dial(&hub, "amqps").await).await;
        amqp.write_all(b"AMQP\x00\x01\x00\x00").await.unwrap();
        let mut told = Vec::new();
        amqp.read_to_end(&mut told).await.unwrap();
        assert!(String::from_utf8_lossy(&told).contains("amqp:not-implemented"));
    }
    let log = std::fs::read_to_string(path).unwrap();
    for gap in ["device streams", "AMQP"] {
        let words = format!("Hubnerite does not implement {gap} yet");
        assert_eq!(log.matches(&words).count(), 1, "{log}");
    }
    assert!(log.contains(" WARN "), "{log}");
}

/// SEMANTICS AUTH-6
#[test]
fn a_hub_a_device_and_a_back_end_that_log_everything_log_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, log) = run(hubnerite(dir.path())
        .arg("demo")
        .env("HUBNERITE_LOG", "trace"));
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("DEBUG"), "the level is in force: {log}");
    for mark in ["sig=", "SharedAccessKey="] {
        assert_absent(&log, mark);
    }
}
