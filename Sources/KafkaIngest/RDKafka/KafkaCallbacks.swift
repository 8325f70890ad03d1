import CRdKafka
import Telemetry

/// librdkafka's callbacks for one client, as closures.
///
/// Everything but the log is called from inside a poll of that client, on the polling thread. librdkafka writes log lines from
/// its own threads; that is why `log` is constant and `Sendable`.
final class KafkaCallbacks {
  let log: Log
  var onRebalance: ((_ code: rd_kafka_resp_err_t, _ partitions: OpaquePartitionList) -> Void)?
  var onError: ((_ code: rd_kafka_resp_err_t, _ reason: String) -> Void)?
  var onCommit: ((_ code: rd_kafka_resp_err_t) -> Void)?
  var onDelivery: ((_ message: UnsafePointer<rd_kafka_message_t>) -> Void)?

  typealias OpaquePartitionList = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(log: Log) { self.log = log }

  /// Hands the functions below to a configuration; the client that is made from it keeps this object alive.
  func install(in configuration: OpaquePointer, producer: Bool) {
    rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_log_cb(configuration, kafkaLog)
    rd_kafka_conf_set_error_cb(configuration, kafkaErrorReported)
    if producer {
      rd_kafka_conf_set_dr_msg_cb(configuration, kafkaDelivered)
    } else {
      rd_kafka_conf_set_rebalance_cb(configuration, kafkaRebalanced)
      rd_kafka_conf_set_offset_commit_cb(configuration, kafkaCommitted)
    }
  }

  fileprivate static func of(_ opaque: UnsafeMutableRawPointer?) -> KafkaCallbacks? {
    opaque.map { Unmanaged<KafkaCallbacks>.fromOpaque($0).takeUnretainedValue() }
  }
}

// Free functions: a closure written inside an actor's context would be isolated to it and stop the process when librdkafka calls
// it from its own thread.

private func kafkaLog(
  _ client: OpaquePointer?, _ level: Int32, _ facility: UnsafePointer<CChar>?, _ text: UnsafePointer<CChar>?
) {
  guard let client, let callbacks = KafkaCallbacks.of(rd_kafka_opaque(client)) else { return }
  // Errors also come through the error callback, as a counter and a sentence; these lines are for debugging.
  callbacks.log.debug(text.map { String(cString: $0) } ?? "", ["facility": facility.map { String(cString: $0) } ?? ""])
}

private func kafkaErrorReported(
  _ client: OpaquePointer?, _ code: Int32, _ reason: UnsafePointer<CChar>?, _ opaque: UnsafeMutableRawPointer?
) {
  KafkaCallbacks.of(opaque)?.onError?(rd_kafka_resp_err_t(rawValue: code), reason.map { String(cString: $0) } ?? "")
}

private func kafkaRebalanced(
  _ client: OpaquePointer?, _ code: rd_kafka_resp_err_t, _ partitions: KafkaCallbacks.OpaquePartitionList?,
  _ opaque: UnsafeMutableRawPointer?
) {
  guard let partitions else { return }
  KafkaCallbacks.of(opaque)?.onRebalance?(code, partitions)
}

private func kafkaCommitted(
  _ client: OpaquePointer?, _ code: rd_kafka_resp_err_t, _ offsets: KafkaCallbacks.OpaquePartitionList?,
  _ opaque: UnsafeMutableRawPointer?
) {
  KafkaCallbacks.of(opaque)?.onCommit?(code)
}

private func kafkaDelivered(
  _ client: OpaquePointer?, _ message: UnsafePointer<rd_kafka_message_t>?, _ opaque: UnsafeMutableRawPointer?
) {
  guard let message else { return }
  KafkaCallbacks.of(opaque)?.onDelivery?(message)
}
