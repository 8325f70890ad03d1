/// How partitions come to this process.
public enum KafkaMembership: Sendable, Equatable {
  /// By the consumer group (as a static member, unless `kafka.group_instance_id` is `none`).
  case group
  /// All of them, at once: the embedded broker makes a group wait three seconds for its first member.
  case direct
}
