//! The batch: which text is in which slot of the KV cache. A guided text has a second slot for its
//! unconditional context.

use std::collections::VecDeque;

use super::active_text::ActiveText;

/// The slots of the batch.
pub struct Batch {
    slots: Vec<Slot>,
    /// Maximum number of slots in use, unless a single text needs more.
    limit: usize,
}

enum Slot {
    Free,
    Text(Box<ActiveText>),
    /// The unconditional context of a text in another slot.
    Unconditional,
}

impl Batch {
    /// Creates an empty batch of `size` slots, or as many as one text needs if that is more.
    pub fn new(size: usize) -> Self {
        let slots = size.max(SLOTS_OF_A_TEXT);
        Self { slots: (0..slots).map(|_| Slot::Free).collect(), limit: size }
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no text in the batch.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot, Slot::Free))
    }

    /// Whether a text that needs one slot can be inserted.
    pub fn has_room(&self) -> bool {
        self.fits(1)
    }

    /// Inserts a text. Returns it if there are too few free slots.
    pub fn insert(&mut self, mut text: Box<ActiveText>) -> Result<(), Box<ActiveText>> {
        if !self.fits(text.slots()) {
            return Err(text);
        }
        if let Some(unconditional) = &mut text.unconditional {
            unconditional.slot = self.take_free(Slot::Unconditional);
        }
        self.take_free(Slot::Text(text));
        Ok(())
    }

    fn fits(&self, slots: usize) -> bool {
        let used = self.slots.iter().filter(|slot| !matches!(slot, Slot::Free)).count();
        used == 0 || used + slots <= self.limit
    }

    /// Fills the first free slot and returns its index.
    fn take_free(&mut self, with: Slot) -> usize {
        let free = self.slots.iter().position(|slot| matches!(slot, Slot::Free));
        let Some(free) = free else { unreachable!("`fits` found enough free slots") };
        self.slots[free] = with;
        free
    }

    /// Returns the text in a slot, if it is the text with this serial number.
    pub fn text(&mut self, slot: usize, serial: u64) -> Option<&mut ActiveText> {
        match &mut self.slots[slot] {
            Slot::Text(text) if text.serial == serial => Some(text),
            _ => None,
        }
    }

    /// Returns all texts with their slots, in slot order.
    pub fn texts(&mut self) -> impl Iterator<Item = (usize, &mut ActiveText)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Text(text) => Some((index, &mut **text)),
            _ => None,
        })
    }

    /// Removes the text in a slot.
    pub fn remove(&mut self, slot: usize) -> Option<Box<ActiveText>> {
        let Slot::Text(text) = std::mem::replace(&mut self.slots[slot], Slot::Free) else {
            return None;
        };
        if let Some(unconditional) = &text.unconditional {
            self.slots[unconditional.slot] = Slot::Free;
        }
        Some(text)
    }

    /// Halves the number of slots. Returns the texts that lost a slot, or `None` if the batch cannot
    /// shrink further.
    pub fn halve(&mut self) -> Option<VecDeque<Box<ActiveText>>> {
        let fewer = self.len().div_ceil(2).max(SLOTS_OF_A_TEXT);
        if fewer == self.len() {
            return None;
        }
        let lost = self.texts().filter(|(slot, text)| {
            let other = text.unconditional.as_ref().map_or(0, |context| context.slot);
            *slot.max(&other) >= fewer
        });
        let lost: Vec<usize> = lost.map(|(slot, _)| slot).collect();
        let displaced = lost.into_iter().filter_map(|slot| self.remove(slot)).collect();
        self.slots.truncate(fewer);
        self.limit = self.limit.min(fewer);
        Some(displaced)
    }
}

/// Maximum number of slots that one text needs.
const SLOTS_OF_A_TEXT: usize = 2;
