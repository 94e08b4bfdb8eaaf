//! Samples of `perf script` as stacks that are counted. Knows no picture.

use std::collections::BTreeMap;

/// Stacks from the root down.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    pub(super) root: Frame,
    pub(super) count: u64,
    /// Of the hub's own frames, how many have a name.
    pub(super) known_share: f64,
}

/// What was seen of a function under one caller.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// Samples in it and below it.
    pub(super) count: u64,
    pub(super) below: BTreeMap<Place, Frame>,
}

/// A function, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) whose: Whose,
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Ours,
    Library,
    Crypto,
    System,
    Kernel,
}

/// Reads what `perf script -F ip,sym,dso` prints: a line a frame, the innermost first, an empty line after each sample.
pub(super) fn read(text: &str) -> Stacks {
    let mut stacks = Stacks::default();
    let (mut known, mut all) = (0_u32, 0_u32);
    for sample in text.split("\n\n") {
        let mut frames: Vec<(&str, &str)> = sample.lines().filter_map(frame).collect();
        if frames.is_empty() {
            continue;
        }
        frames.reverse();
        for (name, file) in &frames {
            if !is_kernel(file) && !file.contains(".so") {
                all += 1;
                known += u32::from(*name != "[unknown]");
            }
        }
        let mut kernel = 0;
        let told = frames.into_iter().filter(|(name, file)| {
            let is_told = is_told(name, file);
            kernel += u32::from(is_told && is_kernel(file));
            is_told && kernel <= KERNEL_DEPTH
        });
        let mut at = &mut stacks.root;
        at.count += 1;
        for (name, file) in told {
            let place = Place {
                name: shortened(name),
                whose: whose(name, file),
            };
            at = at.below.entry(place).or_default();
            at.count += 1;
        }
        stacks.count += 1;
    }
    stacks.known_share = f64::from(known) / f64::from(all.max(1));
    stacks
}

/// `  8538e1 emulator::event_log::Fact::new (/path/to/hubnerite)`: name and file.
fn frame(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.trim().split_once(' ')?;
    let (name, file) = rest.rsplit_once(" (")?;
    Some((name.trim(), file.trim_end_matches(')')))
}

/// What stands between any two functions of a program that waits is left out; its time is its caller's.
fn is_told(name: &str, file: &str) -> bool {
    let path = name.trim_start_matches('<');
    let scaffold = if is_kernel(file) {
        KERNEL_SCAFFOLD
    } else {
        SCAFFOLD
    };
    !scaffold.iter().any(|beginning| path.starts_with(beginning))
}

fn is_kernel(file: &str) -> bool {
    file.starts_with("[kernel") || file.ends_with("/kcore") || file.contains("vmlinux")
}

fn whose(name: &str, file: &str) -> Whose {
    let path = name.trim_start_matches('<');
    let begins = |with: &[&str]| with.iter().any(|beginning| path.starts_with(beginning));
    if is_kernel(file) {
        Whose::Kernel
    } else if file.contains(".so") {
        Whose::System
    } else if begins(&["emulator::", "hub_core::", "hub_proto::", "harness::"]) {
        Whose::Ours
    } else if begins(&["ring", "rustls", "sha2::", "hmac::", "webpki"])
        || !name.contains("::") && !name.starts_with('_')
    {
        // Functions of no module are ring's, in C and in assembly.
        Whose::Crypto
    } else {
        Whose::Library
    }
}

/// Without what the compiler adds: `{{closure}}` is said once, a hash not at all.
fn shortened(name: &str) -> String {
    let mut name = name.replace("::{{closure}}", "");
    if let Some((head, hash)) = name.rsplit_once("::h")
        && hash.len() == 16
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        name = head.to_owned();
    }
    name
}

/// How far into the kernel stacks are told.
const KERNEL_DEPTH: u32 = 7;
const KERNEL_SCAFFOLD: &[&str] = &[
    "entry_SYSCALL",
    "do_syscall",
    "__x64_sys_",
    "x64_sys_call",
    "asm_",
];
const SCAFFOLD: &[&str] = &[
    "core::",
    "std::",
    "alloc::",
    "tokio::runtime::",
    "__rust",
    "&",
    "[unknown]",
    "clone3",
    "__clone3",
    "start_thread",
    "main",
    "__libc_start",
    "_start",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_from_the_root_down() {
        let text = "\
            \t    99 memcpy (/lib/libc.so.6)\n\
            \t    98 emulator::hub::call::{{closure}} (/bin/hubnerite)\n\
            \t    97 tokio::runtime::task::poll (/bin/hubnerite)\n\n\
            \tffff tcp_sendmsg ([kernel.kallsyms])\n\
            \t    98 emulator::hub::call (/bin/hubnerite)\n\
            \t     0 [unknown] ([unknown])\n\n";
        let stacks = read(text);
        assert_eq!(stacks.count, 2);
        let (place, call) = stacks.root.below.first_key_value().unwrap();
        assert_eq!(
            (place.name.as_str(), place.whose),
            ("emulator::hub::call", Whose::Ours)
        );
        assert_eq!(call.count, 2);
        let below: Vec<_> = call
            .below
            .keys()
            .map(|it| (it.name.as_str(), it.whose))
            .collect();
        assert_eq!(
            below,
            [("memcpy", Whose::System), ("tcp_sendmsg", Whose::Kernel)]
        );
        assert!((stacks.known_share - 0.75).abs() < 1e-9);
    }
}
