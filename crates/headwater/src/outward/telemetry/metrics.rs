//! The page of metrics as OTLP writes metrics in JSON, so that there is one list of them and not two.
//!
//! Invariant: what the page counts is cumulative since the process began, and so is what is made of it.
use serde_json::{Map, Value, json};

const CUMULATIVE: u8 = 2;

/// One metric of the page.
#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: &'a str,
    unit: &'a str,
    samples: Vec<Sample<'a>>,
}

struct Sample<'a> {
    /// What follows the metric's name: nothing, `_total`, `_bucket`, `_sum`, `_count`.
    suffix: &'a str,
    labels: Vec<(&'a str, String)>,
    value: &'a str,
}

/// The metrics of a page in OpenMetrics' form, counted since `began_ns` and read at `now_ns`; those without a sample are
/// left out.
pub(super) fn of_page(page: &str, began_ns: u64, now_ns: u64) -> Vec<Value> {
    let times = (began_ns.to_string(), now_ns.to_string());
    let there = families(page).into_iter().filter(|family| !family.samples.is_empty());
    there.map(|family| family.json(&times)).collect()
}

fn families(page: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in page.lines() {
        if let Some(said) = line.strip_prefix("# ") {
            let mut words = said.splitn(3, ' ');
            let (Some(what), Some(name)) = (words.next(), words.next()) else { continue };
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family { name, ..Family::default() });
            }
            let (Some(family), text) = (families.last_mut(), words.next().unwrap_or_default()) else { continue };
            match what {
                "HELP" => family.help = text,
                "TYPE" => family.kind = text,
                "UNIT" => family.unit = text,
                _ => {}
            }
        } else if let Some(family) = families.last_mut() {
            family.samples.extend(line.strip_prefix(family.name).and_then(sample));
        }
    }
    families
}

/// `_suffix{label="value",…} 1`
fn sample(text: &str) -> Option<Sample<'_>> {
    let Some((suffix, rest)) = text.split_once('{') else {
        let (suffix, value) = text.split_once(' ')?;
        return Some(Sample { suffix, labels: Vec::new(), value });
    };
    let (mut labels, mut rest) = (Vec::new(), rest);
    loop {
        let (name, behind) = rest.split_once("=\"")?;
        let (value, end) = unquoted(behind)?;
        labels.push((name, value));
        rest = behind.get(end..)?;
        if let Some(value) = rest.strip_prefix("} ") {
            return Some(Sample { suffix, labels, value });
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// A text up to its closing quotation mark, and the place behind that.
fn unquoted(text: &str) -> Option<(String, usize)> {
    let (mut plain, mut is_escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        match (is_escaped, letter) {
            (true, 'n') => plain.push('\n'),
            (true, letter) => plain.push(letter),
            (false, '"') => return Some((plain, at + 1)),
            (false, '\\') => {}
            (false, letter) => plain.push(letter),
        }
        is_escaped = !is_escaped && letter == '\\';
    }
    None
}

impl Family<'_> {
    fn json(&self, times: &(String, String)) -> Value {
        let unit = match self.unit {
            "seconds" => "s",
            "bytes" => "By",
            _ => "1",
        };
        let points: Vec<Value> = match self.kind {
            "histogram" => self
                .samples
                .chunk_by(|one, next| next.suffix != "_sum" || one.suffix == next.suffix)
                .map(|all| histogram(all, times))
                .collect(),
            _ => self.samples.iter().map(|sample| number(sample, times)).collect(),
        };
        let mut metric = json!({"name": self.name, "description": self.help, "unit": unit});
        let (field, data) = match self.kind {
            "histogram" => ("histogram", json!({"aggregationTemporality": CUMULATIVE, "dataPoints": points})),
            "counter" => {
                let sum = json!({"aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points});
                ("sum", sum)
            }
            _ => ("gauge", json!({"dataPoints": points})),
        };
        metric[field] = data;
        metric
    }
}

fn point(labels: &[(&str, String)], (began, now): &(String, String)) -> Map<String, Value> {
    let labels = labels.iter().filter(|(name, _)| *name != "le");
    let attributes = labels.map(|(name, value)| json!({"key": name, "value": {"stringValue": value}}));
    let attributes = attributes.collect::<Vec<_>>();
    let fields = [("attributes", json!(attributes)), ("startTimeUnixNano", json!(began)), ("timeUnixNano", json!(now))];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn number(sample: &Sample<'_>, times: &(String, String)) -> Value {
    let mut point = point(&sample.labels, times);
    match sample.value.parse::<u64>() {
        Ok(count) => point.insert("asInt".into(), json!(count.to_string())),
        Err(_) => point.insert("asDouble".into(), json!(sample.value.parse::<f64>().unwrap_or_default())),
    };
    Value::Object(point)
}

/// A histogram's sum, count and buckets, which follow each other; a bucket of the page holds those before it.
fn histogram(samples: &[Sample<'_>], times: &(String, String)) -> Value {
    let mut point = point(samples.first().map_or(&[][..], |sample| &sample.labels), times);
    let (mut before, mut counts, mut bounds) = (0_u64, Vec::new(), Vec::new());
    for sample in samples {
        let whole = || sample.value.parse::<u64>().unwrap_or_default();
        match sample.suffix {
            "_sum" => drop(point.insert("sum".into(), json!(sample.value.parse::<f64>().unwrap_or_default()))),
            "_count" => drop(point.insert("count".into(), json!(whole().to_string()))),
            _ => {
                counts.push(whole().saturating_sub(before).to_string());
                before = whole();
                let bound = sample.labels.iter().find(|(name, _)| *name == "le");
                bounds.extend(bound.and_then(|(_, bound)| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite()));
            }
        }
    }
    point.insert("bucketCounts".into(), json!(counts));
    point.insert("explicitBounds".into(), json!(bounds));
    Value::Object(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_metric_becomes_its_counterpart() {
        let page = "# HELP x_calls Calls\n# TYPE x_calls counter\nx_calls_total{a=\"q\\\"\\\\,} 1\",b=\"\"} 7\n\
            # HELP x_age_seconds Age of it\n# TYPE x_age_seconds gauge\n# UNIT x_age_seconds seconds\nx_age_seconds 0.5\n\
            # HELP x_none None\n# TYPE x_none counter\n\
            # HELP x_took Took\n# TYPE x_took histogram\nx_took_sum{o=\"p\"} 3.5\nx_took_count{o=\"p\"} 6\n\
            x_took_bucket{le=\"0.5\",o=\"p\"} 1\nx_took_bucket{le=\"2\",o=\"p\"} 4\nx_took_bucket{le=\"+Inf\",o=\"p\"} 6\n\
            x_took_sum{o=\"q\"} 0.0\nx_took_count{o=\"q\"} 0\nx_took_bucket{le=\"0.5\",o=\"q\"} 0\n# EOF\n";
        let metrics = of_page(page, 1, 2);
        let label = |name: &str, value: &str| json!([{"key": name, "value": {"stringValue": value}}]);
        assert_eq!(metrics.len(), 3);
        let calls = &metrics[0]["sum"];
        assert_eq!((&metrics[0]["name"], &calls["isMonotonic"]), (&json!("x_calls"), &json!(true)));
        let point = &calls["dataPoints"][0];
        assert_eq!(
            (&point["asInt"], &point["startTimeUnixNano"], &point["timeUnixNano"]),
            (&json!("7"), &json!("1"), &json!("2"))
        );
        assert_eq!(point["attributes"][0]["value"]["stringValue"], "q\"\\,} 1");
        assert_eq!(
            (&metrics[1]["unit"], &metrics[1]["gauge"]["dataPoints"][0]["asDouble"]),
            (&json!("s"), &json!(0.5))
        );
        let took = &metrics[2]["histogram"]["dataPoints"];
        assert_eq!(took.as_array().map(Vec::len), Some(2));
        assert_eq!(
            (&took[0]["count"], &took[0]["sum"], &took[0]["attributes"]),
            (&json!("6"), &json!(3.5), &label("o", "p"))
        );
        assert_eq!(
            (&took[0]["bucketCounts"], &took[0]["explicitBounds"]),
            (&json!(["1", "3", "2"]), &json!([0.5, 2.0]))
        );
        assert_eq!(took[1]["attributes"], label("o", "q"));
    }
}
