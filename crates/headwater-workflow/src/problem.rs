//! What is wrong with a document, and where. Invariant: a problem is one sentence that names its line.
use std::fmt;

/// Something a reader of the document should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it stands on; the first is 1.
    pub line: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and what would be right.
    pub sentence: String,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Against the specification: the document is refused.
    Error,
    /// It runs here, but other runners may take it otherwise.
    Warning,
}

impl Problem {
    /// One for which the document is refused.
    pub fn error(line: usize, sentence: impl Into<String>) -> Self {
        Self { line, severity: Severity::Error, sentence: sentence.into() }
    }

    /// One that is told and lived with.
    pub fn warning(line: usize, sentence: impl Into<String>) -> Self {
        Self { line, severity: Severity::Warning, sentence: sentence.into() }
    }

    /// Whether the document is refused for it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.line, self.sentence)
    }
}
