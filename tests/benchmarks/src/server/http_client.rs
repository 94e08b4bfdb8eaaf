//! A client of HTTP that waits, for setting up and for what is asked one at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{bail, ensure};

/// A kept connection.
#[derive(Debug)]
pub(crate) struct HttpClient(TcpStream);

impl HttpClient {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Writes a request and reads the whole answer, head and body; anything but a success is an error.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.0.write_all(request)?;
        let mut answer = Vec::new();
        let mut some = [0; 4096];
        loop {
            let bytes = self.0.read(&mut some)?;
            ensure!(bytes > 0, "the hub closed the connection");
            answer.extend_from_slice(&some[..bytes]);
            let Some(head_bytes) = answer.windows(4).position(|it| it == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&answer[..head_bytes])?.to_ascii_lowercase();
            if !head.starts_with("http/1.1 2") {
                bail!("the hub answered {}", String::from_utf8_lossy(&answer));
            }
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
            if answer.len() >= head_bytes + 4 + length {
                return Ok(answer);
            }
        }
    }
}
