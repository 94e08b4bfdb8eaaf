//! MQTT 3.1.1 byte for byte, the faults included: written from the specification, apart from the hub's
//! own codec, so that the two cannot share a mistake.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::hub::DEADLINE;
use crate::sas;

/// A connection without any notion of what is allowed.
#[derive(Debug)]
pub struct Wire {
    stream: Box<dyn Stream>,
    host: String,
}

/// Bytes both ways: TCP, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Debug + Send + Unpin> Stream for S {}

/// What CONNECT holds; [`Connect::of`] is what a device SDK sends.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The protocol's name.
    pub protocol: String,
    /// The protocol's level: 4 is MQTT 3.1.1.
    pub level: u8,
    /// Whether the session starts afresh and is forgotten afterwards.
    pub clean: bool,
    /// In seconds.
    pub keep_alive: u16,
    /// The client's identifier.
    pub client_id: String,
    /// Topic, payload and QoS.
    pub will: Option<(String, Vec<u8>, u8)>,
    /// The user name.
    pub user: Option<String>,
    /// The password: a token.
    pub password: Option<String>,
}

/// What comes next from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A packet.
    Packet(Packet),
    /// The end of the connection; a reset is an end, too.
    End,
    /// Nothing, for longer than anything takes.
    Silence,
}

/// A packet of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The first byte: type and flags.
    pub first: u8,
    /// What follows the length.
    pub body: Vec<u8>,
}

impl Connect {
    /// What a device SDK sends to the hub of that name.
    pub fn of(host: &str, device: &str, key: &str) -> Self {
        let token = sas::token(&format!("{host}/devices/{device}"), key, sas::soon(), None);
        Self {
            protocol: "MQTT".to_owned(),
            level: 4,
            clean: false,
            keep_alive: 60,
            client_id: device.to_owned(),
            will: None,
            user: Some(format!(
                "{host}/{device}/?api-version=2021-04-12&DeviceClientType=wire"
            )),
            password: Some(token),
        }
    }

    /// The packet.
    pub fn bytes(&self) -> Vec<u8> {
        let mut flags = u8::from(self.clean) << 1;
        let mut payload = text(&self.client_id);
        if let Some((topic, message, qos)) = &self.will {
            flags |= 0b100 | qos << 3;
            payload.extend(text(topic));
            payload.extend(sized(message));
        }
        if let Some(user) = &self.user {
            flags |= 0x80;
            payload.extend(text(user));
        }
        if let Some(password) = &self.password {
            flags |= 0x40;
            payload.extend(text(password));
        }
        let mut body = text(&self.protocol);
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        body.extend(payload);
        frame(0x10, &body)
    }
}

impl Wire {
    pub(crate) async fn dial(address: SocketAddr, host: String) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the hub takes connections");
        let stream = Box::new(stream);
        Self { stream, host }
    }

    pub(crate) async fn dial_tls(address: SocketAddr, host: String, trust: ClientConfig) -> Self {
        let tcp = TcpStream::connect(address)
            .await
            .expect("the hub takes connections");
        let name = ServerName::try_from(host.clone()).expect("tests choose good names");
        let tls = TlsConnector::from(Arc::new(trust)).connect(name, tcp).await;
        let stream = Box::new(tls.expect("the hub has a certificate for the name"));
        Self { stream, host }
    }

    /// Connects as a device does; says whether a session was resumed.
    pub async fn log_in(&mut self, device: &str, key: &str) -> bool {
        let connect = Connect::of(&self.host, device, key);
        self.connect(&connect).await
    }

    /// Connects; says whether a session was resumed.
    pub async fn connect(&mut self, connect: &Connect) -> bool {
        self.send(&connect.bytes()).await;
        let answer = self.packet().await;
        assert_eq!(
            (answer.first, answer.body.get(1)),
            (0x20, Some(&0)),
            "not let in: {answer:?}"
        );
        answer.body[0] == 1
    }

    /// Subscribes, one filter; says the return code.
    pub async fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        self.send(&subscribe(1, &[(filter, qos)])).await;
        let answer = self.packet().await;
        assert_eq!(
            (answer.first, &answer.body[..2]),
            (0x90, &[0, 1][..]),
            "{answer:?}"
        );
        answer.body[2]
    }

    /// Sends bytes, whatever they are. A server that has closed by then is for the reader to find.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
        self.stream.flush().await.ok();
    }

    /// The next packet.
    pub async fn packet(&mut self) -> Packet {
        match self.next().await {
            Next::Packet(packet) => packet,
            end => panic!("a packet should come, not {end:?}"),
        }
    }

    /// The next packet, which must be a PUBLISH: its flags, topic, packet identifier and payload.
    pub async fn publication(&mut self) -> (u8, String, u16, Vec<u8>) {
        let packet = self.packet().await;
        assert_eq!(packet.first & 0xf0, 0x30, "not a PUBLISH: {packet:?}");
        let flags = packet.first & 0x0f;
        let size = usize::from(u16::from_be_bytes([packet.body[0], packet.body[1]]));
        let topic = String::from_utf8(packet.body[2..2 + size].to_vec()).expect("a topic is UTF-8");
        let rest = &packet.body[2 + size..];
        if flags & 0b110 == 0 {
            return (flags, topic, 0, rest.to_vec());
        }
        (
            flags,
            topic,
            u16::from_be_bytes([rest[0], rest[1]]),
            rest[2..].to_vec(),
        )
    }

    /// The server closes without another packet.
    pub async fn expect_end(&mut self) {
        assert_eq!(self.next().await, Next::End);
    }

    /// The connection lives and nothing is on its way: the next packet is the answer to a ping.
    pub async fn expect_quiet(&mut self) {
        self.send(&[0xc0, 0]).await;
        assert_eq!(
            self.packet().await,
            Packet {
                first: 0xd0,
                body: Vec::new()
            }
        );
    }

    /// What comes next.
    pub async fn next(&mut self) -> Next {
        match timeout(DEADLINE, self.read()).await {
            Ok(Some(packet)) => Next::Packet(packet),
            Ok(None) => Next::End,
            Err(_) => Next::Silence,
        }
    }

    /// `None` at the end of the stream.
    async fn read(&mut self) -> Option<Packet> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut size, mut shift) = (0, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            assert!(shift <= 28, "a length of more than four bytes");
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; size];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Packet { first, body })
    }
}

/// PUBLISH; `flags` are DUP, QoS and RETAIN as in the first byte. The identifier is left out at QoS 0.
pub fn publish(flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if flags & 0b110 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(payload);
    frame(0x30 | flags, &body)
}

/// SUBSCRIBE.
pub fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(text(filter));
        body.push(*qos);
    }
    frame(0x82, &body)
}

/// UNSUBSCRIBE.
pub fn unsubscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(filters.iter().flat_map(|filter| text(filter)));
    frame(0xa2, &body)
}

/// PUBACK.
pub fn puback(id: u16) -> Vec<u8> {
    frame(0x40, &id.to_be_bytes())
}

/// A packet with that first byte and body.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut size = body.len();
    loop {
        let low = u8::try_from(size & 0x7f).expect("seven bits");
        size >>= 7;
        if size == 0 {
            bytes.push(low);
            break;
        }
        bytes.push(low | 0x80);
    }
    bytes.extend(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    sized(text.as_bytes())
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).expect("below 64 KiB");
    [&size.to_be_bytes(), bytes].concat()
}
