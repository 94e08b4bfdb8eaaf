//! What a request is about: container and blob of its path, its range, its conditions.

use hyper::StatusCode;
use percent_encoding::percent_decode_str;

use super::answer::Refusal;
use super::folder::Stamp;
use super::name::{BlobName, ContainerName};
use crate::http::{Head, printable, query_parameter};

/// The one account, as emulators of the storage call it.
pub(super) const ACCOUNT: &str = "devstoreaccount1";

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Account,
    Container(ContainerName),
    Blob(ContainerName, BlobName),
}

impl Target {
    pub(super) fn of(path: &str) -> Result<Self, Refusal> {
        let path = path.trim_start_matches('/');
        let (account, rest) = path.split_once('/').unwrap_or((path, ""));
        if account != ACCOUNT {
            let text = format!("the path begins with /{ACCOUNT}/ and the container");
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                text,
            ));
        }
        if rest.is_empty() {
            return Ok(Self::Account);
        }
        let (container, blob) = rest.split_once('/').unwrap_or((rest, ""));
        let container = ContainerName::parse(container).ok_or_else(|| {
            let text = "a container has 3 to 63 lower-case letters, digits and single hyphens";
            Refusal::bad("InvalidResourceName", text)
        })?;
        if blob.is_empty() {
            return Ok(Self::Container(container));
        }
        let blob = percent_decode_str(blob).decode_utf8().ok();
        let blob = blob.and_then(|blob| BlobName::parse(&blob)).ok_or_else(|| {
            let text = "a blob has 1 to 1024 characters, none of them for control; its name must \
                        fit into 240 bytes of a file name, where `/` and all that is no letter or \
                        digit of ASCII counts threefold";
            Refusal::bad("InvalidResourceName", text)
        })?;
        Ok(Self::Blob(container, blob))
    }
}

/// Whether the request says who it is. What it says is not looked at.
pub(super) fn check_credential(head: &Head) -> Result<(), Refusal> {
    let signature = query_parameter(head, "sig").filter(|signature| !signature.is_empty());
    if signature.is_some() || head.has("authorization") {
        return Ok(());
    }
    let text = "the request has neither a shared access signature (sig) nor an Authorization; \
                any will do";
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "AuthorizationFailure",
        text,
    ))
}

/// What would change what a request means, and is not built, is refused.
pub(super) fn refuse_what_is_not_built(head: &Head) -> Result<(), Refusal> {
    let not_built = NOT_BUILT.iter().find(|name| head.has(name));
    not_built.map_or(Ok(()), |name| {
        Err(Refusal::not_built(&format!("the header {name}")))
    })
}

const NOT_BUILT: [&str; 16] = [
    "content-md5",
    "if-modified-since",
    "if-unmodified-since",
    "x-ms-access-tier",
    "x-ms-blob-public-access",
    "x-ms-content-crc64",
    "x-ms-copy-source",
    "x-ms-encryption-key",
    "x-ms-encryption-scope",
    "x-ms-if-tags",
    "x-ms-immutability-policy-mode",
    "x-ms-lease-id",
    "x-ms-range-get-content-crc64",
    "x-ms-range-get-content-md5",
    "x-ms-structured-body",
    "x-ms-tags",
];

/// Checks `If-Match` and `If-None-Match` for a write, where `now` is the blob that is there.
pub(super) fn check_write(head: &Head, now: Option<Stamp>) -> Result<(), Refusal> {
    let (if_match, if_none_match) = (head.text("if-match"), head.text("if-none-match"));
    if if_none_match == Some("*") && now.is_some() {
        let text = "The specified blob already exists.";
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "BlobAlreadyExists",
            text,
        ));
    }
    let is_named = |etag: &str| now.is_some_and(|stamp| etag == "*" || same(etag, &stamp));
    if if_match.is_some_and(|etag| !is_named(etag)) || if_none_match.is_some_and(is_named) {
        return Err(condition_not_met());
    }
    Ok(())
}

/// The same for reading, where an `If-None-Match` that names what is there is 304.
pub(super) fn check_read(head: &Head, now: &Stamp) -> Result<(), Refusal> {
    let is_named = |etag: &str| etag == "*" || same(etag, now);
    if head.text("if-match").is_some_and(|etag| !is_named(etag)) {
        return Err(condition_not_met());
    }
    if head.text("if-none-match").is_some_and(is_named) {
        let text = "the blob is the one that is named";
        return Err(Refusal::new(
            StatusCode::NOT_MODIFIED,
            "ConditionNotMet",
            text,
        ));
    }
    Ok(())
}

fn condition_not_met() -> Refusal {
    let text = "The condition specified using HTTP conditional header(s) is not met.";
    Refusal::new(StatusCode::PRECONDITION_FAILED, "ConditionNotMet", text)
}

fn same(etag: &str, stamp: &Stamp) -> bool {
    etag.trim_matches('"') == stamp.etag().trim_matches('"')
}

/// The first and the last byte that are asked for; `None`: all.
pub(super) fn range(head: &Head, bytes: u64) -> Result<Option<(u64, u64)>, Refusal> {
    let asked = head.get("x-ms-range").or_else(|| head.get("range"));
    let Some(asked) = asked.and_then(printable) else {
        return Ok(None);
    };
    // What is no single range is as if it were not there (RFC 9110, section 14.2).
    let range = asked
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((Ok(first), last)) = range.map(|(first, last)| (first.parse::<u64>(), last)) else {
        return Ok(None);
    };
    let last = match last {
        "" => u64::MAX,
        last => match last.parse() {
            Ok(last) if last >= first => last,
            _ => return Ok(None),
        },
    };
    if first >= bytes {
        let text = "The range specified is invalid for the current size of the resource.";
        let mut refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", text);
        let size = format!("bytes */{bytes}");
        refusal.header = Some(("content-range", size));
        return Err(refusal);
    }
    Ok(Some((first, last.min(bytes - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn a_range_is_cut_to_the_blob_and_one_behind_it_is_refused() {
        let range_of = |text: &'static str| {
            let head = format!("GET / HTTP/1.1\r\nx-ms-range: {text}\r\n\r\n");
            range(&testing::head(&head), 10).map_err(|refusal| refusal.status.as_u16())
        };
        assert_eq!(range_of("bytes=0-3"), Ok(Some((0, 3))));
        assert_eq!(range_of("bytes=4-99"), Ok(Some((4, 9))));
        assert_eq!(range_of("bytes=9-"), Ok(Some((9, 9))));
        assert_eq!(range_of("bytes=10-"), Err(416));
        assert_eq!(range_of("bytes=3-1"), Ok(None));
        assert_eq!(range_of("bytes=-5"), Ok(None));
        assert_eq!(range_of("lines=0-3"), Ok(None));
    }

    #[test]
    fn a_path_names_account_container_or_blob() {
        let of = |path: &str| Target::of(path).map_err(|refusal| refusal.code);
        assert_eq!(of("/devstoreaccount1"), Ok(Target::Account));
        let container = ContainerName::parse("abc").unwrap();
        assert_eq!(
            of("/devstoreaccount1/abc/"),
            Ok(Target::Container(container.clone()))
        );
        let blob = BlobName::parse("../../x").unwrap();
        assert_eq!(
            of("/devstoreaccount1/abc/..%2F../x"),
            Ok(Target::Blob(container, blob))
        );
        assert_eq!(of("/other/abc"), Err("ResourceNotFound"));
        assert_eq!(
            of("/devstoreaccount1/.hubnerite/x"),
            Err("InvalidResourceName")
        );
    }
}
