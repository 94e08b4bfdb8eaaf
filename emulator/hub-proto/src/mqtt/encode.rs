//! Packets to bytes, appended to the caller's buffer.

use super::packet::{Delivery, Packet};

/// Appends `packet` to `out`.
pub fn encode(packet: &Packet<'_>, out: &mut Vec<u8>) {
    todo!("{packet:?} {}", out.len())
}

/// Appends a PUBLISH whose topic is printed by `topic` straight into the buffer: no string is built
/// for it.
pub fn encode_publish(
    out: &mut Vec<u8>,
    delivery: Delivery,
    dup: bool,
    topic: impl FnOnce(&mut Vec<u8>),
    payload: &[u8],
) {
    topic(out);
    todo!("{delivery:?} {dup} {}", payload.len())
}
