//! A disk that keeps only what was synced. After a crash every other sector is old, new, zero or garbage, each on its
//! own, and every unsynced change of the folder happened or did not.
use crate::chance::{Chance, Trace};
use headwater_log::{
    disk::files::{File, Files},
    rules::{Rule, is_left_out},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the disk is told to do to its user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// The power goes at this call that changes something, counted from now.
    pub crash_after: Option<u64>,
    /// One in so many writes and syncs fails.
    pub eio_once_in: Option<u64>,
    /// Bytes all files may take together.
    pub capacity: u64,
}

/// The power supply's view of a folder.
pub struct Disk {
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    trace: Trace,
    /// Whether everything that happens is printed.
    loud: bool,
    plan: Plan,
    /// Bytes that survive or perish together.
    sector: usize,
    down: bool,
    failed: bool,
    locked: bool,
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of the folder since it was last synced.
    changes: Vec<Change>,
}

#[derive(Default)]
struct Node {
    now: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Link(String, usize),
    Rename(String, String),
    Unlink(String),
}

impl Disk {
    /// An empty folder.
    pub fn new(seed: u64, loud: bool) -> Arc<Self> {
        let mut chance = Chance::new(seed ^ 0xd15c);
        let sector = chance.pick(&[512, 4096]);
        let state = State {
            chance,
            trace: Trace::new(),
            loud,
            plan: Plan { capacity: u64::MAX, ..Plan::default() },
            sector,
            down: false,
            failed: false,
            locked: false,
            nodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what will happen.
    pub fn set(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// Changes how much fits: so many bytes more than there are.
    pub fn leave_free(&self, bytes: u64) {
        let mut state = self.state();
        state.plan.capacity = state.used().saturating_add(bytes);
    }

    /// Whether the power is gone.
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// Whether a write or sync was made to fail since the last start.
    pub fn has_failed(&self) -> bool {
        self.state().failed
    }

    /// Adds to the story.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        self.state().tell(what);
    }

    /// What happened so far, as one number.
    pub fn trace(&self) -> Trace {
        self.state().trace
    }

    /// The process is gone, the machine runs on: nothing that was written is lost, but it is as little durable as before.
    pub fn kill(&self) {
        let mut state = self.state();
        (state.down, state.locked, state.failed) = (false, false, false);
    }

    /// The power went and came back.
    pub fn crash(&self) {
        let mut state = self.state();
        let state = &mut *state;
        for node in &mut state.nodes {
            node.lose(&mut state.chance, state.sector);
        }
        let changes = std::mem::take(&mut state.changes);
        let mut names = state.durable_names.clone();
        for change in changes {
            let happened = state.chance.once_in(2);
            state.tell(|| format!("  {change:?} {}", if happened { "happened" } else { "did not happen" }));
            if happened {
                apply(&mut names, &change);
            }
        }
        state.names = names.clone();
        state.durable_names = names;
        (state.down, state.locked, state.failed) = (false, false, false);
    }
}

impl Node {
    fn lose(&mut self, chance: &mut Chance, sector: usize) {
        let mut left = self.durable.clone();
        // The length is a change of its own; what lies behind the old one is zero unless it was written.
        let grown = self.now.len().max(left.len());
        let between = left.len() + chance.below((grown - left.len()) as u64 + 1) as usize;
        let len = chance.pick(&[left.len(), grown, between]);
        left.resize(len.max(left.len()), 0);
        for at in std::mem::take(&mut self.dirty) {
            let (start, end) = (at * sector, ((at + 1) * sector).min(left.len()));
            if start >= end {
                continue;
            }
            let fate = chance.below(4);
            for (place, byte) in left[start..end].iter_mut().enumerate() {
                match fate {
                    0 => {}
                    1 => *byte = self.now.get(start + place).copied().unwrap_or(0),
                    2 => *byte = 0,
                    _ => *byte = chance.next() as u8,
                }
            }
        }
        self.now = left.clone();
        self.durable = left;
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Link(name, node) => drop(names.insert(name.clone(), *node)),
        Change::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        Change::Unlink(name) => drop(names.remove(name)),
    }
}

impl State {
    fn used(&self) -> u64 {
        let mut nodes: Vec<usize> = self.names.values().copied().collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.iter().map(|node| self.nodes[*node].now.len() as u64).sum()
    }

    /// One call that changes something: notes it, and says whether the power is still there.
    fn call(&mut self, what: &str, node: usize, offset: u64, len: usize) -> io::Result<()> {
        if self.down {
            return Err(io::Error::other("no power"));
        }
        let told = format!("{what} {node} {offset} {len}");
        self.trace.note(told.as_bytes());
        self.tell(|| {
            let name = self.names.iter().find(|(_, named)| **named == node).map_or("?", |(name, _)| name);
            format!("  {told} {name}")
        });
        if let Some(left) = &mut self.plan.crash_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.down = true;
            }
        }
        Ok(())
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.loud {
            println!("{}", what());
        }
    }

    /// Whether this call is to fail.
    fn fails(&mut self) -> bool {
        let fails = self.plan.eio_once_in.is_some_and(|times| self.chance.once_in(times));
        self.failed |= fails;
        fails
    }

    fn node(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.to_string()))
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        apply(&mut self.names, &change);
        self.changes.push(change);
        self.powered()
    }

    /// The answer of a call during which the power may have gone.
    fn powered(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the power went")) } else { Ok(()) }
    }
}

/// A folder, as the engine sees it.
pub struct SimFiles(pub Arc<Disk>);

struct SimFile {
    disk: Arc<Disk>,
    node: usize,
}

impl Files for SimFiles {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.state().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.state();
        let node = state.nodes.len();
        state.call("create", node, 0, 0)?;
        state.nodes.push(Node::default());
        state.change(Change::Link(name.into(), node))?;
        Ok(Arc::new(SimFile { disk: self.0.clone(), node }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let node = self.0.state().node(name)?;
        Ok(Arc::new(SimFile { disk: self.0.clone(), node }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.state();
        let node = state.node(from)?;
        state.call("rename", node, 0, 0)?;
        state.change(Change::Rename(from.into(), to.into()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.state();
        let node = state.node(name)?;
        state.call("remove", node, 0, 0)?;
        state.change(Change::Unlink(name.into()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.0.state();
        state.call("sync_dir", 0, 0, 0)?;
        state.powered()?;
        if is_left_out(Rule::NamesAreSynced) {
            return Ok(());
        }
        state.durable_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.0.state();
        Ok(state.plan.capacity.saturating_sub(state.used()))
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.0.state();
        if std::mem::replace(&mut state.locked, true) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "locked"));
        }
        Ok(Box::new(Lock(self.0.clone())))
    }
}

struct Lock(Arc<Disk>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.disk.state();
        let now = &state.nodes[self.node].now;
        let start = now.len().min(offset as usize);
        Ok(now[start..now.len().min(start.saturating_add(len))].to_vec())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call("write", self.node, offset, bytes.len())?;
        state.trace.note(bytes);
        if state.fails() {
            return Err(io::Error::other("the disk fails a write"));
        }
        let (start, mut end) = (offset as usize, offset as usize + bytes.len());
        let len = state.nodes[self.node].now.len();
        let room = len as u64 + state.plan.capacity.saturating_sub(state.used());
        let full = end > len && end as u64 > room;
        if full {
            end = (room as usize).max(start).min(end);
        }
        let sector = state.sector;
        let node = &mut state.nodes[self.node];
        if node.now.len() < end {
            node.now.resize(end, 0);
        }
        node.now[start..end].copy_from_slice(&bytes[..end - start]);
        node.dirty.extend(start / sector..end.div_ceil(sector));
        if full {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        state.powered()
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call("sync", self.node, 0, 0)?;
        if state.fails() {
            return Err(io::Error::other("the disk fails a sync"));
        }
        state.powered()?;
        let sector = state.sector;
        let Node { now, durable, dirty } = &mut state.nodes[self.node];
        durable.resize(now.len(), 0);
        for at in std::mem::take(dirty) {
            let (start, end) = (at * sector, ((at + 1) * sector).min(now.len()));
            if start < end {
                durable[start..end].copy_from_slice(&now[start..end]);
            }
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().nodes[self.node].now.len() as u64)
    }
}
