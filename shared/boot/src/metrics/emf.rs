//! CloudWatch's embedded metric format: log lines that CloudWatch converts to metrics.
//!
//! Source: *Specification: Embedded metric format* of the Amazon CloudWatch user guide.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, atomic::Ordering},
};

use jiff::Timestamp;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, Registry};
use serde_json::{Map, Value, json};

use super::HISTOGRAMS;

/// Namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "WechatRelay";
/// Dimension of all metrics: the name of the deployment.
const STACK: &str = "Stack";
/// Maximum number of values of a metric in a document.
const MAX_VALUES: usize = 100;

/// Collects metrics until they are written; cheap to clone.
#[derive(Clone)]
pub struct Emf {
    registry: Arc<Registry<Key, AtomicStorage>>,
    stack: Option<String>,
}

impl Emf {
    /// `stack` is the name of the deployment.
    pub fn new(stack: Option<String>) -> Self {
        Self { registry: Arc::new(Registry::atomic()), stack }
    }

    /// Reads the name of the deployment from `STACK_NAME`.
    pub fn from_env() -> Self {
        Self::new(crate::optional("STACK_NAME"))
    }

    /// Installs it as the recorder of the process. A second call changes nothing.
    pub fn install(&self) {
        drop(metrics::set_global_recorder(self.clone()));
    }

    /// Writes the metrics since the last call, one document on a line, and resets counters and histograms. CloudWatch
    /// reads standard output.
    pub fn write(&self, now: Timestamp, out: &mut impl Write) {
        // One write, so that other output cannot split the lines.
        if let Err(error) = out.write_all(self.take(now).as_bytes()) {
            tracing::warn!(%error, "metrics write failed");
        }
    }

    fn take(&self, now: Timestamp) -> String {
        let mut groups = Groups::default();
        self.registry.visit_counters(|key, counter| {
            let count = counter.swap(0, Ordering::Relaxed);
            if count > 0 {
                groups.of(key).single.insert(key.name().to_owned(), count.into());
            }
        });
        self.registry.visit_gauges(|key, gauge| {
            let value = f64::from_bits(gauge.load(Ordering::Relaxed));
            groups.of(key).single.insert(key.name().to_owned(), value.into());
        });
        self.registry.visit_histograms(|key, histogram| {
            let mut values = Vec::new();
            histogram.clear_with(|block| values.extend_from_slice(block));
            if !values.is_empty() {
                groups.of(key).many.insert(key.name().to_owned(), values);
            }
        });
        let mut lines = String::new();
        for (labels, group) in groups.0 {
            for metrics in group.documents() {
                lines.push_str(&self.document(now, &labels, metrics).to_string());
                lines.push('\n');
            }
        }
        lines
    }

    fn document(&self, now: Timestamp, labels: &[Label], metrics: Map<String, Value>) -> Value {
        let labels = labels.iter().map(|label| (label.key(), label.value()));
        let dimensions: Vec<_> = self.stack.iter().map(|stack| (STACK, stack.as_str())).chain(labels).collect();
        let names: Vec<_> = dimensions.iter().map(|(name, _)| name).collect();
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [names],
            "Metrics": metrics.keys().map(|name| json!({ "Name": name, "Unit": unit(name) })).collect::<Vec<_>>(),
        });
        let mut document = metrics;
        document.extend(dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        document
            .insert("_aws".to_owned(), json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] }));
        Value::Object(document)
    }
}

/// Metrics by labels. The labels become dimensions.
#[derive(Default)]
struct Groups(BTreeMap<Vec<Label>, Group>);

impl Groups {
    fn of(&mut self, key: &Key) -> &mut Group {
        self.0.entry(key.labels().cloned().collect()).or_default()
    }
}

/// Metrics with the same dimensions.
#[derive(Default)]
struct Group {
    /// Counters and gauges.
    single: Map<String, Value>,
    /// Histograms.
    many: BTreeMap<String, Vec<f64>>,
}

impl Group {
    /// Splits the metrics into documents, as many as the longest histogram needs.
    fn documents(self) -> Vec<Map<String, Value>> {
        let mut documents = Vec::new();
        if !self.single.is_empty() {
            documents.push(self.single);
        }
        for (name, values) in self.many {
            for (number, chunk) in values.chunks(MAX_VALUES).enumerate() {
                if number == documents.len() {
                    documents.push(Map::new());
                }
                documents[number].insert(name.clone(), chunk.into());
            }
        }
        documents
    }
}

/// CloudWatch's name of a metric's unit.
fn unit(name: &str) -> &'static str {
    match HISTOGRAMS.iter().find(|histogram| histogram.name == name).map(|histogram| histogram.unit) {
        Some(Unit::Milliseconds) => "Milliseconds",
        Some(Unit::Seconds) => "Seconds",
        _ => "Count",
    }
}

impl Recorder for Emf {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.registry.get_or_create_counter(key, |counter| Counter::from_arc(Arc::clone(counter)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.registry.get_or_create_gauge(key, |gauge| Gauge::from_arc(Arc::clone(gauge)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.registry.get_or_create_histogram(key, |histogram| Histogram::from_arc(Arc::clone(histogram)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{DELIVERIES, DELIVERY_LATENCY, QUEUE_AGE, SESSIONS_ONLINE};

    fn documents(emf: &Emf) -> Vec<Value> {
        let mut lines = Vec::new();
        emf.write(Timestamp::from_millisecond(1_578_367_545_988).unwrap(), &mut lines);
        String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_document_names_its_metrics_their_units_and_the_stack() {
        let emf = Emf::new(Some("relay-1".to_owned()));
        metrics::with_local_recorder(&emf, || {
            DELIVERIES.add(2);
            DELIVERIES.add(1);
            SESSIONS_ONLINE.set(5);
            DELIVERY_LATENCY.record(12.5);
            QUEUE_AGE.record_of("inbound", 0.25);
        });
        let expected = [
            json!({
                "_aws": {
                    "Timestamp": 1_578_367_545_988_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "WechatRelay",
                        "Dimensions": [["Stack"]],
                        "Metrics": [
                            { "Name": "deliveries", "Unit": "Count" },
                            { "Name": "delivery_latency_ms", "Unit": "Milliseconds" },
                            { "Name": "sessions_online", "Unit": "Count" },
                        ],
                    }],
                },
                "Stack": "relay-1",
                "deliveries": 3,
                "delivery_latency_ms": [12.5],
                "sessions_online": 5.0,
            }),
            json!({
                "_aws": {
                    "Timestamp": 1_578_367_545_988_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "WechatRelay",
                        "Dimensions": [["Stack", "queue"]],
                        "Metrics": [{ "Name": "queue_age_seconds", "Unit": "Seconds" }],
                    }],
                },
                "Stack": "relay-1",
                "queue": "inbound",
                "queue_age_seconds": [0.25],
            }),
        ];
        assert_eq!(documents(&emf), expected);
        let rest = documents(&emf);
        assert_eq!((rest.len(), &rest[0]["sessions_online"]), (1, &json!(5.0)), "a gauge keeps its value");
        assert_eq!(rest[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn values_beyond_the_limit_go_into_further_documents() {
        let emf = Emf::new(None);
        metrics::with_local_recorder(&emf, || {
            DELIVERIES.add(250);
            for n in 0..250 {
                DELIVERY_LATENCY.record(f64::from(n));
            }
        });
        let written = documents(&emf);
        let lengths: Vec<_> = written.iter().map(|one| one["delivery_latency_ms"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [100, 100, 50]);
        let counts: Vec<_> = written.iter().filter_map(|one| one["deliveries"].as_u64()).collect();
        assert_eq!(counts, [250], "a counter is written once");
        assert_eq!(written[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]));
        assert!(documents(&emf).is_empty(), "no new values, so no document");
    }
}
