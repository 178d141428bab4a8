//! The servers that share the logs of one Kafka cluster. Invariant: a server alone has none of these samples; each that was
//! heard lately has one in each family.
use super::{Head, Labels, gauges, millis, number};
use crate::nodes::NodeReading;
use prometheus_client::{encoding::DescriptorEncoder, registry::Unit};
use std::fmt;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, nodes: &[NodeReading]) -> fmt::Result {
    let help = "1 for the server that leads, 0 for the others that were heard in the last seconds";
    let leads = nodes.iter().map(|node| (labels(node), number(u64::from(node.leads))));
    gauges(encoder, Head("node_leads", help, None), leads)?;
    let help = "Since a server was last heard";
    let silent = nodes.iter().map(|node| (labels(node), millis(node.silent_ms)));
    gauges(encoder, Head("node_silence", help, Some(Unit::Seconds)), silent)
}

fn labels(node: &NodeReading) -> Labels<'_> {
    vec![("node", &node.url), ("self", if node.is_self { "yes" } else { "no" })]
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::{collector::Collector, encoding::text, registry::Registry};

    #[derive(Debug)]
    struct Told(Vec<NodeReading>);

    impl Collector for Told {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            super::encode(&mut encoder, &self.0)
        }
    }

    #[test]
    fn each_server_is_told_by_where_it_is_reached_and_which_one_tells() {
        let node = |url: &str, leads, is_self| NodeReading { url: url.into(), leads, is_self, silent_ms: 250 };
        let mut registry = Registry::default();
        registry
            .register_collector(Box::new(Told(vec![node("http://a:1", true, false), node("http://b:1", false, true)])));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for line in [
            "node_leads{node=\"http://a:1\",self=\"no\"} 1.0",
            "node_leads{node=\"http://b:1\",self=\"yes\"} 0.0",
            "node_silence_seconds{node=\"http://b:1\",self=\"yes\"} 0.25",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
    }
}
