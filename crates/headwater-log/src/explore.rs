//! Every state a small model can come to, each looked at once: what a protocol is tried with. Invariant: a fault that can
//! be reached is found, by a shortest way.
use std::{collections::HashSet, fmt::Debug, hash::Hash};

/// A protocol, its network and its nodes, made small enough to be tried wholly.
pub trait Model {
    /// All of it at one moment.
    type State: Clone + Eq + Hash + Debug;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// What may come next; one state for each event that may happen.
    fn next(&self, state: &Self::State) -> Vec<Self::State>;

    /// What must not be, if it is so.
    fn fault(&self, state: &Self::State) -> Option<String>;
}

/// What came of it.
struct Explored<S> {
    /// How many states there are, or were seen up to the fault.
    states: usize,
    /// The first fault, and the state it is in.
    fault: Option<(String, S)>,
}

/// A model with fewer states than this lets next to nothing happen.
const FEW: usize = 1000;

/// Finds no fault.
///
/// # Panics
/// If there is one, or so few states that nothing was tried.
pub fn assert_sound<M: Model>(model: &M) {
    let Explored { states, fault } = explore(model);
    assert!(fault.is_none(), "{fault:?}");
    assert!(states > FEW, "{states} states");
}

/// Finds the fault of a model that a rule was left out of.
///
/// # Panics
/// If it does not.
pub fn assert_faulty<M: Model>(model: &M, rule: &dyn Debug) {
    let Explored { states, fault } = explore(model);
    assert!(fault.is_some(), "{rule:?} is not found in {states} states");
}

/// Looks at every state, those nearer to the beginning first.
fn explore<M: Model>(model: &M) -> Explored<M::State> {
    let start = model.start();
    let mut seen = HashSet::from([start.clone()]);
    let mut wave = vec![start];
    while !wave.is_empty() {
        let mut after = Vec::new();
        for state in wave {
            if let Some(fault) = model.fault(&state) {
                return Explored { states: seen.len(), fault: Some((fault, state)) };
            }
            after.extend(model.next(&state).into_iter().filter(|next| seen.insert(next.clone())));
        }
        wave = after;
    }
    Explored { states: seen.len(), fault: None }
}
