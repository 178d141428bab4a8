//! A document with all it refers to: descriptions of operations, other documents. Invariant: everything is read before
//! anything runs; a description that is not there is missed only by an operation nobody else knows.
use crate::{
    builtin,
    check::{self, source_of},
    document::{Document, Source, SourceKind, Step, Target, Workflow},
    openapi::{self, Operation},
    outside::Outside,
    problem::{Problem, Severity},
    read,
    tree::Node,
};
use serde_json::Value;

/// Documents that refer to each other, at most.
const MAX_DOCUMENTS: usize = 64;

/// Documents and descriptions. The first document is the one that was asked for.
#[derive(Debug)]
pub struct Library {
    documents: Vec<Shelf>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Shelf {
    location: String,
    document: Document,
    /// In the order of the document's sources.
    sources: Vec<Described>,
}

/// What a source description turned out to be.
#[derive(Debug)]
enum Described {
    OpenApi {
        description: Value,
        location: String,
    },
    Arazzo(usize),
    /// It is not there, or cannot be used, for this reason.
    Absent(String),
}

/// A workflow's place: its document's, and its own in there.
pub(crate) type At = (usize, usize);

impl Library {
    /// Reads the document at `location`, whose text is `text`, and whatever it names.
    pub async fn load(location: &str, text: &str, outside: &mut impl Outside) -> Self {
        let mut library = Self { documents: Vec::new(), problems: Vec::new() };
        match Node::parse(text) {
            Err(problem) => library.problems.push(problem),
            Ok(root) => {
                let read = read::read(&root);
                library.problems = check::problems(&read);
                library.add(location, read.document);
            }
        }
        let mut next = 0;
        while next < library.documents.len() && !library.problems.iter().any(Problem::is_error) {
            library.load_sources(next, outside).await;
            next += 1;
        }
        if !library.problems.iter().any(Problem::is_error) {
            library.look_up();
        }
        library
    }

    /// What is wrong with the document asked for, by line.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The document asked for; none if it could not be read at all.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        self.documents.first().map(|shelf| &shelf.document)
    }

    fn add(&mut self, location: &str, document: Document) -> usize {
        let location = document.self_uri.as_ref().map_or_else(|| location.to_owned(), |own| resolve(location, own));
        self.documents.push(Shelf { location, document, sources: Vec::new() });
        self.documents.len() - 1
    }

    async fn load_sources(&mut self, at: usize, outside: &mut impl Outside) {
        let Some(shelf) = self.documents.get(at) else { return };
        let base = shelf.location.clone();
        for source in shelf.document.sources.clone() {
            let described = match self.describe(&base, &source, outside).await {
                Ok(described) => described,
                Err(why) => {
                    if at == 0 {
                        self.problems.push(Problem::error(source.line, why.clone()));
                    }
                    Described::Absent(why)
                }
            };
            if let Some(shelf) = self.documents.get_mut(at) {
                shelf.sources.push(described);
            }
        }
    }

    async fn describe(&mut self, base: &str, source: &Source, outside: &mut impl Outside) -> Result<Described, String> {
        let location = resolve(base, &source.url);
        if source.kind == SourceKind::AsyncApi {
            return Ok(Described::Absent(format!("`{}` describes messages, not HTTP", source.name)));
        }
        if let Some(known) = self.documents.iter().position(|shelf| shelf.location == location) {
            return Ok(Described::Arazzo(known));
        }
        let text = match outside.read(&location).await {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Described::Absent(format!("there is nothing at {location}"))),
            Err(why) => return Ok(Described::Absent(format!("{location}: {why}"))),
        };
        let root = Node::parse(&text).map_err(|problem| format!("{location}:{problem}"))?;
        let version = |name: &str| root.get(name).map(|node| crate::template::text_of(&node.json()));
        if root.get("arazzo").is_some() {
            if self.documents.len() == MAX_DOCUMENTS {
                return Err(format!("more than {MAX_DOCUMENTS} documents refer to each other"));
            }
            let read = read::read(&root);
            return match check::problems(&read).into_iter().find(Problem::is_error) {
                Some(problem) => Err(format!("{location}:{problem}")),
                None => Ok(Described::Arazzo(self.add(&location, read.document))),
            };
        }
        match version("openapi") {
            Some(version) if version.starts_with("3.") => Ok(Described::OpenApi { description: root.json(), location }),
            _ => Err(format!("{location} is neither OpenAPI 3 nor Arazzo 1")),
        }
    }

    /// Finds what the document's steps call, so that what is missing is told before anything runs.
    fn look_up(&mut self) {
        let Some(shelf) = self.documents.first() else { return };
        let document = &shelf.document;
        // What is not there may still have it: then the run tells.
        let is_whole = !shelf.sources.iter().any(|described| matches!(described, Described::Absent(_)));
        let severity = if is_whole { Severity::Error } else { Severity::Warning };
        let mut found = Vec::new();
        for workflow in &document.workflows {
            for step in &workflow.steps {
                let wrong = match &step.target {
                    Target::Workflow(name) if self.workflow(0, name).is_none() => {
                        Some(format!("there is no workflow `{name}`"))
                    }
                    Target::Workflow(_) | Target::Channel(_) => None,
                    Target::OperationId(_) | Target::OperationPath(_) => {
                        self.operation(0, workflow, step, "us-east-1").err()
                    }
                };
                found.extend(wrong.map(|sentence| Problem { line: step.line, severity, sentence }));
            }
        }
        self.problems.append(&mut found);
        self.problems.sort_by_key(|problem| problem.line);
    }

    pub(crate) fn at(&self, at: At) -> Option<(&Document, &Workflow)> {
        let document = &self.documents.get(at.0)?.document;
        Some((document, document.workflows.get(at.1)?))
    }

    /// The workflow a document calls `name`, maybe with the source that has it.
    pub(crate) fn workflow(&self, document: usize, name: &str) -> Option<At> {
        let in_document = |place: usize, id: &str| {
            let held = self.documents.get(place)?.document.workflows.iter().position(|workflow| workflow.id == id)?;
            Some((place, held))
        };
        let shelf = self.documents.get(document)?;
        let mut others = shelf.document.sources.iter().zip(&shelf.sources).filter_map(|(source, held)| match held {
            Described::Arazzo(place) => Some((source, *place)),
            _ => None,
        });
        match split_source(name) {
            Some((wanted, id)) => {
                others.find(|(source, _)| source.name == wanted).and_then(|(_, place)| in_document(place, id))
            }
            None => in_document(document, name).or_else(|| others.find_map(|(_, place)| in_document(place, name))),
        }
    }

    /// The operation a step calls.
    pub(crate) fn operation(
        &self,
        document: usize,
        workflow: &Workflow,
        step: &Step,
        region: &str,
    ) -> Result<Operation, String> {
        let shelf = self.documents.get(document).ok_or("there is no such document")?;
        let (text, by_path) = match &step.target {
            Target::OperationId(id) => (id, false),
            Target::OperationPath(path) => (path, true),
            Target::Channel(path) => return Err(format!("`{path}` is of AsyncAPI: HTTP alone is spoken here")),
            Target::Workflow(name) => return Err(format!("`{name}` is a workflow")),
        };
        let wanted = source_of(text);
        let key = match (by_path, split_source(text)) {
            (true, _) => text.split_once('#').map_or("", |(_, pointer)| pointer),
            (false, Some((_, id))) => id,
            (false, None) => text,
        };
        let sources = shelf.document.sources.iter().zip(&shelf.sources);
        let sources: Vec<(&Source, &Described)> =
            sources.filter(|(source, _)| wanted.is_none_or(|wanted| wanted == source.name)).collect();
        let target = target_of(workflow, step);
        let found = described(&sources, key, by_path, region);
        // A step that says its target means that operation, whatever else has its id.
        let target = target.filter(|target| !by_path && builtin::of_target(target).is_some_and(|(_, id)| id == key));
        let fitting = found.iter().find(|operation| target.is_none_or(|target| operation.has_target(target)));
        if let Some(operation) = fitting {
            return Ok(operation.clone());
        }
        let hints = sources.iter().map(|(source, _)| format!("{} {}", source.name, source.url)).collect::<Vec<_>>();
        let unknown = |why: String| match absent(&sources) {
            none if none.is_empty() => format!("no source description has `{key}`"),
            absent => format!("{absent}, and {why}"),
        };
        if by_path {
            return Err(unknown(format!("an operation by its path, `{key}`, needs its description")));
        }
        if target.is_none() && absent(&sources).is_empty() {
            return Err(unknown(String::new()));
        }
        let service = builtin::find(key, target, &hints.join(" ")).map_err(unknown)?;
        Ok(Operation {
            method: "POST".into(),
            path: "/".into(),
            headers: vec![("X-Amz-Target".into(), format!("{}.{key}", service.prefix))],
            content_type: Some(service.content_type.into()),
            service: Some(service.scope.into()),
            source: sources.first().map(|(source, _)| source.name.clone()).unwrap_or_default(),
            server: found.first().and_then(|operation| operation.server.clone()),
        })
    }
}

/// The operations that descriptions have by that id, or at that place.
fn described(sources: &[(&Source, &Described)], key: &str, by_path: bool, region: &str) -> Vec<Operation> {
    let mut found = Vec::new();
    for (source, described) in sources {
        let Described::OpenApi { description, location } = described else { continue };
        let held = if by_path {
            openapi::by_pointer(description, key, region).into_iter().collect()
        } else {
            openapi::by_id(description, key, region)
        };
        found.extend(held.into_iter().map(|operation| Operation {
            server: operation.server.map(|server| resolve_server(location, &server)),
            source: source.name.clone(),
            ..operation
        }));
    }
    found
}

/// Why descriptions are not there; nothing if all are.
fn absent(sources: &[(&Source, &Described)]) -> String {
    let absent = sources.iter().filter_map(|(_, described)| match described {
        Described::Absent(why) => Some(why.as_str()),
        Described::OpenApi { .. } | Described::Arazzo(_) => None,
    });
    absent.collect::<Vec<_>>().join("; ")
}

/// The `X-Amz-Target` that a step, or its workflow, gives outright.
fn target_of<'a>(workflow: &'a Workflow, step: &'a Step) -> Option<&'a str> {
    let mut parameters = step.parameters.iter().chain(&workflow.parameters);
    parameters.find(|parameter| parameter.name.eq_ignore_ascii_case("x-amz-target"))?.value.as_str()
}

/// `$sourceDescriptions.<name>.<rest>` as name and rest.
fn split_source(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("$sourceDescriptions.")?.split_once('.')
}

/// A server's URL; a relative one is as seen from its description, if that has a URL.
fn resolve_server(location: &str, server: &str) -> String {
    if location.contains("://") { resolve(location, server) } else { server.to_owned() }
}

/// A reference as seen from `base`: each a path or a URL (RFC 3986, 5.2, as far as paths go).
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let reference = reference.split('#').next().unwrap_or_default();
    let host_end = base.find("://").map(|at| {
        let rest = base.get(at + 3..).unwrap_or_default();
        rest.find('/').map_or(base.len(), |slash| at + 3 + slash)
    });
    let (host, path) = base.split_at(host_end.unwrap_or(0));
    let folder = path.rfind(['/', '\\']).and_then(|at| path.get(..=at)).unwrap_or_default();
    let joined = if reference.starts_with('/') { reference.to_owned() } else { format!("{folder}{reference}") };
    let is_absolute = joined.starts_with('/') || !host.is_empty();
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            ("..", None) if is_absolute => {}
            _ => parts.push(part),
        }
    }
    format!("{host}{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_seen_from_their_document() {
        for (base, reference, expected) in [
            ("flows/a.yml", "../openapi/k.yml", "openapi/k.yml"),
            ("a.yml", "../openapi/k.yml", "../openapi/k.yml"),
            ("/srv/flows/a.yml", "../../../k.yml", "/k.yml"),
            ("a.yml", "./k.yml", "k.yml"),
            ("flows/a.yml", "/k.yml", "/k.yml"),
            ("https://h/x/a.yml", "../k.yml", "https://h/k.yml"),
            ("https://h/x/a.yml", "k.yml", "https://h/x/k.yml"),
            ("https://h", "k.yml", "https://h/k.yml"),
            ("a.yml", "https://h/k.yml", "https://h/k.yml"),
            ("https://h/x/openapi.yml", "/v2", "https://h/v2"),
        ] {
            assert_eq!(resolve(base, reference), expected, "{base} {reference}");
        }
    }
}
