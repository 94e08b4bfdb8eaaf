//! Tells the program how it was built: two compilers' counts are not the same counts.

use std::process::Command;

fn main() {
    for name in ["CARGO_INCREMENTAL", "RUSTFLAGS"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| std::env::var(name).unwrap_or_default();
    let output = Command::new(variable("RUSTC")).arg("--version").output();
    let version = output.expect("cargo names a compiler that runs").stdout;
    let version = String::from_utf8_lossy(&version);
    // Separated by a character that no flag holds.
    let flags = variable("CARGO_ENCODED_RUSTFLAGS").replace('\x1f', " ");
    let compiler = format!("{} {flags}", version.trim());
    println!(
        "cargo::rustc-env=COMPILER={}",
        compiler.trim().replace(", ", " ")
    );
    println!("cargo::rustc-env=TARGET={}", variable("TARGET"));
    // Incremental compilation cuts a crate in pieces, and inlines less from one into another.
    let is_incremental = matches!(variable("CARGO_INCREMENTAL").as_str(), "1" | "true");
    println!("cargo::rustc-env=IS_INCREMENTAL={is_incremental}");
}
