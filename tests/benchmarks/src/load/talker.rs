//! What a figure has said on a connection.

use std::time::Instant;

use super::meter::Meter;

/// One side of a conversation: bytes in, bytes out. It owns no socket.
pub(crate) trait Talker {
    /// The first words, once the connection stands.
    fn open(&mut self, output: &mut Vec<u8>);

    /// Takes what came and says how many bytes of it were used; the rest, a cut packet, comes again
    /// with what follows it.
    fn hear(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize>;

    /// Whether it has signed in, and so counts as connected.
    fn is_ready(&self) -> bool;

    /// Begins the load. Those that only answer have nothing to begin.
    fn start(&mut self, _turn: &mut Turn<'_>) {}
}

/// What a talker may use while it has the floor.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// When the bytes came.
    pub(crate) now: Instant,
    /// What to send.
    pub(crate) output: &'a mut Vec<u8>,
    pub(crate) meter: &'a mut Meter,
}
