import RedisPublishing
import ServingFormats

/// What the hash `model` says.
public struct ModelFields: Sendable, Equatable {
  public var epoch: UInt32
  public var previous: UInt32?
  public var trainedAtMilliseconds: Int64
  /// `nil` if the engine publishes nothing for readers that compute lists (`publish.rows=false`).
  public var served: ServedModel?

  /// `nil` if there is no model yet.
  init?(_ fields: [String: String]) throws {
    guard !fields.isEmpty else { return nil }
    guard let format = fields["format"], format == RedisCommandEncoder.format, let epoch = fields["epoch"].flatMap({ UInt32($0) }) else {
      throw RedisError(.foreign, "the hash model has format \(fields["format"] ?? "none"), expected \(RedisCommandEncoder.format)")
    }
    self.epoch = epoch
    previous = fields["prev_epoch"].flatMap { UInt32($0) }
    trainedAtMilliseconds = fields["trained_at"].flatMap { Int64($0) } ?? 0
    served = ServedModel(fields: fields)
  }
}
