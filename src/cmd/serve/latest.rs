//! A channel that keeps only the latest value.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The sending end.
pub struct Latest<T> {
    value: Arc<Mutex<Option<T>>>,
    changed: Sender<()>,
}

/// The receiving end.
pub struct LatestReceiver<T> {
    value: Arc<Mutex<Option<T>>>,
    changed: Receiver<()>,
}

/// A channel without a value.
pub fn latest<T>() -> (Latest<T>, LatestReceiver<T>) {
    let (sender, receiver) = channel();
    let value = Arc::default();
    let sending = Latest { value: Arc::clone(&value), changed: sender };
    (sending, LatestReceiver { value, changed: receiver })
}

impl<T> Latest<T> {
    /// Replaces the value. Without a receiver, nothing happens.
    pub fn put(&self, value: T) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        let _ = self.changed.send(());
    }
}

impl<T> LatestReceiver<T> {
    /// Waits for a new value. Returns `None` once the sender is gone.
    pub fn take(&self) -> Option<T> {
        loop {
            self.changed.recv().ok()?;
            // The value may have been taken with an earlier message.
            if let Some(value) = self.value.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Some(value);
            }
        }
    }
}
