//! Any text as an Arazzo document, any as the description it refers to, any as the answers: problems stand on lines
//! of the document, and what has no errors runs to its end, in no more steps than are allowed, without waiting for what
//! nobody gives.
#![no_main]
use headwater_fuzz::{BETWEEN, has_line};
use headwater_workflow::{Event, Library, Outside, Request, Response, Settings, run};
use libfuzzer_sys::fuzz_target;
use serde_json::Map;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

const STEPS: usize = 20;

/// A world of two texts.
struct World<'a> {
    description: &'a str,
    answers: std::str::Split<'a, &'static str>,
    calls: usize,
}

impl Outside for World<'_> {
    /// The first of a text's letters tells the status.
    async fn call(&mut self, request: &Request, _: Option<u64>) -> Result<Response, String> {
        self.calls += 1;
        assert!(!request.url.contains('#'), "{}", request.url);
        let text = self.answers.next().ok_or("nobody answers")?;
        let status = if text.starts_with('!') { 400 } else { 200 };
        let kind = if text.starts_with('<') { "text/xml" } else { "application/json" };
        let headers = vec![("Content-Type".to_owned(), kind.to_owned()), ("Retry-After".to_owned(), text.to_owned())];
        Ok(Response { status, headers, body: text.trim_start_matches('!').as_bytes().to_vec() })
    }

    async fn read(&mut self, location: &str) -> Result<Option<String>, String> {
        Ok((!location.ends_with('-')).then(|| self.description.to_owned()))
    }

    async fn sleep(&mut self, _: u64) {}

    fn tell(&mut self, _: Event<'_>) {}
}

fn done<T>(task: impl Future<Output = T>) -> T {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

fuzz_target!(|text: &str| {
    let mut texts = text.split(BETWEEN);
    let (document, description) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let mut world = World { description, answers: texts, calls: 0 };
    let library = done(Library::load("flows/a.yml", document, &mut world));
    for problem in library.problems() {
        assert!(has_line(document, problem.line), "{problem}");
    }
    let Some(read) = library.document().filter(|_| !library.problems().iter().any(|problem| problem.is_error())) else {
        return;
    };
    let settings = Settings {
        default_endpoint: "http://local".to_owned(),
        max_steps: STEPS,
        max_kept_bytes: 1 << 20,
        ..Settings::default()
    };
    for is_dry in [true, false] {
        for workflow in read.workflows.iter().take(4) {
            world.calls = 0;
            let report =
                done(run(&library, &workflow.id, Map::new(), &Settings { is_dry, ..settings.clone() }, &mut world));
            assert!(report.steps.len() <= STEPS && world.calls <= if is_dry { 0 } else { STEPS });
        }
    }
});
