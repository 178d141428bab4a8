//! The store as a file system of the kernel's. Nothing is cached outside: each read and write comes here, so that after a
//! cut nobody sees what is gone.
use crate::{
    medium::Medium,
    plan::{Fault, Plan},
    store::{PAGE, Store, Wrong},
};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::{
    ffi::OsStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

const NOTHING: Duration = Duration::ZERO;
const UNCACHED: FopenFlags = FopenFlags::FOPEN_DIRECT_IO;

pub struct State {
    pub store: Store,
    pub plan: Plan,
}

#[derive(Clone)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    pub medium: Arc<Medium>,
}

impl Disk {
    pub fn new() -> Self {
        let state = State { store: Store::new(), plan: Plan::default() };
        Self { state: Arc::new(Mutex::new(state)), medium: Arc::default() }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, ino: INodeNo, reply: ReplyEmpty) {
        let (pace, bytes) = {
            let mut state = self.state();
            let bytes = state.store.unsynced_bytes(ino.0);
            (state.plan.pace, bytes)
        };
        self.medium.take(pace, bytes);
        let mut state = self.state();
        if state.plan.next_sync().is_some() {
            state.store.fail_sync(ino.0);
            return reply.error(Errno::EIO);
        }
        answer(state.store.sync(ino.0), reply);
    }
}

fn code(wrong: Wrong) -> Errno {
    match wrong {
        Wrong::Absent => Errno::ENOENT,
        Wrong::Exists => Errno::EEXIST,
        Wrong::NotEmpty => Errno::ENOTEMPTY,
        Wrong::NoFolder => Errno::ENOTDIR,
        Wrong::Full => Errno::ENOSPC,
    }
}

fn answer(outcome: Result<(), Wrong>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(wrong) => reply.error(code(wrong)),
    }
}

fn attributes(request: &Request, store: &mut Store, number: u64) -> Result<FileAttr, Wrong> {
    let facts = store.facts(number)?;
    Ok(FileAttr {
        ino: INodeNo(number),
        size: facts.size,
        blocks: facts.size.div_ceil(512),
        atime: facts.changed,
        mtime: facts.changed,
        ctime: facts.changed,
        crtime: facts.changed,
        kind: if facts.is_folder { FileType::Directory } else { FileType::RegularFile },
        perm: facts.mode,
        nlink: 1,
        uid: request.uid(),
        gid: request.gid(),
        rdev: 0,
        blksize: PAGE as u32,
        flags: 0,
    })
}

fn entry(request: &Request, store: &mut Store, number: Result<u64, Wrong>, reply: ReplyEntry) {
    match number.and_then(|number| attributes(request, store, number)) {
        Ok(found) => reply.entry(&NOTHING, &found, Generation(0)),
        Err(wrong) => reply.error(code(wrong)),
    }
}

impl Filesystem for Disk {
    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let store = &mut self.state().store;
        let found = store.find(parent.0, name);
        entry(request, store, found, reply);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(request, &mut self.state().store, ino.0) {
            Ok(found) => reply.attr(&NOTHING, &found),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let store = &mut self.state().store;
        let resized = size.map_or(Ok(()), |size| store.resize(ino.0, size));
        match resized.and_then(|()| attributes(request, store, ino.0)) {
            Ok(found) => reply.attr(&NOTHING, &found),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let store = &mut self.state().store;
        let made = store.create(parent.0, name, true, (mode & 0o7777) as u16);
        entry(request, store, made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.state().store.remove(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.state().store.remove(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        answer(self.state().store.rename((parent.0, name), (newparent.0, newname)), reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.state().store.open(ino.0) {
            Ok(()) => reply.opened(FileHandle(0), UNCACHED),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn create(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, _: i32, reply: ReplyCreate) {
        let store = &mut self.state().store;
        let made = store.create(parent.0, name, false, (mode & 0o7777) as u16);
        let opened = made.and_then(|number| store.open(number).and_then(|()| attributes(request, store, number)));
        match opened {
            Ok(found) => reply.created(&NOTHING, &found, Generation(0), FileHandle(0), UNCACHED),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.state().store.read(ino.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut state = self.state();
        let data = match state.plan.next_write() {
            Some(Fault::Io) => return reply.error(Errno::EIO),
            Some(Fault::Short) => &data[..data.len().div_ceil(2)],
            None => data,
        };
        match state.store.write(ino.0, offset, data) {
            Ok(done) => reply.written(done as u32),
            Err(wrong) => reply.error(code(wrong)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.state().store.close(ino.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(ino, reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(ino, reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let store = &mut self.state().store;
        let listed = match store.list(ino.0) {
            Ok(listed) => listed,
            Err(wrong) => return reply.error(code(wrong)),
        };
        for (place, (name, number)) in listed.into_iter().enumerate().skip(offset as usize) {
            let is_folder = store.facts(number).is_ok_and(|facts| facts.is_folder);
            let kind = if is_folder { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(number), place as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let store = &self.state().store;
        // As large as anybody may want, if nothing was said.
        let (all, free) = (store.capacity_pages.min(1 << 28), store.free_pages().min(1 << 28));
        reply.statfs(all, free, free, 1 << 20, 1 << 20, PAGE as u32, 255, PAGE as u32);
    }
}
