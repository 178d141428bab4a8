//! What a run looks like while it goes on: a tree of steps, on standard error. On a terminal the step under way is shown
//! too, and a step that is done again and again keeps one line. Invariant: nothing here can make a run fail.
use headwater_workflow::Event;
use std::io::{self, IsTerminal, Write};

const CLEAR: &str = "\r\x1b[2K";
const LINE_UP: &str = "\x1b[1A";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// See above.
pub(super) struct Show {
    is_terminal: bool,
    has_colours: bool,
    /// The line of the step that was shown last, if it may be replaced: its depth, its name, how often it was done.
    last: Option<(usize, String, usize)>,
}

impl Show {
    pub(super) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { is_terminal, has_colours, last: None }
    }

    /// Shows an event; `took_ms` is how long the step took that is over.
    pub(super) fn tell(&mut self, event: &Event<'_>, took_ms: u64) {
        // Whoever does not look misses nothing.
        let _ = io::stderr().write_all(self.text(event, took_ms).as_bytes());
    }

    fn text(&mut self, event: &Event<'_>, took_ms: u64) -> String {
        let clear = if self.is_terminal { CLEAR } else { "" };
        let indent = |depth: usize| "  ".repeat(2 * depth);
        match event {
            Event::Workflow { depth, id, summary } => {
                self.last = None;
                let summary = self.tinted(DIM, summary);
                format!("{clear}{}{id}  {summary}\n", indent(*depth)).replace("  \n", "\n")
            }
            Event::Step { depth, id } if self.is_terminal => format!("{clear}{}  … {id}", indent(*depth)),
            Event::Done(step) => {
                let times = match &self.last {
                    Some((depth, name, times)) if *depth == step.depth && *name == step.step => times + 1,
                    _ => 1,
                };
                let replaced = if self.is_terminal && times > 1 { format!("{LINE_UP}{CLEAR}") } else { String::new() };
                self.last = Some((step.depth, step.step.clone(), times)).filter(|_| self.is_terminal);
                let sign = if step.failure.is_none() { self.tinted(GREEN, "✓") } else { self.tinted(RED, "✗") };
                let status = step.status.map(|status| format!("  {status}")).unwrap_or_default();
                let often = if self.is_terminal && times > 1 { format!("  ×{times}") } else { String::new() };
                let took = self.tinted(DIM, &format!("{took_ms} ms"));
                let failure = step.failure.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
                format!(
                    "{clear}{replaced}{}  {sign} {}{status}{often}  {took}{failure}\n",
                    indent(step.depth),
                    step.step
                )
            }
            Event::Turn { depth, action, to, pause_ms } => {
                let when = if *pause_ms > 0 { format!(" in {pause_ms} ms") } else { String::new() };
                let line = self.tinted(DIM, &format!("{action} → {to}{when}"));
                // On a terminal it is gone when the step begins.
                let end = if self.is_terminal { "" } else { "\n" };
                format!("{clear}{}    {line}{end}", indent(*depth))
            }
            Event::Step { .. } | Event::Request { .. } => String::new(),
            Event::Over { .. } => clear.to_owned(),
        }
    }

    fn tinted(&self, colour: &str, text: &str) -> String {
        if self.has_colours { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_workflow::StepReport;
    use serde_json::json;

    fn done(failure: Option<&str>) -> StepReport {
        StepReport {
            depth: 0,
            workflow: "w".into(),
            step: "look".into(),
            attempt: 1,
            called: "POST http://a/".into(),
            status: Some(200),
            failure: failure.map(str::to_owned),
            outputs: json!({}),
        }
    }

    #[test]
    fn a_pipe_gets_a_line_for_everything() {
        let mut show = Show { is_terminal: false, has_colours: false, last: None };
        assert_eq!(show.text(&Event::Workflow { depth: 0, id: "w", summary: "does it" }, 0), "w  does it\n");
        assert_eq!(show.text(&Event::Step { depth: 0, id: "look" }, 0), "");
        assert_eq!(show.text(&Event::Done(&done(None)), 3), "  ✓ look  200  3 ms\n");
        let turn = Event::Turn { depth: 0, action: "again", to: "look", pause_ms: 200 };
        assert_eq!(show.text(&turn, 0), "    again → look in 200 ms\n");
        assert_eq!(show.text(&Event::Done(&done(Some("not met"))), 3), "  ✗ look  200  3 ms  not met\n");
    }

    #[test]
    fn a_terminal_keeps_one_line_for_a_step_done_again() {
        let mut show = Show { is_terminal: true, has_colours: false, last: None };
        assert_eq!(show.text(&Event::Step { depth: 0, id: "look" }, 0), format!("{CLEAR}  … look"));
        assert_eq!(show.text(&Event::Done(&done(None)), 3), format!("{CLEAR}  ✓ look  200  3 ms\n"));
        assert_eq!(
            show.text(&Event::Done(&done(None)), 4),
            format!("{CLEAR}{LINE_UP}{CLEAR}  ✓ look  200  ×2  4 ms\n")
        );
    }
}
