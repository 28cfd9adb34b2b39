//! `hub_fetch ENDPOINT CACHE NAME [--offline]`: downloads a checkpoint and prints its folder.

use gpt2::hub::{Hub, HubConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, cache, name, rest @ ..] = arguments.as_slice() else {
        return Err("usage: hub_fetch ENDPOINT CACHE NAME [--offline]".into());
    };
    let config = HubConfig {
        endpoint: endpoint.clone(),
        offline: rest.iter().any(|argument| argument == "--offline"),
        ..HubConfig::new(cache.into())
    };
    let snapshot = Hub::new(config).snapshot(&name.parse()?, &mut ())?;
    println!("{}", snapshot.dir.display());
    Ok(())
}
