import ItemMetadata
import Telemetry

/// The metrics of a gateway.
public final class GatewayMetrics: Sendable {
  static let requests = MetricDefinition.counter(
    "freshet_gateway_requests_total", "Answered requests of the gateway.", labels: ["route", "status"])
  static let requestSeconds = MetricDefinition.histogram(
    "freshet_gateway_request_seconds", "Time from the complete request to its answer.", labels: ["route"])
  static let servedItems = MetricDefinition.counter(
    "freshet_served_items_total", "Items in answered lists, by why they are there.", labels: ["source"],
    known: ["source": ItemSource.allCases.map(\.rawValue)])
  static let servedLists = MetricDefinition.counter(
    "freshet_served_lists_total", "Answered lists, by placement, arm of an experiment, and how they were made.",
    labels: ["placement", "arm", "made"])
  static let degradedLists = MetricDefinition.counter(
    "freshet_gateway_degraded_lists_total", "Answered lists that are not quite what was asked for.", labels: ["reason"],
    known: ["reason": ListAnswer.Degradation.allCases.map(\.rawValue)])
  static let importedLists = MetricDefinition.counter(
    "freshet_gateway_imported_lists_total", "Imported lists that were looked for, by what came of them.", labels: ["list", "result"])
  static let importedItems = MetricDefinition.counter(
    "freshet_gateway_imported_items_total", "Items of imported lists in answers, by the list.", labels: ["list"])
  static let importedAnswers = MetricDefinition.counter(
    "freshet_gateway_imported_answers_total",
    "Lists of users with imported items, and those for which only the engine's list could be used.",
    labels: ["result"], known: ["result": ["blended", "fallback"]])
  static let acceptedEvents = MetricDefinition.counter(
    "freshet_gateway_events_total", "Events that were sent to the gateway.", labels: ["result"],
    known: ["result": ["accepted", "rejected", "failed"]])
  static let acceptedBeaconEvents = MetricDefinition.counter(
    "freshet_gateway_beacon_events_total", "Events that web pages sent; those of robots are not written.", labels: ["result"],
    known: ["result": ["accepted", "rejected", "failed", "bot"]])
  static let matrixEpoch = MetricDefinition.gauge(
    "freshet_gateway_matrix_epoch", "The epoch of the newest matrix in memory; 0 without one.")
  static let matrixItems = MetricDefinition.gauge("freshet_gateway_matrix_items", "Items with a vector in the newest matrix.")
  static let trendAge = MetricDefinition.gauge("freshet_gateway_trend_age_seconds", "Age of the trend that scores use.")
  static let redisUp = MetricDefinition.gauge("freshet_gateway_redis_up", "1 while Redis answers.")
  static let ready = MetricDefinition.gauge("freshet_gateway_ready", "1 once an epoch and the catalogue are in memory.")

  /// For the reference of metrics.
  public static let definitions = [
    requests, requestSeconds, servedItems, servedLists, degradedLists, importedLists, importedItems, importedAnswers, acceptedEvents,
    acceptedBeaconEvents, matrixEpoch, matrixItems, trendAge, redisUp, ready,
  ]

  let registry: MetricRegistry
  private let requests = MetricFamily<Counter>(GatewayMetrics.requests)
  private let seconds = MetricFamily<Histogram>(GatewayMetrics.requestSeconds)
  private let items = MetricFamily<Counter>(GatewayMetrics.servedItems)
  private let lists = MetricFamily<Counter>(GatewayMetrics.servedLists)
  private let degraded = MetricFamily<Counter>(GatewayMetrics.degradedLists)
  private let imports = MetricFamily<Counter>(GatewayMetrics.importedLists)
  private let importedItems = MetricFamily<Counter>(GatewayMetrics.importedItems)
  private let importedAnswers = MetricFamily<Counter>(GatewayMetrics.importedAnswers)
  private let events = MetricFamily<Counter>(GatewayMetrics.acceptedEvents)
  private let beacons = MetricFamily<Counter>(GatewayMetrics.acceptedBeaconEvents)

  /// Requests choose placements freely.
  private let placements = BoundedLabel(valuesMax: 50)

  init(_ registry: MetricRegistry) {
    self.registry = registry
    let families: [any RegisteredFamily] = [
      requests, seconds, items, lists, degraded, imports, importedItems, importedAnswers, events, beacons,
    ]
    for family in families { registry.add(family) }
  }

  func answered(_ route: String, _ status: Int) { requests.add(labels: [route, String(status)]) }
  func observe(_ route: String, nanoseconds: UInt64) { seconds.with(route).observe(nanoseconds: nanoseconds) }

  func served(_ answer: ListAnswer, placement: String?) {
    lists.add(labels: [placements.label(placement ?? ""), answer.arm?.label ?? "", answer.isStored ? "stored" : "computed"])
    if let reason = answer.degraded { degraded.add(labels: [reason.rawValue]) }
    var at = answer.items.startIndex
    while at < answer.items.endIndex {
      let source = answer.items[at].source
      let end = answer.items[at...].firstIndex { $0.source != source } ?? answer.items.endIndex
      items.add(end - at, labels: [source.rawValue])
      at = end
    }
    if !answer.imported.isEmpty { count(answer) }
  }

  private func count(_ answer: ListAnswer) {
    for use in answer.imported {
      imports.add(labels: [use.name, use.result.rawValue])
      let count = answer.items.count { $0.list == use.name }
      if count > 0 { importedItems.add(count, labels: [use.name]) }
    }
    importedAnswers.add(labels: [answer.imported.contains { $0.result == .blended } ? "blended" : "fallback"])
  }

  func beaconEvents(_ count: Int, _ result: String) { if count > 0 { beacons.add(count, labels: [result]) } }
  func events(_ count: Int, _ result: String) { if count > 0 { events.add(count, labels: [result]) } }
}
