//! The address that the preview listens on, and its URL.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};

use miette::{IntoDiagnostic, miette};

/// Number of additional ports to try if the first is in use.
const NEXT_PORTS: u16 = 20;

/// Options for the address to listen on.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    pub host: String,
    pub port: u16,
    /// Whether to fail if this port is in use, instead of trying the next ones.
    pub port_is_fixed: bool,
}

impl ListenOptions {
    /// Returns the host if it is a name rather than an IP address.
    pub fn own_name(&self) -> Option<String> {
        Some(self.host.clone()).filter(|host| host.parse::<IpAddr>().is_err())
    }
}

/// The address that the server listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundAddress {
    pub socket: SocketAddr,
    /// The requested port, if it was in use and another port was chosen.
    pub instead_of: Option<u16>,
}

impl BoundAddress {
    /// Returns the URL to open on this machine; `prefix` is the path of the site.
    pub fn url(&self, prefix: &str) -> String {
        let port = self.socket.port();
        match self.socket.ip() {
            ip if ip.is_unspecified() || ip.is_loopback() && ip.is_ipv4() => {
                format!("http://127.0.0.1:{port}{prefix}")
            }
            _ => format!("http://{}{prefix}", self.socket),
        }
    }
}

/// Binds the first free port.
///
/// # Errors
/// Returns an error if the host is not an address of this machine, this process is not allowed to use the
/// port, or all candidate ports are in use.
pub fn listen(options: &ListenOptions) -> miette::Result<(TcpListener, BoundAddress)> {
    let ListenOptions { host, port, port_is_fixed } = options;
    let last = if *port_is_fixed { *port } else { port.saturating_add(NEXT_PORTS) };
    let mut candidate = *port;
    loop {
        let addresses: Vec<SocketAddr> = (host.as_str(), candidate)
            .to_socket_addrs()
            .map_err(|e| {
                miette!(
                    help = "use an address of this machine, such as 127.0.0.1",
                    "cannot listen on {host:?}: {e}"
                )
            })?
            .collect();
        match TcpListener::bind(addresses.as_slice()) {
            Ok(listener) => {
                let socket = listener.local_addr().into_diagnostic()?;
                let instead_of = (candidate != *port).then_some(*port);
                return Ok((listener, BoundAddress { socket, instead_of }));
            }
            Err(error) if error.kind() != ErrorKind::AddrInUse => {
                return Err(miette!(
                    help = "choose another with --host and --port",
                    "cannot listen on {host}:{candidate}: {error}"
                ));
            }
            Err(_) if candidate < last => candidate += 1,
            Err(_) if *port_is_fixed => {
                return Err(miette!(
                    help = "stop the program that uses it, or choose another with --port",
                    "port {port} is already in use"
                ));
            }
            Err(_) => {
                return Err(miette!(
                    help = "choose another with --port",
                    "ports {port} to {last} are all in use"
                ));
            }
        }
    }
}
