//! What an Arazzo document says: workflows, their steps, and what follows on each. Invariant: a document that was read
//! without errors has its references to components resolved and its conditions read.
use crate::{criterion::Criterion, expression::Expression};
use serde_json::{Map, Value};

/// An Arazzo document.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its own name for itself, which relative references start from.
    pub self_uri: Option<String>,
    /// Where its operations and other workflows are described.
    pub sources: Vec<Source>,
    /// At least one.
    pub workflows: Vec<Workflow>,
    /// Schemas that inputs may refer to.
    pub input_components: Map<String, Value>,
}

/// Where operations or workflows are described.
#[derive(Debug, Clone)]
pub struct Source {
    /// What expressions call it.
    pub name: String,
    /// Where it is, maybe relative to the document.
    pub url: String,
    /// What it is.
    pub kind: SourceKind,
    /// Where it stands.
    pub line: usize,
}

/// What a [`Source`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Describes HTTP operations.
    OpenApi,
    /// Describes workflows.
    Arazzo,
    /// Describes messages, which cannot be sent here.
    AsyncApi,
}

/// A workflow.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Its name.
    pub id: String,
    /// A line about it.
    pub summary: String,
    /// The schema of its inputs.
    pub inputs: Option<Value>,
    /// Workflows that must have run before it.
    pub depends_on: Vec<Reference>,
    /// In the order they run.
    pub steps: Vec<Step>,
    /// What follows on a success of any step, after the step's own.
    pub success_actions: Vec<Action>,
    /// What follows on a failure of any step, after the step's own.
    pub failure_actions: Vec<Action>,
    /// Passed to each step.
    pub parameters: Vec<Parameter>,
    /// Names and templates.
    pub outputs: Vec<(String, Value)>,
    /// Where it stands.
    pub line: usize,
}

/// A name and where it stands.
#[derive(Debug, Clone)]
pub struct Reference {
    /// As it is written.
    pub name: String,
    /// The first is 1.
    pub line: usize,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub id: String,
    /// What it does.
    pub description: String,
    /// What it calls.
    pub target: Target,
    /// What it passes on.
    pub parameters: Vec<Parameter>,
    /// What it sends.
    pub body: Option<Body>,
    /// When it has succeeded; none: by its status.
    pub criteria: Vec<Criterion>,
    /// What follows on success.
    pub on_success: Vec<Action>,
    /// What follows on failure.
    pub on_failure: Vec<Action>,
    /// Names and templates.
    pub outputs: Vec<(String, Value)>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Steps that must have run before it.
    pub depends_on: Vec<Reference>,
    /// Where it stands.
    pub line: usize,
}

/// What a step calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An operation by its id, maybe with its source.
    OperationId(String),
    /// An operation by its source and place there.
    OperationPath(String),
    /// A workflow by its id, maybe with its source.
    Workflow(String),
    /// A channel of messages, which cannot be reached here.
    Channel(String),
}

/// A value for an operation or a workflow.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where in the request it goes; none: an input of a workflow.
    pub place: Option<Place>,
    /// A template.
    pub value: Value,
    /// Where it stands.
    pub line: usize,
}

/// Where in a request a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into the path's template.
    Path,
    /// Into the query, by name.
    Query,
    /// It is the query.
    QueryString,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// What a step sends.
#[derive(Debug, Clone)]
pub struct Body {
    /// As given; none: as the operation's description says.
    pub content_type: Option<String>,
    /// A template.
    pub payload: Value,
    /// Set in the payload afterwards.
    pub replacements: Vec<Replacement>,
}

/// A value to be set in a payload.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Where.
    pub target: String,
    /// In which language that is written; none: as the payload's type says.
    pub language: Option<crate::select::Language>,
    /// A template.
    pub value: Value,
}

/// What follows on a step.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What is done.
    pub kind: ActionKind,
    /// Where to; always there with [`ActionKind::Goto`].
    pub jump: Option<Jump>,
    /// Inputs of the workflow it goes to.
    pub parameters: Vec<Parameter>,
    /// When it applies.
    pub criteria: Vec<Criterion>,
    /// Where it stands.
    pub line: usize,
}

/// What an [`Action`] does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActionKind {
    /// The workflow is over.
    End,
    /// It goes on elsewhere.
    Goto,
    /// The step is done again, `limit` times at most, `after_ms` later.
    Retry {
        /// In milliseconds; none: the usual pause.
        after_ms: Option<u64>,
        /// Further attempts.
        limit: u64,
    },
}

/// Where an action leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jump {
    /// A step of the same workflow.
    Step(String),
    /// A workflow.
    Workflow(String),
}

/// An expression that stands somewhere in a document.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// Where.
    pub(crate) line: usize,
    /// In which workflow, by its place.
    pub(crate) workflow: Option<usize>,
    /// In which step of it, by its place.
    pub(crate) step: Option<usize>,
    /// Itself.
    pub(crate) expression: Expression,
}
