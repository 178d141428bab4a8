//! Which servers share the logs, and which of them leads: a fold of what they say in a common log; pure.
//!
//! Invariant: for everybody who has read the same, at most one node leads in a term, and terms only rise. Leading is for
//! dividing work; which decisions count does not depend on it (`headwater_log::epoch`).
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A leader that was not heard for as long has lost the lead.
pub(super) const SILENCE_MS: u64 = 3_000;

/// One run of one server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct NodeId(pub(super) u64);

/// What a node says. As JSON in the log: fields and kinds may be added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    /// It is there, is reached at this URL, and leads in this term if it does.
    Here { node: NodeId, url: String, leads: Option<u64> },
    /// From here on it leads, in this term.
    Leads { node: NodeId, term: u64 },
    /// It goes.
    Gone { node: NodeId },
}

/// A node, for whoever watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NodeReading {
    /// Where it is reached.
    pub(crate) url: String,
    pub(crate) leads: bool,
    /// Whether it is the one that tells.
    pub(crate) is_self: bool,
    /// How long ago it was heard.
    pub(crate) silent_ms: u64,
}

/// What one node knows of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Roll {
    term: u64,
    leader: Option<NodeId>,
    nodes: BTreeMap<NodeId, Seen>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seen {
    url: String,
    heard_ms: u64,
}

impl Roll {
    /// Takes in what was said, heard at this time of the hearer's clock.
    pub(super) fn hear(&mut self, said: &Said, heard_ms: u64) {
        match said {
            Said::Here { node, url, leads } => {
                let seen = self.nodes.entry(*node).or_default();
                *seen = Seen { url: url.clone(), heard_ms: seen.heard_ms.max(heard_ms) };
                // Who has not heard it take the lead, as the log was trimmed, hears it here.
                leads.iter().for_each(|term| self.lead(*node, *term));
            }
            Said::Leads { node, term } => {
                let seen = self.nodes.entry(*node).or_default();
                seen.heard_ms = seen.heard_ms.max(heard_ms);
                self.lead(*node, *term);
            }
            Said::Gone { node } => {
                self.nodes.remove(node);
                self.leader = self.leader.filter(|leader| leader != node);
            }
        }
    }

    fn lead(&mut self, node: NodeId, term: u64) {
        if term > self.term {
            (self.term, self.leader) = (term, Some(node));
        }
    }

    /// The term in which `node` leads, if it does and was heard lately: who no longer hears itself is cut off.
    pub(super) fn leads(&self, node: NodeId, now_ms: u64) -> Option<u64> {
        (self.leader == Some(node) && self.is_heard(node, now_ms)).then_some(self.term)
    }

    /// Where the leader is reached.
    pub(super) fn leader_url(&self) -> Option<&str> {
        self.nodes.get(&self.leader?).map(|seen| seen.url.as_str()).filter(|url| !url.is_empty())
    }

    /// The nodes that were heard lately and have not gone, in order of where they are reached; `me` is the one that tells.
    pub(super) fn present(&self, me: NodeId, now_ms: u64) -> Vec<NodeReading> {
        let heard = self.nodes.iter().filter(|(node, _)| self.is_heard(**node, now_ms));
        let mut present: Vec<NodeReading> = heard
            .map(|(node, seen)| NodeReading {
                url: seen.url.clone(),
                leads: self.leader == Some(*node),
                is_self: *node == me,
                silent_ms: now_ms.saturating_sub(seen.heard_ms),
            })
            .collect();
        present.sort_unstable_by(|one, other| one.url.cmp(&other.url));
        present
    }

    /// The numbers of those that were heard lately and have not gone.
    pub(super) fn heard(&self, now_ms: u64) -> Vec<u64> {
        self.nodes.keys().filter(|node| self.is_heard(**node, now_ms)).map(|node| node.0).collect()
    }

    /// What `node` has to say to take the lead, if that is its turn: nobody leads who is heard, and of those who are it
    /// comes first – or has waited for that one in vain.
    pub(super) fn take_over(&self, node: NodeId, now_ms: u64) -> Option<Said> {
        if self.leader.is_some_and(|leader| self.is_heard(leader, now_ms)) {
            return None;
        }
        let last_ms = self.leader.and_then(|leader| self.nodes.get(&leader)).map_or(0, |seen| seen.heard_ms);
        let waited_in_vain = self.leader.is_some() && now_ms >= last_ms + 2 * SILENCE_MS;
        let first = self.nodes.keys().find(|other| self.is_heard(**other, now_ms));
        (first == Some(&node) || waited_in_vain).then_some(Said::Leads { node, term: self.term + 1 })
    }

    fn is_heard(&self, node: NodeId, now_ms: u64) -> bool {
        self.nodes.get(&node).is_some_and(|seen| now_ms < seen.heard_ms + SILENCE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);

    fn here(node: NodeId, leads: Option<u64>) -> Said {
        Said::Here { node, url: format!("http://{}", node.0), leads }
    }

    fn roll(heard: &[(Said, u64)]) -> Roll {
        let mut roll = Roll::default();
        heard.iter().for_each(|(said, at_ms)| roll.hear(said, *at_ms));
        roll
    }

    #[test]
    fn the_first_of_those_who_are_there_takes_the_lead_at_once() {
        let both = roll(&[(here(TWO, None), 100), (here(ONE, None), 100)]);
        assert_eq!(both.take_over(TWO, 200), None);
        assert_eq!(both.take_over(ONE, 200), Some(Said::Leads { node: ONE, term: 1 }));
    }

    #[test]
    fn of_two_who_take_the_same_term_the_first_in_the_log_leads() {
        let said =
            [here(ONE, None), here(TWO, None), Said::Leads { node: TWO, term: 1 }, Said::Leads { node: ONE, term: 1 }];
        let both = roll(&said.map(|said| (said, 100)));
        assert_eq!((both.leads(TWO, 200), both.leads(ONE, 200)), (Some(1), None));
        assert_eq!(both.leader_url(), Some("http://2"));
    }

    #[test]
    fn a_leader_that_falls_silent_or_goes_is_followed() {
        let led = [(here(ONE, None), 0), (Said::Leads { node: ONE, term: 4 }, 0), (here(TWO, None), 2_900)];
        let mut silent = roll(&led);
        assert_eq!(silent.take_over(TWO, 2_999), None);
        assert_eq!(silent.take_over(TWO, 3_000), Some(Said::Leads { node: TWO, term: 5 }));
        assert_eq!(silent.leads(ONE, 3_000), None, "who does not hear itself does not lead");
        silent.hear(&Said::Gone { node: ONE }, 100);
        assert_eq!(silent.leader_url(), None);
        assert!(silent.take_over(TWO, 2_999).is_some());
    }

    #[test]
    fn who_is_there_is_told_and_who_fell_silent_is_not() {
        let mut two = roll(&[(here(ONE, Some(1)), 0), (here(TWO, None), 2_000)]);
        let reading = |url: &str, leads, is_self, silent_ms| NodeReading { url: url.into(), leads, is_self, silent_ms };
        let (one, other) = (reading("http://1", true, false, 2_500), reading("http://2", false, true, 500));
        assert_eq!(two.present(TWO, 2_500), [one, other.clone()]);
        assert_eq!(two.present(TWO, 3_000), [NodeReading { silent_ms: 1_000, ..other }]);
        two.hear(&Said::Gone { node: TWO }, 3_000);
        assert_eq!(two.present(TWO, 3_000), []);
    }

    #[test]
    fn who_waits_for_the_first_in_vain_takes_the_lead() {
        let led = [(here(ONE, None), 2_000), (here(TWO, None), 0), (Said::Leads { node: NodeId(3), term: 1 }, 0)];
        let mut stuck = roll(&led);
        stuck.hear(&here(ONE, None), 5_900);
        stuck.hear(&here(TWO, None), 5_900);
        assert_eq!(stuck.take_over(TWO, 5_999), None, "it is the turn of the first");
        assert!(stuck.take_over(TWO, 6_000).is_some());
    }

    #[test]
    fn who_comes_later_hears_who_leads_from_the_leader() {
        let late = roll(&[(here(TWO, Some(7)), 100)]);
        assert_eq!((late.leader_url(), late.leads(TWO, 200)), (Some("http://2"), Some(7)));
    }

    proptest! {
        #[test]
        fn what_is_said_comes_back(node: u64, term: u64, url in "[a-z:/0-9.]{0,30}", kind in 0..3) {
            let node = NodeId(node);
            let said = match kind {
                0 => Said::Here { node, url, leads: Some(term) },
                1 => Said::Leads { node, term },
                _ => Said::Gone { node },
            };
            let bytes = serde_json::to_vec(&said).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Said>(&bytes).unwrap(), said);
        }

        #[test]
        fn everybody_who_reads_the_same_agrees_on_who_leads(
            said in proptest::collection::vec((0..3_u64, 0..4_u64, 0..3_u8), 0..40),
            delays in proptest::collection::vec(0..5_000_u64, 40),
        ) {
            let said: Vec<Said> = said.into_iter().map(|(node, term, kind)| match (NodeId(node), kind) {
                (node, 0) => here(node, Some(term)),
                (node, 1) => Said::Leads { node, term },
                (node, _) => Said::Gone { node },
            }).collect();
            let (mut prompt, mut late) = (Roll::default(), Roll::default());
            for (said, delay) in said.iter().zip(&delays) {
                prompt.hear(said, 0);
                late.hear(said, *delay);
                prop_assert_eq!((prompt.term, prompt.leader), (late.term, late.leader));
            }
        }
    }
}
