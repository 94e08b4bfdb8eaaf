//! One connection, plain or TLS, that never blocks.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use rustls::{ClientConnection, HandshakeKind};
use socket2::{Domain, Socket, Type};

use super::tls::ClientTls;

/// A connection that is opening or stands.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Begins to connect from `source`: beyond some thousand connections from one address the system
    /// searches long for a port.
    pub(super) fn dial(
        address: SocketAddr,
        source: Ipv4Addr,
        tls: Option<&ClientTls>,
    ) -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            // EINPROGRESS has no kind of its own.
            Err(error) if error.raw_os_error() == Some(115) => {}
            Err(error) => return Err(error).context("connecting"),
        }
        let tls = tls.map(|tls| tls.connection().map(Box::new)).transpose()?;
        Ok(Self {
            tcp: TcpStream::from_std(socket.into()),
            tls,
        })
    }

    /// Whether the connection stands by now.
    pub(super) fn stands(&self) -> anyhow::Result<bool> {
        if let Some(error) = self.tcp.take_error()? {
            return Err(error).context("connecting");
        }
        Ok(self.tcp.peer_addr().is_ok())
    }

    /// Whether its TLS session is an earlier one's.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Reads what is there into `input`; how much, and whether more may be there. Handshakes are carried
    /// on meanwhile.
    pub(super) fn read(&mut self, input: &mut [u8]) -> anyhow::Result<(usize, bool)> {
        let Some(tls) = &mut self.tls else {
            return match self.tcp.read(input) {
                Ok(0) => bail!("the server closed the connection"),
                // A short read has emptied the socket: no further call to be told so.
                Ok(bytes) => Ok((bytes, bytes == input.len())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((0, false)),
                Err(error) => Err(error).context("reading"),
            };
        };
        let more = match tls.read_tls(&mut self.tcp) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => return Err(error).context("reading"),
        };
        tls.process_new_packets().context("the server's TLS")?;
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("writing"),
            }
        }
        match tls.reader().read(input) {
            Ok(bytes) => Ok((bytes, more)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((0, more)),
            Err(error) => Err(error).context("reading"),
        }
    }

    /// Writes as much as goes; how much that was.
    pub(super) fn write(&mut self, output: &[u8]) -> anyhow::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return match self.tcp.write(output) {
                Ok(bytes) => Ok(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                Err(error) => Err(error).context("writing"),
            };
        };
        tls.writer().write_all(output)?;
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                // What is left waits in the session, and goes with the next event.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("writing"),
            }
        }
        Ok(output.len())
    }
}
