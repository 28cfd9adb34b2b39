//! The preview: keeps the site in memory, rebuilds it whenever something changes, and serves it
//! as a static host would.

mod address;
pub mod api;
mod arriving;
mod builder;
mod desk;
mod engine;
mod guard;
mod headers;
mod host;
mod live;
mod models;
mod pieces;
mod server;
mod shelf;
mod surroundings;
mod watch;

pub use address::{Address, Options, listen};
pub use arriving::{Arrivals, Arriving, Stage, Teller};
pub use builder::{Attempt, Event, Site};
pub use engine::{Engines, Shared};
pub use server::{Beside, run};
pub use shelf::{Next, Shelf};
pub use surroundings::{Pen, Surroundings, Workshop};
pub use watch::Watched;
