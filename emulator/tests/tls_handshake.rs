//! Handshakes of an independent verifier (rustls' client with webpki) against an `Authority`.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use emulator::tls::{AcceptError, Authority, HostNames, TlsError, accept};
use hub_proto::time::{Instant, Now, Timestamp};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

/// The verifier under test reads the machine's clock, so the authority has to as well.
#[expect(
    clippy::disallowed_methods,
    reason = "the client verifies against the real clock"
)]
fn now() -> Now {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Now {
        mono: Instant::ZERO,
        wall: Timestamp::from_unix(since_epoch),
    }
}

fn authority(dir: &Path) -> Authority {
    let names = HostNames::new(&["myhub.azure-devices.net".to_owned()], &[]);
    Authority::open_or_create(dir, now())
        .unwrap()
        .with_host_names(names)
}

fn client(authority: &Authority, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// What a client saw of a handshake in which it also got one byte.
#[derive(Debug)]
struct Seen {
    version: ProtocolVersion,
    kind: HandshakeKind,
    chain: Vec<CertificateDer<'static>>,
    alpn: bool,
}

/// Dials `host`, which is at the address `local`, over an in-memory pipe.
async fn dial(
    authority: &Authority,
    client: &Arc<ClientConfig>,
    host: &str,
    local: IpAddr,
) -> (std::io::Result<Seen>, Result<(), AcceptError>) {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let server = async {
        let mut stream = accept(far, authority, local, now()).await?.stream;
        stream.write_all(b"x").await?;
        stream.flush().await?;
        // Until the client is gone, so that it has had the ticket.
        let _ = stream.read(&mut [0]).await;
        Ok(())
    };
    let connector = TlsConnector::from(Arc::clone(client));
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let client = async {
        let mut stream = connector.connect(name, near).await?;
        stream.read_exact(&mut [0]).await?;
        let connection = stream.get_ref().1;
        Ok(Seen {
            version: connection.protocol_version().unwrap(),
            kind: connection.handshake_kind().unwrap(),
            chain: connection
                .peer_certificates()
                .unwrap()
                .iter()
                .cloned()
                .map(CertificateDer::into_owned)
                .collect(),
            alpn: connection.alpn_protocol().is_some(),
        })
    };
    tokio::join!(client, server)
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn every_name_and_address_of_the_hub_verifies_in_tls_1_2_and_1_3() {
    // TLS-2
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(client(&authority, version));
        for (host, local) in [
            ("localhost", "127.0.0.1"),
            ("orders.localhost", "127.0.0.1"),
            ("MyHub.azure-devices.net", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.7", "127.0.0.7"),
            ("::1", "::1"),
            ("127.0.0.7", "::ffff:127.0.0.7"),
            // A container's forwarded port: another address is seen than was dialled.
            ("127.0.0.1", "172.17.0.2"),
        ] {
            let (seen, served) = dial(&authority, &client, host, local.parse().unwrap()).await;
            let seen = seen.unwrap_or_else(|error| panic!("{host} at {local}: {error}"));
            assert_eq!(seen.version, version.version, "{host}");
            assert_eq!(seen.chain.len(), 2, "{host}: leaf and CA");
            assert!(!seen.alpn);
            served.unwrap();
        }
    }
}

#[tokio::test]
async fn clients_resume_instead_of_shaking_hands_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(client(&authority, version));
        let (first, _) = dial(&authority, &client, "localhost", LOOPBACK).await;
        let (second, _) = dial(&authority, &client, "localhost", LOOPBACK).await;
        assert_eq!(first.unwrap().kind, HandshakeKind::Full);
        assert_eq!(second.unwrap().kind, HandshakeKind::Resumed);
    }
}

#[tokio::test]
async fn a_name_the_hub_does_not_have_is_refused_and_the_remedy_named() {
    // TLS-2
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(client(&authority, version));
        let (seen, served) = dial(&authority, &client, "other.example", LOOPBACK).await;
        let error = seen.unwrap_err().to_string();
        assert!(error.to_lowercase().contains("unrecogni"), "{error}");
        let refused = served.unwrap_err();
        assert!(matches!(
            refused,
            AcceptError::Refused(TlsError::UnknownName { .. })
        ));
        assert_eq!(
            refused.to_string(),
            "\"other.example\" is not a name of this hub; \
             start it with `--host other.example` to make it one"
        );
    }
}

#[tokio::test]
async fn a_leaf_is_for_its_own_name_only() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let client = Arc::new(client(&authority, &TLS13));
    let (seen, _) = dial(&authority, &client, "orders.localhost", LOOPBACK).await;
    let chain = seen.unwrap().chain;
    let (_, leaf) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(
        format!("{:?}", names.general_names),
        r#"[DNSName("orders.localhost")]"#
    );
    let days =
        (leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp()) / 86_400;
    assert!((800..=825).contains(&days), "{days}");
}

#[tokio::test]
async fn bytes_that_are_no_hello_are_the_peers_fault() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let (mut near, far) = tokio::io::duplex(1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = accept(far, &authority, LOOPBACK, now()).await.unwrap_err();
    assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
}

/// The pipe holds less than a record, the reader asks for less than one, and there are many.
#[tokio::test]
async fn bytes_arrive_whole_and_in_order_however_they_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let sent: Vec<u8> = (0..200_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    for version in [&TLS12, &TLS13] {
        let (near, far) = tokio::io::duplex(1024);
        let server = async {
            let mut stream = accept(far, &authority, LOOPBACK, now())
                .await
                .unwrap()
                .stream;
            let (mut received, mut room) = (Vec::new(), [0; 999]);
            loop {
                match stream.read(&mut room).await.unwrap() {
                    0 => break,
                    count => received.extend_from_slice(&room[..count]),
                }
            }
            stream.write_all(&received).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let client = async {
            let connector = TlsConnector::from(Arc::new(client(&authority, version)));
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = connector.connect(name, near).await.unwrap();
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).await.unwrap();
            back
        };
        let (back, ()) = tokio::join!(client, server);
        assert!(back == sent, "{} bytes came back", back.len());
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_a_farewell_may_have_been_cut() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let (near, far) = tokio::io::duplex(16 * 1024);
    let server = async {
        let mut stream = accept(far, &authority, LOOPBACK, now())
            .await
            .unwrap()
            .stream;
        stream.write_all(b"x").await.unwrap();
        stream.read(&mut [0]).await.unwrap_err().kind()
    };
    let client = async {
        let connector = TlsConnector::from(Arc::new(client(&authority, &TLS13)));
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, near).await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    };
    let ((), kind) = tokio::join!(client, server);
    assert_eq!(kind, std::io::ErrorKind::UnexpectedEof);
}
