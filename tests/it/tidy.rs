//! The house rules that a machine can check: who may depend on whom, how long a file may be, and
//! that the promises of docs/SEMANTICS.md and the tests name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The longest a source file may be, its unit tests included.
const FILE_LINES_MAX: usize = 600;

/// Crates that read clocks, open sockets, draw random numbers, log or run tasks.
const IMPURE_CRATES: &[&str] = &[
    "async-std",
    "chrono",
    "dashmap",
    "env_logger",
    "futures",
    "futures-util",
    "getrandom",
    "hyper",
    "log",
    "mio",
    "native-tls",
    "openssl",
    "parking_lot",
    "rand",
    "rcgen",
    "reqwest",
    "ring",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tracing",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .into()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo describes the workspace")
}

/// Files that belong to the repository: tracked, or new and not ignored.
fn repository_files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listing.status.success(), "git ls-files failed");
    let names = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    let files: Vec<_> = names
        .lines()
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect();
    assert!(
        files.len() > 40,
        "only {} files: is this the repository?",
        files.len()
    );
    files
}

fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    repository_files()
        .into_iter()
        .filter(|path| {
            path.extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| extensions.contains(&e))
        })
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            (path, text)
        })
        .collect()
}

/// The names of everything `package` is built from, itself excluded; dev-dependencies left out.
fn built_from(metadata: &Metadata, package: &Package) -> BTreeSet<String> {
    let resolve = metadata
        .resolve
        .as_ref()
        .expect("metadata resolves dependencies");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![&package.id];
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let normal = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal && kind.target.is_none());
            if normal && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter()
        .map(|id| metadata[id].name.to_string())
        .collect()
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == name)
        .unwrap_or_else(|| panic!("the workspace has no crate {name}"))
}

#[test]
fn the_pure_crates_are_built_from_nothing_impure() {
    let metadata = metadata();
    for name in ["hub-proto", "hub-core", "yaml-tree"] {
        let parts = built_from(&metadata, package(&metadata, name));
        assert!(!parts.is_empty(), "{name} seems to depend on nothing");
        let impure: Vec<_> = IMPURE_CRATES
            .iter()
            .filter(|krate| parts.contains(**krate))
            .collect();
        assert!(impure.is_empty(), "{name} is built from {impure:?}");
    }
}

#[test]
fn crates_depend_only_downwards() {
    let allowed: &[(&str, &[&str])] = &[
        ("hub-proto", &[]),
        ("yaml-tree", &[]),
        ("hub-core", &["hub-proto"]),
        ("emulator", &["hub-core", "hub-proto", "yaml-tree"]),
        ("device-sim", &["hub-proto", "yaml-tree"]),
        (
            "harness",
            &[
                "device-sim",
                "emulator",
                "hub-core",
                "hub-proto",
                "yaml-tree",
            ],
        ),
    ];
    let metadata = metadata();
    let ours: BTreeSet<_> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    for (name, may_use) in allowed {
        for used in built_from(&metadata, package(&metadata, name)).intersection(&ours) {
            assert!(
                may_use.contains(&used.as_str()),
                "{name} must not depend on {used}"
            );
        }
    }
}

#[test]
fn the_front_ends_do_not_see_each_other_nor_a_shard() {
    // The upgrade from HTTPS to WebSocket is the one door between two front ends; tests of imports and
    // exports have a container to do it with.
    let doors = ["crate::mqtt::websocket", "crate::blob::tests"];
    let front_ends = ["mqtt", "rest", "admin", "blob"];
    for (path, text) in sources(&["rs"]) {
        for room in front_ends {
            if !path.starts_with(root().join("emulator/src").join(room)) {
                continue;
            }
            for line in text
                .lines()
                .filter(|line| !doors.iter().any(|door| line.contains(door)))
            {
                for other in front_ends.iter().filter(|other| **other != room) {
                    let import = format!("crate::{other}::");
                    assert!(
                        !line.contains(&import),
                        "{} imports {other}: {line}",
                        path.display()
                    );
                }
                assert!(
                    !line.contains("Shard"),
                    "{} sees a shard: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_its_limit() {
    for (path, text) in sources(&["rs", "py", "js", "java", "go", "sh"]) {
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines",
            path.display()
        );
    }
}

#[test]
fn roofs_hold_no_logic_and_every_module_says_what_it_is_for() {
    for (path, text) in sources(&["rs"]) {
        assert!(
            text.starts_with("//!"),
            "{} opens without a module doc",
            path.display()
        );
        let is_roof = path.ends_with("mod.rs") || path.ends_with("lib.rs");
        if !is_roof {
            continue;
        }
        let logic = text.lines().find(|line| {
            let code = line.trim_start();
            code.starts_with("fn ") || code.starts_with("impl") || code.contains(" fn ")
        });
        let logic = logic.filter(|line| !line.trim_start().starts_with("//"));
        assert_eq!(logic, None, "{} holds logic", path.display());
    }
}

#[test]
fn no_test_is_switched_off() {
    let switched_off = concat!("#[", "ignore");
    for (path, text) in sources(&["rs"]) {
        assert!(
            !text.contains(switched_off),
            "{} switches a test off",
            path.display()
        );
    }
}

/// Ids such as `DM-4`: two to four capitals, a dash, a number.
fn semantics_ids(text: &str) -> BTreeSet<String> {
    let is_id = |word: &str| {
        let Some((area, number)) = word.split_once('-') else {
            return false;
        };
        AREAS.contains(&area) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| is_id(word))
        .map(str::to_owned)
        .collect()
}

/// The areas of docs/SEMANTICS.md.
const AREAS: &[&str] = &[
    "CON", "TOP", "TW", "DM", "REG", "AUTH", "REST", "C2D", "Q", "LOG", "TLS", "RUN", "LIM", "ADM",
    "JOB", "CFG", "CLK", "LED", "HUB", "PNP", "BLOB", "LAG",
];

#[test]
fn every_promise_is_named_by_a_test_and_every_named_promise_exists() {
    let document = fs::read_to_string(root().join("docs/SEMANTICS.md")).expect("SEMANTICS.md");
    let promised = semantics_ids(&document);
    assert!(
        promised.len() > 20,
        "SEMANTICS.md promises only {promised:?}"
    );
    let mut named = BTreeSet::new();
    for (path, text) in sources(&["rs"]) {
        // With arguments (`start_paused`) or without.
        let has_tests = text.contains("test]") || text.contains("test(");
        if !path.ends_with("tidy.rs") && has_tests {
            named.extend(semantics_ids(&text));
        }
    }
    let untested: Vec<_> = promised.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&promised).collect();
    assert!(untested.is_empty(), "no test names {untested:?}");
    assert!(unknown.is_empty(), "SEMANTICS.md does not have {unknown:?}");
}
