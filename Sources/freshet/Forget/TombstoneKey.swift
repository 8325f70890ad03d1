import Foundation
import StreamingRecommender

/// The key of the record without a value that makes an engine with these settings forget a user.
struct TombstoneKey: Equatable {
  let bytes: [UInt8]
  /// What decides on the partition: the id, unless producers send another form of key, by which the user's events are placed.
  let placedBy: [UInt8]

  /// Throws if an engine with these settings forgets nobody by a tombstone.
  init(user: String, _ input: RecommenderConfiguration.Input) throws(CommandFailure) {
    let id = Array(user.utf8)
    let decoder = InteractionDecoder(input)
    for key in Self.forms(user, input.key) {
      let record = Record(offset: 0, timestampMilliseconds: nil, key: key, value: nil)
      guard case .forget(id, _, _) = decoder.decode(record, fallbackMilliseconds: 0) else { continue }
      bytes = key
      placedBy = input.key.hasPrefix("json:") ? key : id
      return
    }
    throw CommandFailure(
      "an engine with input.key = \(input.key)\(input.preset == .freshet ? "" : " and input.preset = \(input.preset.rawValue)") forgets no user by a "
        + "tombstone with any key that this command knows: set input.key to text, or to json:PATH with a path of names, for it and for the engine",
      status: .configuration)
  }

  func partition(of count: Int) -> Int32 { KafkaPartitioner.partition(ofKey: placedBy, partitions: count) }

  /// The id itself; as JSON, for an id that would be taken for JSON; and in an object at the path of `input.key`.
  private static func forms(_ user: String, _ rule: String) -> [[UInt8]] {
    var forms = [Array(user.utf8), json(user)]
    if rule.hasPrefix("json:") {
      let names = rule.dropFirst("json:".count).split(separator: ".")
      forms.append(json(names.reversed().reduce(user as Any) { value, name in [String(name): value] }))
    }
    return forms
  }

  private static func json(_ value: Any) -> [UInt8] {
    (try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])).map {
      [UInt8]($0)
    } ?? []
  }
}
