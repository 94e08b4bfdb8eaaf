//! The address at the other end, kept for the line in the log that tells of the connection's end.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address in half the room, since every connection has one.
#[derive(Debug)]
pub(super) enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(Box::new(address)),
        }
    }
}

impl From<Peer> for SocketAddr {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::V4(address) => Self::V4(address),
            Peer::V6(address) => Self::V6(*address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_takes_two_words_and_its_address_comes_back() {
        assert_eq!(size_of::<Peer>(), 16);
        for text in ["127.0.0.1:1883", "[fe80::1%3]:8883"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(Peer::from(address)), address);
        }
    }
}
