//! One page of the blobs of a container.

use std::fmt::Write;

use super::answer::{XML, escaped};
use super::folder::{Properties, Stamp};

/// What a listing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    /// The first name of the page.
    pub(super) marker: String,
    pub(super) limit: usize,
    pub(super) with_metadata: bool,
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// By its place among the names.
    Blob(usize),
    /// What names have in common up to the delimiter.
    Prefix(String),
}

impl Listing {
    /// The items of a page, of names in their order, and the first name of the next page.
    pub(super) fn page(&self, names: &[&str]) -> (Vec<Item>, Option<String>) {
        let mut items: Vec<Item> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let Some(rest) = name.strip_prefix(&*self.prefix) else {
                continue;
            };
            if *name < &*self.marker {
                continue;
            }
            let item = match rest.find(&self.delimiter) {
                Some(at) if !self.delimiter.is_empty() => {
                    let end = self.prefix.len() + at + self.delimiter.len();
                    Item::Prefix(name[..end].to_owned())
                }
                _ => Item::Blob(index),
            };
            if items.last() == Some(&item) {
                continue;
            }
            if items.len() >= self.limit {
                return (items, Some((*name).to_owned()));
            }
            items.push(item);
        }
        (items, None)
    }

    /// What stands before the items.
    pub(super) fn begin(&self, container: &str) -> String {
        let Self {
            prefix,
            delimiter,
            marker,
            limit,
            ..
        } = self;
        format!(
            "{XML}<EnumerationResults ContainerName=\"{container}\"><Prefix>{}</Prefix>\
             <Marker>{}</Marker><MaxResults>{limit}</MaxResults><Delimiter>{}</Delimiter><Blobs>",
            escaped(prefix),
            escaped(marker),
            escaped(delimiter),
        )
    }

    pub(super) fn push_blob(&self, out: &mut String, name: &str, stamp: &Stamp, of: &Properties) {
        let Stamp { bytes, .. } = stamp;
        let (at, etag) = (stamp.last_modified(), stamp.etag());
        let written = write!(
            out,
            "<Blob><Name>{}</Name><Properties><Creation-Time>{at}</Creation-Time>\
             <Last-Modified>{at}</Last-Modified><Etag>{}</Etag>\
             <Content-Length>{bytes}</Content-Length>",
            escaped(name),
            etag.trim_matches('"'),
        );
        written.expect("a String takes any text");
        for (header, element) in ELEMENTS {
            let value = of.headers.get(header).map_or("", String::as_str);
            let value = match header {
                "content-type" if value.is_empty() => OCTETS,
                _ => value,
            };
            write!(out, "<{element}>{}</{element}>", escaped(value))
                .expect("a String takes any text");
        }
        out.push_str(
            "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>\
             <LeaseState>available</LeaseState><ServerEncrypted>false</ServerEncrypted>\
             </Properties>",
        );
        if self.with_metadata {
            out.push_str("<Metadata>");
            for (name, value) in &of.metadata {
                write!(out, "<{name}>{}</{name}>", escaped(value))
                    .expect("a String takes any text");
            }
            out.push_str("</Metadata>");
        }
        out.push_str("</Blob>");
    }

    pub(super) fn push_prefix(out: &mut String, prefix: &str) {
        write!(
            out,
            "<BlobPrefix><Name>{}</Name></BlobPrefix>",
            escaped(prefix)
        )
        .expect("a String takes any text");
    }

    pub(super) fn end(out: &mut String, next: Option<&str>) {
        let next = escaped(next.unwrap_or_default());
        write!(
            out,
            "</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
        )
        .expect("a String takes any text");
    }
}

/// Of a blob whose type nobody told.
pub(super) const OCTETS: &str = "application/octet-stream";

const ELEMENTS: [(&str, &str); 6] = [
    ("content-type", "Content-Type"),
    ("content-encoding", "Content-Encoding"),
    ("content-language", "Content-Language"),
    ("content-md5", "Content-MD5"),
    ("cache-control", "Cache-Control"),
    ("content-disposition", "Content-Disposition"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_blobs_and_prefixes_and_goes_on_where_it_ended() {
        // BLOB-1
        let names = ["a", "d/1", "d/2", "d/e/3", "x"];
        let listing = |prefix: &str, delimiter: &str, marker: &str, limit| Listing {
            prefix: prefix.to_owned(),
            delimiter: delimiter.to_owned(),
            marker: marker.to_owned(),
            limit,
            with_metadata: false,
        };
        let prefix = |text: &str| Item::Prefix(text.to_owned());
        let all = listing("", "/", "", 10).page(&names);
        assert_eq!(
            all,
            (vec![Item::Blob(0), prefix("d/"), Item::Blob(4)], None)
        );
        let first = listing("", "/", "", 2).page(&names);
        assert_eq!(
            first,
            (vec![Item::Blob(0), prefix("d/")], Some("x".to_owned()))
        );
        let rest = listing("", "/", "x", 2).page(&names);
        assert_eq!(rest, (vec![Item::Blob(4)], None));
        let below = listing("d/", "/", "", 10).page(&names);
        assert_eq!(below.0, [Item::Blob(1), Item::Blob(2), prefix("d/e/")]);
        assert_eq!(listing("d/", "", "", 10).page(&names).0.len(), 3);
    }
}
