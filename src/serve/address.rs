//! The address that the preview listens on, and what it is called.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};

use miette::{IntoDiagnostic, miette};

/// Ports tried after the first.
const NEXT_PORTS: u16 = 20;

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// Somebody asked for this port and no other.
    pub port_asked: bool,
}

impl Options {
    /// The name to listen on, if it is one.
    pub fn own_name(&self) -> Option<String> {
        Some(self.host.clone()).filter(|host| host.parse::<IpAddr>().is_err())
    }
}

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub socket: SocketAddr,
    /// The port that was taken, if it was another that should have been.
    pub instead_of: Option<u16>,
}

impl Address {
    /// As a browser on this machine is told, with where the site lies.
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

/// Takes the address.
///
/// # Errors
/// A host that is no address of this machine; a port that is taken or not allowed.
pub fn listen(options: &Options) -> miette::Result<(TcpListener, Address)> {
    let Options { host, port, port_asked } = options;
    let last = if *port_asked { *port } else { port.saturating_add(NEXT_PORTS) };
    for now in *port..=last {
        let addresses: Vec<SocketAddr> = (host.as_str(), now)
            .to_socket_addrs()
            .map_err(|e| {
                miette!(
                    help = "name an address of this machine, such as 127.0.0.1",
                    "cannot listen on {host:?}: {e}"
                )
            })?
            .collect();
        match TcpListener::bind(addresses.as_slice()) {
            Ok(listener) => {
                let socket = listener.local_addr().into_diagnostic()?;
                let instead_of = (now != *port).then_some(*port);
                return Ok((listener, Address { socket, instead_of }));
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && now < last => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(match port_asked {
                    true => miette!(
                        help = "end what listens there, or choose another with --port",
                        "port {port} is taken"
                    ),
                    false => miette!(
                        help = "choose another with --port",
                        "the ports {port} to {last} are all taken"
                    ),
                });
            }
            Err(error) => {
                return Err(miette!(
                    help = "choose another with --host and --port",
                    "cannot listen on {host}:{now}: {error}"
                ));
            }
        }
    }
    Err(miette!("there is no port {port}"))
}
