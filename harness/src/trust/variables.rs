//! The environment variables by which clients find the hub and trust it.

use std::path::Path;

use emulator::tls::{Authority, TRUST_STORE_PASSWORD, TlsError, TrustFiles, export};
use hub_proto::time::{Instant, Now, Timestamp};

/// The trust files of the CA in `ca_dir`; the CA and the files are made where they are missing.
pub fn trust_files(ca_dir: &Path, wall: Timestamp) -> Result<TrustFiles, TlsError> {
    let now = Now {
        mono: Instant::ZERO,
        wall,
    };
    export(&Authority::open_or_create(ca_dir, now)?, now)
}

/// Names and values, in the order in which they are shown. `java_tool_options` is what that variable
/// holds already: it is kept.
///
/// `SSL_CERT_DIR` is left alone: `SSL_CERT_FILE` does the same in every client, and where both are
/// set curl heeds the directory only, for which `CURL_CA_BUNDLE` makes up.
pub fn variables(
    connection_string: &str,
    admin_url: Option<&str>,
    files: &TrustFiles,
    java_tool_options: Option<&str>,
) -> Vec<(String, String)> {
    let ca = files.ca.display().to_string();
    let bundle = files.bundle.display().to_string();
    let java = java_options(
        &files.pkcs12.display().to_string(),
        java_tool_options.unwrap_or(""),
    );
    let mut variables = vec![("IOTHUB_CONNECTION_STRING", connection_string.to_owned())];
    variables.extend(admin_url.map(|url| ("HUBNERITE_ADMIN_URL", url.to_owned())));
    variables.extend([
        // OpenSSL: Python and C devices, uamqp, Rust, Go and .NET on Linux.
        ("SSL_CERT_FILE", bundle.clone()),
        // Python's requests: the service SDK, the az command line.
        ("REQUESTS_CA_BUNDLE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
        // Adds to the roots that are compiled into Node.
        ("NODE_EXTRA_CA_CERTS", ca),
        ("JAVA_TOOL_OPTIONS", java),
    ]);
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The trust store's options behind what was there. The JVM takes the last of two options of one
/// name; asking twice does not add them twice.
pub(super) fn java_options(trust_store: &str, present: &str) -> String {
    let quote = if trust_store.contains(char::is_whitespace) {
        "\""
    } else {
        ""
    };
    let ours = format!(
        "-Djavax.net.ssl.trustStore={quote}{trust_store}{quote} \
         -Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}"
    );
    if present.trim().is_empty() {
        ours
    } else if present.contains(&ours) {
        present.to_owned()
    } else {
        format!("{} {ours}", present.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_given_the_file_it_reads() {
        let files = TrustFiles::in_dir(Path::new("/ca"));
        let variables = variables(
            "HostName=localhost",
            Some("http://127.0.0.1:8080"),
            &files,
            None,
        );
        let lines: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            lines,
            [
                "IOTHUB_CONNECTION_STRING=HostName=localhost",
                "HUBNERITE_ADMIN_URL=http://127.0.0.1:8080",
                "SSL_CERT_FILE=/ca/bundle.pem",
                "REQUESTS_CA_BUNDLE=/ca/bundle.pem",
                "CURL_CA_BUNDLE=/ca/bundle.pem",
                "NODE_EXTRA_CA_CERTS=/ca/ca.pem",
                "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/ca/trust.p12 \
                 -Djavax.net.ssl.trustStorePassword=changeit",
            ]
        );
    }

    #[test]
    fn without_an_admin_api_its_variable_is_left_out() {
        let files = TrustFiles::in_dir(Path::new("/ca"));
        let variables = variables("x", None, &files, None);
        assert!(
            variables
                .iter()
                .all(|(name, _)| name != "HUBNERITE_ADMIN_URL")
        );
    }

    #[test]
    fn javas_options_keep_what_was_there_and_do_not_grow() {
        let once = java_options("/my ca/trust.p12", "-Xmx1g ");
        assert_eq!(
            once,
            "-Xmx1g -Djavax.net.ssl.trustStore=\"/my ca/trust.p12\" \
             -Djavax.net.ssl.trustStorePassword=changeit"
        );
        assert_eq!(java_options("/my ca/trust.p12", &once), once);
    }

    #[test]
    fn trust_files_are_made_where_they_are_missing() {
        let dir = tempfile::tempdir().unwrap();
        let files = trust_files(dir.path(), crate::clock::wall_now()).unwrap();
        for file in [&files.ca, &files.bundle, &files.hashed_dir, &files.pkcs12] {
            assert!(file.exists(), "{}", file.display());
        }
    }
}
