//! Devices on Microsoft's SDKs among virtual ones in one scenario. The simulator shares code with the
//! hub and could agree with it on a mistake; what passes the same checks as real devices has not.

use std::path::Path;

use harness::judge::verdict::Outcome;
use harness::report::{ReportKind, render};
use harness::runner::{RunOptions, run_blocking};
use harness::scenario::{LoadOptions, load};
use hubnerite_tests::{Node, Python, TestHub, or_skip};

// SEMANTICS CON-1, DM-10
#[tokio::test]
async fn real_devices_pass_the_same_checks_as_virtual_ones() {
    // The ports are asked for first: without them no SDK finds a hub.
    let Some(hub) = or_skip(TestHub::start_on_sdk_ports().await) else {
        return;
    };
    drop(hub);
    let (Some(python), Some(node)) = (or_skip(Python::get().await), or_skip(Node::get().await))
    else {
        return;
    };
    let verdict = tokio::task::spawn_blocking(move || {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/real-devices.yaml");
        let variables = [
            ("python".to_owned(), python.command()),
            ("node".to_owned(), node.command()),
        ];
        let options = LoadOptions {
            variables: &variables,
            ..LoadOptions::default()
        };
        let scenario = load(&file, options).unwrap_or_else(|errors| panic!("{errors}"));
        let ca = tempfile::tempdir().unwrap();
        let options = RunOptions {
            ca_dir: Some(ca.path().to_owned()),
            ..RunOptions::default()
        };
        run_blocking(scenario.into_iter().next().unwrap(), options)
    });
    let verdict = verdict.await.unwrap();
    let report = render(ReportKind::Human, std::slice::from_ref(&verdict));
    assert_eq!(verdict.outcome, Outcome::Passed, "{report}");
    for check in &verdict.checks {
        assert_eq!((check.devices, check.passed), (24, 24), "{report}");
    }
}
