//! Who listens on a port, as far as Linux tells this user.

#[cfg(target_os = "linux")]
use std::net::IpAddr;
use std::net::SocketAddr;

/// `nginx (pid 123)`, if it can be found out.
#[cfg(target_os = "linux")]
pub(super) fn port_holder(addr: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&std::fs::read_to_string(table).ok()?, addr))?;
    let pid = socket_owner(&format!("socket:[{inode}]"))?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(match name.trim() {
        "hubnerite" => format!("another hubnerite (pid {pid})"),
        name => format!("{name} (pid {pid})"),
    })
}

/// `nginx (pid 123)`, if it can be found out.
#[cfg(not(target_os = "linux"))]
pub(super) fn port_holder(_addr: SocketAddr) -> Option<String> {
    None
}

/// The inode of a socket that listens on `addr` or on every address, from the text of
/// `/proc/net/tcp`.
#[cfg(target_os = "linux")]
fn listening_inode(table: &str, addr: SocketAddr) -> Option<String> {
    /// `TCP_LISTEN` of the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else {
            return None;
        };
        let bound = local_address(local)?;
        let holds =
            bound.port() == addr.port() && (bound.ip() == addr.ip() || bound.ip().is_unspecified());
        (holds && state == LISTEN).then(|| inode.to_owned())
    })
}

/// `0100007F:22B3` is 127.0.0.1:8883: words of 32 bits in the machine's own order, in hexadecimal.
#[cfg(target_os = "linux")]
fn local_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::with_capacity(16);
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(target_os = "linux")]
fn socket_owner(socket: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?;
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| {
            std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
                files.flatten().any(|file| {
                    std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket)
                })
            })
        })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_addresses_are_read() {
        for (text, expected) in [
            ("0100007F:22B3", "127.0.0.1:8883"),
            ("00000000:01BB", "0.0.0.0:443"),
            ("00000000000000000000000001000000:1F90", "[::1]:8080"),
        ] {
            assert_eq!(local_address(text).unwrap().to_string(), expected);
        }
        assert_eq!(local_address("0100:22B3"), None);
    }

    #[test]
    fn a_listener_on_another_address_does_not_hold_the_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            port_holder(SocketAddr::new(IpAddr::from([127, 9, 9, 9]), port)),
            None
        );
    }

    #[test]
    fn the_holder_of_a_port_is_this_test() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = port_holder(listener.local_addr().unwrap()).unwrap();
        assert!(
            holder.ends_with(&format!("(pid {})", std::process::id())),
            "{holder}"
        );
    }
}
