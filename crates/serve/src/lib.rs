//! The server behind `venti serve`. It provides the preview, the desk and the API endpoint. The preview
//! keeps the site in memory, rebuilds it after every change and serves it as a static host would.
//!
//! A token takes four hops from the model to a page that displays it:
//!
//! 1. The model hands the token to the batch of the `engine` (`Work::token`).
//! 2. The batch passes the token as an `Event` to the subscriber of its text.
//! 3. The subscriber adds the token to a draft of the `desk` or to an answer of the endpoint ([`api`]).
//! 4. The server sends the new tokens to the page as a server-sent event.
//!
//! The essay writer is a subscriber, too. It runs on its own thread, and the text of its essays reaches
//! the pages through `PreviewState`, which holds everything that the preview shows.

// Tests may use `std::fs`; the ban in clippy.toml is for the program.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod environment;
mod project_lock;
mod server_state;

mod engine;

mod pending_essay;
mod site_snapshot;

mod preview_state;

mod builder;
mod progress;
mod watch;

mod address;
mod guard;
mod headers;
mod host;
mod live;
mod model_names;

pub mod api;
mod desk;
mod server;
mod updates;

pub use address::{BoundAddress, ListenOptions, listen};
pub use builder::{BuildEvent, BuiltSite};
pub use engine::{Engines, SharedModels};
pub use environment::Environment;
pub use pending_essay::{EssayStage, PendingEssay, PendingEssays};
pub use progress::ProgressReporter;
pub use project_lock::ProjectLock;
pub use server::{Services, run};
pub use server_state::ServerState;
pub use site_snapshot::{SiteSnapshot, SnapshotBuilder};
pub use watch::Watched;
