//! Bytes to packets: incremental, borrowing, bounded before anything is kept.

use super::packet::Packet;
use super::violation::Violation;

/// Reads one packet from the front of `input`.
///
/// `Ok(Some((packet, consumed)))` is a whole packet and its length; `Ok(None)` asks for more bytes. A
/// packet whose announced length exceeds `packet_bytes_max` (fixed header included) is refused as
/// soon as its header is there, so a reader never holds more than that.
pub fn decode(
    input: &[u8],
    packet_bytes_max: usize,
) -> Result<Option<(Packet<'_>, usize)>, Violation> {
    todo!("{} {packet_bytes_max}", input.len())
}
