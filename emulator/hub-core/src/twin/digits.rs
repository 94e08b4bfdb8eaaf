//! Numbers as text: six bits a character, all of them ASCII, so that a packed tree stays a `str` of
//! which any part is one as well.
//!
//! Knows nothing of what the numbers mean.

/// Bit 6: another character of the number follows.
const MORE: u8 = 0x40;
const SIX_BITS: u8 = 0x3F;

/// Appends a number in as few characters as it needs, the lowest bits first.
#[inline]
pub(super) fn push(out: &mut String, number: usize) {
    match u8::try_from(number) {
        Ok(digit) if digit <= SIX_BITS => out.push(char::from(digit)),
        _ => insert(out, out.len(), number),
    }
}

/// Puts a number in at `at`, in the same way.
pub(super) fn insert(out: &mut String, mut at: usize, mut number: usize) {
    loop {
        let digit = number.to_le_bytes()[0] & SIX_BITS;
        number >>= 6;
        if number == 0 {
            out.insert(at, char::from(digit));
            return;
        }
        out.insert(at, char::from(digit | MORE));
        at += 1;
    }
}

/// How many characters [`push`] takes for a number.
pub(super) fn length(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros();
    bits.div_ceil(6).max(1) as usize
}

/// The number at `at`, which is moved behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: &mut usize) -> usize {
    let first = bytes[*at];
    *at += 1;
    if first & MORE == 0 {
        return usize::from(first);
    }
    read_more(bytes, at, usize::from(first & SIX_BITS))
}

fn read_more(bytes: &[u8], at: &mut usize, mut number: usize) -> usize {
    for shift in (6..).step_by(6) {
        let byte = bytes[*at];
        *at += 1;
        number |= usize::from(byte & SIX_BITS) << shift;
        if byte & MORE == 0 {
            break;
        }
    }
    number
}

/// Appends a number in exactly `width` characters, the lowest bits first; more of it is lost.
pub(super) fn push_fixed(out: &mut String, number: u64, width: usize) {
    for place in 0..width {
        let digit = (number >> (6 * place)).to_le_bytes()[0] & SIX_BITS;
        out.push(char::from(digit));
    }
}

/// How many characters a number needs so; none for 0.
pub(super) fn fixed_length(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(6) as usize
}

/// The number that all of `bytes` are.
pub(super) fn read_fixed(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().rev();
    digits.fold(0, |number, digit| number << 6 | u64::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for number in [0, 1, 63, 64, 4095, 4096, 262_143, 262_144, usize::MAX >> 4] {
            let mut text = String::from("é");
            push(&mut text, number);
            assert_eq!(text.len(), 2 + length(number));
            text.push('é');
            let mut inserted = String::from("éé");
            insert(&mut inserted, 2, number);
            assert_eq!(inserted, text);
            let mut at = 2;
            assert_eq!(read(text.as_bytes(), &mut at), number);
            assert_eq!(&text[at..], "é");
        }
    }

    #[test]
    fn numbers_of_a_fixed_width_are_read_as_they_were_written() {
        for (number, length) in [
            (0, 0),
            (1, 1),
            (63, 1),
            (64, 2),
            (1 << 35, 6),
            (u64::MAX, 11),
        ] {
            assert_eq!(fixed_length(number), length);
            for width in [length, 11] {
                let mut text = String::new();
                push_fixed(&mut text, number, width);
                assert_eq!(text.len(), width);
                assert_eq!(read_fixed(text.as_bytes()), number);
            }
        }
    }
}
