//! OpenSSL's hash of a certificate's subject, by which it finds a CA in a directory.
//!
//! SHA-1 over the subject's canonical encoding (`x509_name_canon` in OpenSSL's `crypto/x509/x_name.c`):
//! the RDNs without the outer SEQUENCE, each text value as a `UTF8String` in lower case, without
//! spaces around it and with single spaces within. The first four bytes, little-endian, make the file name.

use sha1::{Digest, Sha1};
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::X509Name;

/// What `openssl x509 -subject_hash` prints. Knows the ASCII-compatible string types; a value of any
/// other type is hashed as it stands.
pub(super) fn subject_hash(name: &X509Name<'_>) -> String {
    let mut canonical = Vec::new();
    for rdn in name.iter_rdn() {
        let mut attributes = Vec::new();
        for attribute in rdn.iter() {
            let mut pair = tlv(OID, attribute.attr_type().as_bytes());
            pair.extend(canonical_value(attribute.attr_value()));
            attributes.extend(tlv(SEQUENCE, &pair));
        }
        canonical.extend(tlv(SET, &attributes));
    }
    let digest: [u8; 20] = Sha1::digest(&canonical).into();
    let [a, b, c, d, ..] = digest;
    format!("{:08x}", u32::from_le_bytes([a, b, c, d]))
}

fn canonical_value(value: &Any<'_>) -> Vec<u8> {
    let text = matches!(
        value.tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString
    );
    if !text {
        let tag = u8::try_from(value.tag().0).unwrap_or(UTF8_STRING);
        return tlv(tag, value.data);
    }
    let words: Vec<Vec<u8>> = value
        .data
        .split(|byte| is_space(*byte))
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    tlv(UTF8_STRING, &words.join(&b' '))
}

/// C's `isspace` in the ASCII range.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// DER with a definite length (X.690, section 8.1.3).
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match (significant, value.len()) {
        ([], _) => encoded.push(0),
        ([short], 0..=127) => encoded.push(*short),
        (long, _) => {
            let count = u8::try_from(long.len()).expect("a length has at most eight bytes");
            encoded.push(0x80 | count);
            encoded.extend(long);
        }
    }
    encoded.extend(value);
    encoded
}

const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use x509_parser::prelude::FromDer;

    use super::*;

    /// Subjects as DER and what `openssl x509 -noout -subject_hash` (3.0.19) prints for them.
    #[test]
    fn hashes_are_those_of_the_openssl_tool() {
        let cases = [
            // CN=Hubnerite local CA 0123abcd, O=Hubnerite
            (
                "303a3124302206035504030c1b4875626e6572697465206c6f63616c204341203031323361626364\
                 31123010060355040a0c094875626e6572697465",
                "816d47fd",
            ),
            // C=DE (PrintableString), O="  Two   Spaces Ltd ", OU=Ünï, CN=MiXed Case
            (
                "3050310b3009060355040613024445311c301a060355040a0c13202054776f20202053706163657320\
                 4c746420310e300c060355040b0c05c39c6ec3af3113301106035504030c0a4d695865642043617365",
                "94794260",
            ),
            // O=A + OU=B in one RDN, CN=multi
            (
                "302631143008060355040a0c01413008060355040b0c0142310e300c06035504030c056d756c7469",
                "a48829b2",
            ),
            // emailAddress=Me@Example.COM, DC=Example (IA5Strings)
            (
                "3038311d301b06092a864886f70d010901160e4d65404578616d706c652e434f4d\
                 31173015060a0992268993f22c64011916074578616d706c65",
                "4d1f8b94",
            ),
        ];
        for (hex, expected) in cases {
            let der = bytes(hex);
            let (rest, name) = X509Name::from_der(&der).unwrap();
            assert!(rest.is_empty());
            assert_eq!(subject_hash(&name), expected, "{name}");
        }
    }

    #[test]
    fn long_values_have_long_lengths() {
        let heads: [(usize, &[u8]); 5] = [
            (0, &[4, 0]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (300, &[4, 0x82, 1, 44]),
            (65_536, &[4, 0x83, 1, 0, 0]),
        ];
        for (length, head) in heads {
            let encoded = tlv(4, &vec![7; length]);
            assert!(encoded.starts_with(head), "{length}");
            assert_eq!(encoded.len(), head.len() + length);
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
