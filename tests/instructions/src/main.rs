//! Counts the hot paths and compares with the committed file; see the library.
//!
//! Exit codes: 0 nothing has changed, or it was skipped aloud; 1 something has; 2 it cannot be told.

#![expect(clippy::print_stdout, reason = "a program of the command line")]
#![expect(clippy::print_stderr, reason = "a program of the command line")]

use std::path::Path as FilePath;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use hubnerite_instructions::{
    Counts, Likeness, Meter, Missing, PATHS, Toolchain, Verdict, count_path,
};

/// Set to 1, the file is written anew instead of compared.
const UPDATE: &str = "HUBNERITE_UPDATE_EXPECTED";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => compare_all(),
        ["--path", name] => run_path(name),
        _ => Err(anyhow::anyhow!(
            "usage: instructions            counts all paths and compares with the committed file\n       \
             instructions --path X   runs one path, to be looked at under callgrind"
        )),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

fn run_path(name: &str) -> Result<ExitCode> {
    let Some(path) = PATHS.iter().find(|path| path.name == name) else {
        bail!("there is no path {name}");
    };
    let mut meter = Meter::new(path.operations);
    (path.run)(&mut meter);
    println!("{}", meter.counted());
    Ok(ExitCode::SUCCESS)
}

fn compare_all() -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        bail!("this is a debug build: run it with `cargo run --profile instructions`");
    }
    if env!("IS_INCREMENTAL") == "true" {
        bail!("this was compiled incrementally, which inlines less: set CARGO_INCREMENTAL=0");
    }
    let here = Toolchain::here();
    let Some(paths) = count_all()? else {
        let remedy = "install it (Debian: apt-get install valgrind)";
        if std::env::var_os("CI").is_some() {
            bail!("valgrind is missing, and CI is set: {remedy}");
        }
        println!("skipped: instructions are not counted, valgrind is missing; {remedy}");
        return Ok(ExitCode::SUCCESS);
    };
    let now = Counts {
        toolchain: here.to_string(),
        paths,
    };
    let is_update = std::env::var_os(UPDATE).is_some_and(|value| value == "1");
    let committed = match std::fs::read_to_string(FILE) {
        Ok(text) => Counts::parse(&text).with_context(|| format!("cannot read {FILE}"))?,
        Err(_) if is_update => Counts {
            toolchain: now.toolchain.clone(),
            paths: Vec::new(),
        },
        Err(error) => return Err(error).with_context(|| format!("cannot read {FILE}")),
    };
    let likeness = Likeness::of(&committed.toolchain, &here);
    let verdict = Verdict::new(&committed, &now, likeness);
    if is_update {
        std::fs::write(FILE, now.print()).with_context(|| format!("cannot write {FILE}"))?;
        print!("{}\nwritten: {FILE}\n", verdict.table(true));
        return Ok(ExitCode::SUCCESS);
    }
    judge(&committed, &verdict, likeness, &here)
}

/// Counts every path; `None` if valgrind is missing.
fn count_all() -> Result<Option<Vec<(String, hubnerite_instructions::Count)>>> {
    let program = std::env::current_exe().context("cannot find this program")?;
    // Beside the program: the profiles stay there, for callgrind_annotate.
    let scratch = program.with_file_name("instructions.profiles");
    std::fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot make {}", scratch.display()))?;
    let mut paths = Vec::new();
    for path in PATHS {
        match count_path(&program, path.name, FilePath::new(&scratch))? {
            Ok(count) => paths.push((path.name.to_owned(), count)),
            Err(Missing) => return Ok(None),
        }
    }
    Ok(Some(paths))
}

fn judge(
    committed: &Counts,
    verdict: &Verdict,
    likeness: Likeness,
    here: &Toolchain,
) -> Result<ExitCode> {
    print!("{}", verdict.table(true));
    let before = &committed.toolchain;
    match likeness {
        Likeness::Same => {}
        Likeness::Similar => println!(
            "\ncounted here with other tools, so only what got much worse is judged\n  committed: {before}\n  here:      {here}"
        ),
        Likeness::Other => bail!(
            "the committed counts are of another kind of machine and say nothing here\n  committed: {before}\n  here:      {here}"
        ),
    }
    if verdict.holds(likeness) {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThe counts are not those of {FILE}:\n");
    print!("{}", verdict.table(false));
    println!(
        "\nIf that is meant, write the file with\n  {UPDATE}=1 cargo run --profile instructions -p hubnerite-instructions\n\
         and say in the commit why. What takes the instructions of a path is shown by\n  \
         callgrind_annotate TARGET/instructions/instructions.profiles/PATH.callgrind"
    );
    Ok(ExitCode::FAILURE)
}
