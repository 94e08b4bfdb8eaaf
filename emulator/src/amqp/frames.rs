//! The few bytes of AMQP 1.0 that a refusal takes. Only what is sent; nothing is decoded.
//!
//! Every field of a performative is written, trailing nulls included: clients read them by their
//! place (`PyPI` azure-eventhub `_pyamqp/_connection.py`). Source: OASIS AMQP 1.0, parts 2 and 5.

/// "AMQP", then 0 for AMQP itself, version 1.0.0.
pub(super) const HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
/// "AMQP", then 3 for SASL.
pub(super) const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";

/// `sasl-mechanisms`: an array, since more than one is offered.
pub(super) fn sasl_mechanisms() -> Vec<u8> {
    let symbols = [&b"MSSBCBS"[..], b"PLAIN", b"ANONYMOUS", b"EXTERNAL"];
    let count = byte(symbols.len());
    let mut items = vec![count, CONSTRUCTOR_SYMBOL];
    for symbol in symbols {
        items.push(byte(symbol.len()));
        items.extend_from_slice(symbol);
    }
    let mut array = vec![CONSTRUCTOR_ARRAY, byte(items.len())];
    array.extend(items);
    frame(TYPE_SASL, &described(0x40, &[&array]))
}

/// `sasl-outcome` with code ok: whoever it is, the refusal is the same.
pub(super) fn sasl_outcome() -> Vec<u8> {
    frame(TYPE_SASL, &described(0x44, &[&[0x50, 0], NULL]))
}

/// `open`, which must precede `close`.
pub(super) fn open() -> Vec<u8> {
    let max_frame_size: &[u8] = &[0x70, 0, 1, 0, 0];
    let channel_max: &[u8] = &[0x60, 0x1f, 0xff];
    let container = text(CONSTRUCTOR_STRING, "hubnerite");
    let mut fields = vec![&container[..], NULL, max_frame_size, channel_max];
    fields.extend([NULL; 6]);
    frame(TYPE_AMQP, &described(0x10, &fields))
}

/// `close` with the error `amqp:not-implemented`.
pub(super) fn close(description: &str) -> Vec<u8> {
    let condition = text(CONSTRUCTOR_SYMBOL, "amqp:not-implemented");
    let description = text(CONSTRUCTOR_STRING, description);
    let error = described(0x1d, &[&condition, &description, NULL]);
    frame(TYPE_AMQP, &described(0x18, &[&error]))
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("our frames are small");
    let mut frame = size.to_be_bytes().to_vec();
    // The data begins after two words; channel 0.
    frame.extend([2, kind, 0, 0]);
    frame.extend_from_slice(body);
    frame
}

/// A list of type `descriptor`, in the short form.
fn described(descriptor: u8, fields: &[&[u8]]) -> Vec<u8> {
    let fields_bytes = fields.concat();
    let mut list = vec![0, CONSTRUCTOR_SMALL_ULONG, descriptor, CONSTRUCTOR_LIST];
    list.extend([byte(fields_bytes.len() + 1), byte(fields.len())]);
    list.extend(fields_bytes);
    list
}

fn text(constructor: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![constructor, byte(text.len())];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("what we send is short")
}

const TYPE_AMQP: u8 = 0;
const TYPE_SASL: u8 = 1;
const CONSTRUCTOR_SMALL_ULONG: u8 = 0x53;
const CONSTRUCTOR_STRING: u8 = 0xa1;
const CONSTRUCTOR_SYMBOL: u8 = 0xa3;
const CONSTRUCTOR_LIST: u8 = 0xc0;
const CONSTRUCTOR_ARRAY: u8 = 0xe0;
const NULL: &[u8] = &[0x40];

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together by hand from the tables of OASIS AMQP 1.0, parts 1, 2 and 5.
    #[test]
    fn the_frames_are_those_of_the_specification() {
        let mechanisms =
            b"\x00\x00\x00\x33\x02\x01\x00\x00\x00\x53\x40\xc0\x26\x01\xe0\x23\x04\xa3\
            \x07MSSBCBS\x05PLAIN\x09ANONYMOUS\x08EXTERNAL";
        assert_eq!(sasl_mechanisms(), mechanisms);
        let outcome = b"\x00\x00\x00\x11\x02\x01\x00\x00\x00\x53\x44\xc0\x04\x02\x50\x00\x40";
        assert_eq!(sasl_outcome(), outcome);
        let opened = b"\x00\x00\x00\x28\x02\x00\x00\x00\x00\x53\x10\xc0\x1b\x0a\xa1\x09hubnerite\
            \x40\x70\x00\x01\x00\x00\x60\x1f\xff\x40\x40\x40\x40\x40\x40";
        assert_eq!(open(), opened);
        let closed = b"\x00\x00\x00\x32\x02\x00\x00\x00\x00\x53\x18\xc0\x25\x01\
            \x00\x53\x1d\xc0\x1f\x03\xa3\x14amqp:not-implemented\xa1\x05words\x40";
        assert_eq!(close("words"), closed);
    }
}
