import Telemetry

extension EngineMetrics {
  /// Shows the counters of these topics with 0 before the first record, with every reason that a record can be rejected or ignored for.
  public func showFromStart(topics: [String]) {
    for topic in topics {
      for family in [eventsConsumed, eventsApplied, deadLetterMessages, deadLetterFailures, offsetGaps, partitionGapRecords] {
        _ = family.with(topic)
      }
      for reason in RejectionReason.allCases { _ = eventsRejected.with(topic, reason.rawValue) }
      for reason in IgnoreReason.allCases { _ = eventsIgnored.with(topic, reason.rawValue) }
    }
  }
}
