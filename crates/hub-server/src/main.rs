//! Prints the endpoint of a server for [`Repo::tiny`], which runs until stdin is closed.

use std::io::Read;

use hub_server::{Repo, Server};

fn main() -> std::io::Result<()> {
    let server = Server::start(Repo::tiny())?;
    println!("{}", server.url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
