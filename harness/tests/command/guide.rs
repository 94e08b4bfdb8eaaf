//! The fixtures of docs/TESTING.md, as a team would run them: each language's own runner, the built
//! binary, Microsoft's SDKs.

use std::path::{Path, PathBuf};
use std::process::Command;

use hubnerite_tests::{Java, Node, Python, TestHub, or_skip};

use crate::support::binary;

fn folder(language: &str) -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sdk");
    sdk.join(language).join("testing").canonicalize().unwrap()
}

/// Without the ports no SDK finds a hub.
async fn has_ports() -> bool {
    or_skip(TestHub::start_on_sdk_ports().await).is_some()
}

/// A copy of the folder, so that what a runner leaves behind is not in the source tree.
fn copy(language: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-R")
        .arg(folder(language).join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    copy
}

/// Runs a command as the guide has it; gives what it printed.
async fn passes(mut command: Command, home: &Path) -> String {
    command
        .env("HUBNERITE", binary())
        .env("HUBNERITE_CA", home.join("ca"))
        .env_remove("IOTHUB_CONNECTION_STRING")
        .env_remove("HUBNERITE_ADMIN_URL");
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    let output = tokio::task::spawn_blocking(move || (command.output(), command));
    let (output, command) = output.await.unwrap();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}\n{errors}");
    text
}

#[tokio::test]
async fn the_fixtures_for_pytest_test_a_device_and_a_back_end() {
    if !has_ports().await {
        return;
    }
    let Some(python) = or_skip(Python::get().await) else {
        return;
    };
    let folder = copy("python");
    let mut command = Command::new(python.interpreter());
    command
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(folder.path());
    let told = passes(command, folder.path()).await;
    assert!(told.contains("4 passed"), "{told}");
}

#[tokio::test]
async fn the_fixtures_for_node_test_a_device_and_a_back_end() {
    if !has_ports().await {
        return;
    }
    let Some(node) = or_skip(Node::get().await) else {
        return;
    };
    let folder = copy("node");
    let manifest = std::fs::read_to_string(folder.path().join("package.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let script = manifest["scripts"]["test"].as_str().unwrap();
    let script = script.replacen("hubnerite", "\"$HUBNERITE\"", 1);
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .env("NODE_PATH", node.modules())
        .current_dir(folder.path());
    let told = passes(command, folder.path()).await;
    assert!(
        told.contains("# pass 2") || told.contains("pass 2"),
        "{told}"
    );
}

#[tokio::test]
async fn the_fixtures_for_junit_test_a_device_and_a_back_end() {
    if !has_ports().await {
        return;
    }
    let Some(repository) = or_skip(Java::repository().await) else {
        return;
    };
    let folder = copy("java");
    let mut command = Command::new("mvn");
    command
        .args(["--batch-mode", "--no-transfer-progress", "test"])
        .arg(format!("-Dmaven.repo.local={}", repository.display()))
        .current_dir(folder.path());
    let told = passes(command, folder.path()).await;
    assert!(told.contains("Tests run: 2, Failures: 0"), "{told}");
}
