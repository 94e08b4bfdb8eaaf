//! The endpoint as its clients see it, over sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use super::{BlobFolder, serve_connection};
use crate::stop::StopSwitch;

/// An endpoint over a folder of its own, with the container `files`.
pub(crate) struct TestBlobs {
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    _switch: StopSwitch,
}

/// Status, headers and body.
type Seen = (u16, HeaderMap, String);

impl TestBlobs {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let blobs = Arc::new(BlobFolder::open(folder.path()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let switch = StopSwitch::new();
        let stop = switch.token();
        tokio::spawn(async move {
            while let Ok((socket, peer)) = listener.accept().await {
                let served = serve_connection(socket, peer, stop.clone(), Arc::clone(&blobs));
                tokio::spawn(served);
            }
        });
        Self {
            folder,
            address,
            _switch: switch,
        }
    }

    /// The address of the container, with a signature.
    pub(crate) fn container(&self) -> String {
        format!(
            "http://{}/devstoreaccount1/files?sv=1&sig=any",
            self.address
        )
    }

    /// The file of a blob; `None` if there is none.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("files").join(name)).ok()
    }

    pub(crate) fn put_file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("files").join(name), text).unwrap();
    }

    /// A request with a signature: `GET files/blob?comp=…`, and headers as `name: value`.
    async fn call(&self, line: &str, headers: &[&str], body: &str) -> Seen {
        let (verb, path) = line.split_once(' ').unwrap();
        let separator = if path.contains('?') { '&' } else { '?' };
        let target = format!("/devstoreaccount1/{path}{separator}sig=any");
        self.raw(verb, &target, headers, body).await
    }

    async fn raw(&self, verb: &str, target: &str, headers: &[&str], body: &str) -> Seen {
        let mut request = Request::builder().method(verb).uri(target);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.header("host", "localhost");
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let body = String::from_utf8(body).unwrap();
        (head.status.as_u16(), head.headers, body)
    }
}

const BLOCK_BLOB: &str = "x-ms-blob-type: BlockBlob";

#[tokio::test]
async fn a_blob_is_put_read_in_parts_listed_and_deleted() {
    // BLOB-1
    let blobs = TestBlobs::start().await;
    let headers = [
        BLOCK_BLOB,
        "x-ms-blob-content-type: text/plain",
        "x-ms-meta-k: v",
    ];
    let (status, put, _) = blobs.call("PUT files/a%2Fb", &headers, "0123456789").await;
    assert_eq!(status, 201);
    assert_eq!(blobs.file("a%2Fb").unwrap(), "0123456789");
    let (status, got, body) = blobs.call("GET files/a/b", &[], "").await;
    assert_eq!((status, &*body), (200, "0123456789"));
    assert_eq!(got["etag"], put["etag"]);
    assert_eq!(got["content-type"], "text/plain");
    assert_eq!(got["x-ms-meta-k"], "v");
    let (status, got, body) = blobs
        .call("GET files/a/b", &["x-ms-range: bytes=2-4"], "")
        .await;
    assert_eq!((status, &*body), (206, "234"));
    assert_eq!(got["content-range"], "bytes 2-4/10");
    let (status, got, _) = blobs.call("HEAD files/a/b", &[], "").await;
    assert_eq!(
        (status, &got["content-length"]),
        (200, &"10".parse().unwrap())
    );
    let list = "GET files?restype=container&comp=list&prefix=a";
    let (status, _, body) = blobs.call(list, &[], "").await;
    assert_eq!(status, 200);
    let list = roxmltree::Document::parse(&body).unwrap();
    let names = list.descendants().filter(|node| node.has_tag_name("Name"));
    let names: Vec<_> = names.filter_map(|node| node.text()).collect();
    assert_eq!(names, ["a/b"]);
    assert_eq!(blobs.call("DELETE files/a/b", &[], "").await.0, 202);
    let (status, gone, _) = blobs.call("GET files/a/b", &[], "").await;
    assert_eq!(
        (status, &gone["x-ms-error-code"]),
        (404, &"BlobNotFound".parse().unwrap())
    );
}

#[tokio::test]
async fn blocks_become_a_blob_in_the_order_of_their_list() {
    // BLOB-1
    let blobs = TestBlobs::start().await;
    for (id, text) in [("YWE%3D", "world"), ("YWI%3D", "hello ")] {
        let block = format!("PUT files/x?comp=block&blockid={id}");
        assert_eq!(blobs.call(&block, &[], text).await.0, 201);
    }
    assert_eq!(blobs.call("GET files/x", &[], "").await.0, 404, "not yet");
    let list = "<BlockList><Latest>YWI=</Latest><Uncommitted>YWE=</Uncommitted></BlockList>";
    assert_eq!(
        blobs.call("PUT files/x?comp=blocklist", &[], list).await.0,
        201
    );
    assert_eq!(blobs.file("x").unwrap(), "hello world");
    let again = blobs.call("PUT files/x?comp=blocklist", &[], list).await;
    assert_eq!(again.1["x-ms-error-code"], "InvalidBlockList");
    let unknown = blobs.call(
        "PUT files/x?comp=blocklist",
        &[],
        "<BlockList><X/></BlockList>",
    );
    assert_eq!(unknown.await.0, 400);
}

#[tokio::test]
async fn conditions_hold_and_what_is_not_built_is_refused_by_name() {
    // BLOB-3
    let blobs = TestBlobs::start().await;
    assert_eq!(blobs.call("PUT files/x", &[BLOCK_BLOB], "1").await.0, 201);
    let cases: [(&str, &[&str], u16, &str); 10] = [
        (
            "PUT files/x",
            &[BLOCK_BLOB, "if-none-match: *"],
            409,
            "BlobAlreadyExists",
        ),
        (
            "PUT files/x",
            &[BLOCK_BLOB, "if-match: \"0x1\""],
            412,
            "ConditionNotMet",
        ),
        (
            "GET files/x",
            &["if-match: \"0x1\""],
            412,
            "ConditionNotMet",
        ),
        (
            "PUT files/x",
            &["x-ms-blob-type: PageBlob"],
            501,
            "NotImplemented",
        ),
        ("PUT files/x", &[], 400, "MissingRequiredHeader"),
        (
            "PUT files/x",
            &[BLOCK_BLOB, "content-md5: AA=="],
            501,
            "NotImplemented",
        ),
        ("PUT files/x?comp=lease", &[], 501, "NotImplemented"),
        ("PUT none/x", &[BLOCK_BLOB], 404, "ContainerNotFound"),
        ("PUT Bad_Name/x", &[BLOCK_BLOB], 400, "InvalidResourceName"),
        (
            "PUT files?restype=container",
            &[],
            409,
            "ContainerAlreadyExists",
        ),
    ];
    for (line, headers, expected, code) in cases {
        let body = if line.starts_with("PUT") { "2" } else { "" };
        let (status, seen, _) = blobs.call(line, headers, body).await;
        assert_eq!(status, expected, "{line} {headers:?}");
        assert_eq!(seen["x-ms-error-code"], code, "{line} {headers:?}");
    }
    // This client leaves out a length of zero, as the service does not let it.
    let (status, seen, _) = blobs.call("PUT files/x", &[BLOCK_BLOB], "").await;
    let code = &seen["x-ms-error-code"];
    assert_eq!(
        (status, code.as_bytes()),
        (411, &b"MissingContentLengthHeader"[..])
    );
    let target = "/devstoreaccount1/files/x";
    assert_eq!(blobs.raw("GET", target, &[], "").await.0, 403);
    let with_key = blobs.raw("GET", target, &["authorization: SharedKey a:b"], "");
    assert_eq!(with_key.await.0, 200);
}

#[tokio::test]
async fn containers_come_and_go_with_what_is_in_them() {
    let blobs = TestBlobs::start().await;
    assert_eq!(
        blobs.call("PUT more?restype=container", &[], "").await.0,
        201
    );
    assert_eq!(blobs.call("PUT more/x", &[BLOCK_BLOB], "1").await.0, 201);
    let (_, _, list) = blobs.call("GET ?comp=list", &[], "").await;
    assert!(list.contains("<Name>files</Name>") && list.contains("<Name>more</Name>"));
    assert!(!list.contains(".hubnerite"));
    assert_eq!(
        blobs.call("DELETE more?restype=container", &[], "").await.0,
        202
    );
    assert_eq!(
        blobs.call("GET more?restype=container", &[], "").await.0,
        404
    );
}

/// A link that somebody put into the folder leads out of it.
#[cfg(unix)]
#[tokio::test]
async fn a_link_is_no_blob() {
    // BLOB-2
    let blobs = TestBlobs::start().await;
    let link = blobs.folder.path().join("files").join("link");
    std::os::unix::fs::symlink("/etc/hostname", link).unwrap();
    assert_eq!(blobs.call("GET files/link", &[], "").await.0, 404);
}
