//! Hubnerite measured against its peers and against what the machine can do. See docs/PERFORMANCE.md.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `args` | the command line |
//! | `figure` | what is measured, on whom, and the goals: one figure a file |
//! | `run` | interleaved rounds of a figure |
//! | `bench` | what every measurement is given |
//! | `load` | the load generator |
//! | `server` | the servers under test, as processes |
//! | `serve` | the servers that the suite serves itself |
//! | `sample` | what one server did in one round; medians |
//! | `report` | tables and JSON; prints, and nothing else does |
//! | `inspect` | looks into the hub under load: flame graphs, system calls, allocations |
//! | `prepare` | builds the hub, finds or installs the peers, sets processes up |
//! | `machine` | what the figures were measured on |
//! | `clock` | the one reader of a clock |

mod args;
mod bench;
mod clock;
mod figure;
mod inspect;
mod load;
mod machine;
mod prepare;
mod report;
mod run;
mod sample;
mod serve;
mod server;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// 0: everything asked for was measured, whatever the goals say. 1: something could not be. 2: the
/// command line is wrong.
fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.command {
        Some(Command::Become { program, arguments }) => prepare::become_program(program, arguments),
        Some(Command::Serve { what, arguments }) => what.be(arguments),
        None => measure(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<()> {
    let figures = args.figures()?;
    if args.list {
        report::list(&figures);
        return Ok(());
    }
    prepare::raise_open_files();
    let hubnerite = prepare::hubnerite(args.binary.as_deref(), args.flame_graph.is_some())?;
    if args.install_peers {
        prepare::install_mosquitto()?;
    }
    let mut bench = bench::Bench::new(hubnerite, args.measured());
    if let Some(file) = &args.flame_graph {
        return inspect::flame_graph(args.only_figure()?, &mut bench, file);
    }
    if args.per_operation {
        return inspect::per_operation(&figures, &mut bench);
    }
    let machine = machine::Machine::look(&bench);
    report::opening(&machine, args.rounds);
    let mut outcomes = Vec::new();
    for figure in figures {
        let outcome = run::run(figure, &bench, args.rounds)?;
        report::details(&outcome);
        outcomes.push(outcome);
    }
    report::summary(&outcomes);
    if let Some(file) = &args.goals_in {
        report::write_goals(file, &outcomes)?;
    }
    if let Some(file) = &args.json {
        report::write_json(file, &machine, &outcomes)?;
    }
    Ok(())
}
