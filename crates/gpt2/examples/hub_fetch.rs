//! `hub_fetch ENDPOINT CACHE NAME [--offline]`: downloads a checkpoint and prints its folder.

use gpt2::hub::{Hub, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, cache, name, rest @ ..] = arguments.as_slice() else {
        return Err("usage: hub_fetch ENDPOINT CACHE NAME [--offline]".into());
    };
    let settings = Settings {
        endpoint: endpoint.clone(),
        offline: rest.iter().any(|argument| argument == "--offline"),
        ..Settings::new(cache.into())
    };
    let snapshot = Hub::new(settings).snapshot(&name.parse()?, &mut ())?;
    println!("{}", snapshot.dir.display());
    Ok(())
}
