//! The certificates that clients are to trust. Keys are never served.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tracing::warn;

use super::answer::{Answer, Problem, whole};
use super::call::Call;
use super::route::{Handler, ResponseBody, Route};
use crate::tls::TrustFiles;

const PEM: &str = "application/x-pem-file";
const PKCS12: &str = "application/x-pkcs12";

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "caCertificate",
        verb: Method::GET,
        path: "/ca.pem",
        summary: "The CA certificate to trust",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: PEM,
            schema: text,
        },
        handler: Handler::Later(|call| {
            Box::pin(async move { file(&call.context.ca_path, PEM).await })
        }),
    },
    Route {
        name: "bundle",
        verb: Method::GET,
        path: "/bundle.pem",
        summary: "The machine's public roots and the CA certificate",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: PEM,
            schema: text,
        },
        handler: Handler::Later(|call| Box::pin(exported(call, PEM, |files| &files.bundle))),
    },
    Route {
        name: "trustStore",
        verb: Method::GET,
        path: "/trust.p12",
        summary: "Both as a PKCS#12 trust store; the password is changeit",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: PKCS12,
            schema: || json!({ "type": "string", "format": "binary" }),
        },
        handler: Handler::Later(|call| Box::pin(exported(call, PKCS12, |files| &files.pkcs12))),
    },
];

fn text() -> Value {
    json!({ "type": "string" })
}

async fn exported(
    call: Call,
    content_type: &'static str,
    which: fn(&TrustFiles) -> &PathBuf,
) -> Result<Answer, Problem> {
    let mut trust = call.context.trust.clone();
    let exported = trust.wait_for(Option::is_some);
    // The guard of the watch must not live over the next await.
    let files = match tokio::time::timeout(EXPORT_PATIENCE, exported).await {
        Ok(Ok(files)) => Option::clone(&files),
        Ok(Err(_)) | Err(_) => None,
    };
    match files {
        Some(files) => file(which(&files), content_type).await,
        None => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the trust files are not exported",
        )
        .with_remedy("the hub's log says why; /ca.pem is there all the same")),
    }
}

async fn file(path: &Path, content_type: &'static str) -> Result<Answer, Problem> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(whole(StatusCode::OK, content_type, bytes)),
        Err(error) => {
            warn!(path = %path.display(), %error, "a trust file cannot be read");
            let detail = format!("{} cannot be read: {error}", path.display());
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
                .with_remedy("start the hub again: it writes the file anew"))
        }
    }
}

/// How long a request for a trust file waits for the export at start-up.
const EXPORT_PATIENCE: Duration = Duration::from_secs(10);
