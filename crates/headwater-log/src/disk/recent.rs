//! The newest groups, as they were written: who reads at the tail needs no file.
//!
//! Invariant: only durable groups, in the order of their places, and at most so many bytes (but always the newest).
use super::index::{BlockRef, Durable};
use bytes::Bytes;
use std::collections::VecDeque;

struct Group {
    first_seq: u64,
    file: u32,
    offset: u32,
    bytes: Bytes,
}

/// A bounded queue of groups.
#[derive(Default)]
pub(super) struct Recent {
    groups: VecDeque<Group>,
    size_bytes: usize,
}

impl Recent {
    pub(super) fn push(&mut self, group: Durable, most_bytes: usize) {
        if group.blocks.is_empty() {
            return;
        }
        self.size_bytes += group.bytes.len();
        let Durable { first_seq, file, offset, bytes, .. } = group;
        self.groups.push_back(Group { first_seq, file, offset, bytes });
        while self.size_bytes > most_bytes && self.groups.len() > 1 {
            if let Some(oldest) = self.groups.pop_front() {
                self.size_bytes -= oldest.bytes.len();
            }
        }
    }

    /// The bytes of a block, if its group is still here.
    pub(super) fn find(&self, block: &BlockRef) -> Option<Bytes> {
        let at = self.groups.partition_point(|group| group.first_seq <= block.first_seq).checked_sub(1)?;
        let group = self.groups.get(at).filter(|group| group.file == block.file)?;
        let start = block.offset.checked_sub(group.offset)? as usize;
        let end = start.checked_add(block.len as usize).filter(|end| *end <= group.bytes.len())?;
        Some(group.bytes.slice(start..end))
    }
}
