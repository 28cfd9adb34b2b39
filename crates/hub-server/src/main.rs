//! Starts a server for [`Repo::tiny`], prints its endpoint, and runs until stdin is closed.

use std::io::Read;

use hub_server::{Repo, Server};

fn main() -> std::io::Result<()> {
    let server = Server::start(Repo::tiny())?;
    println!("{}", server.url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
