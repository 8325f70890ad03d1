import Telemetry

extension EngineMetrics {
  /// Creates the counters of these topics with the value 0, one for each reason for which a record can be rejected or ignored.
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
