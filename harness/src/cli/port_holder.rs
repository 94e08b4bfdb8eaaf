//! Who listens on a port, as far as Linux tells this user.

use std::net::SocketAddr;

/// `nginx (pid 123)`, if it can be found out.
#[cfg(target_os = "linux")]
pub(super) fn port_holder(addr: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&std::fs::read_to_string(table).ok()?, addr.port()))?;
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

/// The inode of a socket that listens on `port`, from the text of `/proc/net/tcp`.
#[cfg(target_os = "linux")]
fn listening_inode(table: &str, port: u16) -> Option<String> {
    /// `TCP_LISTEN` of the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else {
            return None;
        };
        (local.ends_with(&port) && state == LISTEN).then(|| inode.to_owned())
    })
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
    fn the_holder_of_a_port_is_this_test() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = port_holder(listener.local_addr().unwrap()).unwrap();
        assert!(
            holder.ends_with(&format!("(pid {})", std::process::id())),
            "{holder}"
        );
    }
}
