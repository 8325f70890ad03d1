import Foundation
import Pipeline
import StreamingRecommender

/// What is known of the imported lists of one name; a field of the hash `<p>:<ns>:imported`.
///
/// Lists of one import share a generation, which is part of their field's name. Readers take lists of the generation that stands here, so
/// that a whole import takes the place of the one before in the moment in which this value changes. Generations are never used again.
public struct ImportedLists: Sendable, Equatable {
  public static let namesMax = 100

  public var generation: Int64
  /// When the last list of this name expires, in milliseconds since 1970.
  public var expiresAtMilliseconds: Int64
  /// Of the last import.
  public var madeAtMilliseconds: Int64
  public var lists: Int
  public var items: Int

  public init(generation: Int64, expiresAtMilliseconds: Int64, madeAtMilliseconds: Int64, lists: Int, items: Int) {
    self.generation = generation
    self.expiresAtMilliseconds = expiresAtMilliseconds
    self.madeAtMilliseconds = madeAtMilliseconds
    self.lists = lists
    self.items = items
  }

  /// `nil` if the value is none of these.
  public init?(_ text: String) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
      let generation = (object["gen"] as? NSNumber)?.int64Value, let expiry = (object["until"] as? NSNumber)?.int64Value
    else { return nil }
    self.init(
      generation: generation, expiresAtMilliseconds: expiry, madeAtMilliseconds: (object["at"] as? NSNumber)?.int64Value ?? 0,
      lists: (object["lists"] as? NSNumber)?.intValue ?? 0, items: (object["items"] as? NSNumber)?.intValue ?? 0)
  }

  public var text: String {
    #"{"gen":\#(generation),"until":\#(expiresAtMilliseconds),"at":\#(madeAtMilliseconds),"lists":\#(lists),"items":\#(items)}"#
  }

  /// The field of a user's hash that holds the list.
  public func field(of name: String) -> String { Self.field(of: name, generation: generation) }

  static func field(of name: String, generation: Int64) -> String { "\(name)@\(generation)" }

  /// The name and the generation of a field.
  static func parts(ofField field: String) -> (name: String, generation: Int64)? {
    guard let mark = field.lastIndex(of: "@"), let generation = Int64(field[field.index(after: mark)...]) else { return nil }
    return (String(field[..<mark]), generation)
  }

  /// What stands in Redis by name; a value that cannot be read is left out.
  public static func all(_ fields: [String: String]) -> [String: ImportedLists] { fields.compactMapValues { ImportedLists($0) } }
}

/// A user's list that another program made.
public struct ImportedList: Sendable, Equatable {
  public var user: Identifier
  /// Best first.
  public var items: [RecommendedItem]
  public init(user: Identifier, items: [RecommendedItem]) {
    self.user = user
    self.items = items
  }
}

/// An imported list as it is stored: the object of other lists, of no epoch and no partition, with the time at which it expires.
public enum ImportedListFormat {
  public static func encode(_ items: [RecommendedItem], madeAtMilliseconds: Int64, expiresAtMilliseconds: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(112 + 28 * items.count)
    bytes += #"{"v":1,"epoch":0,"part":-1,"off":-1,"ts":\#(madeAtMilliseconds),"src":"imported","until":\#(expiresAtMilliseconds)"#.utf8
    ListFormat.append(items, to: &bytes)
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  /// Reads a list, also one whose members stand in another order.
  public static func decode(
    _ bytes: [UInt8]
  ) throws -> (items: [RecommendedItem], madeAtMilliseconds: Int64, expiresAtMilliseconds: Int64) {
    let list = try ListFormat.decode(bytes)
    let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    guard let expiry = (object?["until"] as? NSNumber)?.int64Value else { throw RedisError(.foreign, "an imported list lacks until") }
    return (list.items, list.madeAtMilliseconds, expiry)
  }
}
