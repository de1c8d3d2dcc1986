//! The resources that the code names: table, index, queues, metrics.

use std::collections::BTreeSet;

use boot::metrics;
use queue::QueueSpec;
use serde_json::Value;
use template::{
    Deployment,
    document::{at, function, items, text},
};

use crate::{
    document, number, source,
    stack::{Function, resources},
    string,
};

#[test]
fn the_table_has_the_keys_that_the_store_uses() {
    let table = Deployment::of("relay", 1).unwrap().table;
    assert_eq!((table.key.hash, table.key.range), (source::key("PK"), source::key("SK")));
    assert_eq!(table.expires, source::key("EXPIRES"));
    let [due] = &table.indexes[..] else { panic!("one index") };
    assert_eq!(due.name, source::key("DUE"));
    assert_eq!((&due.key.hash, &due.key.range), (&source::key("DUE_KEY"), &source::key("DUE_AT")));
    // The sweep reads only the row's own key from the index.
    assert_eq!(due.projection, "KEYS_ONLY");
}

#[test]
fn every_queue_is_in_the_environment_or_holds_dead_letters() {
    let document = document();
    let deployment = Deployment::of("relay", 4).unwrap();
    let mut known = BTreeSet::new();
    for queue in deployment.commands.iter().chain([&deployment.inbound]) {
        let dead = queue.dead_letters.as_ref().expect("dead letters");
        known.extend([queue.name.clone(), dead.queue.name.clone()]);
        assert_eq!(dead.queue.name, queue.name.replace(".fifo", "-dead.fifo"));
        for queue in [queue, &*dead.queue] {
            for (attribute, value) in [
                ("FifoQueue", "true"),
                ("DeduplicationScope", "messageGroup"),
                ("FifoThroughputLimit", "perMessageGroupId"),
            ] {
                assert_eq!(self::attribute(queue, attribute), value, "{}", queue.name);
            }
        }
    }
    let declared = resources(document, "AWS::SQS::Queue").into_values().map(|queue| {
        let name = at(queue, &["Properties", "QueueName"]).unwrap();
        text(function(name).unwrap().1).unwrap().replace("${AWS::StackName}", "relay")
    });
    assert_eq!(declared.collect::<BTreeSet<_>>(), known);
}

fn attribute<'a>(queue: &'a QueueSpec, name: &str) -> &'a str {
    queue.attributes.iter().find(|(is, _)| is == name).map_or("", |(_, value)| value)
}

#[test]
fn the_dispatcher_reports_failures_before_their_messages_are_visible_again() {
    let document = document();
    let dispatcher = Function::named(document, "dispatcher");
    let [event] = dispatcher.events("SQS")[..] else { panic!("one queue") };
    let types = items(at(event, &["FunctionResponseTypes"]).unwrap()).unwrap();
    assert_eq!(types.iter().map(|kind| text(kind).unwrap()).collect::<Vec<_>>(), ["ReportBatchItemFailures"]);
    assert_eq!(string(function(at(event, &["Queue"]).unwrap()).unwrap().1, &[]), "Inbound.Arn");
    assert!(at(event, &["ScalingConfig", "MaximumConcurrency"]).is_ok());
    let inbound = Deployment::of("relay", 1).unwrap().inbound;
    let visibility: u64 = attribute(&inbound, "VisibilityTimeout").parse().unwrap();
    assert!(number(dispatcher.properties, &["Timeout"]) < visibility);
    let sweep = Function::named(document, "sweep");
    let [schedule] = sweep.events("ScheduleV2")[..] else { panic!("one schedule") };
    // SAM's own name would be the same in every stack of an account.
    assert_eq!(string(function(at(schedule, &["Name"]).unwrap()).unwrap().1, &[]), "${AWS::StackName}-sweep");
}

#[test]
fn alarms_and_dashboard_use_metrics_that_exist() {
    let document = document();
    let known = metrics::COUNTERS.iter().map(|counter| counter.name);
    let known = known.chain(metrics::GAUGES.iter().map(|gauge| gauge.name));
    let known: BTreeSet<&str> = known.chain(metrics::HISTOGRAMS.iter().map(|histogram| histogram.name)).collect();
    let mut seen = BTreeSet::new();
    for (_, alarm) in resources(document, "AWS::CloudWatch::Alarm") {
        if string(alarm, &["Properties", "Namespace"]) == metrics::NAMESPACE {
            seen.insert(string(alarm, &["Properties", "MetricName"]));
        }
    }
    assert!(seen.contains("sessions_online") && seen.contains("sessions_ended"), "{seen:?}");
    let dashboard = resources(document, "AWS::CloudWatch::Dashboard")["Dashboard"];
    let (_, body) = function(at(dashboard, &["Properties", "DashboardBody"]).unwrap()).unwrap();
    let body: Value = serde_json::from_str(&text(body).unwrap()).unwrap();
    let drawn = body["widgets"].as_array().unwrap().iter();
    for metric in drawn.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap()) {
        if metric[0] == metrics::NAMESPACE {
            seen.insert(metric[1].as_str().unwrap().to_owned());
        }
    }
    let unknown: Vec<&String> = seen.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new());
}
