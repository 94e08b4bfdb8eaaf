//! The least of an MQTT client that a load generator needs, on the codec that the hub's tests prove.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::encode;
use hub_proto::mqtt::packet::{ConnAck, Connect, ConnectCode, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PACKET_BYTES_MAX: usize = 64 * 1024;

/// A connected client: the stream, and what was read and not yet used.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    used: usize,
    /// Bytes for the next [`Client::flush`].
    pub(crate) output: Vec<u8>,
}

impl Client {
    /// Connects, and subscribes to `filter` at QoS 0.
    pub(crate) async fn connect(
        address: SocketAddr,
        client_id: &str,
        credential: Option<(&str, &str)>,
        filter: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            input: Vec::new(),
            used: 0,
            output: Vec::new(),
        };
        let connect = Packet::Connect(Connect {
            client_id,
            clean_session: true,
            keep_alive_s: 0,
            will: None,
            user_name: credential.map(|(name, _)| name),
            password: credential.map(|(_, password)| password.as_bytes()),
        });
        encode(&connect, &mut client.output);
        client.flush().await?;
        let code = client.read(|packet| match packet {
            Packet::ConnAck(ConnAck { code, .. }) => Some(*code),
            _ => None,
        });
        let code = code.await.context("waiting for CONNACK")?;
        if code != ConnectCode::Accepted {
            bail!("{client_id} was refused: {code:?}");
        }
        client.subscribe(filter).await?;
        Ok(client)
    }

    async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        let filter_bytes = u16::try_from(filter.len())?;
        let remaining = u8::try_from(2 + 2 + filter.len() + 1).context("a short filter")?;
        assert!(remaining < 128, "one length byte is enough");
        self.output.extend_from_slice(&[0x82, remaining, 0, 1]);
        self.output.extend_from_slice(&filter_bytes.to_be_bytes());
        self.output.extend_from_slice(filter.as_bytes());
        self.output.push(0);
        self.flush().await?;
        self.read(|packet| matches!(packet, Packet::SubAck(_)).then_some(()))
            .await
            .context("waiting for SUBACK")
    }

    /// Sends what is in `output`.
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Reads until `wanted` says yes to a packet.
    async fn read<T>(&mut self, wanted: impl Fn(&Packet<'_>) -> Option<T>) -> anyhow::Result<T> {
        loop {
            if let Some(found) = self.take_packet(&wanted)? {
                return Ok(found);
            }
            self.fill().await?;
        }
    }

    fn take_packet<T>(
        &mut self,
        wanted: impl Fn(&Packet<'_>) -> Option<T>,
    ) -> anyhow::Result<Option<T>> {
        while let Some((packet, bytes)) = decode(&self.input[self.used..], PACKET_BYTES_MAX)? {
            let found = wanted(&packet);
            self.used += bytes;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Handles every whole PUBLISH that is there, waiting for at least one read first. `handle` gets
    /// topic and payload, and the output buffer.
    pub(crate) async fn on_publish(
        &mut self,
        mut handle: impl FnMut(&str, &[u8], &mut Vec<u8>),
    ) -> anyhow::Result<()> {
        self.fill().await?;
        while let Some((packet, bytes)) = decode(&self.input[self.used..], PACKET_BYTES_MAX)? {
            if let Packet::Publish(publish) = packet {
                handle(publish.topic, publish.payload, &mut self.output);
            }
            self.used += bytes;
        }
        if !self.output.is_empty() {
            self.flush().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        self.input.drain(..self.used);
        self.used = 0;
        if self.stream.read_buf(&mut self.input).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}
