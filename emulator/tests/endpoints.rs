//! A whole emulator on real sockets: ports, TLS-less MQTT, stop and drop.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use emulator::config::Ports;
use emulator::{BindProblem, Config, Emulator, Links, RunningEmulator, StartError};
use hub_core::registry::{Authentication, DeviceSpec, SymmetricKeys};
use hub_proto::ids::DeviceId;
use hub_proto::sas::{self, SasKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn config(dir: &tempfile::TempDir) -> Config {
    Config {
        ports: Ports::ANY,
        ..Config::new(dir.path())
    }
}

fn register(emulator: &RunningEmulator, id: &str) -> SasKey {
    let key = SasKey::from_bytes(b"a device's key for these tests..");
    let spec = DeviceSpec::enabled(
        DeviceId::parse(id).unwrap(),
        Authentication::Sas(SymmetricKeys {
            primary: key.clone(),
            secondary: key.clone(),
        }),
    );
    emulator.hub().create_device(spec).unwrap();
    key
}

/// A connection over plain MQTT that was let in.
async fn connect(emulator: &RunningEmulator, id: &str, key: &SasKey) -> TcpStream {
    let port = emulator.ports().mqtt.unwrap();
    let mut socket = TcpStream::connect((LOOPBACK, port)).await.unwrap();
    // A real token of a real clock: far in the future.
    let token = sas::sign(&format!("localhost/devices/{id}"), key, 4_000_000_000, None);
    let mut body = b"\0\x04MQTT\x04\xc0\0\x3c".to_vec();
    for text in [
        id,
        &format!("localhost/{id}/?api-version=2021-04-12"),
        &token,
    ] {
        body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        body.extend(text.as_bytes());
    }
    let length = u16::try_from(body.len()).unwrap();
    let low = u8::try_from(length % 128).unwrap() | 0x80;
    let mut packet = vec![0x10, low, u8::try_from(length / 128).unwrap()];
    packet.extend(body);
    socket.write_all(&packet).await.unwrap();
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    socket
}

async fn is_closed(socket: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read(&mut [0])).await;
    matches!(read, Ok(Ok(0)))
}

#[tokio::test]
async fn every_endpoint_is_open_on_every_address_once_start_returns() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let Ports {
        mqtts,
        amqps,
        https,
        mqtt,
        http,
        admin,
    } = emulator.ports();
    assert_eq!(emulator.addresses()[0], LOOPBACK);
    for port in [mqtts, amqps, https, mqtt, http, admin] {
        for address in emulator.addresses() {
            TcpStream::connect((*address, port.unwrap())).await.unwrap();
        }
    }
    assert_eq!(
        emulator.admin_url().unwrap(),
        format!("http://127.0.0.1:{}", admin.unwrap())
    );
    assert!(emulator.ca_path().exists());
    emulator.stop().await;
}

#[tokio::test]
async fn connection_strings_name_the_policy_or_device_and_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let key = register(&emulator, "pump-1");
    assert_eq!(
        emulator
            .connection_string("iothubowner", "localhost")
            .unwrap(),
        "HostName=localhost;SharedAccessKeyName=iothubowner;\
         SharedAccessKey=aHVibmVyaXRlLWlvdGh1Ym93bmVyLXByaW1hcnktMDE="
    );
    assert_eq!(emulator.connection_string("nobody", "localhost"), None);
    let pump = DeviceId::parse("pump-1").unwrap();
    assert_eq!(
        emulator
            .client_connection_string(&pump.clone().into(), "127.0.0.1")
            .unwrap(),
        format!(
            "HostName=127.0.0.1;DeviceId=pump-1;SharedAccessKey={}",
            key.expose()
        )
    );
}

#[tokio::test]
async fn stop_ends_connections_in_order_and_frees_the_ports() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let key = register(&emulator, "d1");
    let mut device = connect(&emulator, "d1", &key).await;
    let port = emulator.ports().mqtt.unwrap();
    let log = emulator.event_log().clone();
    let started = Instant::now();
    let (closed, ()) = tokio::join!(
        async {
            let closed = is_closed(&mut device).await;
            drop(device);
            closed
        },
        emulator.stop()
    );
    assert!(closed);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let events = log.read(0, 10).events;
    assert!(format!("{:?}", events.last().unwrap()).contains("Shutdown"));
    let refused = TcpStream::connect((LOOPBACK, port)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    std::net::TcpListener::bind((LOOPBACK, port)).unwrap();
}

#[tokio::test]
async fn dropping_the_emulator_closes_everything_too() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let key = register(&emulator, "d1");
    let mut device = connect(&emulator, "d1", &key).await;
    drop(emulator);
    let read = tokio::time::timeout(Duration::from_secs(5), device.read(&mut [0])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let first = Emulator::start(config(&dir)).await.unwrap();
    let Ports { mqtts, amqps, .. } = first.ports();
    let taken = [
        (
            "MQTT over TLS",
            mqtts,
            Ports {
                mqtts,
                ..Ports::ANY
            },
        ),
        (
            "AMQP over TLS",
            amqps,
            Ports {
                amqps,
                ..Ports::ANY
            },
        ),
    ];
    for (endpoint, port, ports) in taken {
        let Err(StartError::Bind { what, addr, source }) = Emulator::start(Config {
            ports,
            ..config(&dir)
        })
        .await
        else {
            panic!("the port is taken");
        };
        assert_eq!((what, Some(addr.port())), (endpoint, port));
        assert_eq!(BindProblem::of(&source), BindProblem::InUse);
    }
}

#[tokio::test]
async fn endpoints_without_a_port_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports {
        mqtts: None,
        amqps: None,
        https: None,
        mqtt: Some(0),
        http: None,
        admin: None,
    };
    let emulator = Emulator::start(Config {
        ports,
        ..config(&dir)
    })
    .await
    .unwrap();
    assert_eq!((emulator.ports().mqtts, emulator.admin_url()), (None, None));
    let addresses = vec![];
    let refused = Emulator::start(Config {
        addresses,
        ..config(&dir)
    })
    .await
    .unwrap_err();
    assert!(matches!(refused, StartError::NoAddress));
}

/// A TLS client that trusts the emulator's CA.
fn connector(emulator: &RunningEmulator) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls::pki_types::CertificateDer::from(emulator.authority().ca_der().to_vec());
    roots.add(ca).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
}

async fn dial_tls(
    emulator: &RunningEmulator,
    port: u16,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let socket = TcpStream::connect((LOOPBACK, port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    connector(emulator).connect(name, socket).await.unwrap()
}

#[tokio::test]
async fn mqtt_over_tls_answers_a_connect_and_closes_tls_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let mut stream = dial_tls(&emulator, emulator.ports().mqtts.unwrap()).await;
    // MQTT 3.1 is refused with code 1.
    stream
        .write_all(b"\x10\x0d\0\x04MQTT\x03\x02\0\x3c\0\x01x")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // A connection cut without close_notify would be an error here.
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 1]);
}

#[tokio::test]
async fn mqtt_over_websocket_shares_the_port_of_https() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let mut stream = dial_tls(&emulator, emulator.ports().https.unwrap()).await;
    stream
        .write_all(
            b"GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\nHost: localhost\r\n\
              Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\
              Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        )
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-protocol: mqtt\r\n"), "{head}");
    assert!(!head.contains("permessage-deflate"), "{head}");
    // The MQTT 3.1 CONNECT in two frames, masked with zeros: opcode 2, then its answer in one.
    stream
        .write_all(b"\x82\x85\0\0\0\0\x10\x0d\0\x04M")
        .await
        .unwrap();
    stream
        .write_all(b"\x82\x8a\0\0\0\0QTT\x03\x02\0\x3c\0\x01x")
        .await
        .unwrap();
    let mut frame = [0; 6];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, [0x82, 4, 0x20, 2, 0, 1]);
}

#[tokio::test]
async fn a_refused_client_that_goes_on_sending_still_reads_its_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let port = emulator.ports().mqtt.unwrap();
    let mut socket = TcpStream::connect((LOOPBACK, port)).await.unwrap();
    // A socket closed with bytes unread is reset, and the reset would overtake the CONNACK.
    let mut bytes = b"\x10\x0d\0\x04MQTT\x03\x02\0\x3c\0\x01x".to_vec();
    bytes.extend([0xc0, 0].repeat(100_000));
    let (mut reader, mut writer) = socket.split();
    let (answer, written) = tokio::join!(
        async {
            let mut answer = Vec::new();
            reader.read_to_end(&mut answer).await.map(|_| answer)
        },
        writer.write_all(&bytes)
    );
    written.unwrap();
    assert_eq!(answer.unwrap(), [0x20, 2, 0, 1]);
}

#[tokio::test]
async fn closed_endpoints_refuse_connections_and_open_again_on_the_same_ports() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(config(&dir)).await.unwrap();
    let key = register(&emulator, "d");
    let mut kept = connect(&emulator, "d", &key).await;
    let ports = emulator.ports();
    let hub_ports = [ports.mqtts, ports.amqps, ports.https, ports.mqtt];

    emulator.close_endpoints(Links::Keep).await;
    for port in hub_ports {
        let refused = TcpStream::connect((LOOPBACK, port.unwrap())).await;
        assert_eq!(
            refused.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
    let admin = (LOOPBACK, ports.admin.unwrap());
    TcpStream::connect(admin).await.unwrap();
    kept.write_all(&[0xC0, 0]).await.unwrap();
    kept.read_exact(&mut [0; 2]).await.unwrap();

    emulator.close_endpoints(Links::Cut).await;
    assert!(is_closed(&mut kept).await);

    emulator.reopen_endpoints().await.unwrap();
    for port in hub_ports {
        TcpStream::connect((LOOPBACK, port.unwrap())).await.unwrap();
    }
    let key = register(&emulator, "e");
    connect(&emulator, "e", &key).await;
    emulator.stop().await;
}
