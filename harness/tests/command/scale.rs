//! The one command that runs a fleet on sockets and writes down what it cost (`tests/scale`), with few devices.

use hubnerite_scale::{Machine, Row, Sockets, add_to, on_sockets, read};

use crate::support::binary;

#[test]
fn a_fleet_on_sockets_passes_and_its_figures_are_written_down() {
    let figures = on_sockets(&binary(), 50).unwrap();
    assert_eq!(figures.devices(), 48, "four equal cohorts");
    assert!(figures.has_passed);
    assert!(figures.hub_cpu_us > 0.0 && figures.fleet_cpu_us > 0.0);
    assert!(figures.tls.p50_ms > 0.0 && figures.online.p99_ms >= figures.tls.p50_ms);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sockets.csv");
    add_to(&file, &figures, &Machine::look()).unwrap();
    let read: Vec<Sockets> = read(&file).unwrap();
    assert_eq!(read.len(), 1);
    assert!(read[0].has_passed);
}
