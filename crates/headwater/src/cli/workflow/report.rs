//! What is left of a run: its report as JSON, for CI systems as JUnit, and a dry run's requests. Invariant: a step that
//! failed and succeeded when it was done again is a success.
use headwater_workflow::{Outcome, Report, Request, StepReport};
use serde_json::{Value, json};
use std::fmt::Write;

/// The outputs, and each step.
pub(super) fn json(report: &Report, times: &[u64]) -> Value {
    let steps = report.steps.iter().zip(times).map(|(step, took_ms)| {
        json!({
            "workflow": step.workflow,
            "step": step.step,
            "depth": step.depth,
            "attempt": step.attempt,
            "called": step.called,
            "status": step.status,
            "failure": step.failure,
            "outputs": step.outputs,
            "tookMs": took_ms,
        })
    });
    let failure = match &report.outcome {
        Outcome::Succeeded => None,
        Outcome::Failed(why) => Some(why),
    };
    json!({
        "workflow": report.workflow,
        "succeeded": failure.is_none(),
        "failure": failure,
        "outputs": report.outputs,
        "steps": steps.collect::<Vec<_>>(),
    })
}

/// A suite with a case for each step.
pub(super) fn junit(report: &Report, times: &[u64]) -> String {
    let mut cases: Vec<(&StepReport, u64)> = Vec::new();
    for (step, took_ms) in report.steps.iter().zip(times) {
        let is_same = |(held, _): &&mut (&StepReport, u64)| held.step == step.step && held.workflow == step.workflow;
        match cases.iter_mut().find(is_same) {
            Some((held, sum)) => {
                *held = step;
                *sum += took_ms;
            }
            None => cases.push((step, *took_ms)),
        }
    }
    let failed = match &report.outcome {
        Outcome::Failed(why) => Some(why),
        Outcome::Succeeded => None,
    };
    let count = cases.len() + 1;
    let failures = cases.iter().filter(|(step, _)| step.failure.is_some()).count() + usize::from(failed.is_some());
    let name = escaped(&report.workflow);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total: u64 = cases.iter().filter(|(step, _)| step.depth == 0).map(|(_, took_ms)| took_ms).sum();
    let head =
        format!("<testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failures}\" time=\"{}\">\n", seconds(total));
    text.push_str(&head);
    for (step, took_ms) in cases {
        text.push_str(&case(&step.workflow, &step.step, took_ms, step.failure.as_deref()));
    }
    text.push_str(&case(&report.workflow, "the workflow", total, failed.map(String::as_str)));
    text.push_str("</testsuite>\n");
    text
}

fn case(class: &str, name: &str, took_ms: u64, failure: Option<&str>) -> String {
    let (class, name, time) = (escaped(class), escaped(name), seconds(took_ms));
    let head = format!("  <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\"");
    match failure {
        None => format!("{head}/>\n"),
        Some(why) => format!("{head}>\n    <failure message=\"{}\"/>\n  </testcase>\n", escaped(why)),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text that may stand in an attribute of XML 1.0.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            letter if letter < ' ' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Requests as they would be sent, but for their signatures.
pub(super) fn requests(requests: &[Request]) -> String {
    let texts = requests.iter().map(|request| {
        let mut text = format!("{} {}\n", request.method, request.url);
        for (name, value) in &request.headers {
            // A String takes everything.
            let _ = writeln!(text, "{name}: {value}");
        }
        if let Some(body) = &request.body {
            let _ = writeln!(text, "\n{body}");
        }
        text
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The same as JSON.
pub(super) fn requests_json(requests: &[Request]) -> Value {
    let requests = requests.iter().map(|request| {
        let headers: Vec<Value> = request.headers.iter().map(|(name, value)| json!([name, value])).collect();
        let Request { method, url, body, service, .. } = request;
        json!({"method": method, "url": url, "headers": headers, "body": body, "signedFor": service})
    });
    requests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, attempt: usize, failure: Option<&str>) -> StepReport {
        StepReport {
            depth: 0,
            workflow: "w".into(),
            step: name.into(),
            attempt,
            called: String::new(),
            status: None,
            failure: failure.map(str::to_owned),
            outputs: json!({}),
        }
    }

    #[test]
    fn a_step_is_one_case_and_its_last_attempt_counts() {
        let steps = vec![step("a", 1, Some("busy")), step("a", 2, None), step("b", 1, Some("1 < 2 & \"x\"\u{1}"))];
        let report = Report { workflow: "w".into(), outcome: Outcome::Failed("b".into()), outputs: json!({}), steps };
        let text = junit(&report, &[1000, 500, 7]);
        assert!(text.contains("tests=\"3\" failures=\"2\" time=\"1.507\""), "{text}");
        assert!(text.contains("<testcase classname=\"w\" name=\"a\" time=\"1.500\"/>"), "{text}");
        assert!(text.contains("<failure message=\"1 &lt; 2 &amp; &quot;x&quot;\u{fffd}\"/>"), "{text}");
    }
}
