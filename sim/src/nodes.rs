//! Some processes of one service over logs that they share, with everything that can happen to them and on the way: one
//! thread, clocks that stand still, and a seed that says what comes next.
//!
//! Invariant: what happens depends on the seed alone. Whoever is woken waits until chance comes to it; what a process has
//! running beside that, the runtime runs in an order that the seed tells as well.
use crate::{
    Outcome,
    cast::{Cast, Doing, Parts},
    chance::{Chance, Trace},
};
use bytes::Bytes;
use headwater_log::{
    Engine, LogError, LogGroup, LogId,
    clock::{Clock, ManualClock},
    shared::{Event, Fate, Shared, Way},
};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};
use tokio::{runtime::RngSeed, task::yield_now};

/// 2020-09-13T12:26:40Z.
const NOW_MS: u64 = 1_600_000_000_000;
const ELSEWHERE: LogId = LogId::new(LogGroup(99), 0);
/// Calls under way at a time.
const CALLS: usize = 8;
/// In peace everything has to come to its end in so many steps.
const PEACE_STEPS: u64 = 40_000;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

enum Came<C: Cast> {
    Opened(Result<C::Service, LogError>),
    Saw(C::Saw),
    Over,
}

struct Running<C: Cast> {
    node: usize,
    is_duty: bool,
    doing: Doing<Came<C>>,
    woken: Arc<Woken>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Road {
    Open,
    /// Nothing gets through, and it is told so.
    Cut,
    /// Nothing gets through for now.
    Silent,
    /// It hears of nothing that it does not ask for.
    Deaf,
}

struct Node<S> {
    way: Arc<Way>,
    clock: ManualClock,
    road: Road,
    service: Option<S>,
    is_opening: bool,
}

struct Play<C: Cast> {
    cast: C,
    chance: Chance,
    trace: Trace,
    loud: bool,
    shared: Arc<Shared>,
    clock: ManualClock,
    nodes: Vec<Node<C::Service>>,
    running: Vec<Running<C>>,
    /// One in so many things fails; never, if 0.
    fails_once_in: u64,
    /// How seldom processes end, and are cut off; never, if 0.
    turns_once_in: u64,
    now: u64,
    is_peace: bool,
}

/// Plays `seed`; `loud` prints everything that happens.
pub fn run<C: Cast + 'static>(cast: C, seed: u64, loud: bool) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.rng_seed(RngSeed::from_bytes(&seed.to_le_bytes())).build().expect("a runtime");
    let mut play = Play::new(cast, seed, loud);
    let wrong = runtime.block_on(play.all()).err();
    Outcome { trace: play.trace, wrong }
}

impl<C: Cast + 'static> Play<C> {
    fn new(cast: C, seed: u64, loud: bool) -> Self {
        let mut chance = Chance::new(seed ^ 0x6e6f_6465);
        let clock = ManualClock::at(NOW_MS);
        let shared = Shared::new(Arc::new(clock.clone()));
        let mut nodes = Vec::new();
        for _ in 0..chance.pick(&[2, 2, 3]) {
            let clock = ManualClock::at(NOW_MS - 3000 + chance.below(6000));
            let way = Way::by_hand(&shared);
            nodes.push(Node { way, clock, road: Road::Open, service: None, is_opening: false });
        }
        let fails_once_in = chance.pick(&[0, 10, 30, 100, 300]);
        let turns_once_in = chance.pick(&[0, 1, 3, 10]);
        let (trace, running) = (Trace::new(), Vec::new());
        Self {
            cast,
            chance,
            trace,
            loud,
            shared,
            clock,
            nodes,
            running,
            fails_once_in,
            turns_once_in,
            now: 0,
            is_peace: false,
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        let what = what();
        self.trace.note(what.as_bytes());
        if self.loud {
            println!("{:>6}  {what}", self.now);
        }
    }

    async fn all(&mut self) -> Result<(), String> {
        for node in 0..self.nodes.len() {
            self.open(node);
        }
        for _ in 0..self.chance.below(C::STEPS) + 100 {
            self.step().await;
        }
        self.make_peace().await?;
        for node in 0..self.nodes.len() {
            let service = self.nodes[node].service.clone().ok_or("a process does not come up")?;
            self.look(service).await?;
        }
        // And one that has all of it from the logs.
        let node = self.nodes.len();
        let (way, clock) = (Way::by_hand(&self.shared), ManualClock::at(self.clock.now_ms()));
        self.nodes.push(Node { way, clock, road: Road::Open, service: None, is_opening: false });
        let parts = self.parts(node);
        let opening = self.cast.open(parts);
        let fresh =
            self.until_done(opening).await?.map_err(|error| format!("a new process does not start: {error}"))?;
        self.begin(node, &fresh);
        self.look(fresh).await?;
        self.cast.check(&self.shared)
    }

    async fn look(&mut self, service: C::Service) -> Result<(), String> {
        let looking = self.cast.look(&service, self.now);
        let saw = self.until_done(looking).await??;
        let told = self.cast.saw(saw, self.now);
        self.tell(|| told);
        Ok(())
    }

    fn parts(&mut self, node: usize) -> Parts {
        let Node { way, clock, .. } = &self.nodes[node];
        let (engine, clock): (Arc<dyn Engine>, Arc<dyn Clock>) = (way.clone(), Arc::new(clock.clone()));
        Parts { engine, clock, chance: self.chance.next(), node }
    }

    fn open(&mut self, node: usize) {
        self.tell(|| format!("{node} starts"));
        self.nodes[node].way = Way::by_hand(&self.shared);
        self.nodes[node].is_opening = true;
        let parts = self.parts(node);
        let opening = self.cast.open(parts);
        self.run(node, false, Box::pin(async move { Came::Opened(opening.await) }));
    }

    fn end(&mut self, node: usize) {
        self.tell(|| format!("{node} ends"));
        let chance = &mut self.chance;
        self.nodes[node].way.end(|_| chance.once_in(2));
        self.nodes[node].service = None;
        self.nodes[node].is_opening = false;
        self.running.retain(|running| running.node != node);
    }

    fn run(&mut self, node: usize, is_duty: bool, doing: Doing<Came<C>>) {
        self.running.push(Running { node, is_duty, doing, woken: Arc::new(Woken(AtomicBool::new(true))) });
    }

    /// A process does what it does by itself.
    fn begin(&mut self, node: usize, service: &C::Service) {
        for duty in self.cast.duties(service) {
            let over = async move {
                duty.await;
                Came::Over
            };
            self.run(node, true, Box::pin(over));
        }
    }

    /// Something happens.
    async fn step(&mut self) {
        self.now += 1;
        match self.chance.below(100) {
            0..30 => _ = self.go_on(),
            30..75 => _ = self.event(),
            75..88 => self.call(),
            88..90 if self.shared.late() > 0 => {
                let late = self.shared.late();
                let at = self.chance.below(late as u64) as usize;
                self.tell(|| "something late arrives".into());
                self.shared.let_in_one(at);
            }
            90..93 if self.turns_once_in > 0 && self.chance.once_in(self.turns_once_in) => self.turn(),
            93..98 => self.time_passes(),
            98 => self.places_pass(),
            _ => {}
        }
        for _ in 0..self.chance.pick(&[0, 1, 1, 2, 5]) {
            yield_now().await;
        }
    }

    /// The condition of a process changes.
    fn turn(&mut self) {
        let node = self.chance.below(self.nodes.len() as u64) as usize;
        let Node { service, is_opening, road, .. } = &mut self.nodes[node];
        match (service.is_some() || *is_opening, self.chance.below(6)) {
            (false, _) => self.open(node),
            (true, 0) => self.end(node),
            (true, at) => {
                *road = [Road::Open, Road::Open, Road::Cut, Road::Silent, Road::Deaf][at as usize - 1];
                let road = *road;
                self.tell(|| format!("the way of {node} is {road:?}"));
            }
        }
    }

    fn time_passes(&mut self) {
        // In peace what all show is compared, so nothing gets old meanwhile.
        let by_ms = self.chance.pick(if self.is_peace { &[1, 100, 1000, 1500] } else { C::PASSES_MS });
        self.tell(|| format!("{by_ms} ms pass"));
        self.clock.advance(by_ms);
        self.nodes.iter().for_each(|node| node.clock.advance(by_ms));
    }

    /// Others write elsewhere: places in a log do not follow one another.
    fn places_pass(&mut self) {
        self.tell(|| "places pass".into());
        drop(self.shared.log.append(ELSEWHERE, vec![Bytes::new(); 100]));
    }

    fn call(&mut self) {
        let node = self.chance.below(self.nodes.len() as u64) as usize;
        let calls = self.running.iter().filter(|running| !running.is_duty).count();
        if let Some(service) = self.nodes[node].service.clone()
            && calls < CALLS
        {
            let call = self.cast.call(&mut self.chance, &service, self.now);
            self.run(node, false, Box::pin(async move { Came::Saw(call.await) }));
        }
    }

    /// Somebody who was woken goes on.
    fn go_on(&mut self) -> bool {
        let is_woken = |running: &Running<C>| running.woken.0.load(Relaxed);
        let woken: Vec<usize> = (0..self.running.len()).filter(|at| is_woken(&self.running[*at])).collect();
        if woken.is_empty() {
            return false;
        }
        let at = self.chance.pick(&woken);
        let Running { doing, woken, .. } = &mut self.running[at];
        woken.0.store(false, Relaxed);
        let waker = Waker::from(Arc::clone(woken));
        let Poll::Ready(came) = doing.as_mut().poll(&mut Context::from_waker(&waker)) else { return true };
        let node = self.running.remove(at).node;
        match came {
            Came::Opened(Ok(service)) => {
                self.tell(|| format!("{node} has started"));
                self.begin(node, &service);
                self.nodes[node].is_opening = false;
                self.nodes[node].service = Some(service);
            }
            Came::Opened(Err(error)) => {
                self.tell(|| format!("{node} does not start: {error}"));
                self.end(node);
            }
            Came::Saw(saw) => {
                let told = self.cast.saw(saw, self.now);
                self.tell(|| format!("{node} {told}"));
            }
            Came::Over => {}
        }
        true
    }

    /// Something happens between a process and the logs, or outside.
    fn event(&mut self) -> bool {
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| node.road != Road::Silent);
        let due: Vec<(usize, Event)> =
            nodes.flat_map(|(at, node)| node.way.due().into_iter().map(move |event| (at, event))).collect();
        let all = due.len() + self.cast.outside();
        if all == 0 {
            return false;
        }
        let at = self.chance.below(all as u64) as usize;
        let Some((node, event)) = due.get(at).copied() else {
            let told = self.cast.happen(at - due.len(), &mut self.chance, self.is_peace);
            self.tell(|| told);
            return true;
        };
        let Node { way, road, .. } = &self.nodes[node];
        let fails = !self.is_peace && self.fails_once_in > 0 && self.chance.once_in(self.fails_once_in);
        let lags = matches!(event, Event::Asked(_)) && !self.is_peace && self.chance.once_in(6);
        let fate = match (road, event) {
            (Road::Cut | Road::Deaf, Event::Hears(_)) => return true,
            (Road::Cut, _) => self.chance.pick(&[Fate::Refused, Fate::Lost, Fate::Late]),
            _ if fails => self.chance.pick(&[Fate::Refused, Fate::Lost, Fate::Kept, Fate::Late]),
            _ if lags => Fate::Kept,
            _ => Fate::Fine,
        };
        way.clone().happen(event, fate);
        self.tell(|| format!("{node} {event:?} {fate:?}"));
        true
    }

    /// From here on nothing fails, all that was called comes to its end, and every process runs.
    async fn make_peace(&mut self) -> Result<(), String> {
        self.is_peace = true;
        self.tell(|| "peace".into());
        self.cast.make_peace();
        for node in 0..self.nodes.len() {
            self.nodes[node].road = Road::Open;
        }
        self.shared.let_in();
        let end = self.now + PEACE_STEPS;
        loop {
            let down = (0..self.nodes.len()).find(|at| {
                let Node { service, is_opening, .. } = &self.nodes[*at];
                service.is_none() && !is_opening
            });
            if let Some(node) = down {
                self.open(node);
            } else if self.running.iter().all(|running| running.is_duty) {
                return Ok(());
            }
            self.peaceful_step().await;
            if self.now > end {
                let waiting = self.running.iter().filter(|running| !running.is_duty).map(|running| running.node);
                return Err(format!("calls are never answered, at {:?}", waiting.collect::<Vec<_>>()));
            }
        }
    }

    async fn peaceful_step(&mut self) {
        self.now += 1;
        let moved = (self.chance.once_in(2) && self.go_on()) || self.event() || self.go_on();
        for _ in 0..if moved { 1 } else { 20 } {
            yield_now().await;
        }
        if !moved && self.chance.once_in(4) {
            self.time_passes();
        }
    }

    /// Does something in peace, while everything goes on.
    async fn until_done<T>(&mut self, doing: Doing<T>) -> Result<T, String> {
        let (mut doing, end) = (pin!(doing), self.now + PEACE_STEPS);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        while self.now < end {
            if woken.0.swap(false, Relaxed)
                && let Poll::Ready(done) = doing.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Ok(done);
            }
            self.peaceful_step().await;
        }
        Err("what is asked in peace is never answered".into())
    }
}
