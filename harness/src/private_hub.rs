//! A hub on a loopback address that nobody else uses, with the ports that SDKs dial.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use emulator::config::Ports;
use emulator::{Config, Emulator, HubHost, RunningEmulator, StartError};

/// Starts `config` on an address of its own; its addresses and ports are replaced,
/// but for that of MQTT without TLS. Linux has all of
/// 127.0.0.0/8; elsewhere there is 127.0.0.1 alone, and somebody may have it.
pub(crate) async fn start(config: Config) -> Result<RunningEmulator, StartError> {
    start_several(config, 1).await
}

/// The same with so many hubs, the default one among them, each of them named by an address of its own.
pub(crate) async fn start_several(
    mut config: Config,
    count: u8,
) -> Result<RunningEmulator, StartError> {
    let named = config.hubs.clone();
    config.ports = Ports {
        mqtt: config.ports.mqtt,
        ..PORTS
    };
    let mut attempt = 0;
    loop {
        let mut addresses = (0..u32::from(count))
            .map(|hub| IpAddr::V4(address(std::process::id(), attempt + hub * ATTEMPTS)));
        config.addresses = addresses.next().into_iter().collect();
        config.hubs.clone_from(&named);
        let others = addresses.map(|address| HubHost::parse(&address.to_string()));
        // An address of the loopback network is always a name.
        config.hubs.extend(others.flatten());
        attempt += 1;
        match Emulator::start(config.clone()).await {
            Err(StartError::Bind { source, .. })
                if cfg!(target_os = "linux")
                    && attempt < ATTEMPTS
                    && source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

/// The address to try: far from those people use by hand, spread by process and attempt.
fn address(pid: u32, attempt: u32) -> Ipv4Addr {
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    // Odd factors, so that neighbours in either argument differ everywhere.
    let mixed = pid
        .wrapping_mul(0x9e37_79b1)
        .wrapping_add(attempt.wrapping_mul(0x85eb_ca77));
    let [high, middle, low, _] = mixed.to_be_bytes();
    Ipv4Addr::new(127, 64 | (high >> 1), middle, low.clamp(1, 254))
}

/// What SDKs dial, whatever a connection string says.
const PORTS: Ports = Ports {
    mqtts: Some(8883),
    amqps: Some(5671),
    https: Some(443),
    mqtt: None,
    http: None,
    admin: Some(8080),
};
const ATTEMPTS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn neighbours_get_addresses_of_their_own_far_from_those_typed_by_hand() {
        let mut seen = std::collections::BTreeSet::new();
        for pid in 1000..1500 {
            for attempt in 0..4 {
                let address = address(pid, attempt);
                assert!(
                    address.is_loopback() && address.octets()[1] >= 64,
                    "{address}"
                );
                seen.insert(address);
            }
        }
        assert!(
            seen.len() > 1990,
            "{} different addresses of 2000",
            seen.len()
        );
    }
}
