//! Parts of structured values: by JSON Pointer, JSONPath and XPath. Invariant: a query that cannot be read is an error;
//! one that finds nothing is none.
use serde_json::Value;
use serde_json_path::JsonPath;
use uppsala::{Document, XPathEvaluator, XPathValue};

/// In which a query is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// RFC 6901.
    JsonPointer,
    /// RFC 9535.
    JsonPath,
    /// XPath 1.0, and what later versions share with it.
    XPath,
}

impl Language {
    /// The language of a `type`: its name, or an Expression Type Object.
    #[must_use]
    pub fn of(kind: &Value) -> Option<Self> {
        match kind.as_str().or_else(|| kind.get("type")?.as_str())? {
            "jsonpointer" => Some(Self::JsonPointer),
            "jsonpath" => Some(Self::JsonPath),
            "xpath" => Some(Self::XPath),
            _ => None,
        }
    }
}

/// What the query finds: one value as itself, several as a list, none as `None`.
///
/// # Errors
/// A sentence if the query is none, or the value is nothing it could be asked of.
pub(crate) fn select(language: Language, value: &Value, query: &str) -> Result<Option<Value>, String> {
    match language {
        Language::JsonPointer => Ok(value.pointer(query).cloned()),
        Language::JsonPath => {
            let found = json_path(query)?.query(value).all();
            Ok(match found.as_slice() {
                [] => None,
                [one] => Some((*one).clone()),
                many => Some(many.iter().map(|value| (*value).clone()).collect()),
            })
        }
        Language::XPath => with_xml(value, query, |document, found| match found {
            XPathValue::NodeSet(nodes) if nodes.is_empty() => None,
            XPathValue::Boolean(truth) => Some((*truth).into()),
            XPathValue::Number(number) => Some((*number).into()),
            XPathValue::NodeSet(_) | XPathValue::String(_) => Some(found.to_string_value(document).into()),
        }),
    }
}

/// Whether a condition holds of the value: a pointer or a path that finds something; an XPath by its truth.
///
/// # Errors
/// A sentence if the condition is none, or the value is nothing it could be asked of.
pub(crate) fn holds(language: Language, value: &Value, condition: &str) -> Result<bool, String> {
    match language {
        Language::JsonPointer => Ok(value.pointer(condition).is_some()),
        Language::JsonPath => match JsonPath::parse(condition) {
            Ok(path) => Ok(!path.query(value).is_empty()),
            Err(error) => {
                let path = comparison(condition).ok_or_else(|| wrong_path(condition, &error))?;
                Ok(!path.query(&Value::Array(vec![value.clone()])).is_empty())
            }
        },
        Language::XPath => with_xml(value, condition, |_, found| found.to_boolean()),
    }
}

/// Whether `condition` is a comparison of queries, `$.a == "x"`, which RFC 9535 allows in a filter alone.
#[must_use]
pub(crate) fn is_bare_comparison(condition: &str) -> bool {
    JsonPath::parse(condition).is_err() && comparison(condition).is_some()
}

/// Whether `condition` can be read as a JSONPath, or as a comparison of some.
///
/// # Errors
/// A sentence on why not.
pub(crate) fn check_json_path(condition: &str) -> Result<(), String> {
    match JsonPath::parse(condition) {
        Err(error) if comparison(condition).is_none() => Err(wrong_path(condition, &error)),
        _ => Ok(()),
    }
}

/// A bare comparison as what RFC 9535 knows: a filter over a list of which the value is the only item. There the item is
/// `@`, so every `$` outside quotes becomes one.
fn comparison(condition: &str) -> Option<JsonPath> {
    let mut quote = None;
    let mut escaped = false;
    let filter: String = condition
        .chars()
        .map(|letter| {
            let is_escaped = std::mem::take(&mut escaped);
            match (quote, letter) {
                (None, '$') => return '@',
                (None, '\'' | '"') => quote = Some(letter),
                (Some(_), '\\') => escaped = !is_escaped,
                (Some(open), _) if open == letter && !is_escaped => quote = None,
                _ => {}
            }
            letter
        })
        .collect();
    let is_comparison = ["==", "!=", "<", ">"].iter().any(|operator| condition.contains(operator));
    is_comparison.then(|| JsonPath::parse(&format!("$[?{filter}]")).ok()).flatten()
}

/// Reads a JSONPath.
///
/// # Errors
/// A sentence on why it is none.
pub(crate) fn json_path(query: &str) -> Result<JsonPath, String> {
    JsonPath::parse(query).map_err(|error| wrong_path(query, &error))
}

fn wrong_path(query: &str, error: &serde_json_path::ParseError) -> String {
    format!("`{query}` is no JSONPath of RFC 9535: {error}")
}

/// An XML text with everything in the elements that `path` finds replaced by `text`.
///
/// # Errors
/// A sentence if the payload is no XML, or the path none or without a find.
pub(crate) fn replace_in_xml(payload: &Value, path: &str, text: &str) -> Result<Value, String> {
    let xml = payload.as_str().ok_or("an XPath can be asked of a text of XML alone")?;
    let mut document = uppsala::parse(xml).map_err(|error| format!("no XML: {error}"))?;
    let found = XPathEvaluator::new().select_nodes(&document, document.root(), path);
    let found = found.map_err(|error| format!("`{path}` cannot be asked as an XPath 1.0: {error}"))?;
    if found.is_empty() {
        return Err(format!("the payload has nothing at `{path}` that could be replaced"));
    }
    for node in found {
        for child in document.children(node) {
            document.remove_child(node, child);
        }
        let text = document.create_text(text.to_owned());
        document.append_child(node, text);
    }
    Ok(document.to_xml().into())
}

/// Asks an XML text.
fn with_xml<T>(value: &Value, query: &str, show: impl FnOnce(&Document<'_>, &XPathValue) -> T) -> Result<T, String> {
    let text = value.as_str().ok_or("an XPath can be asked of a text of XML alone")?;
    let mut document = uppsala::parse(text).map_err(|error| format!("no XML: {error}"))?;
    document.prepare_xpath();
    let found = XPathEvaluator::new().evaluate(&document, document.root(), query);
    let found = found.map_err(|error| format!("`{query}` cannot be asked as an XPath 1.0: {error}"))?;
    Ok(show(&document, &found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_holds_if_it_finds_something() {
        let value = json!({"pets": [{"status": "sold"}, {"status": "free"}], "none": []});
        for (path, expected) in [
            ("$.pets[*]", true),
            ("$.none[*]", false),
            ("$.pets[?@.status == 'free']", true),
            ("$.pets[?@.status == 'lost']", false),
            ("$[?count(@.*) > 0]", true),
            ("$.absent", false),
        ] {
            assert_eq!(holds(Language::JsonPath, &value, path), Ok(expected), "{path}");
        }
        assert!(holds(Language::JsonPath, &value, "$.pets[").is_err());
    }

    #[test]
    fn a_bare_comparison_is_taken_as_one() {
        let value = json!({"Summary": {"Status": "ACTIVE", "Count": 2, "$": "a\"$"}});
        for (condition, expected) in [
            ("$.Summary.Status == \"ACTIVE\"", true),
            ("$.Summary.Status == 'CREATING'", false),
            ("$.Summary.Status != \"CREATING\"", true),
            ("$.Summary.Count >= 2", true),
            ("$.Summary.Count < 2", false),
            ("$.Summary.Count == 2 && $.Summary.Status == \"ACTIVE\"", true),
            ("$.Summary['$'] == \"a\\\"$\"", true),
            ("$.Summary.Absent == \"x\"", false),
        ] {
            assert_eq!(holds(Language::JsonPath, &value, condition), Ok(expected), "{condition}");
            assert!(is_bare_comparison(condition), "{condition}");
        }
        assert!(!is_bare_comparison("$.Summary") && !is_bare_comparison("nonsense == "));
    }

    #[test]
    fn xml_is_asked_by_xpath() {
        let xml = json!("<shop><pets><pet id='1'>rex</pet><pet>tom</pet></pets></shop>");
        for (path, expected) in [
            ("/shop/pets/pet", true),
            ("count(/shop/pets/*) > 2", false),
            ("//pet[@id='1']", true),
            ("string(//cat)", false),
        ] {
            assert_eq!(holds(Language::XPath, &xml, path), Ok(expected), "{path}");
        }
        assert_eq!(select(Language::XPath, &xml, "//pet[2]"), Ok(Some(json!("tom"))));
        assert_eq!(select(Language::XPath, &xml, "count(//pet)"), Ok(Some(json!(2.0))));
        assert!(holds(Language::XPath, &xml, "//pet[").is_err() && holds(Language::XPath, &json!({}), "/a").is_err());
        assert!(holds(Language::XPath, &json!("<open>"), "/a").is_err());
    }

    #[test]
    fn several_finds_are_a_list() {
        let value = json!({"a": [1, 2]});
        assert_eq!(select(Language::JsonPath, &value, "$.a[*]"), Ok(Some(json!([1, 2]))));
        assert_eq!(select(Language::JsonPath, &value, "$.a[1]"), Ok(Some(json!(2))));
        assert_eq!(select(Language::JsonPointer, &value, "/a/0"), Ok(Some(json!(1))));
        assert_eq!(select(Language::JsonPath, &value, "$.b"), Ok(None));
    }
}
