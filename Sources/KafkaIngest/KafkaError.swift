import CRdKafka

/// What went wrong with Kafka, by librdkafka's code name, and what to do about it.
public struct KafkaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// librdkafka's name of the code, for example `_TRANSPORT` (its own) or `TOPIC_AUTHORIZATION_FAILED` (the broker's).
  public let name: String
  /// The same call may succeed later without anybody doing anything.
  public let isRetriable: Bool
  /// This client will never work again.
  public let isFatal: Bool
  /// One sentence with the fix, where one is known.
  public let description: String
}

extension KafkaError {
  init(_ code: rd_kafka_resp_err_t, _ detail: String = "", isFatal: Bool = false) {
    let text = detail.isEmpty ? String(cString: rd_kafka_err2str(code)) : detail
    self.init(
      name: Self.name(of: code), isRetriable: !isFatal && Self.isRetriable(code), isFatal: isFatal,
      description: [text, Self.fix(for: code)].compactMap { $0 }.joined(separator: ": "))
  }

  /// A refused setting; `message` names the key and the way out.
  static func configuration(_ message: String) -> KafkaError {
    KafkaError(name: "_CONFIGURATION", isRetriable: false, isFatal: true, description: message)
  }

  static func noBroker(_ bootstrapServers: String) -> KafkaError {
    KafkaError(
      name: name(of: RD_KAFKA_RESP_ERR__TRANSPORT), isRetriable: true, isFatal: false,
      description: noBrokerSentence(bootstrapServers))
  }

  static func noBrokerSentence(_ bootstrapServers: String) -> String {
    "no Kafka broker answers at \(bootstrapServers): is it running? The address is kafka.bootstrap_servers (--bootstrap-servers)"
  }

  /// What a client's error callback reports.
  static func sentence(_ code: rd_kafka_resp_err_t, _ reason: String, _ bootstrapServers: String) -> String {
    code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? noBrokerSentence(bootstrapServers) : KafkaError(code, reason).description
  }

  /// Another process has this member's place in the group.
  var isFenced: Bool { name == Self.name(of: RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) }

  static func name(of code: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2name(code)) }

  /// Everything but these codes is retried.
  private static func isRetriable(_ code: rd_kafka_resp_err_t) -> Bool {
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
      RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
      RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      false
    default: true
    }
  }

  private static func fix(for code: rd_kafka_resp_err_t) -> String? {
    switch code {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: "create it with `freshet topics create`"
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      "allow this user to use the topic (kafka-acls --add); reading then resumes without a restart"
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: "allow this user the group of kafka.group_id (kafka-acls --add --group)"
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      "check kafka.common.sasl.username and kafka.common.sasl.password"
    case RD_KAFKA_RESP_ERR__SSL: "check kafka.common.ssl.ca.location and the name in the broker's certificate"
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      "another process of this consumer group has the same member name: set kafka.group_instance_id (by default instance.id and a hash of instance.data_dir) to a different value for each engine, or kafka.group_id for an independent one, and stop this process"
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: "raise max.message.bytes of the topic"
    default: nil
    }
  }
}
