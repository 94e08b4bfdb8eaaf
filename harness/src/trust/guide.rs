//! What a person types so that a client trusts the hub: per SDK and system, nothing done by itself.

use emulator::tls::TrustFiles;

use super::shell::{self, Shell, assignment};
use super::variables::java_options;

/// A client of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Sdk {
    /// azure-iot-device and azure-iot-hub.
    Python,
    /// azure-iot-device and azure-iothub.
    Node,
    /// The az command line with its azure-iot extension.
    Az,
    /// Microsoft.Azure.Devices and its client.
    #[value(alias = "csharp")]
    Dotnet,
    /// com.microsoft.azure.sdk.iot.
    Java,
    /// azure-iot-sdk-c.
    C,
    /// Go programs.
    Go,
    /// Rust programs.
    Rust,
    /// curl.
    Curl,
    /// Web browsers.
    Browser,
}

/// A system that clients run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    #[value(name = "macos")]
    MacOs,
    /// Windows.
    Windows,
}

impl System {
    /// The one this program was built for.
    pub const fn here() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

/// The steps for `sdk`, or for all of them, on `system`.
pub fn guide(files: &TrustFiles, sdk: Option<Sdk>, system: System) -> String {
    let steps = Steps { files, system };
    let Some(sdk) = sdk else {
        let mut text = steps.opening();
        for sdk in EVERY_SDK {
            text.push('\n');
            text.push_str(&steps.section(sdk));
        }
        return text;
    };
    steps.section(sdk)
}

struct Steps<'a> {
    files: &'a TrustFiles,
    system: System,
}

impl Steps<'_> {
    fn opening(&self) -> String {
        let take_in = match self.system {
            System::Windows => "hubnerite env --shell powershell | Out-String | Invoke-Expression",
            System::Linux | System::MacOs => "eval \"$(hubnerite env)\"",
        };
        format!(
            "All variables below at once, in the shell that starts the clients:\n    {take_in}\n\
             For one command only:\n    hubnerite exec -- COMMAND\n"
        )
    }

    fn section(&self, sdk: Sdk) -> String {
        let (title, lines) = match sdk {
            Sdk::Python => ("Python SDKs", self.python()),
            Sdk::Node => (
                "Node.js SDKs",
                vec![self.set("NODE_EXTRA_CA_CERTS", &self.ca())],
            ),
            Sdk::Az => ("az iot", self.az()),
            Sdk::Dotnet => (".NET SDKs", self.dotnet()),
            Sdk::Java => ("Java SDKs", self.java()),
            Sdk::C => ("C SDK", self.c()),
            Sdk::Go => ("Go", self.go()),
            Sdk::Rust => ("Rust", vec![self.set("SSL_CERT_FILE", &self.bundle())]),
            Sdk::Curl => ("curl", self.curl()),
            Sdk::Browser => ("Web browsers", self.browser()),
        };
        let mut text = format!("{title}\n");
        for line in lines {
            text.push_str("    ");
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn python(&self) -> Vec<String> {
        vec![
            "# azure-iot-hub needs six, which it does not declare: pip install azure-iot-hub six"
                .to_owned(),
            self.set("SSL_CERT_FILE", &self.bundle()),
            self.set("REQUESTS_CA_BUNDLE", &self.bundle()),
        ]
    }

    fn az(&self) -> Vec<String> {
        let variable = match self.system {
            System::Windows => "$env:IOTHUB_CONNECTION_STRING",
            System::Linux | System::MacOs => "$IOTHUB_CONNECTION_STRING",
        };
        vec![
            format!("# add --login \"{variable}\" to each command, in place of --hub-name"),
            self.set("SSL_CERT_FILE", &self.bundle()),
            self.set("REQUESTS_CA_BUNDLE", &self.bundle()),
        ]
    }

    fn dotnet(&self) -> Vec<String> {
        match self.system {
            System::Linux => vec![self.set("SSL_CERT_FILE", &self.bundle())],
            System::MacOs | System::Windows => self.system_store(),
        }
    }

    fn java(&self) -> Vec<String> {
        let options = java_options(&self.files.pkcs12.display().to_string(), "");
        vec![
            "# device SDK 2.x and service SDK; write HostName=127.0.0.1, for the device SDK insists \
             on a dot"
                .to_owned(),
            self.set("JAVA_TOOL_OPTIONS", &options),
            "# device SDK 1.x trusts only roots compiled into it; one line of code, before open():"
                .to_owned(),
            format!("client.setOption(\"SetCertificatePath\", \"{}\");", java_text(&self.ca())),
        ]
    }

    fn c(&self) -> Vec<String> {
        let host = "# write HostName=127.0.0.1, for the SDK insists on a dot".to_owned();
        match self.system {
            System::Linux => vec![host, self.set("SSL_CERT_FILE", &self.bundle())],
            System::MacOs | System::Windows => vec![
                host,
                "# set the option OPTION_TRUSTED_CERT to the text of this file:".to_owned(),
                self.ca(),
            ],
        }
    }

    fn go(&self) -> Vec<String> {
        match self.system {
            System::Linux => vec![self.set("SSL_CERT_FILE", &self.bundle())],
            System::MacOs | System::Windows => self.system_store(),
        }
    }

    fn curl(&self) -> Vec<String> {
        match self.system {
            System::Linux | System::MacOs => {
                vec![format!(
                    "curl --cacert {} https://localhost/",
                    self.quote(&self.ca())
                )]
            }
            // Windows' own curl verifies with the system's library, which asks for revocation lists.
            System::Windows => vec![format!(
                "curl.exe --ssl-no-revoke --cacert {} https://localhost/",
                self.quote(&self.ca())
            )],
        }
    }

    fn browser(&self) -> Vec<String> {
        let mut lines =
            vec!["# Firefox: Settings, Certificates, Authorities, Import this file:".to_owned()];
        lines.push(self.ca());
        lines.push("# others read the system's store:".to_owned());
        lines.extend(match self.system {
            System::Linux => vec![format!(
                "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n hubnerite -i {}",
                self.quote(&self.ca())
            )],
            System::MacOs | System::Windows => self.system_store(),
        });
        lines
    }

    /// Into the user's own store, where the system has one, and out again.
    fn system_store(&self) -> Vec<String> {
        let ca = self.quote(&self.ca());
        match self.system {
            System::Linux => vec![
                format!("sudo cp {ca} /usr/local/share/ca-certificates/hubnerite.crt"),
                "sudo update-ca-certificates".to_owned(),
            ],
            System::MacOs => vec![
                format!(
                    "security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {ca}"
                ),
                format!("# undo: security remove-trusted-cert {ca}"),
            ],
            System::Windows => vec![
                format!("certutil -user -addstore Root {ca}"),
                "# undo: certutil -user -delstore Root \"Hubnerite local CA …\" (its full name)"
                    .to_owned(),
            ],
        }
    }

    fn set(&self, name: &str, value: &str) -> String {
        assignment(self.shell(), name, value)
    }

    fn quote(&self, value: &str) -> String {
        match self.system {
            System::Windows => format!("'{}'", shell::power_shell(value)),
            System::Linux | System::MacOs => shell::sh(value),
        }
    }

    fn shell(&self) -> Shell {
        match self.system {
            System::Windows => Shell::PowerShell,
            System::Linux | System::MacOs => Shell::Sh,
        }
    }

    fn ca(&self) -> String {
        self.files.ca.display().to_string()
    }

    fn bundle(&self) -> String {
        self.files.bundle.display().to_string()
    }
}

/// A text as it stands in Java's source.
fn java_text(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"")
}

const EVERY_SDK: [Sdk; 10] = [
    Sdk::Python,
    Sdk::Node,
    Sdk::Az,
    Sdk::Dotnet,
    Sdk::Java,
    Sdk::C,
    Sdk::Go,
    Sdk::Rust,
    Sdk::Curl,
    Sdk::Browser,
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;

    fn files() -> TrustFiles {
        TrustFiles::in_dir(Path::new("/home/ada/it's ca"))
    }

    #[test]
    fn the_whole_guide_has_a_section_for_each_sdk() {
        assert_eq!(Sdk::value_variants(), EVERY_SDK);
        for system in System::value_variants() {
            let whole = guide(&files(), None, *system);
            for sdk in EVERY_SDK {
                assert!(
                    whole.contains(&guide(&files(), Some(sdk), *system)),
                    "{sdk:?}"
                );
            }
        }
    }

    #[test]
    fn paths_are_quoted_for_the_shell_they_are_typed_into() {
        insta::assert_snapshot!(guide(&files(), Some(Sdk::Dotnet), System::Windows), @r#"
        .NET SDKs
            certutil -user -addstore Root '/home/ada/it''s ca/ca.pem'
            # undo: certutil -user -delstore Root "Hubnerite local CA …" (its full name)
        "#);
        insta::assert_snapshot!(guide(&files(), Some(Sdk::Python), System::Linux), @r"
        Python SDKs
            # azure-iot-hub needs six, which it does not declare: pip install azure-iot-hub six
            export SSL_CERT_FILE='/home/ada/it'\''s ca/bundle.pem'
            export REQUESTS_CA_BUNDLE='/home/ada/it'\''s ca/bundle.pem'
        ");
    }

    #[test]
    fn java_is_told_of_the_dot_and_of_the_one_line_of_1_x() {
        insta::assert_snapshot!(guide(&files(), Some(Sdk::Java), System::Linux), @r#"
        Java SDKs
            # device SDK 2.x and service SDK; write HostName=127.0.0.1, for the device SDK insists on a dot
            export JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore="/home/ada/it'\''s ca/trust.p12" -Djavax.net.ssl.trustStorePassword=changeit'
            # device SDK 1.x trusts only roots compiled into it; one line of code, before open():
            client.setOption("SetCertificatePath", "/home/ada/it's ca/ca.pem");
        "#);
    }
}
