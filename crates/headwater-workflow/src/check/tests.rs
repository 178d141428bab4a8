//! What the specification allows and what it does not, each by a document that differs in one place from a sound one.
use super::*;
use crate::{read, tree::Node};

const SOUND: &str = r"
arazzo: 1.0.1
info: {title: t, version: 1.0.0}
sourceDescriptions:
- {name: api, url: ./api.yml, type: openapi}
workflows:
- workflowId: first
  inputs: {type: object, properties: {name: {type: string}}}
  steps:
  - stepId: one
    operationId: getOne
    parameters:
    - {name: id, in: query, value: $inputs.name}
    successCriteria:
    - condition: $statusCode == 200
    outputs: {out: $response.body#/id}
  - stepId: two
    operationId: getTwo
  outputs: {result: $steps.one.outputs.out}
- workflowId: second
  steps:
  - {stepId: call, workflowId: first, parameters: [{name: name, value: n}]}
components:
  parameters: {shared: {name: shared, in: header, value: v}}
  successActions: {stop: {name: stop, type: end}}
  failureActions: {again: {name: again, type: retry, retryAfter: 1.5, retryLimit: 3}}
";

/// The document with one place changed.
fn changed(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    SOUND.replacen(from, to, 1)
}

fn found(text: &str) -> Vec<Problem> {
    match Node::parse(text) {
        Ok(root) => problems(&read::read(&root)),
        Err(problem) => vec![problem],
    }
}

fn errors(text: &str) -> Vec<String> {
    found(text).into_iter().filter(Problem::is_error).map(|problem| problem.to_string()).collect()
}

/// A member more for the step `one`.
fn step(more: &str) -> String {
    changed(
        "    outputs: {out: $response.body#/id}\n",
        &format!("    outputs: {{out: $response.body#/id}}\n    {more}\n"),
    )
}

fn in_1_1(text: &str) -> String {
    text.replacen("arazzo: 1.0.1", "arazzo: 1.1.0", 1)
}

#[test]
fn sound_documents_are_accepted() {
    let json = Node::parse(SOUND).unwrap().json();
    for text in [
        SOUND.to_owned(),
        json.to_string(),
        serde_json::to_string_pretty(&json).unwrap(),
        changed("arazzo: 1.0.1", "arazzo: 1.0.0"),
        changed("arazzo: 1.0.1", "arazzo: 1.0.1-rc1"),
        in_1_1(SOUND),
        changed("info: {title: t,", "x-anything: {a: [1]}\ninfo: {title: t, summary: s, description: d, x-more: 1,"),
        changed(", type: openapi", ""),
        changed("operationId: getOne", "operationId: $sourceDescriptions.api.getOne"),
        changed("operationId: getOne", "operationPath: '{$sourceDescriptions.api.url}#/paths/~1one/get'"),
        changed(
            "{name: id, in: query, value: $inputs.name}",
            "{reference: $components.parameters.shared, value: other}",
        ),
        step("onSuccess: [{reference: $components.successActions.stop}]"),
        step("onFailure: [{reference: $components.failureActions.again}, {name: over, type: end}]"),
        step("onFailure: [{name: r, type: retry, workflowId: second}]"),
        step(
            "onSuccess: [{name: g, type: goto, stepId: two, criteria: [{context: $response.body, condition: '$.a', type: jsonpath}]}]",
        ),
        step(
            "requestBody: {contentType: application/json, payload: {a: $inputs.name}, replacements: [{target: /a, value: 5}]}",
        ),
        changed("- condition: $statusCode == 200", "- {context: $statusCode, condition: '^200$', type: regex}"),
        changed("- condition: $statusCode == 200", "- {condition: $statusCode == 200, type: simple}"),
        changed(
            "- condition: $statusCode == 200",
            "- {context: $response.body, condition: //a, type: {type: xpath, version: xpath-20}}",
        ),
        changed("- workflowId: second", "- workflowId: second\n  dependsOn: [first]"),
        in_1_1(&changed("info:", "$self: https://example.com/w.yml\ninfo:")),
        in_1_1(&step("timeout: 500")),
        in_1_1(&changed("operationId: getTwo", "operationId: getTwo\n    dependsOn: [one]")),
        in_1_1(&changed("in: query, value: $inputs.name", "in: querystring, value: 'a={$inputs.name}'")),
        in_1_1(&changed(
            "{out: $response.body#/id}",
            "{out: {context: $response.body, selector: $.id, type: jsonpath}}",
        )),
        in_1_1(&step(
            "requestBody: {payload: {a: 1}, replacements: [{target: $.a, targetSelectorType: jsonpath, value: 2}]}",
        )),
        in_1_1(&step("onSuccess: [{name: g, type: goto, workflowId: second, parameters: [{name: n, value: 1}]}]")),
        in_1_1(&changed("type: openapi}", "type: openapi}\n- {name: events, url: ./e.yml, type: asyncapi}")).replacen(
            "operationId: getTwo",
            "channelPath: '{$sourceDescriptions.events.url}#/channels/x'\n    action: send",
            1,
        ),
    ] {
        assert_eq!(errors(&text), [""; 0], "{text}");
    }
}

fn are_refused(cases: &[(String, &str)]) {
    for (text, said) in cases {
        let errors = errors(text);
        assert!(errors.iter().any(|error| error.contains(said)), "{said}: {errors:?}\n{text}");
    }
}

#[test]
fn a_document_without_its_parts_is_refused() {
    are_refused(&[
        (changed("arazzo: 1.0.1\n", ""), "`arazzo: 1.0.1` is missing"),
        (changed("arazzo: 1.0.1", "arazzo: 2.0.0"), "another version"),
        (changed("arazzo: 1.0.1", "arazzo: 1.2.0"), "another version"),
        (changed("arazzo: 1.0.1", "arazzo: 1.0"), "a text"),
        (changed("title: t, ", ""), "`title` is missing in `info`"),
        (changed("version: 1.0.0", "version: 1"), "`version` must be a text"),
        (changed("info: {title: t, version: 1.0.0}\n", ""), "`info` is missing"),
        (changed("- {name: api, url: ./api.yml, type: openapi}", "  []"), "at least one item"),
        (changed("name: api", "name: a.p.i"), "letters, digits, - and _"),
        (changed("type: openapi}", "type: openapi}\n- {name: api, url: b.yml}"), "`api` is there twice"),
        (changed("type: openapi", "type: wsdl"), "no type of a source description"),
        (changed("type: openapi", "type: asyncapi"), "no type of a source description"),
        (changed("url: ./api.yml, ", ""), "`url` is missing"),
        (changed("info:", "colour: red\ninfo:"), "the document has no `colour`"),
    ]);
}

#[test]
fn a_workflow_whose_steps_are_unsound_is_refused() {
    are_refused(&[
        (changed("- workflowId: second", "- workflowId: first"), "the workflow `first` is there twice"),
        (changed("workflowId: first\n  inputs", "summary: none\n  inputs"), "`workflowId` is missing"),
        (changed("stepId: two", "stepId: one"), "the step `one` is there twice"),
        (changed("stepId: two\n    operationId: getTwo", "stepId: two"), "exactly one of"),
        (
            changed(
                "operationId: getTwo",
                "operationId: getTwo\n    operationPath: '{$sourceDescriptions.api.url}#/a'",
            ),
            "exactly one of",
        ),
        (changed("operationId: getTwo", "operationId: getTwo\n    workflowId: second"), "exactly one of"),
        (changed("operationId: getTwo", "operationPath: getTwo"), "`operationPath` reads"),
    ]);
}

#[test]
fn parameters_and_criteria_that_are_unsound_are_refused() {
    are_refused(&[
        (changed("in: query, ", ""), "`in` is missing"),
        (changed("in: query", "in: body"), "places of a request"),
        (changed("in: query", "in: querystring"), "places of a request"),
        (changed(", value: $inputs.name}", "}"), "`value` is missing"),
        (changed("value: $inputs.name}", "value: 1}\n    - {name: id, in: query, value: 2}"), "`id` is there twice"),
        (changed("{name: name, value: n}", "{name: name, value: n}, {name: name, value: m}"), "`name` is there twice"),
        (
            changed("{name: id, in: query, value: $inputs.name}", "{reference: $components.parameters.none}"),
            "no component `parameters.none`",
        ),
        (
            changed("{name: id, in: query, value: $inputs.name}", "{reference: $components.successActions.stop}"),
            "must be $components.parameters.",
        ),
        (
            changed("    successCriteria:\n    - condition: $statusCode == 200", "    successCriteria: []"),
            "at least one item",
        ),
        (changed("condition: $statusCode == 200", "condition: $statusCode = 200"), "`$statusCode = 200`"),
        (changed("condition: $statusCode == 200", "{condition: '^2', type: regex}"), "`context` is missing"),
        (
            changed(
                "condition: $statusCode == 200",
                "{condition: '$.a', type: {type: jsonpath, version: draft-goessner-dispatch-jsonpath-00}}",
            ),
            "`context` is missing",
        ),
        (
            changed(
                "condition: $statusCode == 200",
                "{context: $response.body, condition: '$.a', type: {type: jsonpath, version: v9}}",
            ),
            "no version `v9`",
        ),
        (
            changed(
                "condition: $statusCode == 200",
                "{context: $response.body, condition: '$.a', type: {type: jsonpath}}",
            ),
            "`version` is missing",
        ),
        (
            changed("condition: $statusCode == 200", "{context: text, condition: 'a', type: regex}"),
            "no runtime expression",
        ),
        (changed("condition: $statusCode == 200", "{context: $statusCode}"), "`condition` is missing"),
        (changed("{out: $response.body#/id}", "{'o ut': $response.body#/id}"), "a name has letters"),
        (changed("{out: $response.body#/id}", "{out: 5}"), "must be an expression"),
    ]);
}

#[test]
fn actions_that_lead_nowhere_are_refused() {
    are_refused(&[
        (step("onSuccess: [{name: g, type: goto}]"), "where to?"),
        (step("onSuccess: [{name: g, type: goto, stepId: two, workflowId: second}]"), "not to both"),
        (step("onSuccess: [{name: g, type: goto, stepId: none}]"), "no such step"),
        (step("onSuccess: [{name: g, type: goto, workflowId: none}]"), "no workflow `none`"),
        (step("onSuccess: [{name: g, type: retry}]"), "end and goto are"),
        (step("onSuccess: [{name: g, type: end, retryLimit: 1}]"), "an action has no `retryLimit`"),
        (step("onSuccess: [{type: end}]"), "`name` is missing"),
        (step("onSuccess: [{name: a, type: end}, {name: a, type: end}]"), "`a` is there twice"),
        (step("onFailure: [{name: r, type: retry, retryAfter: -1}]"), "not a negative one"),
        (step("onFailure: [{name: r, type: retry, retryLimit: 1.5}]"), "a whole number"),
        (step("onFailure: [{reference: $components.failureActions.none}]"), "no component"),
        (step("requestBody: {payload: 1, replacements: [{target: /a}]}"), "`value` is missing in a replacement"),
        (step("timeout: 500"), "since Arazzo 1.1 alone"),
    ]);
}

#[test]
fn references_and_what_came_with_1_1_are_checked() {
    are_refused(&[
        (changed("info:", "$self: a\ninfo:"), "since Arazzo 1.1 alone"),
        (changed("workflowId: first, parameters", "workflowId: gone, parameters"), "no workflow `gone`"),
        (changed("- workflowId: second", "- workflowId: second\n  dependsOn: [gone]"), "no workflow `gone`"),
        (changed("- workflowId: second", "- workflowId: second\n  dependsOn: [second]"), "depends on itself"),
        (
            changed("- workflowId: second", "- workflowId: second\n  dependsOn: [first, first]"),
            "`first` is there twice",
        ),
        (
            changed("inputs: {type: object, properties: {name: {type: string}}}", "inputs: [name]"),
            "a JSON Schema is a map",
        ),
        (changed("{shared: {name: shared,", "{'sha red': {name: shared,"), "a component's name"),
        (in_1_1(&changed("info:", "$self: a#b\ninfo:")), "must not have a fragment"),
        (in_1_1(&step("timeout: soon")), "a whole number"),
        (in_1_1(&step("dependsOn: []")), "at least one item"),
        (in_1_1(&step("dependsOn: [two]")), "comes after it"),
        (in_1_1(&step("dependsOn: [$steps.two]")), "no step `$steps.two`"),
        (in_1_1(&step("dependsOn: [none]")), "no step `none`"),
        (in_1_1(&step("channelPath: '{$sourceDescriptions.api.url}#/channels/x'")), "exactly one of"),
        (
            in_1_1(&changed(
                "operationId: getTwo",
                "channelPath: '{$sourceDescriptions.api.url}#/channels/x'\n    action: send",
            )),
            "of the type asyncapi",
        ),
        (
            in_1_1(&changed("operationId: getTwo", "channelPath: '{$sourceDescriptions.api.url}#/channels/x'")),
            "`action` is missing",
        ),
        (in_1_1(&step("correlationId: a")), "`action: receive` alone"),
        (
            in_1_1(&changed("workflowId: first, parameters", "action: send, workflowId: first, parameters")),
            "has no `action`",
        ),
        (
            in_1_1(&changed("{out: $response.body#/id}", "{out: {context: $response.body, selector: $.id}}")),
            "`type` is missing in a selector",
        ),
        (
            in_1_1(&step(
                "requestBody: {payload: 1, replacements: [{target: $.a, targetSelectorType: css, value: 2}]}",
            )),
            "no query language",
        ),
        (in_1_1(&changed("in: query, value: $inputs.name", "in: querystring")), "`value` is missing"),
    ]);
}

#[test]
fn what_others_may_take_otherwise_is_a_warning() {
    for (text, line, said) in [
        (
            changed(
                "condition: $statusCode == 200",
                "{context: $response.body, condition: '$.a == \"x\"', type: jsonpath}",
            ),
            15,
            "RFC 9535",
        ),
        (changed("$steps.one.outputs.out", "$steps.one.outputs.none"), 19, "has no output `none`"),
        (changed("$steps.one.outputs.out", "$steps.none.outputs.out"), 19, "no step `none`"),
        (
            changed("operationId: getTwo", "operationId: $sourceDescriptions.none.getTwo"),
            17,
            "no source description `none`",
        ),
        (changed("value: $inputs.name", "value: $inputs.nam"), 13, "describes no `nam`"),
        (changed("{out: $response.body#/id}", "{out: $response.headers.id}"), 16, "it has no value"),
        (changed("value: $inputs.name", "value: $input.name"), 13, "taken as it stands"),
        (changed("value: $inputs.name", "value: $steps.two.outputs.x"), 13, "has no output `x`"),
        (changed("{name: name, value: n}", "{name: name, in: query, value: n}"), 22, "`in` means nothing there"),
    ] {
        let found = found(&text);
        assert!(errors(&text).is_empty(), "{found:?}");
        assert!(
            found.iter().any(|problem| problem.line == line && problem.sentence.contains(said)),
            "{said}: {found:?}"
        );
    }
}
